"""Labels that set a level: an engineer's tag put on where the work is, recorded as an override with who and when.

The forge's own history of a pull request says who put a label on and when, so neither lost, repeated nor shuffled
deliveries matter: what stands at the end is worked out anew, and each labelling counts once. The same rules decide as
everywhere (any engineer may raise a level, only a release manager who is not the author may lower it); a label put on
by anybody else stays what every other label is, evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.changes import Labelling
from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, Forbidden, NotFound
from release_mgmt.services import classification, commands, overrides
from release_mgmt.sources.pull_requests import from_json
from release_mgmt.store.models.repositories import Change, OverrideRow, PullRequestRow, Repository
from release_mgmt.store.session import Store


@dataclass(frozen=True, slots=True)
class Settled:
    """How many levels labels set and gave back, and who had not the right to ("login: label")."""

    set: int = 0
    withdrawn: int = 0
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the labels of one change ask for: ``level`` set, or with None the override of that id taken back."""

    change: str
    said: Labelling
    identifier: str
    level: Level | None


def settle(store: Store, now: datetime, repository_id: str) -> Settled:
    """Bring the levels of a repository's merged changes up to the labels on their pull requests."""
    with store.read() as session:
        repository = session.get_one(Repository, repository_id)
        provider = repository.provider
        wishes = _wishes(session, repository)
    done, taken, refused = 0, 0, []
    settled = set[str]()
    for wish in wishes:
        if wish.change in settled:
            continue
        try:
            _carry_out(store, now, provider, wish)
        except Forbidden:
            refused.append(f"{wish.said.by}: {wish.said.label}")
            continue
        except (Conflict, NotFound):  # somebody else was faster
            pass
        else:
            done, taken = done + (wish.level is not None), taken + (wish.level is None)
        settled.add(wish.change)
    return Settled(done, taken, tuple(refused))


def _carry_out(store: Store, now: datetime, provider: str, wish: Wish) -> None:
    words = f"label {wish.said.label} on {provider}"
    with store.read() as session:
        actor = commands.speaker(session, provider, wish.said.by, now, words)
    if wish.level is None:
        overrides.withdraw_override(
            store, actor, now, wish.change, f"{words} taken off", own=wish.identifier, made_at=wish.said.at
        )
        return
    overrides.override(
        store, actor, now, wish.change, wish.level.value, words, source="label", made_at=wish.said.at,
        identifier=wish.identifier,
    )  # fmt: skip


def _wishes(session: Session, repository: Repository) -> list[Wish]:
    """What labels ask for, the latest of each change first: one that is refused leaves the word to the one before."""
    tags = classification.rules_of(repository).tags
    pull = PullRequestRow
    query = (
        select(Change.id, pull.record)
        .join(pull, (pull.repository_id == Change.repository_id) & (pull.provider == Change.provider)
              & (pull.number == Change.number))
        .where(
            Change.repository_id == repository.id, Change.state != "withdrawn", pull.state == "merged",
            pull.record["labellings"].as_string().is_not(None),
        )
        .order_by(Change.id)
    )  # fmt: skip
    return [
        wish
        for change, record in session.execute(query).all()
        for wish in wishes_of(session, change, from_json(record).labellings or (), tags)
    ]


def wishes_of(session: Session, change: str, told: tuple[Labelling, ...], tags: Mapping[str, Level]) -> Iterator[Wish]:
    """What one change's labels still ask for: nothing that was carried out, or that a person decided after."""
    last: dict[str, Labelling] = {}
    for one in sorted(told, key=lambda one: (one.at, one.label, one.by, one.on)):
        if one.label.lower() in tags:
            last[one.label.lower()] = one
    rows = {row.id: row for row in session.scalars(select(OverrideRow).where(OverrideRow.change_id == change))}
    decided = max((row.withdrawn_at or row.made_at for row in rows.values()), default=None)
    for said in sorted(last.values(), key=lambda one: (one.at, one.label), reverse=True):
        identifier = _identifier(change, said)
        if said.on and identifier not in rows and (decided is None or decided <= said.at):
            yield Wish(change, said, identifier, tags[said.label.lower()])
    for one in told:
        row, end = rows.get(_identifier(change, one)), last.get(one.label.lower())
        if row is not None and row.withdrawn_at is None and end is not None and not end.on:
            yield Wish(change, end, row.id, None)


def _identifier(change: str, said: Labelling) -> str:
    """The id of the override that a labelling makes, the same whenever it is told."""
    text = f"{change}\n{said.label.lower()}\n{said.by.lower()}\n{said.at.isoformat()}"
    return f"o_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
