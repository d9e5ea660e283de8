"""Changelogs as published: which repositories have one, and one with search, for an audience."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from flask import request

from release_mgmt.core.audience import Audience, ChangelogView, EntryView, SectionView
from release_mgmt.core.errors import Forbidden
from release_mgmt.core.permissions import Action
from release_mgmt.services import audiences, publications, repositories
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, layout
from release_mgmt.web.pages.language import mark, plural, say, words
from release_mgmt.web.pages.parts import ChipGroup
from release_mgmt.web.pages.site import blueprint, draw

SECTIONS = 20
WORDS = {
    Audience.BUSINESS: mark("business"),
    Audience.ENGINEERING: mark("engineering"),
    Audience.RELEASE_MANAGER: mark("release managers"),
}


@blueprint.get("/changelogs")
@needs(Action.READ_CHANGELOG)
def changelogs() -> str:
    """Every repository's changelog."""
    text = request.args.get("text", "").strip()[:200]
    found = repositories.search(context.store, context.actor, text=text or None, cursor=request.args.get("cursor"))
    return draw("changelogs", items=found.items, text=text, next=addresses.next_page(found.next))


@dataclass(frozen=True, slots=True)
class ChangelogPage:
    """One changelog."""

    repository: str
    sentence: str
    sections: tuple[SectionView, ...]
    days: tuple[date | None, ...]
    groups: tuple[ChipGroup, ...]
    text: str
    audience: str
    next: str | None
    previous: str | None
    filtered: bool


def allowed_audiences() -> list[Audience]:
    """The audiences whose view this reader may have."""
    found = []
    for one in Audience:
        try:
            audiences.require_audience(context.actor, one)
        except Forbidden:
            continue
        found.append(one)
    return found


@blueprint.get("/changelogs/<name>")
@needs(Action.READ_CHANGELOG)
def changelog(name: str) -> str:
    """What was released of a repository, newest first, in the words of an audience; ``text`` searches it."""
    repositories.get(context.store, context.actor, name)
    audience = audiences.named(request.args.get("audience", Audience.BUSINESS.value))
    text = request.args.get("text", "").strip()[:200]
    level = request.args.get("level")
    view = publications.view_of(context.store, context.actor, name, audience=audience, language=words().language)
    sections = _matching(view, text, level)
    first = addresses.first_of_page(len(sections), SECTIONS)
    shown = sections[first : first + SECTIONS]
    entries = sum(len(one.entries) for one in sections)
    what = {"changes": plural(entries, "change"), "releases": plural(len(sections), "release")}
    page = ChangelogPage(
        repository=name,
        sentence=say("{changes} in {releases} match.", **what)
        if text or level
        else say("{changes} in {releases}, the newest first.", **what),
        sections=shown,
        days=tuple(_day(one.date) for one in shown),
        groups=(
            addresses.group(say("For"), "audience", [(one.value, say(WORDS[one])) for one in allowed_audiences()]),
            addresses.group(say("Level"), "level", [("major", say("major")), ("minor", say("minor"))]),
        ),
        text=text,
        audience=audience.value,
        next=addresses.present(page=str(first // SECTIONS + 2)) if first + SECTIONS < len(sections) else None,
        previous=addresses.present(page=str(first // SECTIONS)) if first else None,
        filtered=bool(text or level),
    )
    return draw("changelog", page)


def _day(text: str | None) -> date | None:
    """The reader's day of an instant, or the day as it is written."""
    if not text:
        return None
    if len(text) == 10:
        return date.fromisoformat(text)
    return layout.wall().local(datetime.fromisoformat(text)).date()


def _matching(view: ChangelogView, text: str, level: str | None) -> tuple[SectionView, ...]:
    """The sections with only the entries that match; without a question, everything."""
    if not text and not level:
        return view.sections
    wanted = text.casefold()

    def matches(one: EntryView) -> bool:
        said = " ".join((one.title, *one.summary, one.note.text if one.note else ""))
        return (not level or one.level == level) and (not wanted or wanted in said.casefold())

    found = []
    for section in view.sections:
        kept = tuple(filter(matches, section.entries))
        if kept:
            found.append(replace(section, entries=kept))
    return tuple(found)
