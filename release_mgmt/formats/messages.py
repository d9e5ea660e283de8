"""Messages in words: the subject, plain text and HTML of a mail, a chat's text. Times in the reader's zone.

A calendar with another clock has its own time beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from release_mgmt import resources
from release_mgmt.core.messages import MOST_LINES, Kind, Letter, Line
from release_mgmt.core.planning.model import MESSAGES
from release_mgmt.core.text import one_line
from release_mgmt.formats.words import Words

LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Style:
    """How a reader sees it. ``site`` is our address without a slash at the end, ``settings`` where it is changed."""

    say: Words
    zone: str
    site: str
    settings: str
    unsubscribe: str | None = None


def subject(letter: Letter, say: Words) -> str:
    """What it is about, in one line."""
    parts = letter.parts
    told = [_counted(say, kind, len(lines)) for kind, lines in parts]
    if len(letter.lines) == 1:
        line = letter.lines[0]
        text = f"{told[0]}: {line.title}"
    else:
        text = ", ".join(told)
    if letter.digest:
        text = say("Digest: {text}", text=text)
    return one_line(f"{letter.calendar}: {text}" if letter.calendar else text, LONGEST_SUBJECT)


_COUNTED: dict[Kind, Callable[[Words, int], str]] = {
    Kind.ANNOUNCED: lambda say, n: say.many("{count} change announced", "{count} changes announced", n),
    Kind.MOVED: lambda say, n: say.many("{count} change moved", "{count} changes moved", n),
    Kind.APPROVAL_NEEDED: lambda say, n: say.many(
        "{count} change waits for approval", "{count} changes wait for approval", n
    ),
    Kind.SIGN_OFF_ASKED: lambda say, n: say.many(
        "{count} change waits for your team's sign-off", "{count} changes wait for your team's sign-off", n
    ),
    Kind.APPROVED: lambda say, n: say.many("{count} change approved", "{count} changes approved", n),
    Kind.TOMORROW: lambda say, n: say.many("{count} window starts tomorrow", "{count} windows start tomorrow", n),
    Kind.RELEASED: lambda say, n: say.many("{count} change released", "{count} changes released", n),
    Kind.ROLLED_BACK: lambda say, n: say.many("{count} change rolled back", "{count} changes rolled back", n),
    Kind.FREEZE_ADDED: lambda say, n: say.many("{count} freeze added", "{count} freezes added", n),
    Kind.GATE_DENIED: lambda say, n: say.many(
        "{count} change refused by the gate", "{count} changes refused by the gate", n
    ),
    Kind.BREAK_GLASS_ASKED: lambda say, n: say.many(
        "{count} emergency permission asked for", "{count} emergency permissions asked for", n
    ),
    Kind.BREAK_GLASS_USED: lambda say, n: say.many(
        "{count} emergency permission given", "{count} emergency permissions given", n
    ),
    Kind.BREAK_GLASS_REFUSED: lambda say, n: say.many(
        "{count} emergency permission refused", "{count} emergency permissions refused", n
    ),
    Kind.BREAK_GLASS_OVERDUE: lambda say, n: say.many(
        "{count} review of an emergency permission is overdue",
        "{count} reviews of emergency permissions are overdue",
        n,
    ),
    Kind.DEPENDENCY_WITHDRAWN: lambda say, n: say.many(
        "{count} change lost what it needs", "{count} changes lost what they need", n
    ),
    Kind.JOB_DEAD: lambda say, n: say.many("{count} job failed for good", "{count} jobs failed for good", n),
}


def _counted(say: Words, kind: Kind, count: int) -> str:
    return _COUNTED[kind](say, count)


def when(style: Style, line: Line, start: datetime | None, end: datetime | None = None) -> str:
    """A time in the reader's zone, and the calendar's beside it where its clock differs."""
    if start is None:
        return style.say("no window")

    return zoned(style.say, style.zone, line.zone, start, end)


def zoned(say: Words, zone: str, own: str | None, start: datetime, end: datetime | None = None) -> str:
    """A time in ``zone``, and in the calendar's ``own`` beside it where its clock differs."""

    def told(name: str) -> str:
        return say.span(start, end, name) if end is not None else say.instant(start, name)

    text = told(zone)
    if own is None or start.astimezone(ZoneInfo(own)).utcoffset() == start.astimezone(ZoneInfo(zone)).utcoffset():
        return text
    return f"{text} ({told(own)})"


def _why(say: Words, reason: Mapping[str, object]) -> str:
    """A plan's reason in the reader's words where it has a code we know, else as a person wrote it."""
    known = MESSAGES.get(str(reason.get("code")))
    text = say(known, ref=reason.get("ref") or "") if known else str(reason["message"])
    return text[:1].upper() + text[1:]


def _place(style: Style, line: Line) -> list[str]:
    say, now = style.say, when(style, line, line.start, line.end)
    reasons = [_why(say, one) for one in line.facts.get("reasons", ()) if one.get("message")]
    if line.kind is Kind.ANNOUNCED:
        told = [say("Planned for {when}.", when=now)]
        reasons = []
    elif line.start is None:
        told = [say("It has no window now. It was planned for {when}.", when=when(style, line, line.from_start))]
    else:
        told = [say("Now {when}. Before: {before}.", when=now, before=when(style, line, line.from_start))]
    return told + [say("Reason: {reason}", reason=one) for one in dict.fromkeys(reasons)]


def _waiting(style: Style, line: Line) -> list[str]:
    say, at = style.say, when(style, line, line.start, line.end)
    if line.kind is Kind.APPROVED:
        return [say("Approved for {when}.", when=at)]
    if line.kind is Kind.SIGN_OFF_ASKED:
        names = ", ".join(str(one) for one in line.facts.get("teams", ()))
        return [say("Planned for {when}. It waits for the sign-off of {teams}.", when=at, teams=names)]
    return [say("Planned for {when}. It waits for a release manager.", when=at)]


def _tomorrow(style: Style, line: Line) -> list[str]:
    return [when(style, line, line.start, line.end) + ".", *(f"- {one}" for one in line.facts.get("titles", ()))]


def _shipped(style: Style, line: Line) -> list[str]:
    where = str(line.facts.get("environment") or "")
    told = style.say("Environment: {name}", name=where) if where else ""
    note = str(line.facts.get("note") or "")
    return [one for one in (told, note) if one]


def _freeze(style: Style, line: Line) -> list[str]:
    say = style.say
    told = [when(style, line, line.start, line.end) + "."]
    hard = line.facts.get("hard")
    told.append(
        say("Nothing is released in this time.") if hard else say("Releases in this time need an acknowledgement.")
    )
    return told


def _gate(style: Style, line: Line) -> list[str]:
    said = [str(one.get("message")) for one in line.facts.get("reasons", ()) if one.get("message")]
    after = _instant(line.facts.get("next"))
    told = [*said[:5]]
    if after is not None:
        told.append(style.say("The gate opens for it: {when}.", when=when(style, line, after)))
    return told


def _glass(style: Style, line: Line) -> list[str]:
    say, facts = style.say, line.facts
    told = [
        say("Reason: {reason}", reason=facts.get("reason", "")),
        say("Ticket: {ticket}", ticket=facts.get("ticket")),
    ]
    broken = ", ".join(
        " ".join(str(part) for part in (one.get("code"), one.get("ref")) if part) for one in facts.get("blockers", ())
    )
    told.append(say("It breaks: {rules}", rules=broken))
    until, review = _instant(facts.get("until")), _instant(facts.get("review"))
    if line.kind is Kind.BREAK_GLASS_USED and until is not None:
        told.append(say("It holds until {when}.", when=when(style, line, until)))
        if review is not None:
            told.append(say("Its review is due {when}.", when=when(style, line, review)))
    if line.kind is Kind.BREAK_GLASS_OVERDUE and review is not None:
        told.append(say("Its review was due {when}.", when=when(style, line, review)))
    if facts.get("note"):
        told.append(str(facts["note"]))
    return told


def _needs(style: Style, line: Line) -> list[str]:
    title = line.facts.get("needs_title", "")
    return [
        style.say("It needs “{title}”, which was withdrawn. The gate refuses it until that is settled.", title=title)
    ]


def _job(style: Style, line: Line) -> list[str]:
    return [style.say("Message: {text}", text=line.facts.get("message") or "")]


_SENTENCES: dict[Kind, Callable[[Style, Line], list[str]]] = {
    Kind.ANNOUNCED: _place, Kind.MOVED: _place, Kind.APPROVAL_NEEDED: _waiting, Kind.SIGN_OFF_ASKED: _waiting,
    Kind.APPROVED: _waiting, Kind.TOMORROW: _tomorrow, Kind.RELEASED: _shipped, Kind.ROLLED_BACK: _shipped,
    Kind.FREEZE_ADDED: _freeze, Kind.GATE_DENIED: _gate, Kind.BREAK_GLASS_ASKED: _glass, Kind.BREAK_GLASS_USED: _glass,
    Kind.BREAK_GLASS_REFUSED: _glass, Kind.BREAK_GLASS_OVERDUE: _glass,
    Kind.DEPENDENCY_WITHDRAWN: _needs, Kind.JOB_DEAD: _job,
}  # fmt: skip


def _instant(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


@dataclass(frozen=True, slots=True)
class Told:
    """One line in words."""

    title: str
    url: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one kind; ``more`` says how many were left out."""

    heading: str
    lines: tuple[Told, ...]
    more: str | None


def sections(letter: Letter, style: Style) -> tuple[Section, ...]:
    """The letter in words."""
    return tuple(_section(kind, lines, style) for kind, lines in letter.parts)


def _section(kind: Kind, lines: Sequence[Line], style: Style) -> Section:
    say = style.say
    told = []
    for line in lines[:MOST_LINES]:
        word = {"major": say("Major"), "minor": say("Minor")}.get(line.level or "")
        title = f"{word}: {line.title}" if word else line.title
        title = f"{title} ({line.repository})" if line.repository else title
        sentences = [*_SENTENCES[kind](style, line), *([line.note] if line.note else [])]
        told.append(Told(one_line(title, 400), style.site + line.path, tuple(one_line(one, 600) for one in sentences)))
    left = len(lines) - MOST_LINES
    more = say.many("and {count} more", "and {count} more", left) if left > 0 else None
    return Section(_counted(say, kind, len(lines)), tuple(told), more)


def text(letter: Letter, style: Style) -> str:
    """The plain text of a mail, also what a chat shows."""
    out: list[str] = []
    for section in sections(letter, style):
        out += [section.heading, "-" * len(section.heading), ""]
        for line in section.lines:
            out += [line.title, *(f"  {one}" for one in line.sentences), f"  {line.url}", ""]
        if section.more:
            out += [section.more, ""]
    return "\n".join(out).rstrip() + "\n"


def mail_text(letter: Letter, style: Style) -> str:
    """The plain text of a mail with its foot."""
    say = style.say
    foot = ["", "--", say("What you are told, and when: {url}", url=style.settings)]
    if style.unsubscribe:
        foot.append(say("No more of these mails: {url}", url=style.unsubscribe))
    return text(letter, style) + "\n".join(foot) + "\n"


def chat_text(letter: Letter, style: Style) -> str:
    """A chat's text: no rules of dashes, one line a thing and its sentences."""
    out = []
    for section in sections(letter, style):
        out.append(section.heading)
        out += [f"• {' '.join((f'{line.title}:', *line.sentences, line.url))}" for line in section.lines]
        if section.more:
            out.append(section.more)
    return "\n".join(out)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(str(resources.folder("templates") / "mail")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def mail_html(letter: Letter, style: Style) -> str:
    """The HTML of a mail: one column, no scripts, no images, nothing from elsewhere."""
    template = _environment().get_template("message.html")
    return template.render(
        say=style.say, sections=sections(letter, style), subject=subject(letter, style.say), style=style
    )
