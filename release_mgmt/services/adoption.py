"""Adoption: old release texts become publications of a repository, so that a team does not start from nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience.model import TITLE_LIMIT
from release_mgmt.core.changelog import Accounting, Entry, Section
from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.permissions import EVERYWHERE, Action, Actor, require
from release_mgmt.services import audit
from release_mgmt.services.publications import add_imported
from release_mgmt.sources.adoption import OldRelease, forge_releases, keep_a_changelog
from release_mgmt.sources.adoption.texts import in_words, says_nothing
from release_mgmt.store.models.publishing import PublicationRow
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store

Form = Literal["keep-a-changelog", "github", "gitlab"]
FORMS = ("keep-a-changelog", "github", "gitlab")


@dataclass(frozen=True, slots=True)
class Found:
    """A release of the file: ``add`` when it would be taken in, else the repository tells of it already."""

    version: str
    date: str | None
    changes: int
    action: Literal["add", "exists"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file holds, and what of it is not taken in, each with its place."""

    items: tuple[Found, ...]
    notes: tuple[str, ...]


def adopt_changelog(
    store: Store, actor: Actor, now: datetime, repository: str, *, text: str, form: str, apply: bool = False
) -> Preview:
    """What a file of old release texts holds, and with ``apply`` take in what is new; twice takes in nothing twice.

    A release that was read from a tag always wins: its text is not touched.
    """
    require(actor, Action.PUBLISH, calendar=EVERYWHERE)
    if form not in FORMS:
        raise InvalidInput.at("form", "is not known", ", ".join(FORMS))
    read = keep_a_changelog(text) if form == "keep-a-changelog" else forge_releases(text)
    releases = read.releases
    if not apply:
        with store.read() as session:
            return Preview(tuple(found for found, _ in _judge(session, repository, releases)), read.notes)
    with store.write() as session:
        judged = _judge(session, repository, releases)
        first = session.scalar(select(func.min(PublicationRow.position)).where(PublicationRow.repository == repository))
        position = (0 if first is None else first) - 1
        for found, release in judged:  # newest first, and all of them older than what tags told
            if found.action == "add":
                section = _section(repository, release)
                told = "So it was marked in the changelog that was taken over." if release.yanked else None
                add_imported(session, actor, now, repository, section, position, yanked=told)
                position -= 1
        added = sum(found.action == "add" for found, _ in judged)
        if added:
            audit.record(
                session, actor, now, action="changelog.adopt", subject=f"repository:{repository}",
                after={"form": form, "releases": added},
            )  # fmt: skip
        return Preview(tuple(found for found, _ in judged), read.notes)


def _judge(session: Session, repository: str, releases: Sequence[OldRelease]) -> list[tuple[Found, OldRelease]]:
    if session.scalar(select(Repository.id).where(Repository.name == repository)) is None:
        raise NotFound("There is no such repository.")
    there = {
        _bare(version)
        for version in session.scalars(select(PublicationRow.version).where(PublicationRow.repository == repository))
    }
    judged = []
    for release in releases:
        key = _bare(release.version)
        day = release.date.isoformat() if release.date else None
        action: Literal["add", "exists"] = "exists" if key in there else "add"
        there.add(key)
        judged.append((Found(release.version, day, len(release.changes), action), release))
    return judged


def _bare(version: str) -> str:
    return version.strip().lower().removeprefix("v").removeprefix("release-")


def _section(repository: str, release: OldRelease) -> Section:
    entries = tuple(
        Entry(
            id=_id(repository, release.version, at, text),
            title=title,
            details=tuple(rest),
            level=None,
            kind=None,
            state="released",
            first_in=None,
            pull_request=None,
            commits=(),
            authors=(),
        )
        for at, (kind, text) in enumerate(release.changes)
        for title, *rest in [_parted(_title(kind, text))]
    )
    nothing = Accounting(0, 0, 0, 0, 0, 0)
    day = f"{release.date.isoformat()}T00:00:00+00:00" if release.date else None
    return Section(
        release.version.removeprefix("v"), None, release.version, (release.version,), None, None, None, day, False,
        nothing, entries,
    )  # fmt: skip


def _title(kind: str, text: str) -> str:
    """A change as it was told below its heading: "Removed" turns the meaning of a line, "Changed" says nothing."""
    if says_nothing(kind) or text.casefold().startswith(in_words(kind)):
        return text
    return f"{kind}: {text}"


def _parted(text: str) -> list[str]:
    """What a title has room for, and the rest of the text, if any."""
    if len(text) <= TITLE_LIMIT:
        return [text]
    end = text.rfind(" ", TITLE_LIMIT // 2, TITLE_LIMIT)
    end = end if end > 0 else TITLE_LIMIT - 1
    return [f"{text[:end]}…", f"…{text[end:].lstrip()}"]


def _id(repository: str, version: str, at: int, text: str) -> str:
    name = "\x1f".join((repository, version, str(at), text)).encode("utf-8", "replace")
    return f"imported-{hashlib.sha256(name).hexdigest()[:16]}"
