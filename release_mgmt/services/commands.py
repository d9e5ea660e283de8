"""``/release-mgmt major because ...`` in a comment on a pull request: an engineer's tag from where the work is.

The forge vouches for the login, a verified identity of ours says who that is, and the same rules decide as everywhere:
any engineer may raise a level, only a release manager who is not the author may lower it. What may not be done is
noted at the delivery and changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict, Forbidden, NotFound
from release_mgmt.core.permissions import Actor, Via
from release_mgmt.core.text import clean
from release_mgmt.services import actors, overrides
from release_mgmt.sources.forge.model import Comment
from release_mgmt.store.models.people import IdentityRow, Person
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store

_COMMAND = re.compile(
    r"^ {0,3}/release-mgmt[^\S\n]+(major|minor)\b(?:[^\S\n]*[:,-])?(?:[^\S\n]*because\b)?[^\S\n]*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_HIDDEN = re.compile(r"<!--[\s\S]*?(?:-->|\Z)")
# A list may begin with one; what holds more of its marks on the line is code inside of the line.
_FENCE = re.compile(r" {0,3}(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}+(?!.*`)|~{3,})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Command:
    """What a comment asks for."""

    level: str
    reason: str


class NotYet(Conflict):
    """The pull request is not merged: there is no change yet whose level could be set."""

    code = "not_merged_yet"


def read(text: str) -> Command | None:
    """The first command of a comment; None when it holds none. Quoted lines (``>``), code and what forges do not show
    (``<!-- -->``) do not count: who explains the command does not give it."""
    match = _COMMAND.search(_HIDDEN.sub("", _prose(text)))
    return Command(match[1].lower(), clean(match[2].strip(), 1_000)) if match else None


def _prose(text: str) -> str:
    """The lines outside fenced blocks of code (CommonMark 0.31, section 4.5: one without an end goes to the last)."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if not fence and found:
            fence = found[1]
        elif not fence:
            kept.append(line)
        elif line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
    return "\n".join(kept)


def speaker(session: Session, provider: str, login: str, now: datetime, origin: str) -> Actor:
    """The person behind a login that a forge vouches for. Forbidden when nobody here is known by it."""
    person = session.scalar(
        select(Person)
        .join(IdentityRow, IdentityRow.person_id == Person.id)
        .where(IdentityRow.kind == provider, IdentityRow.value == login.lower())
    )
    if person is None or person.disabled_at is not None:
        raise Forbidden(
            f"Nobody here is known as {login} on {provider}.",
            hint="An administrator can link the login to a person.",
        )
    return actors.load(session, person, now, via=Via.JOB, origin=origin)


def obey(store: Store, now: datetime, repository_id: str, provider: str, comment: Comment, received: datetime) -> bool:
    """Carry out the command of a comment that was ``received``; False when it holds none, was carried out before, or
    somebody decided later than it was written.

    Raises:
        NotYet: the pull request has no change yet; ask again later.
        Forbidden: nobody here is known by that login, or the person may not do it.
        InvalidInput: it gives no reason.
    """
    command = read(comment.body)
    if command is None:
        return False
    with store.read() as session:
        actor = speaker(session, provider, comment.author, now, f"comment on {provider}")
        change = session.scalar(
            select(Change.id).where(
                Change.repository_id == repository_id,
                Change.number == comment.number,
                Change.provider.in_((provider, "unknown")),  # a repository that moved has numbers of two forges
            )
        )
    if change is None:
        raise NotYet("The pull request has no change yet: it is carried out once it is merged.")
    try:
        at = min(comment.at or received, received)
        text = f"{change}\n{provider}\n{comment.author.lower()}\n{at.isoformat()}\n{comment.body}"
        overrides.override(
            store, actor, now, change, command.level, command.reason, source="comment", made_at=at,
            identifier=f"o_{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}",
        )  # fmt: skip
    except Conflict as conflict:
        if conflict.code != "same_level":
            raise
        return False
    except NotFound as gone:
        raise NotYet(gone.message) from gone
    return True
