"""An installation with a repository, a plan, a feed and a token of somebody who may do everything."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Role, Scope, Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import calendars, feeds, jobs, people, repositories, tokens
from release_mgmt.settings import Settings
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.support.served import ROOT, Installation
from tests.support.waiting import until

OPERATOR = trusted("operator", Via.CLI)


@dataclass(frozen=True, slots=True)
class Town:
    """What its installation answers to."""

    token: str
    feed: str
    change: str
    repository: str


def settle(store: Store, repo: GitRepo, data: Path) -> Town:
    """Read ``repo`` and plan it."""
    now = clock.now()
    everything = tuple(people.Grant(role) for role in Role)
    person = people.add(store, OPERATOR, now, name="Root", login="root", grants=everything).id
    scopes = tuple(scope.value for scope in Scope)
    token = tokens.create(store, OPERATOR, now, name="tests", scopes=scopes, person=person).secret
    assert token is not None
    calendars.apply(store, OPERATOR, now, load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0])
    repo.commit("Begin. (#1)", {"train.py": "import numpy\nrate = 0.1\n"})
    repo.tag("v1.0.0")
    repo.commit("Tune. (#2)", {"train.py": "import numpy\nrate = 0.2\n"})
    allowed = repositories.policy((str(repo.path.parent),), ())
    made = repositories.register(
        store, OPERATOR, now, location=str(repo.path), allowed=allowed, adopted_at=now - timedelta(days=3000)
    ).id
    job = jobs.enqueue(store, OPERATOR, now, pipeline.REFRESH, made)
    settings = Settings(data_dir=str(data), database_url=store.url, repository_roots=(str(repo.path.parent),))
    run_here(store, settings, job, lambda _: None)
    with store.read() as session:
        change = session.scalars(select(PlacementRow.change_id).where(PlacementRow.window.is_not(None))).first()
    assert change is not None
    feed = feeds.create(store, OPERATOR, now, name="All", audience="engineering").token
    return Town(token, f"/feeds/{feed}/calendar.ics", change, made)


def works(store: Store, town: Town, worker: subprocess.Popen[bytes], installation: Installation) -> None:
    """Wait until a worker that was just started has done a job: it says that it lives before its engine has started."""
    job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, town.repository)
    until(lambda: worker.poll() is not None or job not in jobs.active(store), lambda: installation.log[-3000:])
    assert worker.poll() is None, installation.log
