"""A message said in a channel of a real IRC server, and what it does when the server is away."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_mgmt.core.errors import InvalidInput
from release_mgmt.services.messages import log, targets
from release_mgmt.services.messages.delivery import Post
from release_mgmt.sources.channels import chat
from release_mgmt.store.session import Store
from tests.integration.messages.town import OFFICE, later, team, turn
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed
from tests.support.ports import answers, free_port
from tests.support.waiting import LIMIT, until

MISSING = "NOT RUN: no IRC server found (Debian: apt-get install ngircd)"


class Listener:
    """Somebody who sits in the channel and reads."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        self.heard = b""
        self.say("NICK reader", "USER reader 0 * :reader", "JOIN #releases")
        self.until(b"366 ")

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def until(self, wanted: bytes) -> str:
        while wanted not in self.heard:
            received = self.socket.recv(65536)
            assert received, self.heard
            if received.startswith(b"PING"):
                self.say("PONG" + received.decode()[4:].strip())
            self.heard += received
        return self.heard.decode("utf-8", "replace")


@pytest.fixture
def irc(tmp_path: Path) -> Iterator[int]:
    program = shutil.which("ngircd") or shutil.which("ngircd", path="/usr/sbin")
    if program is None:
        pytest.skip(MISSING)
    port = free_port()
    conf = tmp_path / "ngircd.conf"
    conf.write_text(
        f"[Global]\nName = irc.example.org\nInfo = tests\nPorts = {port}\nListen = 127.0.0.1\nServerUID = nobody\n"
        "ServerGID = nogroup\n[Limits]\nMaxConnectionsIP = 0\n[Options]\nDNS = no\nIdent = no\nPAM = no\n"
    )
    process = subprocess.Popen([program, "-n", "-f", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(LIMIT)


def test_a_team_hears_of_its_changes_in_its_channel(one_store: Store, irc: int) -> None:
    store, post = one_store, Post(OFFICE, None, ("127.0.0.1",))
    seed(store, "M1 m2")
    team(store, "fraud", zone="Europe/Berlin")
    made = targets.add(
        store, OPERATOR, NOW, channel="chat", name="IRC", address=f"irc://teller@127.0.0.1:{irc}/#releases",
        office=OFFICE, hosts=post.hosts, team="fraud",
    )  # fmt: skip
    assert made.address == "irc://…"
    reader = Listener(irc)
    apply(store)
    turn(store, later(3), post)
    heard = reader.until(b"changes/M1")
    reader.socket.close()
    assert "PRIVMSG #releases" in heard
    assert "1 change announced" in heard
    assert "Major: Change M1 (pricing): Planned for Tue, 1 Dec 2026, 18:00-22:00 CET." in heard
    assert "m2" not in heard, "not of this team"
    (sent,) = log.search(store, OPERATOR).items
    assert (sent.state, sent.attempts) == ("sent", 1)


def test_a_chat_that_is_away_is_tried_again_and_its_address_is_in_no_error(one_store: Store) -> None:
    store, post = one_store, Post(OFFICE, None, ("127.0.0.1",))
    port = free_port()
    made = targets.add(
        store, OPERATOR, NOW, channel="chat", name="IRC", address=f"irc://teller:hidden@127.0.0.1:{port}/#releases",
        office=OFFICE, hosts=post.hosts,
    )  # fmt: skip
    log.test(store, OPERATOR, NOW, made.id, OFFICE)
    turn(store, NOW, post)
    (sent,) = log.search(store, OPERATOR).items
    assert (sent.state, sent.error) == ("waiting", "irc did not take it")
    assert "hidden" not in str(log.get(store, OPERATOR, sent.id))


@pytest.mark.parametrize(
    "url",
    [
        "mmost://{host}/token-of-a-hook", "mmosts://{host}:8443/token-of-a-hook", "rocket://a:b@{host}/#c",
        "matrixs://a:b@{host}/#room", "ntfy://{host}:8080/topic", "nctalk://a:b@{host}/room",
        "signal://{host}:8080/+15551231234/+15551231235", "ircs://{host}/room",
        "workflows://{host}:443/a-workflow-of-ours/a-signature",
    ],
)  # fmt: skip
@pytest.mark.parametrize("found", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_chat_on_a_private_machine_is_neither_kept_nor_asked_unless_it_is_named(url: str, found: str) -> None:
    address = url.format(host="chat.example.org")

    def resolver(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        assert host == "chat.example.org"
        return [(None, None, None, "", (found, port))]

    with pytest.raises(InvalidInput, match="private network"):
        chat.masked(address, (), resolver)
    outcome = chat.send(address, "s", "t", (), resolver)
    assert (outcome.taken, outcome.final) == (False, True)
    assert "private network" in (outcome.error or "")
    assert chat.masked(address, ("chat.example.org",), resolver)


@pytest.mark.parametrize("url", ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#x", "ntfy://a-topic-of-ours"])
def test_a_chat_of_a_service_has_no_host_of_its_own(url: str) -> None:
    def resolver(*_: object, **__: object) -> list[tuple[object, ...]]:
        raise AssertionError("nothing is to be looked up")

    assert chat.masked(url, (), resolver)
