"""Two versions at once: the database is upgraded under the old version, then the new one joins it."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.services import audit, jobs, teams
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.integration.faults.town import OPERATOR, settle
from tests.support.served import ROOT, Installation
from tests.support.waiting import LIMIT, until

# What the next version's migration may do by the rule of the template: add.
NEXT = '''"""The next version.

Revision: 9999_next, after {head}
"""

import sqlalchemy as sa
from alembic import op

revision = "9999_next"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("next_things", sa.Column("id", sa.String(), primary_key=True))
    with op.batch_alter_table("teams") as teams:
        teams.add_column(sa.Column("colour", sa.String(), nullable=True))
    with op.batch_alter_table("changes") as changes:
        changes.add_column(sa.Column("score", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_changes_score", "changes", ["score"])


def downgrade() -> None:
    op.drop_index("ix_changes_score", "changes")
    with op.batch_alter_table("changes") as changes:
        changes.drop_column("score")
    with op.batch_alter_table("teams") as teams:
        teams.drop_column("colour")
    op.drop_table("next_things")
'''


def next_version(folder: Path) -> Path:
    """A checkout of the version after this one: this one's code with one more migration."""
    for name in ("release_mgmt", "templates", "migrations", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    head = max((folder / "migrations" / "versions").glob("[0-9]*.py")).stem
    (folder / "migrations" / "versions" / "9999_next.py").write_text(NEXT.format(head=head))
    return folder


@pytest.mark.slow
def test_the_old_version_serves_while_the_new_one_migrates_and_joins(
    store: Store, database_url: str, git_repo: GitRepo, tmp_path: Path
) -> None:
    """Migrated under requests and jobs of the old version: no request fails, both versions then read and write the same
    rows, and the old one starts nothing new on a database that it does not know."""
    (tmp_path / "data").mkdir(exist_ok=True)
    town = settle(store, git_repo, tmp_path / "data")
    old = Installation(tmp_path / "data", database_url, token=town.token)
    new = Installation(tmp_path / "data", database_url, code=next_version(tmp_path / "next"), token=town.token)
    seen: Counter[int] = Counter()
    stopping = threading.Event()

    def ask() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            made = old.ask("/api/v1/teams", {"slug": f"old-{number}", "name": "Old"})
            seen[made.status] += 1
            seen[old.ask("/api/v1/changes").status] += 1
            seen[old.ask(town.feed).status] += 1
            time.sleep(0.02)

    asking = threading.Thread(target=ask)
    try:
        old.serve("--no-worker")
        worker = old.start("worker", "--id", "old")
        until(lambda: jobs.a_worker_lives(store, clock.now()), lambda: old.log)
        asking.start()
        upgraded = new.run("db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr
        assert old.ask("/readyz").status == 200, "a version that runs goes on until it is replaced"
        refused = old.run("db", "upgrade")
        assert refused.returncode == 2
        assert "does not know" in refused.stderr
        assert old.run("worker", "--id", "late").returncode == 2
        new.serve("--no-worker")
        assert new.ask("/api/v1/teams", {"slug": "new", "name": "New"}).status == 201
        assert old.ask("/api/v1/teams/new").json["name"] == "New"
        assert new.ask("/api/v1/teams/old-1").json["name"] == "Old"
        edited = old.ask("/api/v1/teams/new", {"name": "Newer"}, method="PATCH", If_Match='"1"')
        assert edited.status == 200, edited.body
        git_repo.commit("Later. (#3)", {"train.py": "rate = 0.3\n"})
        job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, town.repository)
        until(  # carried out by the old version's worker
            lambda: jobs.get(store, OPERATOR, job).state == "done" or worker.poll() is not None, lambda: old.log
        )
        assert worker.poll() is None, old.log
        until(lambda: seen[201] > 10, lambda: seen)
        stopping.set()
        asking.join(LIMIT)
        old.stop()
        assert new.ask("/api/v1/teams/new").json["name"] == "Newer"
        assert new.ask("/readyz").status == 200
        assert set(seen) <= {200, 201}, seen
        assert audit.verify_chain(store, OPERATOR).fault is None
        assert {"new", "old-1"} <= {team.slug for team in teams.every(store, OPERATOR, archived=False)}
    finally:
        stopping.set()
        old.stop()
        new.stop()
