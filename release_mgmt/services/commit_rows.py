"""Rows of a repository's commits: they are added, and never change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from release_mgmt.core.changelog import Assembly
from release_mgmt.core.history import Commit as GitCommit
from release_mgmt.core.text import clean
from release_mgmt.services.history import Found
from release_mgmt.services.stored_history import instant
from release_mgmt.store.models.repositories import Commit
from release_mgmt.store.session import Store

BATCH = 2_000
SUBJECT = 500

# Made once: SQLAlchemy takes longer to build and to recognise a statement than SQLite to run it.
_NEW_COMMITS = insert(cast("Table", Commit.__table__))


def store_commits(
    store: Store, repository_id: str, found: Found, fresh: Mapping[str, GitCommit], known: set[str]
) -> None:
    """New commits, in batches of their own: they mean nothing until changes name them, so others need not wait.

    New commits are never ancestors of known ones, so counting on keeps parents first.
    """
    ordered = [sha for sha in found.history.graph.shas if sha in fresh]
    for start in range(0, len(ordered), BATCH):
        part = [fresh[sha] for sha in ordered[start : start + BATCH]]
        with store.write() as session:
            query = select(Commit.sha).where(
                Commit.repository_id == repository_id, Commit.sha.in_([c.sha for c in part])
            )
            present = set(session.scalars(query))
            missing = [commit for commit in part if commit.sha not in present]
            add_commits(session, repository_id, missing, len(known) + start, found.made)


def add_commits(
    session: Session, repository_id: str, commits: Sequence[GitCommit], position: int, made: Assembly
) -> None:
    """Commits that are not stored yet; the first of them gets the ``position``."""
    authors, number = made.book.authors, made.graph.number
    rows = [
        _commit_row(repository_id, commit, position + at, authors[number[commit.sha]])
        for at, commit in enumerate(commits)
    ]
    if rows:
        session.execute(_NEW_COMMITS, rows)


def _commit_row(repository_id: str, commit: GitCommit, position: int, author: str) -> dict[str, Any]:
    subject, _, body = commit.message.strip().partition("\n")
    return {
        "repository_id": repository_id,
        "sha": commit.sha,
        "position": position,
        "parents": " ".join(commit.parents),
        "tree": commit.tree,
        "author": author,
        "author_key": clean(commit.author_email.lower(), 200) or None,
        "authored_at": instant(commit.authored_at),
        "committed_at": instant(commit.committed_at),
        "subject": clean(subject, SUBJECT),
        "body": clean(body.strip()) or None,
        "release_id": None,
    }
