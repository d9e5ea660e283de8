"""Repositories and their releases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import request

from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, changes, directory, forges, releases
from release_mgmt.services import repositories as service
from release_mgmt.services.changes import Filter
from release_mgmt.services.forges import SourceState
from release_mgmt.services.releases import ReleaseView
from release_mgmt.services.repositories import RepositoryView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, lines
from release_mgmt.web.pages.forge_links import commit_url
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.parts import ChangeLine
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class ListPage:
    """All repositories."""

    sentence: str
    items: tuple[RepositoryView, ...]
    text: str
    next: str | None
    only_calendar: str | None


def only_calendar() -> str | None:
    """The calendar that plans what names none: the only one there is."""
    found = calendars.every(context.store, context.actor)
    return found[0].slug if len(found) == 1 else None


@blueprint.get("/repositories")
@needs(Action.READ_REPOSITORY)
def repositories() -> str:
    """All repositories and when each was read last."""
    text = request.args.get("text", "").strip()
    found = service.search(context.store, context.actor, text=text or None, cursor=request.args.get("cursor"))
    troubled = tuple(one for one in found.items if one.sync_error)
    number = len(found.items)
    sentence = many("{count} repository is read.", "{count} repositories are read.", number)
    if text:
        sentence = many("{count} repository matches.", "{count} repositories match.", number)
    if troubled:
        sentence += " " + many("One cannot be read now.", "{count} cannot be read now.", len(troubled))
    view = ListPage(sentence, found.items, text, addresses.next_page(found.next), only_calendar())
    return draw("repositories", view)


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """One repository."""

    repository: RepositoryView
    only_calendar: str | None
    owner_team: str | None
    coming: tuple[ChangeLine, ...]
    releases: tuple[ReleaseView, ...]
    more_coming: bool
    next: str | None
    source: SourceState | None


@blueprint.get("/repositories/<name>")
@needs(Action.READ_REPOSITORY)
def repository(name: str) -> str:
    """One repository: what is coming, what was released."""
    found = service.get(context.store, context.actor, name)
    shown = releases.of_repository(context.store, context.actor, name, cursor=request.args.get("cursor"), limit=25)
    coming = changes.search(context.store, context.actor, Filter(repository=name, unreleased=True), limit=12)
    names = directory.look_up(context.store, context.actor, [one.owner for one in coming.items])
    view = RepositoryPage(
        repository=found,
        only_calendar=only_calendar() if found.calendar is None else None,
        owner_team=names.team(found.owner_team) if found.owner_team else None,
        coming=tuple(lines.change_line(one, names) for one in coming.items),
        releases=shown.items,
        more_coming=coming.next is not None,
        next=addresses.next_page(shown.next),
        source=forges.known_state(context.store, context.actor, context.now, name),
    )
    return draw("repository", view)


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a release's accounting."""

    what: str
    number: int


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """One release."""

    release: ReleaseView
    sentence: str
    majors: tuple[ChangeLine, ...]
    minors: tuple[ChangeLine, ...]
    counts: tuple[Count, ...]
    commit: str | None
    released: datetime | None
    next: str | None


@blueprint.get("/repositories/<name>/releases/<path:version>")
@needs(Action.READ_CHANGELOG)
def release(name: str, version: str) -> str:
    """One release: its changes by level, and where every commit went."""
    found = releases.get(context.store, context.actor, name, version)
    repository_view = service.get(context.store, context.actor, name)
    inside = changes.search(
        context.store,
        context.actor,
        Filter(repository=name, release=found.tag),
        cursor=request.args.get("cursor"),
        limit=200,
    )
    names = directory.look_up(context.store, context.actor, [one.owner for one in inside.items])
    shown = [lines.change_line(one, names) for one in inside.items]
    accounting = found.section.get("accounting") or {}
    view = ReleasePage(
        release=found,
        sentence=release_sentence(found),
        majors=tuple(one for one in shown if one.level == "major"),
        minors=tuple(one for one in shown if one.level != "major"),
        counts=tuple(Count(term(word), number) for word, number in accounting.items()),
        commit=commit_url(repository_view.provider, repository_view.web_url, found.sha),
        released=found.released_at,
        next=addresses.next_page(inside.next),
    )
    return draw("release", view)


def release_sentence(found: ReleaseView) -> str:
    """What a release holds, in one sentence."""
    told = many("{count} change.", "{count} changes.", found.changes)
    if found.previous:
        told = many(
            "{count} change since {version}.", "{count} changes since {version}.", found.changes, version=found.previous
        )
    if not found.changes:
        return told
    majors = say("None of them is major.")
    if found.majors:
        majors = many("One of them is major.", "{count} of them are major.", found.majors)
    return f"{told} {majors}"
