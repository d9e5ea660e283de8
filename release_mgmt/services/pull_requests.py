"""Keeping what forges tell of pull requests: idempotent, and the same whatever order the tellings come in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Text, bindparam, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from release_mgmt.core.changes import PullRequest
from release_mgmt.sources.forge.records import LONG_AGO, Age, Known, join, telling
from release_mgmt.sources.pull_requests import from_json, to_json
from release_mgmt.store.models.ingest import PullRequestAges
from release_mgmt.store.models.repositories import PullRequestRow

# Made once: SQLAlchemy takes longer to build and to recognise a statement than the database to run it.
_ROWS = cast("Table", PullRequestRow.__table__).c
_ORDERED = select().where(_ROWS.repository_id == bindparam("repository")).order_by(_ROWS.provider, _ROWS.number)
_RECORDS = _ORDERED.add_columns(_ROWS.record)
_TEXTS = _ORDERED.add_columns(_ROWS.provider, _ROWS.number, sql_cast(_ROWS.record, Text))


def keep(
    session: Session, repository_id: str, pulls: Iterable[PullRequest], told: datetime | None = None
) -> tuple[int, ...]:
    """Join tellings with what is stored, in the caller's transaction; the numbers whose record changed.

    ``told`` is when the forge told, by its own clock: see :func:`release_mgmt.sources.forge.records.telling`.
    """
    tellings: dict[tuple[str, int], Known] = {}
    for pull in pulls:
        key, new = (pull.provider, pull.number), telling(pull, told)
        tellings[key] = join(tellings[key], new) if key in tellings else new
    changed = []
    for (provider, number), known in sorted(tellings.items()):
        row = session.get(PullRequestRow, (repository_id, provider, number))
        ages = session.get(PullRequestAges, (repository_id, provider, number))
        if row is not None:
            known = join(_stored(row, ages), known)  # noqa: PLW2901 - what we know grows
        record = to_json(known.record)
        if row is None or row.record != record:
            changed.append(number)
        session.merge(
            PullRequestRow(
                repository_id=repository_id,
                provider=provider,
                number=number,
                state=known.record.state,
                title=known.record.title,
                merge_sha=known.record.merge_sha,
                head_sha=known.record.head_sha,
                updated_at=known.record.updated_at or known.record.merged_at or known.record.created_at,
                record=record,
            )
        )
        session.merge(
            PullRequestAges(repository_id=repository_id, provider=provider, number=number, ages=_shown(known))
        )
    return tuple(changed)


def known(session: Session, repository_id: str) -> tuple[PullRequest, ...]:
    """The stored pull requests of a repository, by forge and number."""
    rows = session.scalars(_RECORDS, {"repository": repository_id})
    return tuple(from_json(record) for record in rows)


def fingerprint(session: Session, repository_id: str) -> str:
    """Another one when the pull requests of a repository are told of otherwise; none of them is read for it."""
    rows = session.execute(_TEXTS, {"repository": repository_id})
    return hashlib.sha256("".join(f"{forge} {number} {text}\n" for forge, number, text in rows).encode()).hexdigest()


def _stored(row: PullRequestRow, ages: PullRequestAges | None) -> Known:
    record = from_json(row.record)
    fresh = telling(record)
    if ages is None:  # put in by an import of ours: as old as it says itself
        return fresh
    kept = {name: _age(age) for name, age in ages.ages.items() if name in fresh.ages}
    return Known(record, {**fresh.ages, **kept})


def _age(raw: Any) -> Age:
    instant, rank, digest, *told = raw
    return (
        datetime.fromisoformat(instant),
        datetime.fromisoformat(told[0]) if told else LONG_AGO,
        int(rank),
        str(digest),
    )


def _shown(known: Known) -> dict[str, Any]:
    return {
        name: [at.isoformat(), rank, digest, told.isoformat()] for name, (at, told, rank, digest) in known.ages.items()
    }
