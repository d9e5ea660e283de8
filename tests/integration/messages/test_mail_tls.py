"""Mail over TLS, to a real SMTP server on loopback: whom we trust, and that nothing leaves in the clear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from release_mgmt.services.messages.delivery import Post
from release_mgmt.sources.channels.mail import Mail, Mailer, MailServer
from release_mgmt.sources.channels.model import Outcome
from release_mgmt.store.session import Store
from tests.integration.messages.test_mail import settle
from tests.integration.messages.town import OFFICE, MailRoom, later, turn
from tests.integration.scheduling.builders import NOW
from tests.support.certificates import certificate, showing

NAME, OTHER = "localhost", "other.example"
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # so are these servers meant
PASSWORD = "a password of tests"
MAIL = Mail("m_1", "ana@example.org", "Moved", "One change.", "<p>One change.</p>", NOW)
Open = Callable[..., MailRoom]


class Doorkeeper:
    """Takes one password, and notes on which kind of line each was told."""

    def __init__(self) -> None:
        self.told: list[tuple[bool, bytes]] = []

    def __call__(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: Any) -> AuthResult:
        self.told.append((session.ssl is not None, said.password))
        return AuthResult(success=said.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Mail servers under the name of the certificate; the operator names no authority."""
    for variable in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(variable, raising=False)
    rooms: list[MailRoom] = []

    def start(security: str, **options: Any) -> MailRoom:
        room = MailRoom(**options)
        rooms.append(room)
        room.server = replace(room.server, host=NAME, security=security)
        return room

    yield start
    for room in rooms:
        room.stop()


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return certificate(tmp_path, NAME)


def options(security: str, shown: Path) -> dict[str, Any]:
    """What a server needs for one kind of line."""
    if security == "tls":
        return {"ssl_context": showing(shown)}
    return {"tls_context": showing(shown), "require_starttls": True}


def sent(server: MailServer) -> Outcome:
    with Mailer(server) as mailer:
        return mailer.send(MAIL)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_authority_of_the_operators_is_trusted_and_mail_arrives(
    opened: Open, held: Path, monkeypatch: pytest.MonkeyPatch, security: str, variable: str
) -> None:
    room = opened(security, **options(security, held))
    monkeypatch.setenv(variable, str(held))
    with Mailer(room.server) as mailer:
        assert mailer.check().taken
        assert mailer.send(MAIL).taken
        assert mailer.send(replace(MAIL, id="m_2")).taken
    assert [one["Message-ID"] for one in room.box.mails] == ["<m_1@example.org>", "<m_2@example.org>"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_given_nothing(opened: Open, held: Path, security: str) -> None:
    """Neither mail nor password, it is tried again later, and the operator reads why."""
    keeper = Doorkeeper()
    given = options(security, held) | {"authenticator": keeper, "auth_require_tls": False}
    room = opened(security, **given)
    outcome = sent(replace(room.server, user="releases", password=PASSWORD))
    assert (outcome.taken, outcome.final) == (False, False)
    assert (outcome.error or "").startswith("the line cannot be made safe: ")
    assert "certificate" in (outcome.error or "")
    assert (room.box.tried, keeper.told) == (0, [])
    assert not Mailer(room.server).check().taken


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_trusted_certificate_of_another_name_is_given_nothing(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    other = certificate(tmp_path, OTHER)
    room = opened(security, **options(security, other))
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    outcome = sent(room.server)
    assert (outcome.taken, outcome.final, room.box.tried) == (False, False, 0)
    assert "Hostname mismatch" in (outcome.error or "")


def test_a_server_without_starttls_is_given_nothing_in_the_clear(opened: Open) -> None:
    """As it is when somebody on the way takes the offer out: no mail, and no password although it is asked for."""
    keeper = Doorkeeper()
    room = opened("starttls", authenticator=keeper, auth_require_tls=False, auth_required=True)
    outcome = sent(replace(room.server, user="releases", password=PASSWORD))
    assert (outcome.taken, outcome.final) == (False, False)
    assert outcome.error == "the mail server offers no STARTTLS; nothing was sent"
    assert (room.box.tried, keeper.told) == (0, [])


def test_a_password_goes_over_a_safe_line_only(opened: Open, held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After STARTTLS, though the server would have taken it before; and never where the line is an open one."""
    monkeypatch.setenv("SSL_CERT_FILE", str(held))
    keeper = Doorkeeper()
    room = opened("starttls", tls_context=showing(held), authenticator=keeper, auth_require_tls=False)
    server = replace(room.server, user="releases", password=PASSWORD)
    outcome = sent(replace(server, security="none"))
    assert (outcome.taken, keeper.told, room.box.tried) == (False, [], 0)
    assert "smtp_security" in (outcome.error or "")
    assert sent(server).taken
    assert keeper.told == [(True, PASSWORD.encode())]
    refused = sent(replace(server, password="another"))
    assert (refused.taken, refused.final) == (False, False), "the operator mends it, and nothing is lost"
    assert "another" not in (refused.error or "")


def test_a_password_is_taken_over_implicit_tls(opened: Open, held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(held))
    keeper = Doorkeeper()
    given = {"authenticator": keeper, "auth_require_tls": False, "auth_required": True}
    room = opened("tls", **options("tls", held), **given)
    assert not sent(room.server).taken, "it asks for a password"
    assert sent(replace(room.server, user="releases", password=PASSWORD)).taken
    assert [said for _, said in keeper.told] == [PASSWORD.encode()]


def test_implicit_tls_is_not_spoken_with_a_plain_server(opened: Open) -> None:
    """The wrong port: an answer of plain text is no line that could be made safe, and nothing follows."""
    room = opened("tls")
    outcome = sent(room.server)
    assert (outcome.taken, outcome.final, room.box.tried) == (False, False, 0)


def test_what_waits_for_a_trusted_certificate_arrives_once(
    store: Store, opened: Open, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: kept while the server is not known, told when the operator named its authority, not twice."""
    room = opened("starttls", **options("starttls", held))
    post = Post(OFFICE, room.server)
    settle(store)
    turn(store, later(3), post)
    assert room.box.tried == 0
    monkeypatch.setenv("SSL_CERT_FILE", str(held))
    for minutes in (9, 60, 300):
        turn(store, later(minutes), post)
    assert sorted(one["To"] for one in room.box.mails) == ["ana@example.org", "cem@example.org"]
