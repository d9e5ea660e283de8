"""A demonstration: three repositories made by git, read by the real pipeline, planned by a real calendar.

The browser tests walk through it and the pictures of the documentation are taken of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.owners import TeamRule
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import (
    calendars,
    classification,
    feeds,
    forges,
    maturity_course,
    mirrored,
    people,
    publications,
    refresh,
    repositories,
    requests,
    rollback_plans,
    signin,
    sync,
    teams,
    windows,
)
from release_mgmt.services.actors import SessionLimits
from release_mgmt.services.people import Grant
from release_mgmt.settings import Settings
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store
from tests.conftest import GitRepo

OPERATOR = trusted("operator", Via.CLI)
PASSWORD = "correct horse battery staple"
PEOPLE = (
    ("ana", "Ana Keller", (Role.READER, Role.ENGINEER)),
    ("ben", "Ben Ode", (Role.READER, Role.RELEASE_MANAGER)),
    ("mia", "Mia Roth", (Role.READER, Role.RELEASE_MANAGER)),
    ("cem", "Cem Aydin", (Role.READER,)),
    ("dora", "Dora Ngo", (Role.READER, Role.ADMINISTRATOR)),
)
HOSTILE = "Raise the threshold for small baskets <b>now</b>"


@dataclass
class Demo:
    """The application, its store, and who is in it."""

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
                session, person, clock.now(), method="password", limits=SessionLimits(), origin=None, agent="Chromium"
            ).cookie


def _settings(folder: Path) -> Settings:
    return Settings(
        data_dir=str(folder), database_url=f"sqlite:///{folder / 'release-mgmt.db'}", secret_key="a key for tests only",
        rate_limit="", repository_roots=(str(folder),),
    )  # fmt: skip


def demo(folder: Path) -> Demo:
    """Fill the migrated database in ``folder`` and open it."""
    now = clock.now()
    store = Store(_settings(folder).database_url)
    _people(store, now)
    calendars.apply(store, OPERATOR, now, _calendar(now), reason="To begin with.")
    made = (_pricing(folder, now), _fraud(folder, now), _elasticity(folder, now))
    for path, team in zip(made, ("pricing", "fraud", "pricing"), strict=True):
        _read(store, folder, path, team, now)
    _teams(store)
    refresh.replan(store, OPERATOR, now, ["releases"])
    store.close()
    found = opened(folder)
    _words(found)
    return found


def opened(folder: Path) -> Demo:
    """The demonstration in ``folder``, which was filled before."""
    chosen = _settings(folder)
    store = Store(chosen.database_url)
    with store.read() as session:
        ids = {login: key for login, key in session.execute(select(Person.login, Person.id)) if login}
    return Demo(create_app(chosen, store), store, ids, clock.now())


def _people(store: Store, now: datetime) -> dict[str, str]:
    ids = {}
    for login, name, roles in PEOPLE:
        made = people.add(store, OPERATOR, now, name=name, login=login, grants=tuple(Grant(role) for role in roles))
        ids[login] = made.id
        address = f"{name.lower().replace(' ', '.')}@example.org"
        people.link(store, OPERATOR, now, made.id, kind="email", value=address)
    link = signin.make_link(store, OPERATOR, now, ids["ana"])
    signin.follow_link(store, now, link, password=PASSWORD, limits=SessionLimits(), origin=None)
    rules = {"pricing": "*", "fraud": "fraud-*"}
    for slug, name, members in (
        ("pricing", "Pricing", ["cem"]),
        ("fraud", "Fraud", ["cem"]),
        ("platform", "Platform", ["ana"]),
    ):
        teams.add(store, OPERATOR, now, slug=slug, name=name, kind="engineering" if slug == "platform" else "business")
        wanted = [TeamRule(slug, rules[slug])] if slug in rules else []
        teams.change(store, OPERATOR, now, slug, members=[ids[one] for one in members], rules=wanted)
    return ids


def _calendar(now: datetime) -> dict[str, object]:
    """Every Tuesday evening, and a freeze of three days in the week after next."""
    tuesday = (now - timedelta(days=now.weekday() + 20)).date()
    frozen = (now - timedelta(days=now.weekday()) + timedelta(days=17)).date()
    return {
        "calendar": "Releases",
        "time_zone": "Europe/Berlin",
        "environments": ["staging", "prod"],
        "business_days": {"weekend": ["sat", "sun"], "cut_off": "16:00", "holidays": {"country": "DE"}},
        "policy": {
            "notice": {"minor": 1, "major": 3},
            "capacity": {"points": 6, "minor": 1, "major": 3, "most_major": 1},
            "approvals": {
                "minor": {"release_managers": 1},
                "major": {"release_managers": 2, "each_affected_team": True},
            },
            "default": "closed",
        },
        "series": [
            {
                "id": "weekly", "title": "Weekly release", "levels": ["minor", "major"], "environments": ["prod"],
                "start": f"{tuesday}T18:00", "end": f"{tuesday}T22:00", "rrule": "FREQ=WEEKLY",
            }
        ],
        "freezes": [
            {
                "id": "inventory", "days": [str(frozen), str(frozen + timedelta(days=3))], "hard": True,
                "reason": "Counting the stock", "scope": {"environments": ["prod"]},
            }
        ],
    }  # fmt: skip


def _repo(folder: Path, name: str, now: datetime) -> GitRepo:
    path = folder / name
    path.mkdir()
    made = GitRepo(path, now - timedelta(days=90))
    made.git("init", "-q", "-b", "main")
    return made


def _merge(repo: GitRepo, number: int, title: str, files: dict[str, str | bytes | None], days: float = 4) -> None:
    """A pull request, merged ``days`` after the one before."""
    repo.clock += timedelta(days=days)
    repo.branch(f"work-{number}")
    repo.commit(title, files, author="Ana Keller")
    repo.switch("main")
    repo.merge(f"work-{number}", f"Merge pull request #{number} from acme/work-{number}\n\n{title}")


def _pricing(folder: Path, now: datetime) -> Path:
    repo = _repo(folder, "pricing-model", now)
    params = "lr: {lr}\ndepth: {depth}\nthreshold: 0.5\nrounds: 200\n"
    repo.commit("Begin the pricing model", {
        "params.yaml": params.format(lr="0.01", depth=6), "requirements.txt": "pandas>=2\nscikit-learn>=1.4\n",
        "src/price.py": "import pandas as pd\n\n\ndef price(rows):\n    return pd.DataFrame(rows)\n",
    }, author="Ana Keller")  # fmt: skip
    repo.tag("v1.0.0")
    _merge(repo, 11, "Read the feature store for the base price", {
        "src/store.py": "def features(key):\n    return {'key': key}\n"}, 20)  # fmt: skip
    _merge(repo, 12, "Grow the trees to depth 7", {"params.yaml": params.format(lr="0.01", depth=7)}, 10)
    repo.tag("v1.1.0")
    _merge(repo, 13, "Explain each price with SHAP", {
        "requirements.txt": "pandas>=2\nscikit-learn>=1.4\nshap>=0.45\n",
        "src/explain.py": "import shap\n\n\ndef explain(model):\n    return shap.Explainer(model)\n"}, 20)  # fmt: skip
    repo.tag("v1.2.0")
    repo.clock = now - timedelta(days=4)
    _merge(repo, 14, "Learning rate 0.01 to 0.02", {"params.yaml": params.format(lr="0.02", depth=7)}, 0.2)
    rounded = "import pandas as pd\n\n\ndef price(rows):\n    return pd.DataFrame(rows).round(2)\n"
    _merge(repo, 15, "Round prices in the export", {"src/price.py": rounded}, 0.3)
    _merge(repo, 16, "Describe the base price", {"README.md": "# Pricing\n\nHow a price is made.\n"}, 0.3)
    _merge(repo, 17, HOSTILE, {"params.yaml": params.format(lr="0.02", depth=7).replace("0.5", "0.55")}, 0.3)
    return repo.path


def _fraud(folder: Path, now: datetime) -> Path:
    repo = _repo(folder, "fraud-scoring", now)
    code = "from sklearn.ensemble import RandomForestClassifier\n\nMODEL = RandomForestClassifier(n_estimators={n})\n"
    repo.commit("Begin the fraud score", {
        "requirements.txt": "scikit-learn>=1.4\n", "model.py": code.format(n=200)}, author="Ana Keller")  # fmt: skip
    repo.tag("v0.9.0")
    _merge(repo, 7, "Twice as many trees", {"model.py": code.format(n=400)}, 30)
    repo.tag("v1.0.0")
    repo.clock = now - timedelta(days=3)
    _merge(repo, 8, "Fraud model on LightGBM", {
        "requirements.txt": "scikit-learn>=1.4\nlightgbm>=4.5\n",
        "model.py": "import lightgbm as lgb\n\nMODEL = lgb.LGBMClassifier(n_estimators=400)\n"}, 0.2)  # fmt: skip
    _merge(repo, 9, "Score at most 500 rows at once", {"config.yaml": "batch: 500\n"}, 0.3)
    return repo.path


def _elasticity(folder: Path, now: datetime) -> Path:
    repo = _repo(folder, "elasticity", now)
    description = "Package: elasticity\nVersion: 0.1.0\nImports:\n    dplyr{more}\n"
    repo.commit("Begin the elasticities", {
        "DESCRIPTION": description.format(more=""), "R/fit.R": "fit <- function(d, df = 3) lm(q ~ p, d)\n"},
        author="Ana Keller")  # fmt: skip
    repo.tag("0.1.0")
    repo.clock = now - timedelta(days=3)
    _merge(repo, 3, "Smooth with mgcv", {
        "DESCRIPTION": description.format(more=",\n    mgcv"),
        "R/fit.R": "fit <- function(d, df = 3) mgcv::gam(q ~ s(p), data = d)\n"}, 0.4)  # fmt: skip
    _merge(repo, 4, "Retrain on the summer", {"config.yaml": "from: 2026-06-01\nto: 2026-08-31\n"}, 0.3)
    return repo.path


def _read(store: Store, folder: Path, path: Path, team: str, now: datetime) -> None:
    """Register, fetch, classify and publish, as the job does."""
    allowed = AddressPolicy(roots=(folder,))
    made = repositories.register(
        store, OPERATOR, now, location=str(path), allowed=allowed, owner_team=team, calendar="releases",
        adopted_at=now - timedelta(days=10),
    )  # fmt: skip
    sources = mirrored.Sources(allowed, folder / "mirrors")
    sync.sync(store, OPERATOR, now, made.id, sources=sources, every=timedelta(hours=1))
    source = mirrored.opened(sources, made.id)
    classification.classify_repository(store, OPERATOR, now, made.name, source)
    refresh.publish(store, OPERATOR, now, made.id)
    maturity_course.take(store, now, made.id, source)
    address = f"https://forge.example/acme/{made.name}"
    repositories.edit(store, OPERATOR, now, made.name, version=None, values={"web_url": address})
    forges.connect(store, OPERATOR, now, made.name, provider="github", forge_slug=f"acme/{made.name}")


def _words(found: Demo) -> None:
    """A note for the business, a request of theirs, a feed of nobody's, and a plan for when it goes wrong."""
    change = change_id(found, "Fraud model on LightGBM")
    publications.set_note(
        found.store, OPERATOR, found.now, change, language="en",
        text="Scores are there an hour earlier each day. Cases near the limit may change sides.",
    )  # fmt: skip
    asked = requests.create(
        found.store, OPERATOR, found.now, title="Fewer false alarms in fraud", metric="precision", owner="ana",
        expected_from="0.80", expected_to="0.90",
    )  # fmt: skip
    requests.link(found.store, OPERATOR, found.now, asked.id, change)
    feeds.create(found.store, OPERATOR, found.now, name="For the notice board")
    rollback_plans.put(found.store, OPERATOR, found.now, change, how="Switch the flag `fraud_model` back to `forest`.")


def _teams(store: Store) -> None:
    """Which teams each change affects."""
    with store.write() as session:
        for change in session.scalars(select(Change)):
            change.affected_teams = ["fraud", "pricing"] if "LightGBM" in change.title else ["pricing"]


def window_of(found: Demo, title: str) -> str:
    """The address of the window that holds the change with this title."""
    place = windows.of_change(found.store, OPERATOR, change_id(found, title))[0]
    return f"/windows/{place.calendar}/{place.window}"


def change_id(found: Demo, title: str) -> str:
    """The id of the change with this title."""
    from release_mgmt.services import changes

    items = changes.search(found.store, OPERATOR, changes.Filter(text=title)).items
    return next(one.id for one in items if one.title == title)


def request_id(found: Demo) -> str:
    """The id of the newest business request."""
    return requests.search(found.store, OPERATOR).items[0].id


def feed_id(found: Demo) -> str:
    """The id of the oldest feed, which is nobody's."""
    return feeds.every(found.store, OPERATOR).items[-1].id
