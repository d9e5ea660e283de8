"""The service under load: gunicorn with one and two web processes, on SQLite and PostgreSQL, asked by wrk on loopback.

Usage, from the project's folder (needs ``wrk`` and PostgreSQL's programs):

    PYTHONPATH=. python benchmarks/load.py prepare FOLDER                 fill both databases, once
    PYTHONPATH=. python benchmarks/load.py measure FOLDER sqlite 1        one table: a database, web processes
    PYTHONPATH=. python benchmarks/load.py clean FOLDER

1,000 repositories, 10,000 changes (every tenth still to come), 2,000 subscriptions. Printed for each read and write:
requests a second, p50, p95 and p99, the processor time of the web processes and of PostgreSQL, what one core of the web
processes would answer a second, and the queries a request; then the memory. The rate limit is off but in the last row,
which shows what counting in the database costs. wrk takes a core of its own: on a machine of two, compare the processor
times, which hardly depend on what else runs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import event, insert, select

from release_mgmt import clock, logs
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Scope, Via, trusted
from release_mgmt.services import calendars, feeds, people, plans, secret, teams, tokens
from release_mgmt.settings import Settings
from release_mgmt.store import migrate
from release_mgmt.store.models.publishing import SubscriptionRow
from release_mgmt.store.models.repositories import Change, ClassificationRow, Repository
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.conftest import PostgresCluster
from tests.support.ports import free_port
from tests.support.served import Installation

OPERATOR = trusted("benchmark", Via.CLI)
REPOSITORIES, CHANGES, SUBSCRIPTIONS = 1_000, 10_000, 2_000
# wrk's own table knows no p95; what it measured does.
SCRIPT = """
wrk.headers["Authorization"] = "Bearer {token}"
{more}
function done(summary, latency, requests)
  io.write(string.format("RESULT %d %f %f %f %f %d\\n", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
"""
POST = """
math.randomseed(os.time())
local run = math.random(1, 1e9)
local number = 0
function request()
  number = number + 1
  local body = string.format('{{"slug": "t-%d-%d", "name": "Team %d"}}', run, number, number)
  return wrk.format("POST", nil, {{["Authorization"] = "Bearer {token}", ["Content-Type"] = "application/json"}}, body)
end
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the requests need."""

    token: str
    feed: str
    etag: str
    change: str
    repository: str


def fill(store: Store, now: datetime) -> Known:
    """The installation, written straight into the tables where the product would take an hour of clones."""
    everything = tuple(people.Grant(role) for role in Role)
    person = people.add(store, OPERATOR, now, name="Root", login="root", grants=everything).id
    scopes = tuple(scope.value for scope in Scope)
    token = tokens.create(store, OPERATOR, now, name="load", scopes=scopes, person=person).secret
    assert token is not None
    teams.add(store, OPERATOR, now, slug="pricing", name="Pricing", kind="business")
    tuesday = (now - timedelta(days=now.weekday() + 20)).date()
    calendars.apply(store, OPERATOR, now, {
        "calendar": "Releases", "time_zone": "Europe/Berlin", "environments": ["prod"],
        "policy": {"capacity": {"points": 100}, "notice": {"minor": 1, "major": 1}},
        "series": [{"id": "weekly", "start": f"{tuesday}T18:00", "end": f"{tuesday}T22:00", "rrule": "FREQ=WEEKLY"}],
    })  # fmt: skip
    with store.write() as session:
        session.execute(insert(Repository), [
            {
                "id": f"r{n}", "name": f"model-{n}", "location": f"https://forge.example/{n}", "calendar": "releases",
                "provider": "github", "settings": {}, "diagnostics": [], "adopted_at": now - timedelta(days=60),
                "created_at": now, "updated_at": now, "synced_at": now,
            } for n in range(REPOSITORIES)
        ])  # fmt: skip
        session.execute(insert(Change), [_change(now, n) for n in range(CHANGES)])
        session.execute(insert(ClassificationRow), [
            {
                "change_id": f"c{n}", "content": "x", "policy": "p", "level": _level(n), "kind": "parameter_only",
                "needs_review": False, "rule": "parameter", "new_libraries": [], "classified_at": now, "evidence": [],
            } for n in range(CHANGES)
        ])  # fmt: skip
    plans.replan(store, OPERATOR, now, "releases")
    made = feeds.create(store, OPERATOR, now, name="All", audience="engineering")
    with store.write() as session:
        row = session.get(SubscriptionRow, made.id)
        assert row is not None
        kept = {column.key: getattr(row, column.key) for column in SubscriptionRow.__table__.columns}
        session.execute(insert(SubscriptionRow), [
            {**kept, "id": f"s{n}", "token_hash": secret.digest(f"{n}"), "version": 1} for n in range(SUBSCRIPTIONS - 1)
        ])  # fmt: skip
        placed = session.execute(
            select(PlacementRow.change_id, Repository.name)
            .join(Change, Change.id == PlacementRow.change_id)
            .join(Repository, Repository.id == Change.repository_id)
            .where(PlacementRow.window.is_not(None))
            .limit(1)
        ).one()
    return Known(token, f"/feeds/{made.token}/calendar.ics", "", placed[0], placed[1])


def _level(number: int) -> str:
    return "major" if number % 25 == 0 else "minor"


def _change(now: datetime, number: int) -> dict[str, object]:
    coming = number % 10 == 0
    at = now - timedelta(minutes=20 * number)
    return {
        "id": f"c{number}", "repository_id": f"r{number % REPOSITORIES}", "key": f"k{number}", "author": "Mia",
        "title": f"Change number {number} of the model", "provider": "github", "number": number, "rank": -number,
        "state": "draft" if coming else "released", "level": _level(number), "ready": coming, "record": {},
        "kind": "parameter_only", "head_sha": f"{number:040x}", "merged_at": at, "happened_at": at,
        "affected_teams": ["pricing"], "created_at": now, "updated_at": now,
    }  # fmt: skip


def requests_of(known: Known) -> dict[str, tuple[str, str]]:
    """Title -> path and what the script of wrk adds."""
    gate = f"/api/v1/gate?repository={known.repository}&environment=prod&change={known.change}"
    unchanged = f"""wrk.headers["If-None-Match"] = '{known.etag}'"""
    return {
        "100 changes (JSON)": ("/api/v1/changes?limit=100", ""),
        "one change": (f"/api/v1/changes/{known.change}", ""),
        "1,000 repositories, a page": ("/api/v1/repositories", ""),
        "windows of the calendar": ("/api/v1/windows?calendar=releases", ""),
        "the gate (keeps its answer)": (gate, ""),
        "feed, 304": (known.feed, unchanged),
        "feed, 200": (known.feed, ""),
        "readiness": ("/readyz", ""),
        "write: a team": ("/api/v1/teams", POST.format(token=known.token)),
    }


def wrk(url: str, token: str, more: str, seconds: int, connections: int) -> tuple[float, ...]:
    """Requests, requests a second, p50, p95, p99 in ms, and how many were not answered as they should."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.replace("{token}", token).replace("{more}", more))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\S+) (\S+) (\S+) (\S+) (\d+)", told)
    assert found is not None, told
    return tuple(float(one) for one in found.groups())


def queries(store: Store, folder: Path, known: Known) -> dict[str, int]:
    """Title -> statements that one request makes, those that recognise the caller included.

    A feed's one look-up goes past SQLAlchemy and is counted by hand.
    """
    app = create_app(
        Settings(data_dir=str(folder), database_url=store.url, secret_key="benchmark", rate_limit=""), store
    )
    client = app.test_client()
    count = 0

    def heard(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal count
        count += not statement.startswith(("BEGIN", "PRAGMA"))

    event.listen(store.engine, "before_cursor_execute", heard)
    found = {}
    for number, (title, (path, more)) in enumerate(requests_of(known).items()):
        for _ in range(2):
            count = 0
            headers = {"Authorization": f"Bearer {known.token}"}
            body = {"slug": f"q{number}-{_}-{os.getpid()}", "name": "Q"} if "POST" in more else None
            answer = client.post(path, json=body, headers=headers) if body else client.get(path, headers=headers)
            assert answer.status_code in {200, 201}, (path, answer.text[:300])
        found[title] = count + title.startswith("feed")
    event.remove(store.engine, "before_cursor_execute", heard)
    return found


def own_time(process: int) -> float:
    """Seconds of processor that a process and its children, also those that ended, have used until now."""
    total = 0
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    for one in (str(process), *children):
        told = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(each) for each in told[11 : 15 if one == str(process) else 13])
    return total / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> list[int]:
    """MB (proportional set size) of a process and of its children."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    found = []
    for one in (str(process), *children):
        told = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.MULTILINE)
        found.append(int(told[1]) // 1024 if told else 0)
    return found


@dataclass(frozen=True, slots=True)
class Prepared:
    """What ``prepare`` left in its folder."""

    folder: Path
    cluster: PostgresCluster

    @property
    def urls(self) -> dict[str, str]:
        """Kind -> URL of a filled database."""
        return {"sqlite": f"sqlite:///{self.folder / 'load.db'}", "postgresql": f"{self.cluster.url}/postgres"}

    def known(self, kind: str) -> Known:
        """What the requests to one of them need."""
        return Known(**json.loads((self.folder / f"{kind}.json").read_text()))

    @classmethod
    def at(cls, folder: Path) -> Prepared:
        """As it was prepared."""
        kept = json.loads((folder / "cluster.json").read_text())
        return cls(folder, PostgresCluster(Path(kept["programs"]), kept["user"], Path(kept["folder"]), kept["port"]))


def prepare(folder: Path) -> None:
    """Fill both databases; PostgreSQL is left stopped."""
    (folder / "data").mkdir(parents=True)
    cluster = PostgresCluster.make()
    (folder / "cluster.json").write_text(json.dumps(asdict(cluster), default=str))
    cluster.start("")
    try:
        for kind, url in Prepared(folder, cluster).urls.items():
            migrate.upgrade(url)
            store = Store(url)
            (folder / f"{kind}.json").write_text(json.dumps(asdict(fill(store, clock.now()))))
            store.close()
    finally:
        cluster.stop("fast")


def measure(prepared: Prepared, kind: str, processes: int, seconds: int, connections: int) -> None:
    """Print one table. PostgreSQL keeps what it is told (fsync)."""
    url, known = prepared.urls[kind], prepared.known(kind)
    postmaster = None
    if kind == "postgresql":
        prepared.cluster.start("")
        postmaster = int((prepared.cluster.folder / "data" / "postmaster.pid").read_text().split()[0])
    try:
        store = Store(url)
        counted = queries(store, prepared.folder, known)
        store.close()
        print(f"\n{kind}, web processes: {processes}\n")
        print("| | requests/s | p50 ms | p95 ms | p99 ms | own ms | database ms | per core | queries | refused |")
        print("| --- " * 10 + "|")
        titles = list(requests_of(known))
        for limit, chosen in (("", titles), ("1000000/minute", ["one change"])):
            settings = {"WEB_PROCESSES": str(processes), "RATE_LIMIT": limit, "RATE_LIMIT_STORAGE": "database://"}
            served = Installation(prepared.folder / "data", url, settings=settings, token=known.token, port=free_port())
            try:
                served.serve("--no-worker")
                parent = served.processes[0].pid
                known = replace(known, etag=served.ask(known.feed).headers["ETag"])
                for title in chosen:
                    path, more = requests_of(known)[title]
                    address = f"http://127.0.0.1:{served.port}{path}"
                    wrk(address, known.token, more, 1, connections)  # each process has answered before
                    before = own_time(parent), own_time(postmaster) if postmaster else 0.0
                    made, rate, *times, wrong = wrk(address, known.token, more, seconds, connections)
                    own = (own_time(parent) - before[0]) / max(made, 1)
                    theirs = ((own_time(postmaster) if postmaster else 0.0) - before[1]) / max(made, 1)
                    p50, p95, p99 = (f"{one:.1f}" for one in times)
                    said = f"{title}, limit counted in the database" if limit else title
                    print(
                        f"| {said} | {rate:,.0f} | {p50} | {p95} | {p99} | {own * 1000:.2f} | {theirs * 1000:.2f} | "
                        f"{1 / own if own else 0:,.0f} | {counted[title]} | {wrong:.0f} |",
                        flush=True,
                    )
                if not limit:
                    held = memory(parent)
            finally:
                served.stop()
        print(f"\nMemory, parent and web processes: {held} MB", flush=True)
    finally:
        if kind == "postgresql":
            with suppress(AssertionError):
                prepared.cluster.stop("fast")


def main() -> None:
    """One step of it."""
    logs.configure("error")
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("step", choices=["prepare", "measure", "clean"])
    told.add_argument("folder", type=Path)
    told.add_argument("database", nargs="?", choices=["sqlite", "postgresql"])
    told.add_argument("processes", nargs="?", type=int, default=1)
    told.add_argument("--seconds", type=int, default=5)
    told.add_argument("--connections", type=int, default=4)
    chosen = told.parse_args()
    if chosen.step == "prepare":
        prepare(chosen.folder)
    elif chosen.step == "measure":
        measure(Prepared.at(chosen.folder), chosen.database, chosen.processes, chosen.seconds, chosen.connections)
    else:
        Prepared.at(chosen.folder).cluster.remove()
        shutil.rmtree(chosen.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
