"""``serve`` as real processes: web processes come and go without harm, and all of them leave when they are told."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support import waiting
from tests.support.ports import free_port
from tests.support.served import ROOT, Installation


@pytest.fixture
def installation(tmp_path: Path, one_url: str) -> Iterator[Installation]:
    """An installation with nothing in it; two web processes and a worker."""
    (tmp_path / "data").mkdir()
    made = Installation(tmp_path / "data", one_url, settings={"LOG_LEVEL": "info"})
    try:
        yield made
    finally:
        made.stop()


def web_processes(installation: Installation) -> set[int]:
    """The processes that answer: children of `serve` that are copies of it."""
    serving = installation.processes[0].pid
    children = Path(f"/proc/{serving}/task/{serving}/children").read_text().split()
    found = set()
    for one in children:
        with suppress(OSError):  # it may end while we look
            if b"\0serve\0" in Path(f"/proc/{one}/cmdline").read_bytes() + b"\0":
                found.add(int(one))
    return found


def until(holds: Callable[[], bool], installation: Installation) -> None:
    waiting.until(holds, lambda: installation.log[-3000:])


def answered(installation: Installation) -> float:
    """How often /healthz was answered, as all processes together tell it."""
    told = installation.ask("/metrics")
    assert told.status == 200, installation.log[-3000:]
    found = re.search(r'requests_total{[^}]*"/healthz"[^}]*} (\S+)', told.body.decode())
    return float(found[1]) if found else 0


def test_a_web_process_that_ends_takes_nothing_from_the_others(installation: Installation) -> None:
    """Each web process ends one day (a million requests); those beside it and after it answer and count on."""
    installation.serve("--no-worker")
    until(lambda: len(web_processes(installation)) == 2, installation)
    first = web_processes(installation)
    for one in first:
        before = answered(installation)
        os.kill(one, signal.SIGTERM)
        until(lambda ended=one: not Path(f"/proc/{ended}").exists(), installation)  # type: ignore[misc]
        until(lambda: len(web_processes(installation)) == 2, installation)
        for _ in range(10):
            assert installation.ask("/healthz").status == 200, installation.log[-3000:]
        assert answered(installation) >= before + 10
    assert not web_processes(installation) & first


def test_a_request_that_cannot_be_read_tells_the_log_no_token(installation: Installation) -> None:
    """gunicorn writes down the line that it could not read, and the address of a request that it had to give up."""
    installation.serve("--no-worker")
    with socket.create_connection(("127.0.0.1", installation.port), waiting.LIMIT) as connection:
        connection.sendall(b"GET /feeds/q4w5e6r7t8z9u0i1o2p3/calendar.ics\r\n\r\n")
        assert b" 400 " in connection.recv(100)
    until(lambda: "Invalid request" in installation.log, installation)
    assert "/feeds/***/calendar.ics" in installation.log
    assert "q4w5e6r7" not in installation.log


def test_a_client_that_does_not_hang_up_holds_nobody_up(installation: Installation) -> None:
    """Clients that keep their end open once they have their answer: gunicorn waits two seconds for each of them."""
    installation.serve("--no-worker")
    asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as open_ends:
        began = time.monotonic()
        for _ in range(100):  # with two processes a hundred seconds of waiting
            connection = open_ends.enter_context(
                socket.create_connection(("127.0.0.1", installation.port), waiting.LIMIT)
            )
            connection.sendall(asked)
            assert read_whole(connection).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - began < 60


def test_connections_that_say_nothing_hold_nobody_up(installation: Installation) -> None:
    """Browsers open connections ahead; a worker that waits for what they say is killed after a minute."""
    installation.serve("--no-worker")
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(socket.create_connection(("127.0.0.1", installation.port), waiting.LIMIT))
        began = time.monotonic()
        assert installation.ask("/healthz").status == 200
        assert time.monotonic() - began < 20


def test_clients_that_fall_silent_in_a_request_are_let_go(installation: Installation) -> None:
    """One for each web process and one more; the log is not filled with what is no fault of ours."""
    installation.serve("--no-worker")
    with ExitStack() as silent:
        for begun in (b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: x\r\n", b"POST /sign-in HTTP/1.1\r\n"):
            connection = socket.create_connection(("127.0.0.1", installation.port), waiting.LIMIT)
            silent.enter_context(connection).sendall(begun)
        began = time.monotonic()
        assert installation.ask("/healthz").status == 200
        assert time.monotonic() - began < 50
    assert "Traceback" not in installation.log
    assert "TIMEOUT" not in installation.log


def test_a_client_that_takes_nothing_of_its_answer_is_let_go(tmp_path: Path) -> None:
    """Under gunicorn as ``docs/operations.md`` has it for who starts it another way, with an answer of 40 MB."""
    (tmp_path / "large.py").write_text(
        "def app(environ, start):\n"
        "    body = b'x' * (40_000_000 if environ['PATH_INFO'] == '/large' else 2)\n"
        "    start('200 OK', [('Content-Length', str(len(body)))])\n"
        "    return [body]\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-k", "sync", "-t", str(waiting.LIMIT), "--chdir", str(tmp_path)]
    command += ["-c", "python:release_mgmt.web.connections", "-b", f"127.0.0.1:{port}", "large:app"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}) as server:
        try:
            waiting.until(lambda: listens(port))
            with socket.socket() as taking_nothing:
                taking_nothing.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                taking_nothing.connect(("127.0.0.1", port))
                taking_nothing.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                taking_nothing.recv(1)
                with socket.create_connection(("127.0.0.1", port), waiting.LIMIT / 2) as other:
                    other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert read_whole(other).endswith(b"xx")
        finally:
            server.terminate()


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_who_is_refused_while_still_sending_is_not_cut_off(installation: Installation) -> None:
    """An answer before the body of its request came: a reset on the rest could cost the sender the answer."""
    installation.serve("--no-worker")
    with socket.create_connection(("127.0.0.1", installation.port), waiting.LIMIT) as connection:
        connection.sendall(b"POST /no/such/page HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n")
        assert connection.recv(20, socket.MSG_PEEK).startswith(b"HTTP/1.1 4")
        for _ in range(20):  # the first to a closed connection is taken by the system, those after it fail
            connection.sendall(b"x" * 1_000)
            time.sleep(0.01)
        assert read_whole(connection).startswith(b"HTTP/1.1 4")


def read_whole(connection: socket.socket) -> bytes:
    """What comes until the other side is done."""
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_serving_leaves_the_home_of_its_user_alone(installation: Installation, tmp_path: Path) -> None:
    """Nothing is kept outside of the data folder, and no door is opened that was not asked for."""
    home = tmp_path / "home"
    home.mkdir()
    installation.prefix = ("env", f"HOME={home}")
    installation.serve("--no-worker")
    until(lambda: len(web_processes(installation)) == 2, installation)
    installation.stop()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", [("serve", "--worker"), ("worker",)])
def test_all_leave_when_they_are_told(installation: Installation, command: tuple[str, ...]) -> None:
    """SIGTERM: idle processes end by themselves, none has to be killed."""
    told = installation.start(*command)
    until(lambda: "worker started" in installation.log, installation)
    if command[0] == "serve":
        until(lambda: installation.ask("/healthz").status == 200, installation)
    told.terminate()
    assert told.wait(waiting.LIMIT) == 0, installation.log[-3000:]
    assert "worker stopped" in installation.log
    assert "SIGKILL" not in installation.log
