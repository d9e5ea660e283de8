"""A request with an ``Idempotency-Key`` that the database or the process did not outlive: sent again, done once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Role, Scope, Via, trusted
from release_mgmt.services import idempotency, people, requests, tokens
from release_mgmt.settings import Settings
from release_mgmt.store import migrate
from release_mgmt.store.models.insight import RequestRow
from release_mgmt.store.session import Store
from tests.conftest import PostgresCluster

OPERATOR = trusted("operator", Via.CLI)
BODY = {"title": "Prices by the hour"}


def written(store: Store) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(RequestRow)) or 0


def claimed(store: Store, after: timedelta = timedelta(0)) -> idempotency.Claim | idempotency.Answer:
    return idempotency.claim(store, clock.now() + after, actor="p1", key="k", route="POST /x", digest="d")


def test_a_claim_that_had_no_effect_lapses(store: Store) -> None:
    """The process died before it did anything: for a minute it might be at work, then another request may."""
    first = claimed(store)
    with pytest.raises(Conflict, match="no answer yet") as refused:
        claimed(store, timedelta(seconds=30))
    assert refused.value.details["retry_after"] >= 1
    second = claimed(store, timedelta(seconds=90))
    assert isinstance(second, idempotency.Claim)
    assert second != first


def test_an_effect_is_not_had_again_though_its_answer_is_lost(store: Store) -> None:
    """The process died after its transaction: the key says so, as long as keys are kept."""
    claim = claimed(store)
    assert isinstance(claim, idempotency.Claim)
    with idempotency.marking(store, claim):
        requests.create(store, OPERATOR, clock.now(), **BODY)
    idempotency.forget(store, claim)  # as after a commit that was done although the connection broke
    for after in (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=23)):
        with pytest.raises(Conflict, match="no answer yet"):
            claimed(store, after)
    assert written(store) == 1


def test_a_request_that_lost_its_claim_has_no_effect(store: Store) -> None:
    """It slept for longer than a claim holds; whoever was let in meanwhile is the one."""
    slow = claimed(store)
    quick = claimed(store, timedelta(seconds=90))
    assert isinstance(slow, idempotency.Claim)
    assert isinstance(quick, idempotency.Claim)
    with idempotency.marking(store, quick):
        requests.create(store, OPERATOR, clock.now(), **BODY)
    with pytest.raises(Conflict, match="took so long"), idempotency.marking(store, slow):
        requests.create(store, OPERATOR, clock.now(), **BODY)
    idempotency.forget(store, slow)
    idempotency.keep(store, slow, idempotency.Answer(201, b"slow"))
    idempotency.keep(store, quick, idempotency.Answer(201, b"quick", '"1"'))
    assert claimed(store) == idempotency.Answer(201, b"quick", '"1"')
    assert written(store) == 1


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of the test's own, to be crashed."""
    made = PostgresCluster.make()
    try:
        made.start("-c synchronous_commit=on")
        yield made
    finally:
        made.remove()


@contextmanager
def crash_before(store: Store, cluster: PostgresCluster, statement: str) -> Iterator[None]:
    """PostgreSQL crashes when a statement that begins so is to be sent for the first time."""
    crashed = []

    def heard(_connection: object, _cursor: object, told: str, *_: object) -> None:
        if told.startswith(statement) and not crashed:
            crashed.append(told)
            cluster.stop()

    event.listen(store.engine, "before_cursor_execute", heard)
    try:
        yield
    finally:
        event.remove(store.engine, "before_cursor_execute", heard)
    assert crashed, statement
    cluster.start("-c synchronous_commit=on")


def asker(store: Store, settings: Settings) -> FlaskClient:
    person = people.add(store, OPERATOR, clock.now(), name="Ben", login="ben", grants=(people.Grant(Role.ENGINEER),)).id
    scopes = tuple(scope.value for scope in Scope)
    token = tokens.create(store, OPERATOR, clock.now(), name="ci", scopes=scopes, person=person).secret
    client = create_app(settings, store).test_client()
    client.environ_base |= {"HTTP_AUTHORIZATION": f"Bearer {token}", "HTTP_IDEMPOTENCY_KEY": "k"}
    return client


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "in_the_end"),
    [
        pytest.param("INSERT INTO requests", 201, id="before the effect"),
        pytest.param(
            "UPDATE idempotency_keys SET status=%(status)s::INTEGER, body", 409, id="before the answer is kept"
        ),
    ],
)
def test_the_database_crashes_in_the_midst_of_it(
    cluster: PostgresCluster, settings: Settings, tmp_path: Path, statement: str, in_the_end: int
) -> None:
    """Refused with the time to come again, then done, or said to be done; its effect is there once."""
    url = f"{cluster.url}/postgres"
    migrate.upgrade(url)
    store = Store(url)
    client = asker(store, replace(settings, database_url=url))
    with crash_before(store, cluster, statement):
        broken = client.post("/api/v1/requests", json=BODY)
    assert broken.status_code == 503, broken.text
    assert int(broken.headers["Retry-After"]) >= 1
    assert written(store) == (0 if in_the_end == 201 else 1)
    with time_machine.travel(clock.now() + timedelta(seconds=90), tick=True):
        again = client.post("/api/v1/requests", json=BODY)
        assert again.status_code == in_the_end, again.text
        assert written(store) == 1
    store.close()
