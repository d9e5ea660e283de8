"""Calls to others: held to the machines that were judged, past every proxy, trusting whom the operator names."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.services.forges import Line
from release_mgmt.services.messages import delivery
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.channels import chat, hooks
from release_mgmt.sources.channels.model import Outcome
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.outgoing import HeldSession
from release_mgmt.store.session import Store
from tests.loopback import Server
from tests.support.certificates import certificate, secured
from tests.support.waiting import LIMIT

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
NAME = "rebound.example"  # a name that no look-up of ours ever finds
PUBLIC, OWN = "203.0.114.7", "127.0.0.1"


class Names:
    """A look-up that answers one thing after the other, the last for good."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, host: str, port: Any, **_: object) -> Sequence[tuple[Any, ...]]:
        self.asked.append(host)
        ip = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(None, None, None, "", (ip, port))]


@pytest.fixture
def target() -> Iterator[Server]:
    server = Server(lambda *_: (200, {}, [{"number": 1}]))
    yield server
    server.stop()


def line(names: Names, policy: AddressPolicy) -> Line:
    return Line({}, lambda: NOW, lambda _: None, policy=policy, resolver=names, patience=Patience(attempts=1))


def port(server: Server) -> int:
    return int(server.http.server_address[1])


def by_forge(store: Store, server: Server, names: Names, hosts: tuple[str, ...]) -> list[Any]:
    policy = AddressPolicy(allow_http=True, allowed_hosts=frozenset(hosts))
    return line(names, policy).to(store, "github", f"http://{NAME}:{port(server)}").get_list("/x")


def by_calendar(store: Store, server: Server, names: Names, hosts: tuple[str, ...]) -> list[Any]:
    names("judged once before", 80)
    with HeldSession(AddressPolicy(allow_http=True, allowed_hosts=frozenset(hosts)), names) as session:
        found: list[Any] = session.get(f"http://{NAME}:{port(server)}/x", timeout=5).json()
    return found


@pytest.mark.parametrize("call", [by_forge, by_calendar])
def test_a_name_that_leads_home_at_the_second_look_up_is_not_followed(
    one_store: Store, target: Server, call: Callable[..., list[Any]]
) -> None:
    """DNS rebinding: public while it is judged, a machine of ours when the connection is made."""
    with pytest.raises(InvalidInput) as refused:
        call(one_store, target, Names(PUBLIC, OWN), ())
    assert "private network" in refused.value.errors[0].message
    assert target.seen == []


@pytest.mark.parametrize("call", [by_forge, by_calendar])
def test_the_connection_is_made_with_the_look_up_that_was_judged(
    one_store: Store, target: Server, call: Callable[..., list[Any]]
) -> None:
    """The name is known to nobody else, so only the judged answer can have led there."""
    assert call(one_store, target, Names(OWN), (NAME,)) == [{"number": 1}]
    assert target.seen[0][2]["host"] == f"{NAME}:{port(target)}"


def test_a_chat_that_leads_home_at_the_second_look_up_is_not_asked(target: Server) -> None:
    told = chat.send(f"mmost://{NAME}:{port(target)}/token-of-a-hook", "s", "t", (), Names(PUBLIC, OWN))
    assert (told.taken, target.seen) == (False, [])
    assert chat.send(f"mmost://{NAME}:{port(target)}/token-of-a-hook", "s", "t", (NAME,), Names(OWN)).taken
    assert len(target.seen) == 1


def test_look_ups_elsewhere_are_what_they_were(target: Server) -> None:
    """The judgement ends with the call, also when it raised."""
    session = HeldSession(AddressPolicy(allow_http=True), Names(OWN))
    with pytest.raises(InvalidInput):
        session.get(target.url, timeout=5)
    import requests

    assert requests.get(target.url, timeout=5).status_code == 200


def post(url: str, names: Names) -> Outcome:
    return hooks.post(hooks.Hook("h", url, b"{}", (hooks.make_secret(),)), NOW, (NAME,), names)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_operators_authorities_are_trusted(
    one_store: Store, target: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A certificate nobody knows is refused, until the operator names it; another name's is refused still."""
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    held, other = certificate(tmp_path, NAME), certificate(tmp_path, "other.example")
    url = secured(target, held, NAME)

    def read() -> list[Any]:
        return list(
            line(Names(OWN), AddressPolicy(allowed_hosts=frozenset({NAME}))).to(one_store, "github", url).get_list("/x")
        )

    for trusted in (None, other):
        if trusted is not None:
            monkeypatch.setenv(variable, str(trusted))
        with pytest.raises(Unavailable):
            read()
        assert "SSL" in (post(url, Names(OWN)).error or "")
    assert target.seen == []
    monkeypatch.setenv(variable, str(held))
    assert read() == [{"number": 1}]
    assert post(url, Names(OWN)).taken


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b""])
def test_a_receiver_that_drips_is_cut_off_in_time(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in good time and the answer never: a claim of two minutes must outlast it."""
    monkeypatch.setattr(hooks, "LONGEST", 0.5)
    stop = threading.Event()
    with socket.create_server((OWN, 0)) as listening:

        def drip() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                line.sendall(head)
                while not stop.wait(0.02):
                    line.sendall(b"x" if head else b"H")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        try:
            told = post(f"http://{NAME}:{listening.getsockname()[1]}/x", Names(OWN))
        finally:
            stop.set()
            dripping.join(LIMIT)
    assert (told.taken, told.final) == (False, False)
    assert "did not answer" in (told.error or "")
    assert timedelta(seconds=60) < delivery.LEASE


def test_an_answer_whose_body_never_ends_is_an_answer() -> None:
    """The status decides; what follows is not waited for."""
    stop = threading.Event()
    with socket.create_server((OWN, 0)) as listening:

        def drip() -> None:
            line, _ = listening.accept()
            with line, suppress(OSError):
                line.sendall(b"HTTP/1.1 200 Taken\r\nContent-Length: 4096\r\n\r\n")
                while not stop.wait(0.02):
                    line.sendall(b"x")

        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        told = post(f"http://{NAME}:{listening.getsockname()[1]}/x", Names(OWN))
        stop.set()
        dripping.join(LIMIT)
    assert (told.taken, told.status) == (True, 200)


def test_no_proxy_of_the_environment_is_asked(
    one_store: Store, target: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would look the name up itself, where nothing judges it."""
    proxy = Server(lambda *_: (200, {}, []))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    try:
        assert by_forge(one_store, target, Names(OWN), (NAME,)) == [{"number": 1}]
        assert post(f"http://{NAME}:{port(target)}/x", Names(OWN)).taken
        assert proxy.seen == []
    finally:
        proxy.stop()
