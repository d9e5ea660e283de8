"""A served installation with a plan in its feeds."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from flask import Flask

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.calendar import FreezeFact, WindowFact
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services import feed_events, feeds
from release_mgmt.settings import Settings
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow
from release_mgmt.store.session import Store
from tests.support.steady import steady
from tests.support.waiting import LIMIT
from tests.unit.publishing.test_calendar import HOSTILE, change, freeze, window

OPERATOR: Actor = trusted("tests", Via.CLI)


class QuietHandler(WSGIRequestHandler):
    """Logs nothing."""

    def log_message(self, *arguments: object) -> None:
        pass


@dataclass
class Reply:
    status: int
    headers: Message
    body: bytes


@dataclass
class Site:
    """A server on the loopback with one installation behind it."""

    app: Flask
    store: Store
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def fetch(self, path: str, method: str = "GET", **headers: str) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=LIMIT)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in names.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return Reply(response.status, response.headers, body)


def put(
    store: Store,
    windows: list[WindowFact],
    freezes: list[FreezeFact] | None = None,
    at: datetime | None = None,
    calendar: str = "pricing",
) -> int:
    """A plan, as the scheduler tells it."""
    with store.write() as session:
        return feed_events.refresh(
            session, at or clock.now(), calendar=calendar, name="Pricing", time_zone="Europe/Berlin", windows=windows,
            freezes=freezes or [],
        )  # fmt: skip


def subscribe(store: Store, **more: object) -> str:
    """The path of a new feed."""
    values: dict[str, object] = {"name": "Pricing, Fraud; and co\\", "audience": "engineering"} | more
    made = feeds.create(store, OPERATOR, clock.now(), **values)  # type: ignore[arg-type]
    assert made.token is not None
    return f"/feeds/{made.token}/calendar.ics"


def know(
    store: Store,
    now: datetime,
    *,
    teams: Sequence[str] = (),
    repositories: Sequence[str] = (),
    calendars: Sequence[str] = (),
) -> None:
    """Teams, repositories and calendars that feeds may choose by."""
    with store.write() as session:
        session.add_all(Team(slug=one, name=one, created_at=now, updated_at=now) for one in teams)
        session.add_all(
            Repository(
                id=f"r_{one}", name=one, location="/nowhere", adopted_at=now, created_at=now, updated_at=now,
                settings={}, diagnostics=[],
            )
            for one in repositories
        )  # fmt: skip
        session.add_all(
            CalendarRow(
                id=f"c_{one}", slug=one, name=one, time_zone="UTC", document={"calendar": one, "time_zone": "UTC"},
                created_at=now, updated_at=now,
            )
            for one in calendars
        )  # fmt: skip


def year_of_windows(count: int = 40) -> list[WindowFact]:
    """Windows around the present day, with hostile titles among them; no row holds a NUL, PostgreSQL refuses it."""
    today = clock.now().replace(hour=17, minute=0, second=0, microsecond=0)
    made = []
    for at in range(count):
        start = datetime.fromtimestamp(today.timestamp() + (at - 5) * 7 * 86_400, UTC).strftime("%Y-%m-%dT%H:%M")
        title = HOSTILE[at % len(HOSTILE)].replace("\0", "")
        made.append(window(change(f"c{at}", title=title, owner=title, repository="risk"), start=start))
    return made


def serve(app: Flask, store: Store) -> Iterator[Site]:
    """The application on a free port of the loopback."""
    server: WSGIServer = make_server("127.0.0.1", 0, app.wsgi_app, handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Site(app, store, "127.0.0.1", server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site(settings: Settings, one_store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A served installation whose feeds hold a year of windows and a freeze, on a day of its own."""
    monkeypatch.setattr(clock, "now", steady(time.monotonic()))
    put(one_store, year_of_windows(), [freeze(title="Year end; closing, really\\")])
    know(one_store, clock.now(), teams=["Fraud"], repositories=["fraud", "risk"])
    yield from serve(create_app(settings, one_store), one_store)
