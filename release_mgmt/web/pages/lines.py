"""From what services tell of changes to what the components show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from flask import g, url_for

from release_mgmt.formats.words import DEFAULT_LANGUAGE
from release_mgmt.services.changes import ChangeView
from release_mgmt.services.directory import Directory
from release_mgmt.services.publications import NoteView
from release_mgmt.web.pages.forge_links import line_url
from release_mgmt.web.pages.language import mark, say, term, words
from release_mgmt.web.pages.parts import ChangeLine, EvidenceRow, Person, Team

KIND_WORDS = {
    "new_library": mark("a new library"),
    "library_major_bump": mark("a new major version of a library"),
    "breaking_change": mark("a break that is marked as one"),
    "parameter_only": mark("only parameters moved"),
    "code_logic": mark("code logic changed"),
    "docs_only": mark("only documentation changed"),
    "feature_flag": mark("a feature flag is switched"),
    "tests_only": mark("only tests changed"),
    "ci_only": mark("only the build changed"),
}

_SEGMENT = "!$&'()*+,/:;=@"  # what stands as it is in a part of a path (WHATWG URL, path segment)


def kind_words(kind: str | None) -> str:
    """The kind of a verdict in words."""
    if not kind:
        return say("not classified yet")
    return say(KIND_WORDS[kind]) if kind in KIND_WORDS else term(kind)


def change_line(view: ChangeView, names: Directory, **more: Any) -> ChangeLine:
    """A change in a list."""
    owner = names.person(view.owner) or view.author
    return ChangeLine(
        id=view.id,
        title=view.title,
        level=view.level or "minor",
        href=change_href(view.id),
        repository=view.repository,
        state=view.state,
        kind=view.kind,
        owner=Person(owner) if owner else None,
        teams=teams(view.affected_teams, names),
        needs_review=view.needs_review,
        **more,
    )


def change_href(change: str) -> str:
    """The address of a change, as ``url_for`` has it: pages hold hundreds, which differ by their ids alone."""
    if "change_start" not in g:
        g.change_start = url_for("pages.change", change_id="-").removesuffix("-")
    return f"{g.change_start}{quote(change, safe=_SEGMENT)}"


def teams(slugs: Sequence[str], names: Directory) -> tuple[Team, ...]:
    """Team chips; each leads to the changes of that team."""
    made: dict[str, Team] = g.setdefault("team_chips", {})  # the same few for hundreds of changes on a page
    for slug in slugs:
        if slug not in made:
            made[slug] = Team(slug, names.team(slug), url_for("pages.changes", team=slug))
    return tuple(made[slug] for slug in slugs)


class Forge(Protocol):
    """Where files and lines are shown."""

    @property
    def provider(self) -> str | None:
        """The kind of forge."""

    @property
    def web_url(self) -> str | None:
        """Its address of the repository."""


def note(found: Sequence[NoteView]) -> NoteView | None:
    """The business note in the reader's language, else in English, else in any."""
    spoken = {one.language: one for one in found}
    return spoken.get(words().language) or spoken.get(DEFAULT_LANGUAGE) or next(iter(found), None)


def evidence_rows(
    rows: Iterable[Mapping[str, Any]], repository: Forge | None, sha: str | None, base: str | None = None
) -> tuple[EvidenceRow, ...]:
    """Evidence with links to the forge; what was removed is linked where it still stood."""
    provider = repository.provider if repository else None
    web = repository.web_url if repository else None
    found = []
    for row in rows:
        path, line = str(row.get("path") or ""), row.get("line")
        at = base if row.get("new") is None and row.get("old") is not None and base else sha
        found.append(
            EvidenceRow(
                kind=str(row.get("kind") or ""),
                path=path,
                line=line,
                subject=str(row.get("subject") or ""),
                old=_text(row.get("old")),
                new=_text(row.get("new")),
                level=str(row.get("level") or "minor"),
                rule=str(row.get("rule") or ""),
                url=line_url(provider, web, at, path, line),
            )
        )
    return tuple(found)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
