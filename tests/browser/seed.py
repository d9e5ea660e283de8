"""An installation with people of every role, two repositories and changes of both levels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import people, signin, teams
from release_mgmt.services.people import Grant
from release_mgmt.settings import Settings
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change, ClassificationRow, Release, Repository
from release_mgmt.store.session import Store
from release_mgmt.web.auth import SessionLimits

OPERATOR = trusted("operator", Via.CLI)
PASSWORD = "correct horse battery staple"
PEOPLE = (
    ("ana", "Ana Keller", (Role.READER, Role.ENGINEER)),
    ("ben", "Ben Ode", (Role.READER, Role.RELEASE_MANAGER)),
    ("cem", "Cem Aydin", (Role.READER,)),
    ("dora", "Dora Ngo", (Role.READER, Role.ADMINISTRATOR)),
)
TITLES = (
    "Fraud model on LightGBM",
    "Learning rate 0.01 to 0.02",
    "Round prices in the export",
    "Retrain the elasticity on the summer",
    "Drop the old scaler",
    "Raise the decision threshold for small baskets <b>now</b>",
)


@dataclass
class Seeded:
    """The application, its store and who is in it."""

    app: Flask
    store: Store
    ids: dict[str, str]
    now: datetime

    def sign_in(self, login: str) -> str:
        """The session cookie of somebody."""
        with self.store.write() as session:
            person = session.get(Person, self.ids[login])
            assert person is not None
            return signin.open_session(
                session, person, self.now, method="password", limits=SessionLimits(), origin=None, agent="Chromium"
            ).cookie


def seed(folder: Path) -> Seeded:
    """Fill the migrated database in ``folder``."""
    now = clock.now()
    url = f"sqlite:///{folder / 'release-mgmt.db'}"
    store = Store(url)
    chosen = Settings(
        data_dir=str(folder), database_url=url, secret_key="a key for tests only", rate_limit="",
        repository_roots=(str(folder),),
    )  # fmt: skip
    ids = {}
    for login, name, roles in PEOPLE:
        made = people.add(store, OPERATOR, now, name=name, login=login, grants=tuple(Grant(role) for role in roles))
        ids[login] = made.id
    link = signin.make_link(store, OPERATOR, now, ids["ana"])
    signin.follow_link(store, now, link, password=PASSWORD, limits=SessionLimits(), origin=None)
    for slug, name, members in (("pricing", "Pricing", ["cem"]), ("fraud", "Fraud", []), ("platform", "Platform", [])):
        teams.add(store, OPERATOR, now, slug=slug, name=name, kind="business")
        teams.change(store, OPERATOR, now, slug, members=[ids[one] for one in members])
    with store.write() as session:
        _repositories(session, now)
        for number in range(18):
            _change(session, now, number, ids["ana"])
    return Seeded(create_app(chosen, store), store, ids, now)


def _repositories(session: Session, now: datetime) -> None:
    for name in ("pricing-model", "fraud-scoring"):
        session.add(
            Repository(
                id=f"r_{name}", name=name, location=f"https://forge.example/{name}", provider="github",
                web_url=f"https://forge.example/acme/{name}", default_branch="main", calendar=None, settings={},
                diagnostics=[], adopted_at=now - timedelta(days=60), created_at=now, updated_at=now, synced_at=now,
                owner_team="pricing", description="What every quote is priced by",
            )
        )  # fmt: skip
    session.flush()
    for number in range(3):
        session.add(
            Release(
                id=f"rel{number}", repository_id="r_pricing-model", version=f"1.{number}.0", package=None,
                tag=f"v1.{number}.0", sha="a" * 40, previous_id=f"rel{number - 1}" if number else None,
                position=number, released_at=now - timedelta(days=200 - 60 * number), changes=4, majors=1,
                section={"accounting": {"commits": 9, "shown": 4, "folded": 5}},
            )
        )  # fmt: skip
    session.flush()


def _change(session: Session, now: datetime, number: int, owner: str) -> None:
    level, released = "major" if number % 6 == 0 else "minor", number > 6
    at = now - timedelta(hours=9 * number)
    kind = "new_library" if level == "major" else "parameter_only"
    session.add(
        Change(
            id=f"c{number}", repository_id="r_fraud-scoring" if number % 3 == 0 else "r_pricing-model",
            key=f"k{number}", title=TITLES[number % 6], summary=None, author="Ana Keller", owner=owner,
            provider="github", number=100 + number, url=f"https://forge.example/acme/x/pull/{100 + number}",
            state="released" if released else "draft", level=level, kind=kind, needs_review=number % 5 == 1,
            head_sha="b" * 40, merged_at=at, happened_at=at, rank=20 - number, record={}, created_at=now,
            release_id=f"rel{number % 3}" if released and number % 3 else None, updated_at=now,
            affected_teams=["pricing"] if number % 2 else ["fraud", "pricing"],
        )
    )  # fmt: skip
    session.flush()
    library = {"kind": "new_library", "path": "requirements.txt", "subject": "lightgbm", "old": None, "new": "4.5.0"}
    tweak = {"kind": "parameter", "path": "params.yaml", "subject": "lr", "old": "0.01", "new": "0.02"}
    fact = {**(library if level == "major" else tweak), "line": 4, "level": level, "rule": kind}
    session.add(
        ClassificationRow(
            change_id=f"c{number}", content="x", policy="p", level=level, kind=kind, needs_review=False, rule=kind,
            new_libraries=[], evidence=[fact], classified_at=now,
        )
    )  # fmt: skip
