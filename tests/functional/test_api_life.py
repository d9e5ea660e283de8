"""What programs rely on over years: limits that hold whoever answers, notice before an end, generated clients."""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, jsonify
from flask.views import MethodView
from flask_smorest import Blueprint
from werkzeug.serving import make_server

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Scope, Via, trusted
from release_mgmt.services import people, rates, tokens
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from release_mgmt.web import deprecation
from release_mgmt.web.api.spec import make_api
from release_mgmt.web.deprecation import Notice, deprecated
from tests.support.ports import answers, free_port
from tests.support.served import Installation
from tests.support.waiting import LIMIT, until

OPERATOR = trusted("operator", Via.CLI)


@pytest.fixture
def redis() -> Iterator[str]:
    """A Redis of this test's own that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("NOT RUN: no redis-server here (Debian: apt-get install redis-server)")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port) or process.poll() is not None)
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(LIMIT)


@pytest.mark.parametrize("where", ["database", "redis"])
def test_one_limit_holds_for_all_web_processes(
    request: pytest.FixtureRequest, one_url: str, tmp_path: Path, where: str
) -> None:
    """Two processes of `serve` answer; together they let through what the limit says and no request more."""
    storage = request.getfixturevalue("redis") if where == "redis" else "database://"
    installation = Installation(
        tmp_path / "store", one_url, settings={"RATE_LIMIT": "20/hour", "RATE_LIMIT_STORAGE": storage}
    )
    try:
        installation.serve("--no-worker")
        seen: Counter[int] = Counter()
        threads = [
            threading.Thread(target=lambda: seen.update(installation.ask("/api/v1/docs").status for _ in range(10)))
            for _ in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert seen == {200: 20, 429: 20}, installation.log
        refused = installation.ask("/api/v1/docs")
        assert 1 <= int(refused.headers["Retry-After"]) <= 3600
        assert refused.json["code"] == "too_many_requests"
        assert installation.ask("/healthz").status == 200
    finally:
        installation.stop()


def test_counts_in_the_database_begin_anew_with_each_window(store: Store) -> None:
    """A count grows within its window, is gone after it, and many callers at once lose none of it."""
    at = clock.now()
    counts = rates.DatabaseStorage(store=store, now=lambda: at)
    threads = [threading.Thread(target=lambda: [counts.incr("a", 60) for _ in range(5)]) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert counts.get("a") == 20
    assert counts.get_expiry("a") == (at + timedelta(seconds=60)).timestamp()
    assert counts.get("b") == 0
    at += timedelta(seconds=60)
    assert counts.get("a") == 0
    assert counts.incr("a", 60) == 1
    counts.clear("a")
    assert counts.get("a") == 0


def test_what_will_go_says_so_in_every_answer_and_in_the_description() -> None:
    """RFC 9745 and RFC 8594 by their examples' form; half a year at least between notice and end."""
    since, sunset = datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)
    app = Flask("old")
    blueprint = Blueprint("old", "old", url_prefix="/api/v1/old")

    @blueprint.route("")
    class Old(MethodView):
        @deprecated(blueprint, Notice(since, sunset))
        @blueprint.response(200)
        def get(self) -> Any:
            """Old."""
            return jsonify({})

        @blueprint.response(204)
        def delete(self) -> None:
            """Not old."""

    deprecation.register(app)
    api = make_api(app)
    api.register_blueprint(blueprint)
    client = app.test_client()
    headers = client.get("/api/v1/old").headers
    assert headers["Deprecation"] == "@1803859200"
    assert headers["Sunset"] == "Fri, 01 Oct 2027 00:00:00 GMT"
    assert headers["Link"] == '</api/v1/docs>; rel="deprecation"; type="text/html"'
    assert "Deprecation" not in client.delete("/api/v1/old").headers
    described = client.get("/api/v1/openapi.json").json
    assert described is not None
    assert described["paths"]["/api/v1/old"]["get"]["deprecated"] is True
    assert "deprecated" not in described["paths"]["/api/v1/old"]["delete"]
    with pytest.raises(ValueError, match="180 days"):
        Notice(since, since + timedelta(days=100))


@pytest.mark.slow
def test_headers_that_an_operation_reads_are_described(app: Flask) -> None:
    """A client made from the description can send what keeps it from losing an edit or doing something twice."""
    paths = app.test_client().get("/api/v1/openapi.json").json["paths"]  # type: ignore[index]
    found = Counter[str]()
    for rule in app.url_map.iter_rules():
        operations = paths.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), {})
        view = app.view_functions[rule.endpoint]
        for method in {"get", "post", "put", "patch", "delete"} & set(operations):
            written = inspect.getsource(inspect.unwrap(getattr(getattr(view, "view_class", None), method, view)))
            reads = {
                "If-Match": "etags.expected()" in written or "self._edit(" in written,
                "Idempotency-Key": "@idempotent" in written,
            }
            told = {one["name"] for one in operations[method].get("parameters", ()) if one["in"] == "header"}
            assert told == {name for name, needed in reads.items() if needed}, (method, rule.rule)
            found.update(told)
    assert found["If-Match"] > 10
    assert found["Idempotency-Key"] > 3


def test_a_generated_client_works(
    settings: Settings, one_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openapi-python-client takes the description as it is; the client that it makes reads, writes and is refused."""
    app = create_app(replace(settings), one_store)
    document = tmp_path / "openapi.json"
    document.write_bytes(app.test_client().get("/api/v1/openapi.json").data)
    generator = Path(sys.executable).with_name("openapi-python-client")
    configuration = tmp_path / "config.yml"
    configuration.write_text("post_hooks: []\n")
    made = subprocess.run(
        [
            generator, "generate", "--path", str(document), "--output-path", str(tmp_path / "generated_client"),
            "--meta", "none", "--config", str(configuration), "--fail-on-warning",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, (made.stdout + made.stderr)[:3000]
    assert "WARNING" not in made.stdout + made.stderr

    person = people.add(
        one_store, OPERATOR, clock.now(), name="Root", login="root", grants=(people.Grant(Role.ADMINISTRATOR),)
    ).id
    scopes = tuple(scope.value for scope in Scope)
    token = tokens.create(one_store, OPERATOR, clock.now(), name="t", scopes=scopes, person=person).secret
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.syspath_prepend(str(tmp_path))
    client_of = importlib.import_module("generated_client").AuthenticatedClient
    models = importlib.import_module("generated_client.models")
    api = {name: importlib.import_module(f"generated_client.api.{name}") for name in (
        "api_teams.get_api_v1_teams", "api_teams.post_api_v1_teams", "api_teams.get_api_v1_teams_team",
        "api_changes.get_api_v1_changes",
    )}  # fmt: skip
    try:
        with client_of(base_url=f"http://127.0.0.1:{server.server_port}", token=token) as client:
            body = models.NewTeam(slug="pricing", name="Pricing")
            added = api["api_teams.post_api_v1_teams"].sync(client=client, body=body)
            assert (added.slug, added.version) == ("pricing", 1)
            listed = api["api_teams.get_api_v1_teams"].sync(client=client)
            assert [team.name for team in listed.items] == ["Pricing"]
            missing = api["api_teams.get_api_v1_teams_team"].sync_detailed("nobody", client=client)
            assert missing.status_code == 404
            assert missing.parsed.code == "not_found"
            assert api["api_changes.get_api_v1_changes"].sync(client=client).items == []
    finally:
        server.shutdown()
        server.server_close()
