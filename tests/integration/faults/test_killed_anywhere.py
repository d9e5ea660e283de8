"""Kill -9 at random points of sync, plan, approve and publish: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text, update

from release_mgmt.core.permissions import Action, Role, Via, trusted
from release_mgmt.services import audit, calendars, people, repositories
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.store.models import Base
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.people import AuditRow, Person
from release_mgmt.store.models.publishing import NoteRow, RevisionRow
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.support.steady import NOON
from tests.support.waiting import LIMIT

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[3]
LIFE = Path(__file__).with_name("life.py")
# What must come out the same; the columns left out hold instants, or ids that are drawn.
COMPARED = {
    "tags": ("name", "sha", "moved", "gone_at"),
    "releases": ("id", "version", "previous_id", "position", "changes", "majors"),
    "commits": ("sha", "parents", "subject"),
    "changes": ("id", "title", "state", "level", "kind", "release_id", "rank"),
    "change_commits": ("change_id", "sha", "position"),
    "classifications": ("change_id", "level", "kind", "rule"),
    "publications": ("repository", "version", "state"),
    "placements": ("change_id", "environment", "window", "starts_at"),
    "business_notes": ("change_id", "language", "text"),
}
# The parts of a day, and about how long each lasts in seconds while there is something to do.
LASTS = {"read": 0.5, "approve": 0.08, "tell": 0.03}


class Life:
    """A process that lives days of work, each in a fork of its own (``life.py``)."""

    def __init__(self, store: Store, data: Path) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(LIFE), store.url, str(data)], env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._until("ready")

    def _until(self, word: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # log lines go the same way
            if line.strip() in {word, "failed"}:
                assert line.strip() == word, self.end()
                return
        raise AssertionError(self.end())

    def day(self, part: str = "", kill_after: float = 0) -> None:
        """One day, killed some seconds after a part of it began."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"kill {part} {kill_after}\n" if part else "live\n")
        self.process.stdin.flush()
        self._until("ok")

    def end(self) -> str:
        """Stop; what it wrote to standard error."""
        _, errors = self.process.communicate(timeout=LIMIT)
        return errors[-3000:]


def grow(repo: GitRepo, number: int) -> None:
    repo.commit(f"Tune {number}. (#{number + 1})", {"train.py": f"import numpy\nrate = 0.{number}\n"})
    if number % 2:
        repo.commit(f"Use library {number}.", {"requirements.txt": "".join(f"lib{n}==1\n" for n in range(number + 1))})
    repo.tag(f"v1.{number}.0")


def found_in(store: Store) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with store.read() as session:
        for name, columns in COMPARED.items():
            table = Base.metadata.tables[name]
            rows = session.execute(select(*(table.c[one] for one in columns))).all()
            found[name] = sorted((tuple(row) for row in rows), key=repr)
        votes = select(VoteRow.change_id, VoteRow.environment, VoteRow.verdict, Person.login)
        standing = votes.join(Person, Person.id == VoteRow.person_id).where(VoteRow.ended_at.is_(None))
        found["votes"] = sorted(tuple(row) for row in session.execute(standing))
    return found


def organisation(store: Store, repo: GitRepo) -> None:
    for login in ("ada", "grace"):
        grants = (people.Grant(Role.RELEASE_MANAGER, "*"),)
        people.add(store, OPERATOR, NOON, name=login.title(), login=login, grants=grants)
    document = load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0]
    calendars.apply(store, OPERATOR, NOON, document)
    allowed = repositories.policy((str(repo.path.parent),), ())
    repositories.register(
        store, OPERATOR, NOON, location=str(repo.path), allowed=allowed,
        adopted_at=NOON - timedelta(days=3000),
    )  # fmt: skip
    with store.write() as session:  # the ids of changes begin with the repository's
        session.execute(update(Repository).values(id="r_killed"))


def whole(store: Store) -> None:
    """The database holds together, and each act has its one row in the audit log and no other."""
    if store.sqlite:
        with store.read() as session:
            assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    assert audit.verify_chain(store, OPERATOR).fault is None
    with store.read() as session:
        told = Counter(session.scalars(select(AuditRow.action)))
        count = {table: session.scalar(select(func.count()).select_from(table)) for table in (VoteRow, NoteRow)}
        written = session.scalar(select(func.count()).where(RevisionRow.reason == "Notes were written."))
    assert told[Action.APPROVE] == count[VoteRow]
    assert told["note.set"] == count[NoteRow]
    assert told["publication.revise"] == written


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.long)])
def test_killed_at_any_point_the_work_comes_out_as_if_nothing_had_happened(
    store: Store, git_repo: GitRepo, tmp_path: Path, sqlite_template: Path, kills: int
) -> None:
    """Sync, classify, plan, approve, publish and revise, killed anywhere, with history growing between the kills."""
    chance = random.Random(kills)
    every = max(2, kills // 25)  # a long history would make each day long, and the kills fall into fewer parts of it
    grow(git_repo, 0)
    organisation(store, git_repo)
    (tmp_path / "killed").mkdir()
    life = Life(store, tmp_path / "killed")
    for kill in range(kills):
        if kill % every == 1:
            grow(git_repo, 1 + kill // every)
        part = chance.choice(list(LASTS))
        life.day(part, LASTS[part] * chance.random())
    life.day()
    life.day()  # what was approved may be told only now
    assert life.end() == ""
    whole(store)

    quiet = tmp_path / "quiet.db"
    quiet.write_bytes(sqlite_template.read_bytes())
    control = Store(f"sqlite:///{quiet}")
    organisation(control, git_repo)
    (tmp_path / "calm").mkdir()
    life = Life(control, tmp_path / "calm")
    life.day()
    life.day()
    assert life.end() == ""
    wanted = found_in(control)
    assert all(wanted.values()), {name: len(rows) for name, rows in wanted.items()}
    assert found_in(store) == wanted
    control.close()
