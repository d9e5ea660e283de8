"""What can be checked of the deployment files without a container engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from release_mgmt.cli import COMMANDS
from release_mgmt.settings import PREFIX, settings_fields

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TEXTS = {path.relative_to(DEPLOY).as_posix(): path.read_text() for path in sorted(DEPLOY.rglob("*")) if path.is_file()}
POD_KINDS = {"Job", "Deployment", "StatefulSet"}


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(TEXTS["kubernetes/release-mgmt.yaml"]))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_only_settings_and_commands_that_exist_are_used(name: str) -> None:
    """Every variable names a setting, every call a command."""
    known = {PREFIX + one.name.upper() for one in settings_fields()} | {PREFIX + "CONFIG"}
    for variable in re.findall(r"RELEASE_MGMT_[A-Z_]+", TEXTS[name]):
        assert variable.removesuffix("_FILE") in known, variable
    for command in re.findall(r"bin/release-mgmt (\w+)|(?:args|command): \[(\w+)", TEXTS[name]):
        assert set(command) - {""} <= set(COMMANDS), command


@pytest.mark.parametrize("name", [name for name in TEXTS if name.endswith((".yaml", ".yml"))])
def test_yaml_can_be_read(name: str) -> None:
    """Each document is a mapping."""
    assert all(isinstance(one, dict) for one in yaml.safe_load_all(TEXTS[name]))


def test_pods_run_without_rights() -> None:
    """Not root, nothing gained, read-only root file system, limits set; every mount has its volume."""
    pods = [one["spec"]["template"]["spec"] for one in manifests() if one["kind"] in POD_KINDS]
    assert len(pods) == 3
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            given = container["securityContext"]
            assert given["readOnlyRootFilesystem"] is True
            assert given["allowPrivilegeEscalation"] is False
            assert container["resources"]["limits"]["memory"]
            volumes = {one["name"] for one in pod["volumes"]} | {"data"}
            assert {one["name"] for one in container["volumeMounts"]} <= volumes
    image = TEXTS["Containerfile"]
    assert re.search(r"^USER \d+$", image, re.MULTILINE)
    assert "--require-hashes" in image


def test_selectors_find_their_pods() -> None:
    """Service, budget and autoscaler point at what is there."""
    by_kind = {one["kind"]: one for one in manifests()}
    labels = by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert by_kind["Service"]["spec"]["selector"].items() <= labels.items()
    assert by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    target = by_kind["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert target["name"] == by_kind["Deployment"]["metadata"]["name"]


def test_alerts_use_metrics_that_the_guide_explains() -> None:
    """No alert waits for a metric that is not there."""
    guide = (ROOT / "docs" / "operations.md").read_text()
    for metric in re.findall(r"release_mgmt_[a-z_]+", TEXTS["prometheus/alerts.yml"]):
        assert f"`{metric.removesuffix('_bucket')}`" in guide, metric


def test_nginx_takes_its_site(tmp_path: Path) -> None:
    """``nginx -t`` finds nothing wrong."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("NOT RUN: no nginx here (Debian: apt-get install nginx-light)")
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {TEXTS['nginx.conf']} }}")
    done = subprocess.run([program, "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["release-mgmt-web.service", "release-mgmt-worker@.service"])
def test_systemd_takes_its_units(name: str, tmp_path: Path) -> None:
    """``systemd-analyze verify`` finds nothing wrong, but that the program is not installed here."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NOT RUN: no systemd-analyze here (Debian: apt-get install systemd)")
    unit = tmp_path / name
    unit.write_text(TEXTS[f"systemd/{name}"].replace("/opt/release-mgmt/bin/release-mgmt", "/bin/true"))
    done = subprocess.run([program, "verify", str(unit)], capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if name in line]
    assert not told, done.stderr
