"""Who made a change: from what git and forges say to the persons who therefore cannot vote on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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
# A login may begin with a number and a dash itself, which GitHub's older form (no number) would not tell apart.
_NO_REPLY = re.compile(
    r"(?:(?:\d+\+)?([\w.-]+)@users\.noreply\.(github)|(?:\d+-)?([\w.-]+)@users\.noreply\.(gitlab))\.com"
)


def identity_of(address: str) -> Identity:
    """The identity behind an address of git: a forge's no-reply address names the login."""
    found = _NO_REPLY.fullmatch(address.strip().lower())
    if found is None:
        return Identity("email", address.strip().lower())
    return Identity(found[2] or found[4], found[1] or found[3])


def _commits(session: Session, changes: Sequence[Change]) -> dict[str, list[tuple[str | None, str | None]]]:
    """Change -> (author's key, body) of its commits, in their order.

    The author of a merge commit is who pressed the button, not who made the change; alone it is all that is known.
    """
    joined = and_(ChangeCommit.sha == Commit.sha, ChangeCommit.repository_id == Commit.repository_id)
    rows = session.execute(
        select(ChangeCommit.change_id, Commit.author_key, Commit.body, Commit.parents)
        .join(ChangeCommit, joined)
        .where(ChangeCommit.change_id.in_([change.id for change in changes]))
        .order_by(ChangeCommit.change_id, ChangeCommit.position)
    )
    listed: dict[str, list[tuple[str | None, str | None, bool]]] = {}
    for change, key, body, parents in rows:
        listed.setdefault(change, []).append((key, body, " " in parents))
    found = {}
    for change, commits in listed.items():
        made = [(key, body) for key, body, merge in commits if not merge]
        found[change] = made or [(key, body) for key, body, _ in commits]
    return found


def _pull_request_authors(session: Session, changes: Sequence[Change]) -> dict[str, Identity | None]:
    """Change -> who opened its pull request, None where its forge does not say."""
    asked = {one.id: (one.repository_id, one.provider, one.number) for one in changes if one.provider and one.number}
    if not asked:
        return {}
    row = PullRequestRow
    rows = session.execute(
        select(row.repository_id, row.provider, row.number, row.record).where(
            row.repository_id.in_({key[0] for key in asked.values()}),
            row.number.in_({key[2] for key in asked.values()}),
        )
    )
    found: dict[tuple[str, str, int], Identity | None] = {}
    for repository, provider, number, record in rows:
        # A name at Bitbucket Cloud is whatever somebody calls himself today; the account stays.
        login = (record or {}).get("author_id" if provider == "bitbucket" else "author")
        opener = Identity(provider, login.lower()) if isinstance(login, str) and login else None
        found[repository, provider, number] = opener
    return {change: found[key] for change, key in asked.items() if key in found}


def _taggers(session: Session, changes: Sequence[Change]) -> dict[str, Identity]:
    """Release -> who tagged it."""
    releases = {change.release_id for change in changes if change.release_id is not None}
    if not releases:
        return {}
    rows = session.execute(
        select(Release.id, Tag.tagger_key)
        .join(Release, and_(Release.repository_id == Tag.repository_id, Release.tag == Tag.name))
        .where(Release.id.in_(releases))
    )
    return {release: identity_of(key) for release, key in rows if key}


def _claims(
    commits: Sequence[tuple[str | None, str | None]], opener: Identity | None, tagger: Identity | None
) -> list[tuple[PartyKind, Identity]]:
    """Everything that git and the forge say about who made a change."""
    authors = list(dict.fromkeys(identity_of(key) for key, _ in commits if key and "@" in key))
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
    if tagger is not None:
        found.append((PartyKind.TAGGER, tagger))
    return list(dict.fromkeys(found))


def _requesters(session: Session, changes: Sequence[Change]) -> dict[str, list[str]]:
    """Change -> who asked for it, or for the votes again after a veto."""
    rows = session.execute(
        select(VoteRow.change_id, VoteRow.ended_by)
        .where(
            VoteRow.change_id.in_([change.id for change in changes]),
            VoteRow.ended_why == "resubmitted",
            VoteRow.ended_by.is_not(None),
        )
        .distinct()
        .order_by(VoteRow.change_id, VoteRow.ended_by)
    )
    found: dict[str, list[str]] = {}
    for change, person in rows:
        found.setdefault(change, []).append(person or "")
    for one in changes:  # who reported a feature flag asks for it
        person = (one.record or {}).get("requested_by")
        if isinstance(person, str):
            found.setdefault(one.id, []).append(person)
    return found


def of_all(session: Session, changes: Sequence[Change]) -> dict[str, tuple[Party, ...]]:
    """The parties of each change, by its id, in five queries whatever the number of changes.

    Who opened a pull request its forge vouches for; an address in a commit is whatever its writer typed. So everybody
    whom an address names is kept from voting, but only an opener who is known makes an unknown address his own: an
    opener who is linked to nobody stays unknown, whatever the commits say.
    """
    if not changes:
        return {}
    commits, openers = _commits(session, changes), _pull_request_authors(session, changes)
    taggers, requesters = _taggers(session, changes), _requesters(session, changes)
    claims = {
        one.id: _claims(commits.get(one.id, ()), openers.get(one.id), taggers.get(one.release_id or ""))
        for one in changes
    }
    named = {f"{who.kind}:{who.value}": who for claimed in claims.values() for _, who in claimed}
    known = people.recognise(session, named)
    found = {}
    for change, claimed in claims.items():
        parties = [Party(kind, known[f"{who.kind}:{who.value}"]) for kind, who in claimed]
        opener = openers.get(change)
        if opener is not None and known[f"{opener.kind}:{opener.value}"] is not None:
            parties = [party for party in parties if party.kind is not PartyKind.AUTHOR or party.person is not None]
        elif change in openers and opener is None:
            parties.append(Party(PartyKind.AUTHOR, None))
        parties.extend(Party(PartyKind.REQUESTER, person) for person in requesters.get(change, ()))
        found[change] = tuple(dict.fromkeys(parties))
    return found


def of(session: Session, change: Change) -> tuple[Party, ...]:
    """The parties of one change."""
    return of_all(session, [change])[change.id]


def author_among(parties: Iterable[Party]) -> str | None:
    """The person who is the author, where one is known."""
    return next((party.person for party in parties if party.kind is PartyKind.AUTHOR and party.person), None)
