"""An event in a reader's language: plain text that a business reader understands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from release_mgmt.core.audience import Say, effect, state_word
from release_mgmt.core.calendar.facts import Shown, ShownChange
from release_mgmt.core.calendar.revision import Kept
from release_mgmt.core.text import clean

SUMMARY_LIMIT = 600
DESCRIPTION_LIMIT = 8_000
MOST_CHANGES = 50

# Some clients read HTML in plain descriptions (Google, Outlook): what looks like a tag or an entity is disarmed.
_TAG = re.compile(r"<(?=[/!?a-zA-Z])")
_ENTITY = re.compile(r"&(?=#?\w{1,32};)")


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One event, ready to be formatted. ``start`` and ``end`` are dates (the end exclusive) or UTC instants."""

    uid: str
    kind: str
    start: datetime | date
    end: datetime | date
    summary: str
    description: str
    status: str
    transparent: bool
    sequence: int
    created: datetime
    last_modified: datetime
    url: str | None = None
    categories: tuple[str, ...] = ()


EMERGENCY = "EMERGENCY"
"""The category of a window that holds a change under break-glass, in every language: programs filter by it."""


@dataclass(frozen=True, slots=True)
class FeedHead:
    """What a feed says of itself. ``last_modified`` is the last change of its data, never now."""

    name: str
    description: str
    last_modified: datetime
    time_zone: str = "UTC"
    url: str | None = None
    source: str | None = None
    color: str = "steelblue"
    refresh_hours: int = 1


def write(kept: Kept, say: Say, url: str | None = None) -> CalendarEntry:
    """The event in the language of ``say``."""
    shown = kept.shown
    cancelled = shown.status == "cancelled"
    summary = _freeze_title(shown, say) if shown.kind == "freeze" else _window_title(shown, say)
    marks: tuple[str, ...] = ()
    if any(change.emergency for change in shown.changes):
        marks = (EMERGENCY,)
        summary = say("Emergency: {title}", title=summary)
    if cancelled:
        summary = say("Cancelled: {title}", title=summary)
    body = _freeze_text(shown, say) if shown.kind == "freeze" else _window_text(shown, say)
    return CalendarEntry(
        uid=kept.uid,
        kind=shown.kind,
        start=_moment(shown.start),
        end=_moment(shown.end),
        summary=_plain(summary, SUMMARY_LIMIT),
        description=_plain(body, DESCRIPTION_LIMIT),
        status={"tentative": "TENTATIVE", "confirmed": "CONFIRMED", "cancelled": "CANCELLED"}[shown.status],
        transparent=cancelled or shown.kind == "freeze",
        sequence=kept.sequence,
        created=kept.created,
        last_modified=kept.last_modified,
        url=url,
        categories=(say("Freeze") if shown.kind == "freeze" else say("Release window"), *marks),
    )


def _window_title(shown: Shown, say: Say) -> str:
    if not shown.changes:
        return f"{say('Release window')}: {shown.title}" if shown.title else say("Release window")
    first = shown.changes[0].title
    if len(shown.changes) == 1:
        return say("Release: {title}", title=first)
    counted = say.many("{count} change", "{count} changes", len(shown.changes))
    if shown.changes[0].level != "major":
        return say("Release: {title}", title=counted)
    return say("Release: {title}", title=f"{counted} - {say('Major')}: {first}")


def _freeze_title(shown: Shown, say: Say) -> str:
    name = shown.title or shown.reason.partition("\n")[0]
    return say("Freeze: {title}", title=name) if name else say("Freeze")


def _window_text(shown: Shown, say: Say) -> str:
    lines = [shown.title] if shown.title else []
    states = {change.state for change in shown.changes}
    if shown.status == "cancelled":
        lines.append(say("This window was cancelled."))
    elif not shown.changes:
        lines.append(say("No changes are planned in this window yet."))
    elif states <= {"released", "rolled_back"}:
        lines.append(say("These changes were released."))
    elif shown.status == "confirmed":
        lines.append(say("The plan is approved."))
    else:
        lines.append(say("The plan is announced and may still be approved or moved."))
    for change in shown.changes[:MOST_CHANGES]:
        lines += ["", *_change_lines(change, say)]
    left = len(shown.changes) - MOST_CHANGES
    if left > 0:
        lines += ["", say.many("and {count} more", "and {count} more", left)]
    return "\n".join(lines)


def _change_lines(change: ShownChange, say: Say) -> list[str]:
    word = say("Major") if change.level == "major" else say("Minor")
    lines = [f"{word}: {change.title} ({change.repository})"]
    if change.state in ("approved", "released", "rolled_back"):
        lines.append(state_word(change.state, say))
    notes = dict(change.notes)
    if notes:
        language = next((one for one in (say.language, "en") if notes.get(one)), min(notes))
        mark = f" ({say('in {language}', language=language)})" if language != say.language else ""
        lines.append(notes[language] + mark)
    elif change.kind or change.libraries:
        lines.append(effect(change.kind or "new_library", change.libraries, say))
    if change.owner:
        lines.append(say("{owner} answers for it.", owner=change.owner))
    return lines


def _freeze_text(shown: Shown, say: Say) -> str:
    if shown.status == "cancelled":
        lines = [say("This freeze was lifted.")]
    elif shown.hard:
        lines = [say("Nothing is released in this time.")]
    else:
        lines = [say("Releases in this time need an acknowledgement.")]
    if shown.reason:
        lines.append(say("Reason: {reason}", reason=shown.reason))
    if shown.teams:
        lines.append(say("For: {teams}", teams=", ".join(shown.teams)))
    if any(name != "*" for name in shown.repositories):  # not named: who reads this may not know of every one
        lines.append(say("Only some repositories are concerned."))
    if shown.environments:
        lines.append(say("Environments: {names}", names=", ".join(shown.environments)))
    if shown.levels:
        words = {"major": say("Major"), "minor": say("Minor")}
        lines.append(say("Levels: {names}", names=", ".join(words.get(level, level) for level in shown.levels)))
    if shown.exempt:
        lines.append(say("There are exceptions."))
    return "\n".join(lines)


def _plain(text: str, limit: int) -> str:
    return clean(_ENTITY.sub("＆", _TAG.sub("‹", text)), limit)  # noqa: RUF001 - a look-alike is the point


def _moment(text: str) -> datetime | date:
    if "T" in text:
        return datetime.fromisoformat(text).astimezone(UTC)
    return date.fromisoformat(text)
