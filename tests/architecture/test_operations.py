"""The operators' guide is true: each metric and address that it names exists, and each that exists is named."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient
from prometheus_client import generate_latest

from release_mgmt import clock
from release_mgmt.jobs import meters
from release_mgmt.services import jobs
from release_mgmt.store.session import Store

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def test_metrics_are_those_of_the_guide(client: FlaskClient, one_store: Store) -> None:
    """Every metric we expose is explained, and the guide explains no other."""
    jobs.heartbeat(one_store, clock.now(), "worker-1", "0")
    client.get("/healthz")
    exposed = set(re.findall(r"^# TYPE (release_mgmt_\w+) ", client.get("/metrics").text, re.MULTILINE))
    exposed |= set(re.findall(r"^# TYPE (release_mgmt_\w+) ", generate_latest(meters.REGISTRY).decode(), re.MULTILINE))
    told = set(re.findall(r"^\| `(release_mgmt_\w+)`", GUIDE, re.MULTILINE))
    exposed = {name for name in exposed if not name.endswith("_created")}
    assert exposed <= told
    assert told - exposed <= {"release_mgmt_oldest_sync_seconds"}, "there only once something was synced"
