"""The files of a static site. The same input gives the same bytes; every link is relative."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from release_mgmt import resources
from release_mgmt.core.audience import Annotation, Audience, ChangelogView, SectionView, for_audience, view
from release_mgmt.core.calendar import (
    CalendarEntry,
    FeedHead,
    FreezeFact,
    Kept,
    Shown,
    WindowFact,
    advance,
    is_due,
    show_freeze,
    show_window,
    uid_of,
    write,
)
from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.formats import atom, audience_json, html, ical, markdown
from release_mgmt.formats.html import Style
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words

AUDIENCES = (Audience.BUSINESS, Audience.ENGINEERING, Audience.RELEASE_MANAGER)
STATE = "calendar.json"
MOST_ENTRIES = 30_000
"""About as many changes are written in each form for each audience; a first release of every package of a monorepo
repeats its whole history."""
_CAPS = (5_000, 1_000, 500, 200, 100, 50)
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The plan that the site shows: windows and freezes of one calendar, in its zone, as it was ``now``."""

    calendar: str
    time_zone: str
    now: datetime
    windows: tuple[WindowFact, ...] = ()
    freezes: tuple[FreezeFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """What a site is made of. ``base`` is the address it will have, where that is known; ``before`` the calendar's
    state as an earlier run left it, so that sequences go on."""

    record: Changelog
    annotations: Mapping[str, Annotation] = field(default_factory=dict)
    upcoming: Upcoming | None = None
    remote: str | None = None
    language: str = "en"
    base: str | None = None
    before: Any = None


def build(site: Site) -> Iterator[tuple[str, bytes]]:
    """The files: path below the site's folder and bytes."""
    say, links = Words(site.language), Links.of_remote(site.remote)
    yield "style.css", (resources.folder("templates") / "changelog" / "site.css").read_bytes()
    events = _events(site)
    state: dict[str, Any] = {}
    for audience in AUDIENCES:
        kept = events.get(audience, [])
        state[audience.value] = [_plain(one) for one in kept]
        entries = [write(one, say, f"{site.base}/windows.html" if site.base else None) for one in kept]
        shown = bounded(view(site.record, audience, say, site.annotations))
        yield from _changelogs(site, audience, shown, say, links)
        yield f"{audience.value}/calendar.ics", _calendar(site, entries, say, audience)
        if audience is Audience.BUSINESS:
            yield "calendar.ics", _calendar(site, entries, say, audience)
            yield "windows.html", _windows_page(site, kept, entries, say).encode()
            yield "index.html", _index(site, shown, kept, say).encode()
    if site.upcoming is not None:
        yield STATE, (json.dumps(state, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def bounded(shown: ChangelogView, most: int = MOST_ENTRIES) -> ChangelogView:
    """The changelog with long releases cut, the same for all, so that about ``most`` entries are left; never silently:
    a section tells how many more belong to it, and its summary counts them all."""
    sizes = [len(section.entries) for section in shown.sections]
    cap = next((cap for cap in _CAPS if sum(min(cap, size) for size in sizes) <= most), _CAPS[-1])
    sections = (
        replace(one, entries=one.entries[:cap], left_out=size - cap) if size > cap else one
        for one, size in zip(shown.sections, sizes, strict=True)
    )
    return replace(shown, sections=tuple(sections))


def _as_bounded(record: Changelog, shown: ChangelogView) -> Changelog:
    """The record with the entries that ``shown`` has."""
    sizes = {(section.package, section.version): len(section.entries) for section in shown.sections}

    def cut(section: Section) -> Section:
        size = sizes.get((section.package, section.version), len(section.entries))
        return section if size >= len(section.entries) else replace(section, entries=section.entries[:size])

    return replace(record, releases=tuple(map(cut, record.releases)), unreleased=cut(record.unreleased))


def _changelogs(
    site: Site, audience: Audience, shown: ChangelogView, say: Words, links: Links
) -> Iterator[tuple[str, bytes]]:
    folder, style = audience.value, Style(_zone(site), "../style.css")
    yield f"{folder}/changelog.md", markdown.render(shown, say, links).encode()
    record = _as_bounded(for_audience(site.record, audience, site.annotations), shown)
    yield f"{folder}/changelog.json", audience_json.render(record, shown)
    nav = _nav(say, "../", audience)
    fragments = {section.anchor: html.fragment(section, say, links, style) for section in shown.sections}
    page = html.framed(shown, say, list(fragments.values()), style, nav=nav, feed="changelog.atom")
    yield f"{folder}/changelog.html", page.encode()
    for number, content in _atom(site, shown, say, links, fragments):
        yield f"{folder}/{_feed_name(number)}", content
    yield f"{folder}/index.html", _list(site, shown, say, nav).encode()
    below = Style(_zone(site), "../../style.css")
    deep = _nav(say, "../../", None)
    for section in shown.sections:
        one = replace(shown, title=f"{shown.repository} {section.title}", intro=shown.title, sections=(section,))
        page = html.framed(one, say, [fragments[section.anchor]], below, nav=deep, feed="../changelog.atom")
        yield f"{folder}/releases/{section.anchor}.html", page.encode()


def _atom(
    site: Site, shown: ChangelogView, say: Words, links: Links, fragments: Mapping[str, str]
) -> Iterator[tuple[int, bytes]]:
    base = f"{site.base}/{shown.audience.value}/" if site.base else ""
    newest = max((_date(section) for section in shown.sections if section.date), default=_NEVER)

    def updated(section: SectionView) -> datetime:
        return _date(section) if section.date else newest

    address = atom.Address(
        lambda number: base + _feed_name(number),
        f"{base}index.html",
        lambda section: f"{base}releases/{section.anchor}.html",
    )
    for number in range(1, max(1, -(-len(shown.sections) // atom.PAGE_SIZE)) + 1):
        yield number, atom.render(shown, say, address, updated=updated, number=number, links=links, fragments=fragments)


def _feed_name(number: int) -> str:
    return "changelog.atom" if number == 1 else f"changelog-{number}.atom"


def _date(section: SectionView) -> datetime:
    try:
        return datetime.fromisoformat(section.date or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return _NEVER


def _zone(site: Site) -> str:
    return site.upcoming.time_zone if site.upcoming else "UTC"


def _nav(say: Words, up: str, current: Audience | None) -> list[dict[str, object]]:
    texts = {
        Audience.BUSINESS: say("For the business"),
        Audience.ENGINEERING: say("For engineering"),
        Audience.RELEASE_MANAGER: say("For release managers"),
    }
    found: list[dict[str, object]] = [{"href": f"{up}index.html", "text": say("Home"), "current": False}]
    found += [
        {"href": f"{up}{audience.value}/index.html", "text": text, "current": audience is current}
        for audience, text in texts.items()
    ]
    return [*found, {"href": f"{up}windows.html", "text": say("Upcoming windows"), "current": False}]


def _render(template: str, site: Site, say: Words, **more: object) -> str:
    tools = html.tools(say, Links.of_remote(site.remote), Style(_zone(site)))
    return html.environment().get_template(template).render(tools, **more)


def _list(site: Site, shown: ChangelogView, say: Words, nav: list[dict[str, object]]) -> str:
    return _render("releases.html", site, say, changelog=shown, nav=nav, up="../")


def _index(site: Site, shown: ChangelogView, kept: Sequence[Kept], say: Words) -> str:
    coming = _coming(site, kept)
    return _render(
        "index.html", site, say, changelog=shown, nav=_nav(say, "", None), up="", audiences=_nav(say, "", None)[1:-1],
        upcoming=site.upcoming, first=coming[0][0] if coming else None,
    )  # fmt: skip


def _windows_page(site: Site, kept: Sequence[Kept], entries: Sequence[CalendarEntry], say: Words) -> str:
    return _render(
        "windows.html", site, say, changelog=None, nav=_nav(say, "", None), up="", upcoming=site.upcoming,
        rows=_coming(site, kept, entries), language=say.language,
    )  # fmt: skip


def _coming(
    site: Site, kept: Sequence[Kept], entries: Sequence[CalendarEntry] = ()
) -> list[tuple[Kept, CalendarEntry | None]]:
    """Events that have not ended, in order."""
    if site.upcoming is None:
        return []
    now = site.upcoming.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = {entry.uid: entry for entry in entries}
    found = [(one, texts.get(one.uid)) for one in kept if one.shown.end > now]
    return sorted(found, key=lambda pair: (pair[0].shown.start, pair[0].uid))


def _calendar(site: Site, entries: Iterable[CalendarEntry], say: Words, audience: Audience) -> bytes:
    made = list(entries)
    newest = max((entry.last_modified for entry in made), default=None)
    if newest is None:
        newest = site.upcoming.now if site.upcoming else max(map(_section_date, site.record.releases), default=_NEVER)
    name = site.upcoming.calendar if site.upcoming else site.record.repository
    head = FeedHead(
        say("Release calendar {name}", name=name),
        say("Release windows and freezes: what changes for you, and when."),
        newest,
        _zone(site),
        f"{site.base}/windows.html" if site.base else None,
        f"{site.base}/{audience.value}/calendar.ics" if site.base else None,
    )
    return ical.render(head, made, say).content


def _section_date(section: Any) -> datetime:
    try:
        return datetime.fromisoformat(section.date).astimezone(UTC) if section.date else _NEVER
    except (ValueError, OverflowError):
        return _NEVER


def _events(site: Site) -> dict[Audience, list[Kept]]:
    """The events of each audience, moved on from what an earlier run left."""
    plan = site.upcoming
    if plan is None:
        return {}
    made: dict[Audience, list[Kept]] = {}
    for audience in AUDIENCES:
        earlier = {one.uid: one for one in _earlier(site.before, audience)}
        shown: dict[str, Shown] = {}
        for window in plan.windows:
            shown[uid_of(plan.calendar, "window", window.identity)] = show_window(window, audience)
        for freeze in plan.freezes:
            shown[uid_of(plan.calendar, "freeze", freeze.identity)] = show_freeze(freeze)
        found = [advance(earlier.get(uid), one, uid, audience.value, plan.now) for uid, one in shown.items()]
        for uid, before in earlier.items():
            if uid not in shown:
                past = before.shown.end < plan.now.strftime("%Y-%m-%dT%H:%M:%SZ")
                found.append(before if past else advance(before, None, uid, audience.value, plan.now))
        made[audience] = sorted(
            (one for one in found if one is not None and not is_due(one, plan.now) and not one.shown.empty),
            key=lambda one: (one.shown.start, one.uid),
        )
    return made


def _plain(kept: Kept) -> dict[str, Any]:
    gone = kept.cancelled_at
    return {
        "uid": kept.uid,
        "shown": kept.shown.payload(),
        "sequence": kept.sequence,
        "created": kept.created.isoformat(),
        "last_modified": kept.last_modified.isoformat(),
        "cancelled_at": gone.isoformat() if gone else None,
    }


def _earlier(state: Any, audience: Audience) -> Iterator[Kept]:
    """What an earlier run left; a file that is not ours counts as nothing."""
    rows = state.get(audience.value, []) if isinstance(state, dict) else []
    try:
        for row in rows:
            yield Kept(
                str(row["uid"]), audience.value, Shown.of(row["shown"]), int(row["sequence"]),
                datetime.fromisoformat(row["created"]), datetime.fromisoformat(row["last_modified"]),
                datetime.fromisoformat(row["cancelled_at"]) if row["cancelled_at"] else None,
            )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        return
