"""The frame of the web: ids, headers, problems, health."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask, redirect
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from release_mgmt.core import errors
from release_mgmt.core.permissions import Action, Role
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from release_mgmt.web.auth import needs
from release_mgmt.web.metrics import exposition
from release_mgmt.web.problems import STATUS
from tests.functional.conftest import client_as


def test_each_error_of_the_tree_has_a_status(app: Flask) -> None:
    """Every class of the tree becomes a problem document with its own code, hint and field errors."""
    app.testing = True

    def leaves(kind: type[errors.ReleaseMgmtError]) -> list[type[errors.ReleaseMgmtError]]:
        return [kind, *(leaf for sub in kind.__subclasses__() for leaf in leaves(sub))]

    kinds = [
        kind
        for kind in leaves(errors.ReleaseMgmtError)
        if kind is not errors.ReleaseMgmtError and kind.__module__ == errors.__name__
    ]
    assert set(STATUS) <= set(kinds)
    for number, kind in enumerate(kinds):

        def view(kind: type[errors.ReleaseMgmtError] = kind) -> str:
            raise kind("What was wrong.", hint="What to do.")

        app.add_url_rule(f"/raise/{number}", f"raise{number}", needs(Action.READ_HEALTH)(view))
    client = app.test_client()
    for number, kind in enumerate(kinds):
        response = client.get(f"/raise/{number}")
        assert response.content_type == "application/problem+json"
        problem = json.loads(response.data)
        assert problem["status"] == response.status_code
        assert problem["code"] == kind.code
        assert problem["hint"] == "What to do."
        assert problem["request_id"] == response.headers["X-Request-ID"]
        if response.status_code in {429, 503}:
            assert int(response.headers["Retry-After"]) >= 1


def test_unexpected_error_tells_nothing_of_the_inside(app: Flask) -> None:
    """A fault of ours is a 500 problem without the exception's text."""
    app.testing = False
    app.add_url_rule("/broken", "broken", needs(Action.READ_HEALTH)(lambda: 1 / 0))
    response = app.test_client().get("/broken")
    assert response.status_code == 500
    assert "division" not in response.text
    assert response.json is not None
    assert response.json["code"] == "internal_error"


def test_http_errors_are_problems_and_redirects_are_not(app: Flask, client: FlaskClient) -> None:
    """404 and 405 of the framework are problem documents; a redirect stays one."""
    app.add_url_rule("/there", "there", needs(Action.READ_HEALTH)(lambda: redirect("/here")))
    missing = client.get("/api/v1/nothing")
    assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
    wrong = client.post("/healthz")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]
    assert client.get("/there").status_code == 302


def test_security_headers_and_request_id(client: FlaskClient) -> None:
    """Every answer forbids third-party content, and a sane given request id is kept."""
    response = client.get("/healthz", headers={"X-Request-ID": "abc-12345678"})
    assert response.headers["X-Request-ID"] == "abc-12345678"
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    made = client.get("/healthz", headers={"X-Request-ID": "bad id; with spaces"}).headers["X-Request-ID"]
    assert made != "bad id; with spaces"


def test_methods_that_somebody_made_up_are_counted_as_one(client: FlaskClient) -> None:
    """Each name of a series is kept for good, so none comes from whoever asks."""
    for number in range(3):
        assert client.open("/healthz", method=f"MADEUP{number}").status_code == 405
    told = client.get("/metrics").text
    assert 'release_mgmt_requests_total{method="other",route="(none)",status="405"} 3.0' in told
    assert "MADEUP" not in told


def test_metrics_are_read_by_prometheus_own_parser_and_lose_no_digit() -> None:
    """A million jobs and one are not a million."""
    many = {(("kind", 'a "b"\\\n'),): 1_000_001.0}
    told = {one.name: one for one in text_string_to_metric_families(exposition({"jobs": ("Jobs", many)}).decode())}
    (sample,) = told["jobs"].samples
    assert (sample.labels, sample.value) == ({"kind": 'a "b"\\\n'}, 1_000_001)


def test_health_readiness_metrics_and_description(client: FlaskClient, settings: Settings) -> None:
    """The four addresses that machines look at answer on a fresh installation."""
    assert client.get("/healthz").json["status"] == "ok"
    assert client.get("/readyz").json == {"status": "ready"}
    assert "release_mgmt_requests_total" in client.get("/metrics").text
    refused = client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"})
    assert refused.status_code == 403
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    assert document["openapi"] == "3.1.0"


def test_a_server_never_looks_for_garbage_in_what_it_loaded(tmp_path: Path) -> None:
    """``app:app``, as a WSGI server loads it, takes all it loaded from the collector; an application among others does
    not, since it may be let go of."""
    root = Path(__file__).resolve().parents[2]
    told = []
    beside = "from release_mgmt.bootstrap import create_app, load_settings; create_app(load_settings())"
    for start in ("import app", beside):
        done = subprocess.run(
            [sys.executable, "-c", f"{start}; import gc; print(gc.get_freeze_count(), len(gc.get_objects()))"],
            cwd=root, env={**os.environ, "RELEASE_MGMT_DATA_DIR": str(tmp_path)}, capture_output=True, text=True,
            check=True, timeout=60,
        )  # fmt: skip
        told.append([int(count) for count in done.stdout.split()[-2:]])
    (settled, left), (among_others, all_of_it) = told
    assert settled > 50_000 > left
    assert among_others < 1_000 < 50_000 < all_of_it, "some Pythons keep a few objects of their own so"


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/admin/calendars/new", "Admin"),
        ("/admin/calendars", "Admin"),
        ("/freezes/new", "Freezes"),
        ("/admin/repositories", "Admin"),
        ("/changes", "All changes"),
    ],
)
def test_the_navigation_marks_where_the_reader_is(app: Flask, one_store: Store, path: str, label: str) -> None:
    """Each page stands under one link of the navigation, and that is the one it belongs to."""
    page = client_as(app, one_store, Role.ADMINISTRATOR, Role.RELEASE_MANAGER).get(
        path, headers={"Accept": "text/html"}
    )
    nav = page.text.partition('<nav class="nav"')[2].partition("</nav>")[0]
    assert re.findall(r'<a href="[^"]*" aria-current="page">([^<]*)</a>', nav) == [label]
