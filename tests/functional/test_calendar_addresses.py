"""A calendar by its address, over REST and on the page: its machine is judged first, it is read whole, and not kept."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from release_mgmt.bootstrap import create_app
from release_mgmt.core.errors import InvalidInput, TooLarge, Unavailable
from release_mgmt.core.permissions import Role
from release_mgmt.services import calendars, imports
from release_mgmt.settings import Settings
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.calendars import remote
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.scheduling import CalendarVersion, ImportRow
from release_mgmt.store.session import Store
from tests.functional.conftest import client_as
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed
from tests.loopback import Server
from tests.support.certificates import certificate, secured

ICS = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\n"
    b"SUMMARY:Audit\r\nDTSTART:20261201T080000Z\r\nDTEND:20261202T100000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
OURS = AddressPolicy(allow_http=True, allowed_hosts=frozenset({"127.0.0.1", "localhost"}))
PATH = "/api/v1/calendars/releases/imports"


def answer(method: str, path: str, headers: dict[str, str], body: object) -> tuple[int, dict[str, str], object]:
    where = path.partition("?")[0]
    if where == "/moved.ics":
        return 302, {"Location": "/bank.ics?key=secret-key"}, b""
    if where == "/away.ics":
        return 302, {"Location": "http://169.254.169.254/latest/meta-data"}, b""
    if where == "/circle.ics":
        return 302, {"Location": "/circle.ics"}, b""
    if where == "/cut.ics":
        return 200, {"X-Claimed-Length": str(len(ICS) + 100)}, ICS
    if where == "/packed.ics":
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(ICS)
    if where == "/bomb.ics":
        return 200, {"Content-Encoding": "gzip"}, gzip.compress(b"\n" * 80_000_000)
    if where == "/login.ics":
        return 200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"
    return (200, {}, ICS) if where == "/bank.ics" else (404, {}, b"")


@pytest.fixture(name="bank")
def _bank() -> Iterator[Server]:
    server = Server(answer)
    yield server
    server.stop()


@pytest.fixture(name="planned")
def _planned(one_store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("release_mgmt.clock.now", lambda: NOW)
    seed(one_store)
    apply(one_store)
    return one_store


@pytest.fixture(name="manager")
def _manager(settings: Settings, planned: Store) -> FlaskClient:
    app = create_app(replace(settings, repository_hosts=("127.0.0.1",), allow_plain_http=True), planned)
    app.testing = True
    return client_as(app, planned, Role.RELEASE_MANAGER, name="Max")


def everything(store: Store) -> str:
    """What was kept of an import."""
    with store.read() as session:
        rows = [
            *(str((row.reason, row.after)) for row in session.scalars(select(AuditRow))),
            *(str((row.reason, row.document)) for row in session.scalars(select(CalendarVersion))),
            *(row.source for row in session.scalars(select(ImportRow))),
        ]
    return "\n".join(rows)


@pytest.mark.acceptance("SCH-F11")
def test_an_address_comes_in_over_rest_once_and_is_not_kept(manager: FlaskClient, planned: Store, bank: Server) -> None:
    body = {"source": "bank", "url": f"{bank.url}/moved.ics?key=secret-key"}
    shown = manager.post(PATH, json=body | {"dry_run": True})
    assert (shown.status_code, len(shown.json["added"])) == (200, 1)
    assert {hit["change"] for hit in shown.json["effects"]["hits"]} >= {"M1"}, "what the freeze would move"
    assert calendars.get(planned, OPERATOR, "releases").document["freezes"] == []
    assert len(manager.post(PATH, json=body).json["added"]) == 1
    assert manager.post(PATH, json=body).json["unchanged"] == 1
    assert bank.seen[-1][2]["host"] == bank.url.removeprefix("http://"), "the name, not the address it was held to"
    assert "secret-key" not in everything(planned)


def test_either_the_content_or_the_address(manager: FlaskClient, bank: Server) -> None:
    for more in ({}, {"content": ICS.decode(), "url": f"{bank.url}/bank.ics"}):
        wrong = manager.post(PATH, json={"source": "bank"} | more)
        assert wrong.status_code == 422
        assert "content" in wrong.get_data(as_text=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/bank.ics", "https://localhost/x.ics", "https://169.254.169.254/x", "https://[::1]/x.ics",
        "http://10.0.0.1/x", "https://2130706433/x.ics", "https://ada:secret@example.org/x.ics", "ftp://example.org/x",
        "file:///etc/passwd", "https://", "https://[::ffff:127.0.0.1]/x", "webcal://127.0.0.1/x",
    ],
)  # fmt: skip
def test_machines_of_ours_are_not_called(app: Flask, planned: Store, url: str) -> None:
    manager = client_as(app, planned, Role.RELEASE_MANAGER, name="Max")
    refused = manager.post(PATH, json={"source": "x", "url": url})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["path"] == "url"
    assert "secret" not in refused.get_data(as_text=True)


def test_a_redirect_is_judged_anew(bank: Server) -> None:
    assert remote.fetch(f"{bank.url}/moved.ics", OURS) == ICS
    with pytest.raises(InvalidInput, match="private network"):
        remote.fetch(f"{bank.url}/away.ics", OURS)
    with pytest.raises(Unavailable, match="too often"):
        remote.fetch(f"{bank.url}/circle.ics", OURS)


def test_what_is_no_whole_calendar_changes_nothing(planned: Store, bank: Server) -> None:
    assert remote.fetch(f"{bank.url}/packed.ics", OURS) == ICS
    for name, error in (("cut", Unavailable), ("none", Unavailable), ("login", InvalidInput), ("bomb", TooLarge)):
        with pytest.raises(error) as caught:
            imports.import_url(planned, OPERATOR, NOW, "releases", f"{bank.url}/{name}.ics", allowed=OURS)
        assert bank.url not in str(caught.value)
    assert calendars.get(planned, OPERATOR, "releases").version == 1
    done = imports.import_url(planned, OPERATOR, NOW, "releases", f"{bank.url}/bank.ics?key=s3cret", allowed=OURS)
    assert done.source == f"{bank.url.removeprefix('http://')}/bank.ics"


def test_the_certificate_is_that_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was judged, and still asks for the name's certificate."""
    held, server = certificate(tmp_path, "localhost"), Server(answer)
    port = secured(server, held, "localhost").rpartition(":")[2]
    try:
        with pytest.raises(Unavailable, match="SSLError"):
            remote.fetch(f"https://localhost:{port}/bank.ics", OURS)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(held))
        assert remote.fetch(f"webcal://localhost:{port}/bank.ics", OURS) == ICS
        with pytest.raises(Unavailable, match="SSLError"):
            remote.fetch(f"https://127.0.0.1:{port}/bank.ics", OURS)
    finally:
        server.stop()


def test_the_page_shows_what_would_come_in_then_takes_it(manager: FlaskClient, planned: Store, bank: Server) -> None:
    path = "/admin/calendars/releases/import"
    assert manager.get(path, headers={"Accept": "text/html"}).status_code == 200
    given = {"url": f"{bank.url}/bank.ics", "name": "bank", "soft": "1"}
    shown = manager.post(path, data=given | {"do": "check"})
    assert shown.status_code == 200
    assert "1 freeze is new" in shown.get_data(as_text=True)
    assert calendars.get(planned, OPERATOR, "releases").document["freezes"] == []
    assert manager.post(path, data=given | {"do": "save"}).status_code == 303
    [freeze] = calendars.get(planned, OPERATOR, "releases").document["freezes"]
    assert (freeze["reason"], freeze["hard"]) == ("Audit", False)
    wrong = manager.post(path, data={"url": "https://169.254.169.254/x", "do": "check"})
    assert wrong.status_code == 422
    assert "Nothing was taken in" in wrong.get_data(as_text=True)
    assert manager.post(path, data={"do": "check"}).status_code == 422
