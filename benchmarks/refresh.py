"""What a refresh of a repository costs when there is nothing new, step by step, beside the first one.

Usage: ``PYTHONPATH=. python benchmarks/refresh.py path/to/flask [--days 30] [--rounds 9]``. Prints milliseconds of
processor time, children included: medians over the rounds, in one process that carries out the jobs as a worker does,
with the example calendar on SQLite. What was tagged over ``--days`` ago is history.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select

from release_mgmt import clock, logs
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import calendars, jobs, repositories
from release_mgmt.settings import Settings
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.store import migrate
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store

ROOT = Path(__file__).resolve().parents[1]
OPERATOR = trusted("benchmark", Via.CLI)
OPEN = ("draft", "announced", "approved")


def spent() -> float:
    """Seconds of processor time of this process and its children, so far."""
    found = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in found)


def refresh(store: Store, settings: Settings, repository: str) -> dict[str, float]:
    """Carry out one job; step -> milliseconds, with what is kept of the job itself."""
    at = [("job", spent())]
    job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, repository)
    run_here(store, settings, job, lambda step: at.append((step, spent())))
    done = jobs.get(store, OPERATOR, job)
    if done.state != "done":
        raise SystemExit(f"the job is {done.state}: {done.message}")
    at.append(("end", spent()))
    return {step: 1000 * (after - before) for (step, before), (_, after) in pairwise(at)}


def main() -> None:
    """Print a table for the repository that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    logs.configure("error")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy = folder / given.repository.resolve().name
        subprocess.run(["git", "clone", "-q", "--bare", str(given.repository), str(copy)], check=True)
        settings = Settings(
            data_dir=str(folder), database_url=f"sqlite:///{folder}/bench.db", repository_roots=(str(folder),)
        )
        migrate.upgrade(settings.database_url)
        store, now = Store(settings.database_url), clock.now()
        calendars.apply(store, OPERATOR, now, load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0])
        allowed = repositories.policy(settings.repository_roots, ())
        adopted = repositories.register(store, OPERATOR, now, location=str(copy), allowed=allowed).id
        with store.write() as session:
            session.get_one(Repository, adopted).adopted_at = now - timedelta(days=given.days)
        first = refresh(store, settings, adopted)
        rounds = [refresh(store, settings, adopted) for _ in range(given.rounds)]
        with store.read() as session:
            changes = session.scalar(select(func.count()).select_from(Change))
            coming = session.scalar(select(func.count()).select_from(Change).where(Change.state.in_(OPEN)))
        again = {step: statistics.median(one[step] for one in rounds) for step in first}
        print(f"{changes:,} changes, {coming} of them open; load {os.getloadavg()[0]:.1f}\n")
        print("| step | first, ms | nothing new, ms |\n| --- | --- | --- |")
        for step, before in first.items():
            print(f"| {step} | {before:,.0f} | {again[step]:.0f} |")
        print(f"| all | {sum(first.values()):,.0f} | {sum(again.values()):.0f} |")
        store.close()


if __name__ == "__main__":
    main()
