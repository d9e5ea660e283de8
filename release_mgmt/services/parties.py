"""Who made a change: from what git and forges say to the persons who therefore cannot vote on it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Party, PartyKind
from release_mgmt.core.permissions import Identity
from release_mgmt.services import people
from release_mgmt.store.models.approvals import VoteRow
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    Commit,
    PullRequestRow,
    Release,
    Tag,
)

_CO_AUTHOR = re.compile(r"^co-authored-by:\s*[^<\n]*<([^<>\s]+@[^<>\s]+)>\s*$", re.IGNORECASE | re.MULTILINE)
# What forges put in place of an address: 123+login@users.noreply.github.com, 123-login@users.noreply.gitlab.com.
_NO_REPLY = re.compile(r"(?:\d+[+-])?([\w.-]+)@users\.noreply\.(github|gitlab)\.com")


def identity_of(address: str) -> Identity:
    """The identity behind an address of git: a forge's no-reply address names the login."""
    found = _NO_REPLY.fullmatch(address.strip().lower())
    return Identity(found[2], found[1]) if found else Identity("email", address.strip().lower())


def _commits(session: Session, change: Change) -> list[tuple[str | None, str | None]]:
    """(author's key, body) of the commits of a change, in their order.

    The author of a merge commit is who pressed the button, not who made the change; alone it is all that is known.
    """
    joined = and_(ChangeCommit.sha == Commit.sha, ChangeCommit.repository_id == Commit.repository_id)
    rows = session.execute(
        select(Commit.author_key, Commit.body, Commit.parents)
        .join(ChangeCommit, joined)
        .where(ChangeCommit.change_id == change.id)
        .order_by(ChangeCommit.position)
    )
    listed = [(key, body, " " in parents) for key, body, parents in rows]
    made = [(key, body) for key, body, merge in listed if not merge]
    return made or [(key, body) for key, body, _ in listed]


def _pull_request_author(session: Session, change: Change) -> Identity | None:
    if change.provider is None or change.number is None:
        return None
    row = session.get(PullRequestRow, (change.repository_id, change.provider, change.number))
    login = (row.record or {}).get("author") if row is not None else None
    return Identity(change.provider, login.lower()) if isinstance(login, str) and login else None


def _tagger(session: Session, change: Change) -> Identity | None:
    if change.release_id is None:
        return None
    key = session.scalar(
        select(Tag.tagger_key)
        .join(Release, and_(Release.repository_id == Tag.repository_id, Release.tag == Tag.name))
        .where(Release.id == change.release_id)
    )
    return identity_of(key) if key else None


def _claims(session: Session, change: Change) -> list[tuple[PartyKind, Identity]]:
    """Everything that git and the forge say about who made a change."""
    commits = _commits(session, change)
    authors = list(dict.fromkeys(identity_of(key) for key, _ in commits if key and "@" in key))
    opener = _pull_request_author(session, change)
    found: list[tuple[PartyKind, Identity]] = []
    if opener is not None:
        found.append((PartyKind.AUTHOR, opener))
        # One commit of one author is the opener's own under another name; more authors are co-authors.
        kind = PartyKind.AUTHOR if len(authors) == 1 else PartyKind.CO_AUTHOR
        found.extend((kind, author) for author in authors)
    else:
        found.extend((PartyKind.CO_AUTHOR if index else PartyKind.AUTHOR, one) for index, one in enumerate(authors))
    for _, body in commits:
        found.extend((PartyKind.CO_AUTHOR, identity_of(address)) for address in _CO_AUTHOR.findall(body or ""))
    tagger = _tagger(session, change)
    if tagger is not None:
        found.append((PartyKind.TAGGER, tagger))
    return list(dict.fromkeys(found))


def _requesters(session: Session, change: str) -> Iterable[str]:
    """Who asked for the votes again after a veto."""
    return session.scalars(
        select(VoteRow.ended_by)
        .where(VoteRow.change_id == change, VoteRow.ended_why == "resubmitted", VoteRow.ended_by.is_not(None))
        .distinct()
        .order_by(VoteRow.ended_by)
    )


def of(session: Session, change: Change) -> tuple[Party, ...]:
    """The parties of a change; an author by several identities is known when one of them is linked to a person."""
    claims = _claims(session, change)
    known = people.recognise(session, {f"{kind}:{one.kind}:{one.value}": one for kind, one in claims})
    parties = [Party(kind, known[f"{kind}:{one.kind}:{one.value}"]) for kind, one in claims]
    authors = [party for party in parties if party.kind is PartyKind.AUTHOR]
    if any(party.person is not None for party in authors):
        parties = [party for party in parties if party.kind is not PartyKind.AUTHOR or party.person is not None]
    parties.extend(Party(PartyKind.REQUESTER, person) for person in _requesters(session, change.id) if person)
    return tuple(dict.fromkeys(parties))


def author_of(session: Session, change: Change) -> str | None:
    """The person who is the author, where one is known."""
    return next((p.person for p in of(session, change) if p.kind is PartyKind.AUTHOR and p.person), None)
