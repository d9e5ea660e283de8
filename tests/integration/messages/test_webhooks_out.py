"""Outgoing webhooks to a receiver on loopback that fails, is slow and restarts; the worker is killed too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from release_mgmt import clock
from release_mgmt.core.errors import Conflict
from release_mgmt.core.messages import Kind
from release_mgmt.services import audit, outbox, placing, plan_messages
from release_mgmt.services.messages import delivery, log, targets
from release_mgmt.services.messages.assembly import Office
from release_mgmt.services.messages.delivery import Post
from release_mgmt.sources.channels import Outcome, hooks
from release_mgmt.store.models.messages import MessageAttempt, MessageDelivery, MessageItem, MessageTarget
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.messages.town import OFFICE, later, turn
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed
from tests.support.ports import free_port
from tests.support.waiting import LIMIT, until

HOSTS = ("127.0.0.1",)
POST = Post(OFFICE, None, HOSTS)
ROOT = Path(__file__).resolve().parents[3]


class Receiver:
    """Takes webhooks. ``answer`` gives (status, headers) for the n-th request; ``wait`` seconds before each answer, and
    no answer while ``open`` is not set."""

    def __init__(self, port: int | None = None) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.asked = 0
        self.answer: Any = lambda number: (204, {})
        self.wait = 0.0
        self.open = threading.Event()
        self.open.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                body = self.rfile.read(size)
                if len(body) < size:
                    return  # the sender was killed between head and body: nothing arrived
                outer.asked += 1
                status, headers = outer.answer(outer.asked)
                time.sleep(outer.wait)
                outer.open.wait(LIMIT)
                if 200 <= status < 300:
                    outer.taken.append(({k.lower(): v for k, v in self.headers.items()}, body))
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    pass  # the sender was killed while we were slow

            def log_message(self, *args: object) -> None:
                """Quiet."""

        ThreadingHTTPServer.allow_reuse_address = True
        self.http = ThreadingHTTPServer(("127.0.0.1", port or free_port()), Handler)
        self.port = int(self.http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/hook?key=1"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.open.set()
        self.http.shutdown()
        self.http.server_close()

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def hook(store: Store, url: str, office: Office = OFFICE) -> targets.TargetView:
    return targets.add(
        store, OPERATOR, NOW, channel="webhook", name="CI", address=url, office=office, hosts=HOSTS
    )  # fmt: skip


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As a receiver of the specification does it, written apart from the sender."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    given = [one.split(",", 1) for one in headers["webhook-signature"].split(" ")]
    return any(version == "v1" and hmac.compare_digest(value, expected) for version, value in given)


def test_the_signature_is_that_of_the_specification() -> None:
    """The test vector of the Standard Webhooks reference libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = hooks.sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_move_reaches_a_webhook_signed(store: Store, receiver: Receiver) -> None:
    made = hook(store, receiver.url)
    seed(store, "m1")
    apply(store)
    turn(store, later(3), POST)
    placing.move(store, OPERATOR, later(10), "m1", "w@2026-12-01T18:00", reason="The shop is closed.")
    turn(store, later(13), POST)
    assert made.secret is not None
    assert [json.loads(body)["type"] for _, body in receiver.taken] == ["change.announced", "change.moved"]
    for headers, body in receiver.taken:
        assert verified(made.secret, headers, body)
        assert headers["content-type"].startswith("application/json")
    told = json.loads(receiver.taken[1][1])["data"]
    assert told["change"]["id"] == "m1"
    assert (told["from_window"], told["window"]) == ("w@2026-11-24T18:00", "w@2026-12-01T18:00")
    assert len(set(receiver.ids)) == 2


def test_failures_are_tried_again_with_the_same_id_and_bytes_and_longer_and_longer(
    store: Store, receiver: Receiver
) -> None:
    hook(store, receiver.url)
    seed(store, "m1")
    apply(store)
    seen: list[int] = []

    def answer(number: int) -> tuple[int, dict[str, str]]:
        seen.append(number)
        return {1: (500, {}), 2: (302, {"Location": "http://127.0.0.1/"}), 3: (429, {"Retry-After": "7200"})}.get(
            number, (200, {})
        )

    receiver.answer = answer
    turn(store, later(3), POST)
    for minutes in (3.05, 3.1, 8, 8.1, 9, 37, 120, 128.2, 128.3, 200, 4000):
        turn(store, later(minutes), POST)
    assert len(seen) == 4, "asked when it was due and not in between"
    assert len(receiver.taken) == 1
    with store.read() as session:
        attempts = session.execute(
            select(MessageAttempt.status, MessageAttempt.error).order_by(MessageAttempt.number)
        ).all()
        target = session.scalars(select(MessageTarget)).one()
    assert [status for status, _ in attempts] == [500, 302, 429, 200]
    assert target.failing_since is None


def test_a_receiver_that_is_down_for_hours_and_restarts_loses_nothing(store: Store, receiver: Receiver) -> None:
    hook(store, receiver.url)
    seed(store, "m1 m2 m3")
    apply(store)
    receiver.stop()
    for minutes in (3, 3.2, 9, 40, 100):
        turn(store, later(minutes), POST)
    with store.read() as session:
        assert session.scalars(select(MessageTarget.failing_since)).one() == later(3)
    again = Receiver(receiver.port)
    try:
        for minutes in (200, 201, 600):
            turn(store, later(minutes), POST)
        assert sorted(json.loads(body)["data"]["change"]["id"] for _, body in again.taken) == ["m1", "m2", "m3"]
        assert len(set(again.ids)) == 3
    finally:
        again.stop()


def test_gone_switches_it_off_and_too_many_failures_end_one_message_only(store: Store, receiver: Receiver) -> None:
    made = hook(store, receiver.url)
    seed(store, "m1")
    apply(store)
    receiver.answer = lambda number: (500, {})
    turn(store, later(3), POST)
    for day in range(12):
        turn(store, NOW + timedelta(days=day, hours=1), POST)
    failed = log.search(store, OPERATOR, state="failed").items
    assert [one.attempts for one in failed] == [10]
    receiver.answer = lambda number: (200, {})
    before = audit_rows(store)
    log.replay(store, OPERATOR, later(60 * 24 * 13), failed[0].id)
    assert audit_rows(store) == before + 1
    with pytest.raises(Conflict):
        log.replay(store, OPERATOR, later(60 * 24 * 13), failed[0].id)
    turn(store, later(60 * 24 * 13), POST)
    assert receiver.ids == [failed[0].id]
    receiver.answer = lambda number: (410, {})
    log.test(store, OPERATOR, later(60 * 24 * 14), made.id, OFFICE)
    turn(store, later(60 * 24 * 14), POST)
    assert targets.get(store, OPERATOR, made.id).mode == "off"
    with pytest.raises(Conflict):
        log.test(store, OPERATOR, later(60 * 24 * 14), made.id, OFFICE)


def audit_rows(store: Store) -> int:
    return len(audit.search(store, OPERATOR, audit.Query(action="message.replay"))[0])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_says_what_to_do(receiver: Receiver, status: int) -> None:
    """Nothing of the message reaches where it leads to, and the page tells who set it up why nothing arrives."""
    other = Receiver()
    try:
        receiver.answer = lambda number: (status, {"Location": other.url})
        outcome = hooks.post(hooks.Hook("m", receiver.url, b"{}", ()), NOW, HOSTS)
        assert (outcome.taken, outcome.final, outcome.status) == (False, False, status), "it is tried again"
        assert outcome.error is not None
        assert "redirects are not followed; enter the address that it leads to" in outcome.error
        assert other.asked == 0
    finally:
        other.stop()


def test_after_a_rotation_both_secrets_hold_for_a_day(store: Store, receiver: Receiver) -> None:
    made = hook(store, receiver.url)
    fresh = targets.rotate(store, OPERATOR, NOW, made.id, OFFICE)
    assert made.secret is not None
    assert fresh.secret is not None
    for hours, old_holds in ((1, True), (25, False)):
        log.test(store, OPERATOR, later(60 * hours), made.id, OFFICE)
        turn(store, later(60 * hours), POST)
        headers, body = receiver.taken[-1]
        assert verified(fresh.secret, headers, body)
        assert verified(made.secret, headers, body) is old_holds
    with store.read() as session:
        row = session.get_one(MessageTarget, made.id)
        assert made.secret not in f"{row.sealed}{row.sealed_before}"


def test_machines_of_a_private_network_are_never_asked(store: Store, receiver: Receiver) -> None:
    """Neither by their address, nor by a name that leads there, nor by a redirect; also when it changed its mind."""
    for url in (
        "http://127.0.0.1/x",
        "https://127.0.0.1/x",
        "https://169.254.169.254/",
        "ftp://example.org/",
        "nonsense",
    ):
        assert hooks.post(hooks.Hook("m", url, b"{}", ()), NOW).final, url
    private = lambda host, port, type=0: [(2, 1, 6, "", ("10.0.0.7", port))]  # noqa: E731, A006
    outcome = hooks.post(hooks.Hook("m", "https://example.org/x", b"{}", ()), NOW, (), private)
    assert outcome.final
    assert outcome.error is not None
    assert "private network" in outcome.error
    assert receiver.asked == 0


def test_a_slow_receiver_holds_up_nobody_and_is_asked_once(store: Store, receiver: Receiver) -> None:
    """While one receiver takes its time, another gets its message, and no second worker sends the first again."""
    other = Receiver()
    try:
        receiver.open.clear()
        slow, quick = hook(store, receiver.url), hook(store, other.url)
        for key in (slow.id, quick.id):
            log.test(store, OPERATOR, NOW, key, OFFICE)
        assert delivery.subjects_due(store, NOW) == sorted([slow.id, quick.id])
        sending = threading.Thread(target=delivery.deliver, args=(store, lambda: NOW, slow.id, POST))
        sending.start()
        until(lambda: receiver.asked)
        delivery.deliver(store, lambda: NOW, quick.id, POST)
        delivery.deliver(store, lambda: NOW, slow.id, POST)
        assert sending.is_alive()
        assert (len(other.taken), receiver.asked) == (1, 1)
        receiver.open.set()
        sending.join(LIMIT)
        assert (len(receiver.taken), receiver.asked) == (1, 1)
        assert delivery.subjects_due(store, NOW) == []
    finally:
        other.stop()


def test_a_receiver_may_take_longer_to_answer_than_to_connect(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short time limit is that of the connection only: a slow answer counts."""
    receiver.wait = 1.0
    monkeypatch.setattr(hooks, "CONNECT", 0.5)
    outcome = hooks.post(hooks.Hook("m", receiver.url, b"{}", (hooks.make_secret(),)), NOW, HOSTS)
    assert (outcome, receiver.asked) == (Outcome(True, 204), 1)


def test_a_receiver_beyond_patience_is_asked_again_under_the_same_id(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken but not answered in time looks like what was lost: the same id says that it is the same."""
    made = hook(store, receiver.url)
    log.test(store, OPERATOR, NOW, made.id, OFFICE)
    receiver.open.clear()
    with monkeypatch.context() as impatient:
        impatient.setattr(hooks, "CONNECT", LIMIT)
        impatient.setattr(hooks, "TIMEOUT", 0.2)
        delivery.deliver(store, lambda: NOW, made.id, POST)
    until(lambda: receiver.asked)
    receiver.open.set()
    delivery.deliver(store, lambda: later(60), made.id, POST)
    until(lambda: len(receiver.ids) == 2, lambda: receiver.ids)
    assert (receiver.asked, len(receiver.ids), len(set(receiver.ids))) == (2, 2, 1)
    assert delivery.subjects_due(store, later(600)) == []


def _worker(store: Store, data: Path) -> subprocess.Popen[bytes]:
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RELEASE_MGMT_DATA_DIR": str(data),
        "RELEASE_MGMT_DATABASE_URL": store.url, "RELEASE_MGMT_LOG_LEVEL": "error", "RELEASE_MGMT_SECRET_KEY": "x" * 40,
        "RELEASE_MGMT_LOCK_TIMEOUT": "120", "RELEASE_MGMT_MESSAGE_SETTLE": "0",
        "RELEASE_MGMT_MESSAGE_HOSTS": "127.0.0.1",
    }  # fmt: skip
    command = [sys.executable, "-m", "release_mgmt", "worker"]
    return subprocess.Popen(command, env=environment, cwd=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sent(store: Store) -> int | None:
    with store.read() as session:
        return session.scalar(select(func.count()).where(MessageDelivery.state == "sent"))


@pytest.mark.slow
@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.long)])
def test_a_worker_that_is_killed_loses_nothing_and_sends_nothing_again_that_was_kept(
    one_store: Store, tmp_path: Path, receiver: Receiver, kills: int
) -> None:
    """Kill -9 in the middle of sending: each event arrives under one id; again only what was on the line at a kill."""
    store, count = one_store, 15 * kills
    hook(store, receiver.url, Office("", "x" * 40))
    receiver.wait = 0.05
    with store.write() as session:
        for number in range(count):
            facts = {"job": f"j{number}", "kind": "refresh", "subject": f"r{number}", "message": "broken"}
            outbox.tell(session, clock.now(), Kind.JOB_DEAD, fold=f"job:{number}", facts=facts)
    done = 0
    for _ in range(kills):
        process = _worker(store, tmp_path)
        wanted = min(len(receiver.taken) + 8, count)
        until(lambda: len(receiver.taken) >= wanted, lambda: len(receiver.taken), pause=0.01)  # noqa: B023
        process.kill()
        process.wait()
        done += 1
        with store.write() as session:  # what it had claimed may be taken up at once, not in two minutes
            session.execute(
                update(MessageDelivery).where(MessageDelivery.state == "sending").values(due_at=clock.now())
            )
    process = _worker(store, tmp_path)
    try:
        until(lambda: sent(store) == count, lambda: sent(store))
    finally:
        process.terminate()
        process.wait(LIMIT)
    arrived = Counter(receiver.ids)
    events = {json.loads(body)["data"]["id"] for _, body in receiver.taken}
    assert len(events) == len(arrived) == count, "every event, each under one id"
    again = sum(times - 1 for times in arrived.values())
    assert again <= done, "at most what was on the line at each kill"
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(MessageItem)) == count


def test_a_free_port_is_not_taken_for_a_receiver(store: Store) -> None:
    with socket.socket() as held:  # bound, so that nobody else gets it, and not listening
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        outcome = hooks.post(hooks.Hook("m", f"http://127.0.0.1:{port}/", b"{}", ()), NOW, HOSTS)
    assert not outcome.taken
    assert not outcome.final


def test_a_webhook_of_the_installation_hears_nothing_of_a_repository_kept_for_its_teams(
    store: Store, receiver: Receiver
) -> None:
    """Not its changes, and of a window that holds both only the open one; a webhook of the team hears its own."""
    hook(store, receiver.url)
    seed(store, "m1")
    seed(store, "k1", repository="secret")
    with store.write() as session:
        kept = session.get_one(Repository, "r_secret")
        kept.settings, kept.owner_team = {"teams_only": True}, "fraud"
        session.get_one(Change, "k1").affected_teams = ["fraud"]
    apply(store)
    plan_messages.tell_tomorrow(store, NOW.replace(day=23), ["releases"])
    with store.write() as session:
        facts = {"window": "w@2026-11-24T18:00", "changes": ["k1"]}
        outbox.tell(session, NOW, Kind.TOMORROW, fold="only kept", facts=facts, calendar="releases")
    turn(store, NOW.replace(day=23, hour=12), POST)
    told = [json.loads(body) for _, body in receiver.taken]
    assert sorted(one["type"] for one in told) == ["change.announced", "window.tomorrow"]
    assert "k1" not in json.dumps(told)
    assert [one["data"]["changes"] for one in told if one["type"] == "window.tomorrow"] == [["m1"]]
    receiver.taken.clear()
    targets.add(
        store, OPERATOR, NOW, channel="webhook", name="team", address=receiver.url, office=OFFICE, hosts=HOSTS,
        team="fraud",
    )  # fmt: skip
    with store.write() as session:
        outbox.tell(session, NOW, Kind.RELEASED, fold="k1", change="k1", calendar="releases")
    turn(store, NOW.replace(day=23, hour=13), POST)
    assert [json.loads(body)["data"]["change"]["id"] for _, body in receiver.taken] == ["k1"]
