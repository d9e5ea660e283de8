"""How far a repository has come, over time: snapshots with the service's facts, over REST and on the page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from release_mgmt import clock
from release_mgmt.core.permissions import Role
from release_mgmt.services import maturity_course
from release_mgmt.sources.git import open_repository
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import PlacementRow, StageRow
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.functional.conftest import client_as
from tests.functional.test_approvals_api import Api

pytestmark = pytest.mark.acceptance("11.4")


@pytest.fixture
def api(app: Flask, one_store: Store) -> Api:
    return Api(app, one_store)


@pytest.fixture
def grown(make_git_repo: Callable[[str], GitRepo]) -> GitRepo:
    """A repository that got tests and a lock in its second year."""
    made = make_git_repo("grown")
    made.clock = clock.now() - timedelta(days=500)
    made.commit("Begin", {"requirements.txt": "pandas\n", "Makefile": "run:\n\tpython x.py\n"})
    made.tag("v1.0.0")
    made.clock = clock.now() - timedelta(days=30)
    made.commit("Test it", {"tests/test_x.py": "def test_x():\n    pass\n", "uv.lock": "version = 1\n"})
    made.tag("v1.1.0")
    return made


def levels(course: maturity_course.Course) -> dict[str, int]:
    return {area["id"]: area["level"] for area in course.areas}


def test_snapshots_begin_a_year_back_and_come_weekly(api: Api, one_store: Store, grown: GitRepo) -> None:
    source, now = open_repository(grown.path), clock.now()
    assert maturity_course.take(one_store, now, "r1", source)
    assert not maturity_course.take(one_store, now + timedelta(days=6), "r1", source)
    assert maturity_course.take(one_store, now + timedelta(days=8), "r1", source)
    course = api.call("m1", "GET", "/repositories/pricing/maturity").json
    assert course is not None
    assert [point["levels"]["continuous_integration"] for point in course["points"]] == [0, 1, 1]
    area = next(one for one in course["areas"] if one["id"] == "continuous_integration")
    assert area["steps"][0]["evidence"] == ["test_files = 1"]
    assert area["next"].startswith("Add a pipeline")


def test_what_the_service_knows_counts(api: Api, one_store: Store, grown: GitRepo) -> None:
    api.place("c1", author="author@example.org")
    for kind, key in (("monitor", "drift"), ("load_test", "k6"), ("monitor", "drift")):
        answer = api.call("author", "PUT", f"/repositories/pricing/practices/{kind}/{key}", {"name": key})
        assert answer.status_code == 200, answer.text
    api.call("m1", "POST", "/changes/c1/stages", {"stage": "deploy", "state": "done"})
    with one_store.write() as session:  # as if it had been deployed within its window
        placed = session.query(PlacementRow).one()
        placed.starts_at, placed.ends_at = clock.now() - timedelta(hours=2), clock.now()
        session.query(StageRow).one().at = clock.now() - timedelta(hours=1)
    with one_store.read() as session:
        known = maturity_course.facts(session, session.query(Repository).one(), clock.now())
    assert known == {
        "deployments_reported": 1, "changes_in_windows": 1, "approvals_given": 0, "monitors_reported": 1,
        "load_tests_reported": 1,
    }  # fmt: skip
    maturity_course.take(one_store, clock.now(), "r1", open_repository(grown.path))
    course = api.call("m1", "GET", "/repositories/pricing/maturity").json
    assert course is not None
    held = {step["id"]: step["evidence"] for area in course["areas"] for step in area["steps"] if step["holds"]}
    assert held["windows"] == ["changes_in_windows = 1"]
    assert held["load_tests"] == ["load_tests_reported = 1"]


def test_a_kept_repository_is_not_there_and_a_reader_reports_nothing(api: Api, app: Flask, one_store: Store) -> None:
    reader = client_as(app, one_store, Role.READER)
    path = "/api/v1/repositories/pricing"
    assert reader.get(f"{path}/maturity").status_code == 200
    assert reader.put(f"{path}/practices/monitor/x", json={"name": "x"}).status_code == 403
    assert api.call("m1", "PUT", "/repositories/pricing/practices/luck/x", {"name": "x"}).status_code == 422
    with one_store.write() as session:
        session.query(Repository).one().settings = {"teams_only": True}
    assert reader.get(f"{path}/maturity").status_code == 404
    html = reader.get("/maturity", headers={"Accept": "text/html"}).text
    assert "pricing" not in html
