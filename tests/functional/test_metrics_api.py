"""Figures, incidents and their export over REST, on rows that are written the way the product writes them."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from release_mgmt import clock
from release_mgmt.cli import cli
from release_mgmt.core.metrics import DEFINITIONS
from release_mgmt.core.permissions import Role
from release_mgmt.settings import Settings
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import StageRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.functional.test_approvals_api import Api

pytestmark = pytest.mark.acceptance("11.1")
BROKEN = {"title": "Prices are zero", "opened_at": (clock.now() - timedelta(hours=3)).isoformat()}


def shipped(api: Api, *changes: str) -> None:
    """Changes deployed one after another, each minutes apart from the last; placed and announced days before."""
    for change in changes:
        api.place(change, author="author@example.org")
        assert (
            api.call("m1", "POST", f"/changes/{change}/stages", {"stage": "deploy", "state": "done"}).status_code == 201
        )


def spread(store: Store) -> None:
    """Put the reports four hours into the past and an hour apart: five minutes make one deployment of them."""
    with store.write() as session:
        for place, row in enumerate(session.query(StageRow).order_by(StageRow.change_id, StageRow.position)):
            row.at = clock.now() - timedelta(hours=4 - place * 0.5)


def figures(api: Api, query: str = "") -> dict[str, Any]:
    answer = api.call("m1", "GET", f"/metrics{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    return {one["id"]: one for one in answer.json["figures"]}


@pytest.fixture
def api(app: Flask, one_store: Store) -> Api:
    return Api(app, one_store)


def test_an_empty_installation_says_what_to_send(api: Api) -> None:
    found = figures(api)
    assert list(found) == [one.id for one in DEFINITIONS]
    assert found["deployment_frequency"]["value"] is None
    assert "stages" in found["deployment_frequency"]["missing"]
    assert all(one["period"]["zone"] == "Europe/Berlin" for one in found.values())


def test_deployments_incidents_and_the_changes_behind(api: Api, one_store: Store) -> None:
    shipped(api, "c1", "c2")
    spread(one_store)
    found = figures(api)
    assert found["deployment_frequency"]["population"] == 2
    assert found["deployment_frequency"]["value"] == pytest.approx(2 * 7 / 91)
    assert found["change_failure_rate"]["value"] == 0
    path = "/repositories/pricing/incidents/OPS-7"
    told = BROKEN | {"change": "c1"}
    assert api.call("author", "PUT", path, told).status_code == 201
    assert api.call("author", "PUT", path, told).status_code == 200
    rate = figures(api)["change_failure_rate"]
    assert (rate["value"], rate["counted"], rate["population"]) == (50.0, 1, 2)
    one = api.call("m1", "GET", "/metrics/change_failure_rate").json
    assert one is not None
    assert (one["changes"], one["against"]) == (["c1", "c2"], ["c1"])
    closed = told | {"closed_at": (datetime.fromisoformat(told["opened_at"]) + timedelta(hours=2)).isoformat()}
    assert api.call("author", "PUT", path, closed).status_code == 200
    recovery = figures(api)["recovery_time"]
    assert recovery["value"] == 2
    assert (recovery["population"], recovery["left_out"]) == (1, 0)
    listed = api.call("m1", "GET", "/incidents?repository=pricing&open=true").json
    assert listed is not None
    assert listed["items"] == []


def test_the_period_and_the_scope_are_kept_to(api: Api, one_store: Store) -> None:
    shipped(api, "c1")
    assert figures(api, "?repository=pricing&team=fraud")["deployment_frequency"]["value"] is None
    assert figures(api, "?calendar=pricing&environment=prod")["deployment_frequency"]["population"] == 1
    assert figures(api, "?environment=staging")["deployment_frequency"]["population"] == 0
    assert figures(api, "?since=2020-01-01&until=2020-02-01")["deployment_frequency"]["population"] == 0
    for wrong in ("?since=2026-02-01&until=2026-01-01", "?since=2020-01-01&until=2026-01-01", "?since=yesterday"):
        assert api.call("m1", "GET", f"/metrics{wrong}").status_code == 422, wrong
    for gone in ("?repository=nothing", "?team=nobody", "?calendar=none"):
        assert api.call("m1", "GET", f"/metrics{gone}").status_code == 404, gone
    assert api.call("m1", "GET", "/metrics/nonsense").status_code == 404


def test_what_one_may_not_know_of_is_in_no_count(api: Api, app: Flask, one_store: Store) -> None:
    shipped(api, "c1", "c2")
    spread(one_store)
    api.call("m1", "PUT", "/repositories/pricing/incidents/OPS-7", BROKEN | {"change": "c1"})
    reader = client_as(app, one_store, Role.READER)
    assert reader.get("/api/v1/metrics/deployment_frequency").json["population"] == 2  # type: ignore[index]
    with one_store.write() as session:
        home = session.query(Repository).one()
        home.settings, home.owner_team = {"teams_only": True}, "fraud"
        session.get_one(Change, "c2").affected_teams = []
    hidden = {one["id"]: one for one in reader.get("/api/v1/metrics").json["figures"]}  # type: ignore[index]
    assert {one["population"] for one in hidden.values()} == {0}
    assert hidden["deployment_frequency"]["value"] is None
    assert reader.get("/api/v1/incidents").json["items"] == []  # type: ignore[index]
    assert reader.get("/api/v1/metrics?repository=pricing").status_code == 404
    assert reader.get("/api/v1/incidents?repository=pricing").status_code == 404
    assert figures(api)["deployment_frequency"]["population"] == 2


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"opened_at": "2040-01-01T00:00:00Z"}, "opened_at"),
        ({"closed_at": "2020-01-01T00:00:00Z"}, "closed_at"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"change": "nothing"}, "change"),
        ({"release": "9.9"}, "release"),
    ],
)
def test_a_wrong_incident_is_refused_by_its_field(api: Api, told: dict[str, str], field: str) -> None:
    answer = api.call("m1", "PUT", "/repositories/pricing/incidents/OPS-1", BROKEN | told)
    assert answer.status_code in {404, 422}
    assert field == "change" or field in answer.text


def test_a_reader_reports_no_incident(api: Api, app: Flask, one_store: Store) -> None:
    reader = client_as(app, one_store, Role.READER)
    assert reader.put("/api/v1/repositories/pricing/incidents/x", json=BROKEN).status_code == 403


def test_csv_has_a_line_a_figure_with_its_scope_and_period(api: Api) -> None:
    shipped(api, "c1")
    answer = api.call("m1", "GET", "/metrics/export.csv?calendar=pricing")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["figure"] for row in rows] == [one.id for one in DEFINITIONS]
    assert all(row["since"] and row["until"] and row["over"] and row["calendar"] == "pricing" for row in rows)


def test_definitions_are_told(api: Api) -> None:
    told = api.call("m1", "GET", "/metrics/definitions").json
    assert told is not None
    assert [one["id"] for one in told] == [one.id for one in DEFINITIONS]


def test_the_command_tells_the_same(api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(api, "c1")
    monkeypatch.setenv("RELEASE_MGMT_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("RELEASE_MGMT_DATA_DIR", settings.data_dir)
    done = CliRunner().invoke(cli, ["metrics", "--calendar", "pricing"])
    assert done.exit_code == 0, done.output
    assert "Deployment frequency" in done.output
    assert "Over 1 deployments" in done.output
    assert CliRunner().invoke(cli, ["metrics", "--format", "json"]).exit_code == 0
