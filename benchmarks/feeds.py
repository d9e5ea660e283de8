"""How fast feeds are answered, beside a bare WSGI callable, the usual Flask idiom and nginx, all in one run.

Usage, from the project's folder: ``PYTHONPATH=. python benchmarks/feeds.py [--seconds 3] [--rounds 5]``; needs ``wrk``,
uses ``nginx`` when it is there.

All Python servers run under gunicorn's sync worker, one process, hang up as the product does (else the worker waits for
its client, see ``web/connections.py``) and look up the same token in the same database for each request. Servers are
measured in turn, round by round; printed are the medians of the requests a second and of the ratios within a round,
beside what the project promises.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from release_mgmt import clock
from release_mgmt.core.calendar import ChangeFact, WindowFact
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import feed_events, feeds
from release_mgmt.services.feeds import Feeds, rendering
from release_mgmt.services.feeds.lookup import look_up
from release_mgmt.services.publications import set_note
from release_mgmt.store import migrate
from release_mgmt.store.models.publishing import FeedBodyRow
from release_mgmt.store.session import Store

ROOT = Path(__file__).resolve().parent.parent
OPERATOR = trusted("benchmark", Via.CLI)
NOW = clock.now()

BARE = """
from pathlib import Path
from release_mgmt.services.feeds.lookup import look_up
from release_mgmt.store.session import Store
store = Store({url!r})
body = Path({body!r}).read_bytes()
tag = '"bare"'
headers = [("ETag", tag), ("Content-Type", "text/calendar; charset=utf-8"), ("Content-Length", str(len(body)))]

def app(environ, start_response):
    token = environ["PATH_INFO"].split("/")[2]
    if look_up(store, token) is None:
        start_response("404 Not Found", [])
        return [b""]
    if environ.get("HTTP_IF_NONE_MATCH") == tag:
        start_response("304 Not Modified", [("ETag", tag)])
        return [b""]
    start_response("200 OK", headers)
    return [body]
"""

IDIOM = """
from pathlib import Path
from flask import Flask, Response, abort, request
from release_mgmt.services.feeds.lookup import look_up
from release_mgmt.store.session import Store
store = Store({url!r})
body = Path({body!r}).read_bytes()
app = Flask(__name__)

@app.get("/feeds/<token>/calendar.ics")
def feed(token):
    if look_up(store, token) is None:
        abort(404)
    response = Response(body, content_type="text/calendar; charset=utf-8")
    response.add_etag()
    return response.make_conditional(request)
"""

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{ access_log off; types {{ text/calendar ics; }} etag on;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/static; }} }}
"""


def facts(count: int, minutes: int = 240) -> list[WindowFact]:
    """Windows from now on, with a change or two each."""
    made = []
    for at in range(count):
        start = (NOW + timedelta(minutes=minutes * at)).replace(second=0)
        changes = (
            ChangeFact(
                f"c{at}", f"Move the fraud model of region {at} to the new features", "minor", "announced", "risk"
            ),
            ChangeFact(f"d{at}", "Tune the learning rate", "minor", "announced", "pricing", kind="parameter_only"),
        )
        made.append(WindowFact(f"weekly@{at}", "pricing", start, start + timedelta(hours=2), changes))
    return made


def put(store: Store, windows: list[WindowFact], at: datetime = NOW) -> int:
    with store.write() as session:
        return feed_events.refresh(
            session, at, calendar="pricing", name="Pricing", time_zone="Europe/Berlin", windows=windows, freezes=[]
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server under test; ended by its own process id."""

    def __init__(
        self, name: str, command: list[str], port: int, path: str, folder: Path, more: dict[str, str] | None = None
    ) -> None:
        self.name, self.url = name, f"http://127.0.0.1:{port}{path}"
        quiet = subprocess.DEVNULL
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **(more or {})}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=quiet, stderr=quiet)
        self.tag, self.size = self._wait()

    def _wait(self) -> tuple[str, int]:
        for _ in range(200):
            try:
                with urllib.request.urlopen(self.url) as reply:
                    return reply.headers["ETag"], len(reply.read())
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} did not start")

    @property
    def spent(self) -> float:
        """Seconds of processor time of the process and its workers, user and system."""
        own = self.process.pid
        found = 0
        for pid in (own, *Path(f"/proc/{own}/task/{own}/children").read_text().split()):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found += int(fields[11]) + int(fields[12])
        return found / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def gunicorn(name: str, folder: Path, app: str, path: str, environment: dict[str, str] | None = None) -> Server:
    """A server of ``app`` (``module:name`` in a folder), as any operator would start it."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-w", "1", "-k", "sync", "--chdir", str(folder)]
    command += ["-c", "python:release_mgmt.web.connections", "-b", f"127.0.0.1:{port}", app]
    return Server(name, command, port, path, folder, environment)


def peer(name: str, source: str, folder: Path, path: str, **values: str) -> Server:
    """A server of a few lines, written for the purpose."""
    (folder / f"{name}.py").write_text(source.format(**values))
    return gunicorn(name, folder, f"{name}:app", path)


def product(folder: Path, path: str, url: str) -> Server:
    """What the project serves."""
    chosen = {"data_dir": str(folder), "database_url": url, "secret_key": "a key for this benchmark alone, and long"}
    return gunicorn("product", ROOT, "app:app", path, {f"RELEASE_MGMT_{name.upper()}": chosen[name] for name in chosen})


def rate(server: Server, seconds: float, *, conditional: bool) -> tuple[float, float]:
    """Requests a second by wrk with four connections, and those that a second of the server's own processor time
    answers: other programs change the first. Fails when any answer is not what was asked for."""
    command = ["wrk", "-t1", "-c4", f"-d{seconds:g}s"]
    if conditional:
        command += ["-H", f"If-None-Match: {server.tag}"]
    before = server.spent
    said = subprocess.run([*command, server.url], capture_output=True, text=True, check=True).stdout
    spent = server.spent - before
    if "Non-2xx" in said and not conditional:
        raise SystemExit(f"{server.name}: {said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    count = re.search(r"(\d+) requests in", said)
    assert found is not None, said
    assert count is not None, said
    return float(found[1]), int(count[1]) / max(spent, 0.01)


def measure(seconds: float, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/feeds.db"
        migrate.upgrade(url)
        store = Store(url)
        put(store, facts(330))
        made = feeds.create(store, OPERATOR, NOW, name="All", audience="business")
        path = f"/feeds/{made.token}/calendar.ics"
        answer = Feeds(store, "http://127.0.0.1:8000").answer(str(made.token), "calendar.ics", 1, NOW)
        assert answer is not None
        body = folder / "body.ics"
        body.write_bytes(answer.body)
        print(f"feed: {len(answer.body):,} bytes, 330 events; gunicorn sync, 1 process, wrk 1 thread 4 connections")
        values = {"url": url, "body": str(body)}
        servers = [
            peer("bare", BARE, folder, path, **values),
            peer("idiom", IDIOM, folder, path, **values),
            product(folder, path, url),
        ]
        if shutil.which("nginx"):
            port = free_port()
            (folder / "static").mkdir()
            shutil.copy(body, folder / "static/calendar.ics")
            os.chmod(folder, 0o755)
            (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
            command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
            servers.append(Server("nginx", command, port, "/calendar.ics", folder))
        else:
            print("NOT MEASURED: nginx is not installed")
        try:
            compare(servers, seconds, rounds)
            revocation(store, str(made.id), servers[2].url)
        finally:
            for server in servers:
                server.stop()


def compare(servers: list[Server], seconds: float, rounds: int) -> None:
    for title, conditional, floor in (("304", True, 0.8), ("200", False, 0.55)):
        rates: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
        for _ in range(rounds):
            for server in servers:
                rates[server.name].append(rate(server, seconds, conditional=conditional))
        for which, unit in enumerate(("/s", " a second of own processor time")):
            found = {name: statistics.median(pair[which] for pair in values) for name, values in rates.items()}
            print(f"{title}: " + ", ".join(f"{name} {value:,.0f}{unit}" for name, value in found.items()))
            for other, least in (("bare", floor), ("idiom", 1.8)):
                pairs = zip(rates["product"], rates[other], strict=True)
                ratio = statistics.median(own[which] / theirs[which] for own, theirs in pairs)
                print(f"{title}: product / {other} {ratio:.2f}   (promised at least {least})")


def revocation(store: Store, key: str, url: str) -> None:
    feeds.revoke(store, OPERATOR, NOW, key)
    began = time.perf_counter()
    try:
        urllib.request.urlopen(url)
        seen = "NO"
    except urllib.error.HTTPError as error:
        seen = f"{error.code}"
    print(f"revocation: the next request answers {seen} ({1000 * (time.perf_counter() - began):.1f} ms)")


def rendering_costs() -> None:
    """Cold rendering, and one changed event among ten thousand."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{name}/feeds.db"
        migrate.upgrade(url)
        store = Store(url)
        for count, minutes in ((500, 1000), (2_000, 250)):
            put(store, facts(count, minutes), NOW)
            made = feeds.create(store, OPERATOR, NOW, name="All", audience="business")
            with store.write() as session:
                session.query(FeedBodyRow).delete()
            began = time.perf_counter()
            answer = Feeds(store, "http://x.example").answer(str(made.token), "calendar.ics", 1, NOW)
            took = time.perf_counter() - began
            assert answer is not None
            promised = "   (promised under 1 s)"
            print(f"cold: {count:,} events, {len(answer.body):,} bytes in {1000 * took:.0f} ms{promised}")
        many = facts(10_000, 50)
        put(store, many, NOW)
        served = Feeds(store, "http://x.example")
        served.answer(str(made.token), "calendar.ics", 1, NOW)
        rendered, answers, plans, noted = [], [], [], []
        for at in range(5):
            changed = list(many)
            first = replace(many[at].changes[0], title=f"Another title {at}")
            changed[at] = replace(many[at], changes=(first, *many[at].changes[1:]))
            many = changed
            # Own time throughout: what other programs do meanwhile does not count.
            began = time.process_time()
            put(store, many, NOW + timedelta(minutes=at + 1))
            plans.append(time.process_time() - began)
            ticket = look_up(store, str(made.token))
            assert ticket is not None
            with store.read() as session:
                feed = rendering.feed_of(session, ticket.subscription, "http://x.example")
                parts = served._parts.get(feed.key)  # noqa: SLF001 - only this step is timed
                assert parts is not None
                began = time.process_time()
                fresh = parts.bring(session, feed)
                parts.join(session, feed)
                rendered.append(time.process_time() - began)
                assert fresh == 1, "the changed one"
            began = time.process_time()
            set_note(store, OPERATOR, NOW + timedelta(minutes=at + 1), f"c{at}", language="en", text=f"Earlier {at}.")
            noted.append(time.process_time() - began)
            began = time.process_time()
            answer = served.answer(str(made.token), "calendar.ics", 1, NOW)
            answers.append(time.process_time() - began)
            assert answer is not None
            assert f"Earlier {at}.".encode() in answer.body, "the noted one"
        print(f"one of 10,000 changed: {_middle(rendered)} of own time to render and join   (promised under 20 ms)")
        print(f"the whole answer, head, tag and sharing with other processes too: {_middle(answers)} of own time")
        print(f"before it, stored: a note on one change of 10,000 windows {_middle(noted)}")
        print(f"before it, stored: a plan of 10,000 windows with one changed {_middle(plans)}")
        history = _middle(_short(store, many))
        print(f"before it, stored: a plan of 400 windows with one changed, 9,600 of history {history}")


def _short(store: Store, many: list[WindowFact]) -> list[float]:
    """What a plan costs that holds the last 400 of these windows, the others being over."""
    plan, at, took = many[-400:], many[-401].end, []
    for number in range(6):
        first = replace(plan[number].changes[0], title=f"A title of its own {number}")
        plan[number] = replace(plan[number], changes=(first, *plan[number].changes[1:]))
        began = time.process_time()
        assert put(store, plan, at) == 3, "one for each audience"
        took.append(time.process_time() - began)
    return took[1:]


def _middle(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ms"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=3)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--no-servers", action="store_true", help="only what rendering costs")
    chosen = options.parse_args()
    rendering_costs()
    if not chosen.no_servers:
        measure(chosen.seconds, chosen.rounds)
