"""An installation with many changes, written straight into the tables: for what must not grow with their number."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import insert

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import calendars, people, plans, signin, teams
from release_mgmt.services.actors import SessionLimits
from release_mgmt.services.people import Grant
from release_mgmt.settings import Settings
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.session import Store
from release_mgmt.web.auth import cookie_name

OPERATOR = trusted("operator", Via.CLI)
EVERY = 10  # of so many changes one is still to come


def fill(folder: Path, changes: int) -> tuple[Flask, Store, tuple[str, str]]:
    """The application over the migrated database in ``folder``, and the cookie of somebody with every role."""
    url = f"sqlite:///{folder / 'release-mgmt.db'}"
    store, now = Store(url), clock.now()
    roles = (Role.READER, Role.ENGINEER, Role.RELEASE_MANAGER, Role.ADMINISTRATOR)
    mia = people.add(store, OPERATOR, now, name="Mia", login="mia", grants=tuple(Grant(one) for one in roles))
    for slug in ("pricing", "fraud"):
        teams.add(store, OPERATOR, now, slug=slug, name=slug.title(), kind="business")
    for number in range(min(changes // 20, 30)):  # an organisation has tens of teams
        made = people.add(store, OPERATOR, now, name=f"Person {number}", login=f"p{number}")
        slug = f"team-{number}"
        teams.add(store, OPERATOR, now, slug=slug, name=slug.title(), kind="engineering")
        teams.change(store, OPERATOR, now, slug, members=[made.id])
    calendars.apply(store, OPERATOR, now, _calendar(now, changes))
    _rows(store, now, changes)
    plans.replan(store, OPERATOR, now, "releases")
    with store.write() as session:
        person = session.get(Person, mia.id)
        assert person is not None
        cookie = signin.open_session(
            session, person, now, method="password", limits=SessionLimits(), origin=None, agent=None
        ).cookie
    chosen = Settings(data_dir=str(folder), database_url=url, secret_key="a key for tests only", rate_limit="")
    app = create_app(chosen, store)
    return app, store, (cookie_name(chosen), cookie)


def _calendar(now: datetime, changes: int) -> dict[str, object]:
    tuesday = (now - timedelta(days=now.weekday() + 20)).date()
    return {
        "calendar": "Releases", "time_zone": "Europe/Berlin", "environments": ["prod"],
        "policy": {"capacity": {"points": max(6, changes // EVERY // 2)}, "notice": {"minor": 1, "major": 1}},
        "series": [{"id": "weekly", "start": f"{tuesday}T18:00", "end": f"{tuesday}T22:00", "rrule": "FREQ=WEEKLY"}],
        "freezes": [{"id": "stock", "days": [str((now + timedelta(days=200)).date())], "reason": "Stock"}],
    }  # fmt: skip


def _rows(store: Store, now: datetime, changes: int) -> None:
    with store.write() as session:
        for name in ("pricing-model", "fraud-scoring"):
            session.add(
                Repository(
                    id=f"r_{name}", name=name, location=f"https://forge.example/{name}", calendar="releases",
                    adopted_at=now - timedelta(days=60), created_at=now, updated_at=now, synced_at=now, settings={},
                    diagnostics=[],
                )
            )  # fmt: skip
        session.flush()
        versions = max(2, changes // 50)
        session.execute(insert(Release), [
            {
                "id": f"rel{n}", "repository_id": "r_pricing-model", "version": f"1.{n}.0", "tag": f"v1.{n}.0",
                "sha": f"{n:040x}", "position": n, "released_at": now - timedelta(days=versions - n), "changes": 50,
                "previous_id": f"rel{n - 1}" if n else None, "majors": 1, "section": {}, "prerelease": False,
            } for n in range(versions)
        ])  # fmt: skip
        session.execute(insert(Change), [_change(now, n, versions) for n in range(changes)])
        session.execute(insert(ClassificationRow), [
            {
                "change_id": f"c{n}", "content": "x", "policy": "p", "level": _level(n), "kind": "parameter_only",
                "needs_review": False, "rule": "parameter", "new_libraries": [], "classified_at": now,
                "evidence": [{"kind": "parameter", "path": "params.yaml", "line": 4, "subject": "lr", "old": "1",
                              "new": "2", "level": "minor", "rule": "parameter"}],
            } for n in range(changes)
        ])  # fmt: skip


def _level(number: int) -> str:
    return "major" if number % 25 == 0 else "minor"


def _change(now: datetime, number: int, versions: int) -> dict[str, object]:
    coming = number % EVERY == 0
    at = now - timedelta(minutes=20 * number)
    return {
        "id": f"c{number}", "repository_id": "r_pricing-model" if number % 2 else "r_fraud-scoring",
        "key": f"k{number}", "title": f"Change number {number} of the model", "author": "Mia", "provider": "github",
        "number": number, "state": "draft" if coming else "released", "level": _level(number), "ready": coming,
        "kind": "parameter_only", "head_sha": f"{number:040x}", "merged_at": at, "happened_at": at, "rank": -number,
        "release_id": None if coming else f"rel{number % versions}", "affected_teams": ["pricing"], "record": {},
        "created_at": now, "updated_at": now,
    }  # fmt: skip
