"""A program that lives a day of work again and again in a process of its own, which its caller has killed at will.

``python life.py DATABASE DATA_FOLDER``; then a line on standard input: ``kill PART SECONDS`` (live, killed by SIGKILL
that long after the part of the day began) or ``live`` (one whole day); ``ok`` or ``failed`` comes back. The process is
forked from this one, which has everything imported and nothing open, so that a kill falls into work and not into the
start of Python.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress

from sqlalchemy import select

import release_mgmt.sources.git  # noqa: F401 - imported before the fork
from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.approvals import Verdict
from release_mgmt.core.errors import Conflict, Forbidden
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import actors, approvals, jobs, publications
from release_mgmt.services.publications import notes
from release_mgmt.settings import Settings
from release_mgmt.store.models.publishing import NoteRow, PublicationRow, RevisionRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.support.steady import steady
from tests.support.waiting import LIMIT

OPERATOR = trusted("operator", Via.CLI)
MANAGERS = ("ada", "grace")


def read_and_plan(store: Store, settings: Settings) -> None:
    """Sync, classify, plan and publish: the job as a worker carries it out."""
    with store.read() as session:
        repository = session.scalars(select(Repository.id)).one()
    job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, repository)
    run_here(store, settings, job, lambda _: None)


def approve(store: Store, settings: Settings) -> None:
    """Both release managers approve whatever has a window."""
    with store.read() as session:
        placed = session.execute(
            select(PlacementRow.change_id, PlacementRow.environment).where(PlacementRow.window.is_not(None))
        ).all()
    for change, environment in sorted((one.change_id, one.environment) for one in placed):
        for login in MANAGERS:
            actor = actors.by_login(store, login, clock.now())
            with suppress(Conflict, Forbidden):  # voted already, or not theirs
                approvals.vote(store, actor, clock.now(), change, environment, Verdict.APPROVE)


def tell(store: Store, settings: Settings) -> None:
    """A business note on each change of the releases, and a revision of the changelog that holds it."""
    actor = actors.by_login(store, MANAGERS[0], clock.now())
    with store.read() as session:
        noted = set(session.scalars(select(NoteRow.change_id)))
        missing = sorted(set(session.scalars(select(Change.id).where(Change.release_id.is_not(None)))) - noted)
        texts = session.execute(
            select(PublicationRow.id).join(RevisionRow, RevisionRow.publication_id == PublicationRow.id).distinct()
        ).scalars()
        published = sorted(texts)
    for change in missing:
        notes.set_note(store, actor, clock.now(), change, language="en", text=f"Prices follow {change}.")
    for key in published:
        with suppress(Conflict):  # nothing differs
            publications.revise(store, actor, clock.now(), key, reason="Notes were written.")


PARTS = {"read": read_and_plan, "approve": approve, "tell": tell}


def day(url: str, data: str, begun: int | None = None) -> None:
    """Everything once; the name of each part is written to ``begun`` as it begins."""
    store = Store(url, lock_timeout=LIMIT, statement_timeout=LIMIT)
    settings = Settings(
        data_dir=data, database_url=url, secret_key="a key for tests only", repository_roots=(os.path.dirname(data),)
    )
    for name, part in PARTS.items():
        if begun is not None:
            os.write(begun, f"{name}\n".encode())
        part(store, settings)
    store.close()


def live(url: str, data: str, part: str = "", seconds: float = 0) -> bool:
    """Fork, live in the child, kill it ``seconds`` after it began ``part``; whether it ended as it should."""
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            day(url, data, telling)
            while part:  # the kill is to come
                day(url, data)
            code = 0
        except BaseException:  # noqa: BLE001 - told to whoever started it
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(telling)
    with os.fdopen(told) as parts:
        for name in parts:
            if name.strip() == part:
                time.sleep(seconds)
                os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) in ((0, -signal.SIGKILL) if part else (0,))


def main() -> None:
    """Answer lines until there is none."""
    clock.use_packaged_zones()
    clock.now = steady(time.monotonic())
    url, data = sys.argv[1:]
    assert threading.active_count() == 1, "a fork copies one thread"
    print("ready", flush=True)
    for line in sys.stdin:
        _, *when = line.split()
        good = live(url, data, when[0], float(when[1])) if when else live(url, data)
        print("ok" if good else "failed", flush=True)


if __name__ == "__main__":
    main()
