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
from release_mgmt.web.pages.moment import plural
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
    more = "The newest " if found.next else ""
    what = "that match" if filtered else "in all repositories"
    sentence = f"{more}{plural(len(found.items), 'change')} {what}." if found.items else "No change matches."
    groups = (
        addresses.group("Level", "level", [("minor", "minor"), ("major", "major")]),
        addresses.group("State", "state", [(one, one.replace("_", " ")) for one in STATES]),
        addresses.group("Show", "review", [("1", "needs review")]),
        addresses.group("Team", "team", [(one.slug, one.name) for one in names.teams.values()]),
        addresses.group("Source", "repository", [(one, one) for one in repository_names if len(repository_names) > 1]),
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
