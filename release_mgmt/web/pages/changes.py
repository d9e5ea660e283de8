"""Changes: the list with its filters, and one change with everything that explains it."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from release_mgmt.core.permissions import Action
from release_mgmt.services import changes as service
from release_mgmt.services import directory, repositories
from release_mgmt.services.changes import Filter
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, lines
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.parts import ChangeLine, ChipGroup
from release_mgmt.web.pages.site import blueprint, draw

STATES = ("draft", "announced", "approved", "released", "rolled_back", "withdrawn")


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list of changes."""

    sentence: str
    lines: tuple[ChangeLine, ...]
    groups: tuple[ChipGroup, ...]
    text: str
    next: str | None
    filtered: bool


@blueprint.get("/changes")
@needs(Action.READ_CHANGE)
def changes() -> str:
    """Changes, newest first, filtered by chips and text that live in the address."""
    wanted = _filter()
    found = service.search(context.store, context.actor, wanted, cursor=request.args.get("cursor"))
    names = directory.look_up(context.store, context.actor, [one.owner for one in found.items])
    repository_names = [one.name for one in repositories.search(context.store, context.actor, limit=30).items]
    filtered = wanted != Filter()
    sentence = _sentence(len(found.items), more=found.next is not None, filtered=filtered)
    groups = (
        addresses.group(say("Level"), "level", [("minor", say("minor")), ("major", say("major"))]),
        addresses.group(say("State"), "state", [(one, term(one)) for one in STATES]),
        addresses.group(say("Show"), "review", [("1", say("needs review"))]),
        addresses.group(say("Team"), "team", [(one.slug, one.name) for one in names.teams.values()]),
        addresses.group(
            say("Source"), "repository", [(one, one) for one in repository_names if len(repository_names) > 1]
        ),
    )
    view = ListPage(
        sentence,
        tuple(lines.change_line(one, names, start=one.merged_at) for one in found.items),
        groups,
        wanted.text or "",
        addresses.next_page(found.next),
        filtered,
    )
    return draw("changes", view)


def _sentence(number: int, *, more: bool, filtered: bool) -> str:
    if not number:
        return say("No change matches.")
    if more and filtered:
        return many("The newest change that matches.", "The newest {count} changes that match.", number)
    if more:
        return many("The newest change in all repositories.", "The newest {count} changes in all repositories.", number)
    if filtered:
        return many("{count} change that matches.", "{count} changes that match.", number)
    return many("{count} change in all repositories.", "{count} changes in all repositories.", number)


def _filter() -> Filter:
    asked = request.args
    return Filter(
        repository=asked.get("repository") or None,
        state=tuple(asked.getlist("state")),
        level=asked.get("level") or None,
        kind=asked.get("kind") or None,
        needs_review=True if asked.get("review") else None,
        text=(asked.get("text") or "").strip()[:200] or None,
        team=asked.get("team") or None,
    )
