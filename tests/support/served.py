"""Real processes of an installation: ``release-mgmt serve`` and ``worker``, and one who asks them over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.ports import free_port
from tests.support.waiting import LIMIT, until

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read whole; ``status`` is 0 when the connection broke."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


@dataclass
class Installation:
    """Processes over one database. ``code`` is the checkout whose code runs; ``prefix`` what starts each command."""

    data: Path
    database: str
    code: Path = ROOT
    prefix: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """What each process is given."""
        given = {
            "DATA_DIR": str(self.data), "DATABASE_URL": self.database, "SECRET_KEY": "a key for tests only" * 2,
            "RATE_LIMIT": "", "LOCK_TIMEOUT": str(LIMIT), "PORT": str(self.port), "LOG_LEVEL": "error",
            "REPOSITORY_ROOTS": str(self.data.parent),
            "SYNC_EVERY": "10", "WEB_PROCESSES": "2", **self.settings,
        }  # fmt: skip
        named = {f"RELEASE_MGMT_{name}": value for name, value in given.items()}
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.code), **named}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        command = [*self.prefix, sys.executable, "-m", "release_mgmt", *arguments]
        environment = {**self.environment(), **({"RELEASE_MGMT_TOKEN": self.token} if arguments[0] == "gate" else {})}
        return subprocess.run(
            command, env=environment, cwd=self.data, capture_output=True, text=True, check=False, timeout=LIMIT
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One command, left running; its log is the file ``log`` in the data folder's parent."""
        command = [*self.prefix, sys.executable, "-m", "release_mgmt", *arguments]
        with (self.data.parent / f"log-{self.port}").open("ab") as log:
            made = subprocess.Popen(command, env=self.environment(), cwd=self.data.parent, stdout=log, stderr=log)
        self.processes.append(made)
        return made

    def serve(self, *arguments: str) -> None:
        """Start the web and wait until it answers."""
        process = self.start("serve", *arguments)
        until(lambda: self.ask("/healthz").status == 200 or process.poll() is not None, lambda: self.log)
        assert process.poll() is None, self.log

    @property
    def log(self) -> str:
        """What the processes told."""
        return (self.data.parent / f"log-{self.port}").read_text()

    @property
    def failures(self) -> str:
        """What the log tells of requests that were answered with 500."""
        return "\n".join(line for line in self.log.splitlines() if '"request failed"' in line)

    def ask(self, path: str, body: object = None, *, method: str | None = None, **headers: str) -> Reply:
        """One request; a broken connection is a reply with the status 0."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and path.startswith("/api"):
            given["Authorization"] = f"Bearer {self.token}"
        sent = None
        if body is not None:
            sent, given["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, sent, given)
            reply = connection.getresponse()
            return Reply(reply.status, dict(reply.headers), reply.read())
        except (OSError, http.client.HTTPException):
            return Reply(0, {}, b"")
        finally:
            connection.close()

    def stop(self) -> None:
        """End all that was started; a worker is killed, which it must bear at any time."""
        for one in self.processes:
            if one.poll() is None:
                (one.kill if "worker" in one.args else one.terminate)()  # type: ignore[operator]
        for one in self.processes:
            try:
                one.wait(LIMIT)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
        self.processes.clear()
