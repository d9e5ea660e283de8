"""The answer on a pull request: one line for its status, and a short comment in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from release_mgmt.core.classification import Classification, Level
from release_mgmt.core.text import one_line
from release_mgmt.formats.markdown import escape

MOST_EVIDENCE = 6
LONGEST_VALUE = 60
_KINDS = {
    "new_library": "adds {libraries}",
    "library_major_bump": "a library crosses a major version",
    "breaking_change": "marked as a break",
    "parameter_only": "only parameters move",
    "docs_only": "documentation only",
    "code_logic": "code changes, nothing that others must prepare for",
    "ci_only": "only the build changes",
    "dev_dependency_only": "only development libraries change",
}


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a change that is not released: its verdict, where it would go, and what it still needs.

    ``start`` and ``end`` are of its window (None: none takes it), ``hindrance`` why none does or why not earlier;
    ``announced`` says that the window was published already, ``overridden`` that a person set the level. ``refused``
    are labels and commands that were not carried out: by whom, what, and why not.
    """

    verdict: Classification
    time_zone: str
    start: datetime | None
    end: datetime | None
    hindrance: str | None
    needs: tuple[str, ...]
    announced: bool = False
    overridden: Level | None = None
    url: str | None = None
    refused: tuple[tuple[str, str, str], ...] = ()

    @property
    def level(self) -> Level:
        """The level in force."""
        return self.overridden or self.verdict.level


def reason(outlook: Outlook) -> str:
    """Why the level is what it is, in a few words."""
    if outlook.overridden is not None and outlook.overridden is not outlook.verdict.level:
        return "set by a person"
    names = [library.name for library in outlook.verdict.new_libraries]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    words = _KINDS.get(outlook.verdict.kind, outlook.verdict.kind.replace("_", " "))
    return words.format(libraries=shown or "a library")


def when(outlook: Outlook) -> str:
    """The window in the calendar's own time, weekday first."""
    if outlook.start is None or outlook.end is None:
        return "no window takes it yet"
    zone = ZoneInfo(outlook.time_zone)
    start, end = outlook.start.astimezone(zone), outlook.end.astimezone(zone)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
    return f"{start:%a} {start.day} {start:%b %Y, %H:%M}-{last}"


def summary(outlook: Outlook) -> str:
    """One line: ``Major: adds lightgbm; next window Thu 3 Dec 2026, 18:00-22:00; needs Fraud's sign-off``."""
    window = when(outlook)
    if outlook.start is not None:
        window = ("window " if outlook.announced else "next window ") + window
    parts = [f"{outlook.level.value.capitalize()}: {reason(outlook)}", window]
    if outlook.needs:
        parts.append("needs " + ", ".join(outlook.needs))
    return one_line("; ".join(parts), 500)


def comment(outlook: Outlook) -> str:
    """The comment; every text from outside is escaped, so that nobody is mentioned and nothing is rendered."""
    lines = [f"**{outlook.level.value.capitalize()}**: {escape(reason(outlook))}."]
    if outlook.verdict.needs_review:
        lines.append("Somebody should have a look at the level: the evidence alone does not settle it.")
    if outlook.start is not None:
        head = "Window" if outlook.announced else "Next window, were it merged now"
        lines.append(f"{head}: **{when(outlook)}** ({outlook.time_zone}).")
    else:
        lines.append("No release window takes it yet.")
    if outlook.hindrance:
        lines.append(escape(outlook.hindrance))
    if outlook.needs:
        lines.append("It needs " + escape(", ".join(outlook.needs)) + ".")
    for by, asked, why in outlook.refused[:MOST_EVIDENCE]:
        lines.append(f"`{one_line(asked, 100).replace('`', '')}` by {escape(by)} was not carried out: {escape(why)}")
    told = _evidence(outlook.verdict)
    if told:
        lines.append("\n".join(told))
    last = "Is the level wrong? An engineer may comment `/release-mgmt major because ...`."
    lines.append(f"[Details]({outlook.url}). {last}" if outlook.url else last)
    return "\n\n".join(lines) + "\n"


def _evidence(verdict: Classification) -> Sequence[str]:
    ordered = sorted(verdict.evidence, key=lambda one: one.level != Level.MAJOR.value)
    lines = []
    for one in ordered[:MOST_EVIDENCE]:
        place = one.path if one.line is None else f"{one.path}:{one.line}"
        moved = ""
        if one.old is not None or one.new is not None:
            moved = f" {_value(one.old)} -> {_value(one.new)}"
        subject = escape(one_line(one.subject, 200))
        lines.append(f"- {one.kind.replace('_', ' ')} {subject}{moved} ({escape(place)}, rule {one.rule})")
    if len(ordered) > MOST_EVIDENCE:
        lines.append(f"- and {len(ordered) - MOST_EVIDENCE} more")
    return lines


def _value(text: str | None) -> str:
    return "(none)" if text is None else escape(one_line(text, LONGEST_VALUE))
