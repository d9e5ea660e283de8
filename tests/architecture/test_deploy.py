"""What can be checked of the deployment files without a container engine."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import requests
import yaml
from flask import request
from flask.testing import FlaskClient
from prometheus_client import generate_latest
from werkzeug.serving import make_server

from release_mgmt.bootstrap import create_app
from release_mgmt.cli import COMMANDS
from release_mgmt.jobs import meters
from release_mgmt.settings import PREFIX, Settings, settings_fields
from release_mgmt.store.session import Store
from tests.support.ports import answers, free_port
from tests.support.waiting import LIMIT, until

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


def test_kubernetes_puts_no_variables_of_its_own_among_our_settings() -> None:
    """For a Service `release-mgmt` it would set RELEASE_MGMT_PORT=tcp://... in each pod, which no process survives."""
    services = {
        one["metadata"]["name"].upper().replace("-", "_") + "_" for one in manifests() if one["kind"] == "Service"
    }
    assert PREFIX in services
    for one in manifests():
        if one["kind"] in POD_KINDS:
            assert one["spec"]["template"]["spec"]["enableServiceLinks"] is False, one["metadata"]["name"]


def test_selectors_find_their_pods() -> None:
    """Service, budget and autoscaler point at what is there."""
    by_kind = {one["kind"]: one for one in manifests()}
    labels = by_kind["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert by_kind["Service"]["spec"]["selector"].items() <= labels.items()
    assert by_kind["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    scaled = [one["spec"]["scaleTargetRef"] for one in manifests() if one["kind"] == "HorizontalPodAutoscaler"]
    assert {(one["kind"], one["name"]) for one in scaled} == {
        (kind, by_kind[kind]["metadata"]["name"]) for kind in ("Deployment", "StatefulSet")
    }


@pytest.mark.parametrize("name", ["prometheus/alerts.yml", "prometheus/adapter.yml", "grafana/release-mgmt.json"])
def test_only_metrics_are_asked_for_that_the_guide_explains(name: str) -> None:
    """No alert, panel or autoscaler waits for a metric that is not there (test_operations: the guide's are)."""
    guide = (ROOT / "docs" / "operations.md").read_text()
    scaled = set(re.findall(r"as: (release_mgmt_\w+)", TEXTS["prometheus/adapter.yml"]))
    named = set(re.findall(r"release_mgmt_[a-z_]+", TEXTS[name])) - scaled
    assert named
    for metric in named:
        assert f"`{metric.removesuffix('_bucket')}`" in guide, metric
    asked = set(re.findall(r"name: (release_mgmt_\w+)", TEXTS["kubernetes/release-mgmt.yaml"]))
    assert asked == scaled


def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("NOT RUN: no promtool here (Debian: apt-get install prometheus)")
    return program


def test_prometheus_takes_its_configuration_and_rules() -> None:
    """``promtool check`` finds nothing wrong, neither in the alerts nor in the expressions of the panels."""
    for kind, name in (("rules", "alerts.yml"), ("config", "prometheus.yml")):
        done = subprocess.run(
            [promtool(), "check", kind, str(DEPLOY / "prometheus" / name)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_shows_rate_errors_and_duration_of_each_part(tmp_path: Path) -> None:
    """Each panel's expression is one that Prometheus understands, and every part has panels."""
    dashboard = json.loads(TEXTS["grafana/release-mgmt.json"])
    assert len({one["id"] for one in dashboard["panels"]}) == len(dashboard["panels"])
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for part in ("request", "feeds", "sync|poll", 'step=\\"plan\\"', "jobs"):
        assert any(part in json.dumps(one) for one in expressions), part
    rules = tmp_path / "panels.yml"
    listed = [{"record": f"panel_{number}", "expr": one} for number, one in enumerate(expressions)]
    rules.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": listed}]}))
    done = subprocess.run([promtool(), "check", "rules", str(rules)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_exposed_is_what_prometheus_reads(client: FlaskClient) -> None:
    """``promtool check metrics`` finds nothing wrong with our lines."""
    client.get("/healthz")
    meters.ended("refresh", "plan", "done", 0.1)
    for told in (client.get("/metrics").data, generate_latest(meters.REGISTRY)):
        done = subprocess.run([promtool(), "check", "metrics"], input=told, capture_output=True, check=False)
        assert (done.returncode, done.stderr.decode()) == (0, "")


def test_the_container_file_has_no_faults() -> None:
    """hadolint finds nothing but what is explained there."""
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, str(DEPLOY / "Containerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_takes_the_manifests() -> None:
    """Each object is one that Kubernetes knows, without a field that it does not."""
    for one in manifests():
        kubernetes_validate.validate(one, "1.33", strict=True)


def nginx() -> str:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("NOT RUN: no nginx here (Debian: apt-get install nginx-light)")
    return program


def test_requests_go_through_nginx_as_the_site_says(tmp_path: Path, settings: Settings, one_store: Store) -> None:
    """Debian's nginx with our site before the application: answers pass, /metrics does not, the client is known."""
    program = nginx()
    app = create_app(replace(settings, trusted_proxies=1, public_url="https://releases.example.org"), one_store)
    seen = []

    @app.before_request
    def look() -> None:
        seen.append((request.remote_addr, request.host, request.headers.get("X-Forwarded-Proto")))

    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    site = TEXTS["nginx.conf"].replace("127.0.0.1:8000", f"127.0.0.1:{server.server_port}")
    site = site.replace("listen 8080", f"listen 127.0.0.1:{port}").replace("/var/log/nginx", str(tmp_path))
    whole = tmp_path / "nginx.conf"
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}} http {{ {folders} {site} }}"
    )
    checked = subprocess.run([program, "-t", "-c", str(whole)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen([program, "-c", str(whole)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port) or process.poll() is not None)
        answer = requests.get(
            f"http://127.0.0.1:{port}/healthz", headers={"Host": "releases.example.org"}, timeout=LIMIT
        )
        assert answer.json()["status"] == "ok"
        assert seen == [("127.0.0.1", "releases.example.org", "http")]
        assert requests.get(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT).status_code == 403
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
        connection.request("POST", "/x", headers={"Content-Length": "3000000"})  # refused before it is sent
        assert connection.getresponse().status == 413
        connection.close()
        spec = requests.get(f"http://127.0.0.1:{port}/api/v1/openapi.json", timeout=LIMIT)
        assert spec.json()["openapi"].startswith("3.1")
        server.shutdown()
        server.server_close()
        away = requests.get(f"http://127.0.0.1:{port}/feeds/q4w5e6r7t8z9u0i1o2p3/calendar.ics", timeout=LIMIT)
        assert away.status_code == 502
        written = [one.read_text() for one in tmp_path.glob("err*") if one.is_file()]
        assert "q4w5e6r7t8z9u0i1o2p3" not in "".join(written)
    finally:
        process.terminate()
        process.wait(LIMIT)
        server.shutdown()
        server.server_close()


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
