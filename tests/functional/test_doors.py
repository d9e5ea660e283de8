"""Every route and method, tried as every role and against the one permission table. No route can be forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask

from release_mgmt import clock
from release_mgmt.core.permissions import (
    EVERYWHERE,
    TABLE,
    Action,
    Actor,
    Role,
    Scope,
    Via,
    may_somewhere,
    trusted,
)
from release_mgmt.services import actors, people, signin, tokens
from release_mgmt.store.session import Store
from release_mgmt.web.auth import BUILT_IN, cookie_name, declared, safe_next
from release_mgmt.web.context import EXTENSION

OPERATOR = trusted("operator", Via.CLI)
SAMPLES = {"integer": "1", "uuid": "00000000-0000-0000-0000-000000000000", "path": "x/y"}


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, a path that the route matches) of everything the application serves."""
    for rule in app.url_map.iter_rules():
        values = {name: SAMPLES.get(type(converter).__name__.removesuffix("Converter").lower(), "x")
                  for name, converter in rule._converters.items()}  # fmt: skip
        built = rule.build({name: converter.to_python(values[name]) if values[name].isdigit() else values[name]
                            for name, converter in rule._converters.items()})  # fmt: skip
        assert built is not None, rule
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            yield rule.endpoint, method, built[1]


def test_every_route_declares_its_action(app: Flask) -> None:
    """A route without ``@needs`` is a route whose permission nobody thought of."""
    forgotten = [
        f"{method} {path}" for endpoint, method, path in routes(app) if declared(app, endpoint, method) is None
    ]
    assert forgotten == []


def test_only_the_routes_of_libraries_go_without_a_decorator(app: Flask) -> None:
    assert set(BUILT_IN) <= set(app.view_functions)


@pytest.fixture
def bearers(one_store: Store) -> dict[str, tuple[dict[str, str], Actor]]:
    """Headers and actor of each role (and of tokens with one scope only), all with real rows and real tokens."""
    now, known = clock.now(), {}
    for role in Role:
        person = people.add(
            one_store, OPERATOR, now, name=role.value, login=f"{role.value}@example.org",
            grants=(people.Grant(role, "pricing" if role is Role.RELEASE_MANAGER else EVERYWHERE),), kind="service",
        )  # fmt: skip
        cases = [(role.value, tuple(Scope))]
        if role is Role.ADMINISTRATOR:
            cases += [(f"scope {scope}", (scope,)) for scope in Scope]
        for name, scopes in cases:
            made = tokens.create(one_store, OPERATOR, now, name=name, scopes=scopes, person=person.id)
            assert made.secret is not None
            actor = actors.by_token(one_store, made.secret, now, None)
            assert actor is not None
            known[name] = ({"Authorization": f"Bearer {made.secret}"}, actor)
    return known


@pytest.mark.acceptance("SCH-A9")
def test_each_route_opens_and_closes_for_each_role_as_the_table_says(
    app: Flask, bearers: dict[str, tuple[dict[str, str], Actor]]
) -> None:
    """Asked directly, without any page: who may nowhere do a route's action gets 403, nobody 401; others get past."""
    client = app.test_client()
    wrong, tried = [], 0
    for endpoint, method, path in routes(app):
        action = declared(app, endpoint, method)
        assert action is not None
        if not TABLE[action].roles:
            continue
        nobody = client.open(path, method=method, headers={"Accept": "application/json"}).status_code
        if nobody != 401:
            wrong.append(f"{method} {path} as nobody: {nobody}")
        for name, (headers, actor) in bearers.items():
            if may_somewhere(actor, action):
                continue
            tried += 1
            status = client.open(path, method=method, headers=headers).status_code
            if status != 403:
                wrong.append(f"{method} {path} ({action}) as {name}: {status}")
    assert wrong == []


@pytest.mark.acceptance("SCH-A9")
def test_a_role_that_may_is_never_stopped_at_the_door(
    app: Flask, bearers: dict[str, tuple[dict[str, str], Actor]]
) -> None:
    """For reading routes without parameters: whoever the table lets in gets an answer, not 401 or 403."""
    client = app.test_client()
    wrong = []
    for endpoint, method, path in routes(app):
        action = declared(app, endpoint, method)
        assert action is not None
        if method != "GET" or "x" in path.split("/") or not TABLE[action].roles:
            continue
        for name, (headers, actor) in bearers.items():
            if may_somewhere(actor, action) and client.get(path, headers=headers).status_code in {401, 403, 500}:
                wrong.append(f"{path} as {name}")
    assert wrong == []


def test_a_route_that_declares_nothing_is_not_served(app: Flask) -> None:
    app.testing = False
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_a_wrong_token_is_refused_and_never_echoed(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json", headers={"Authorization": "Bearer rmt_wrong"})
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["code"] == "wrong_token"
    assert "rmt_wrong" not in answer.text


def test_a_session_needs_the_csrf_token_to_write_and_a_token_does_not(app: Flask, one_store: Store) -> None:
    """A form on another site brings the cookie along but cannot know the token."""
    app.add_url_rule("/write", "write", _writes, methods=["POST"])
    now = clock.now()
    person = people.add(one_store, OPERATOR, now, name="Ada", login="ada", grants=(people.Grant(Role.ENGINEER),))
    link = signin.make_link(one_store, OPERATOR, now, person.id)
    signed = signin.follow_link(
        one_store, now, link, password="correct horse battery", limits=actors.SessionLimits(), origin=None
    )
    client = app.test_client()
    client.set_cookie(cookie_name(app.extensions[EXTENSION].settings), signed.cookie)
    assert client.post("/write").status_code == 400
    token = tokens.create(one_store, signed.actor, now, name="ci", scopes=(Scope.WRITE,))
    with_token = app.test_client().post("/write", headers={"Authorization": f"Bearer {token.secret}"})
    assert with_token.status_code == 200
    later = actors.by_session(one_store, signed.cookie, now + timedelta(hours=13), actors.SessionLimits(), None)
    assert later is None


def _writes() -> str:
    return "written"


_writes.__needs__ = Action.EDIT_CHANGE  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "target",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil", "javascript:alert(1)", "/a\nb", "", None,
     "/\t/evil.example", "evil", "/" + "a" * 3000],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(target: str | None) -> None:
    assert safe_next(target) == "/"


@pytest.mark.parametrize("target", ["/", "/changes/1?x=https://a.example", "/windows/weekly@2026-11-24T18:00"])
def test_a_path_of_ours_is_followed(target: str) -> None:
    assert safe_next(target) == target
