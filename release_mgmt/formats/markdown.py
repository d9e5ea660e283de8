"""Markdown after Keep a Changelog 1.1, and release texts for forges.

Every text that came from outside is escaped so that CommonMark shows it letter by letter. Entries keep the order of the
record; each ends with a comment that holds its id, which no reader sees and any script can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from release_mgmt.core.audience import ChangelogView, EntryView, Move, Say, SectionView
from release_mgmt.core.errors import InvalidInput
from release_mgmt.formats.links import Links

BEGIN, END = "<!-- release-mgmt: changelog begins -->", "<!-- release-mgmt: changelog ends -->"
GITHUB_LIMIT, GITLAB_LIMIT = 125_000, 1_000_000

# What CommonMark, GFM and the forges give a meaning to; the rest stays as it is, so that the file reads well raw.
_SPECIAL = re.compile(
    r"""[\\`*\[\]<>|~$]
    | (?<![^\W_])_ | _(?![^\W_])        # underscores that could open or close emphasis
    | [@#](?=\w) | ^[#+=-] | &(?=\#?\w+;)
    | :(?=//|[\w+-]+:) | (?<=www)\.
""",
    re.VERBOSE,
)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE_OR_COMMENT = re.compile(r"(?<!`)(`++).*?(?<!`)\1(?!`)|<!--.*?-->")
_NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
_MENTION = re.compile(r"((?:\\?[@#])|!(?=\d))(?=\w)")


def escape(text: str) -> str:
    """``text`` as CommonMark that renders to the same letters and to nothing else."""
    return _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", text))


def _mute(text: str) -> str:
    """As :func:`escape`, and no forge takes ``@name`` or ``#1`` for a mention (a zero-width space stands between)."""
    return _MENTION.sub(r"\1&#8203;", escape(text))


def render(view: ChangelogView, say: Say, links: Links | None = None) -> str:
    """The whole changelog as one document, newest first, ending in compare links."""
    return "".join(pieces(view, say, links))


def pieces(view: ChangelogView, say: Say, links: Links | None = None) -> Iterator[str]:
    """The document piece by piece, so that long ones need not be held whole."""
    links = links or Links()
    yield f"# {escape(view.title)}\n\n{escape(view.intro)}\n\n"
    yield f"{escape(say('The form follows'))} [Keep a Changelog 1.1](https://keepachangelog.com/en/1.1.0/).\n"
    # Packages of one history share entries, hundreds of thousands of them.
    made: dict[int, str] | None = {} if len({section.package for section in view.sections}) > 1 else None
    for section in view.sections:
        yield "\n" + section_text(section, say, links, made=made)
    refs = [ref for section in view.sections if (ref := _compare(section, links, say))]
    if refs:
        yield "\n" + "\n".join(refs) + "\n"


def section_text(
    section: SectionView,
    say: Say,
    links: Links,
    *,
    heading: bool = True,
    mute: bool = False,
    made: dict[int, str] | None = None,
) -> str:
    """One release: heading, summary, entries, libraries and first-time contributors.

    ``made`` keeps the texts of entries by their ``id()``, for those that stand in other sections too.
    """
    made = {} if made is None else made
    out: list[str] = []
    if heading:
        out += [_heading(section, say), ""]
    out += _preamble(section, say, mute=mute)
    if section.entries:
        out += [f"### {escape(say('Changed'))}", ""]
        for entry in section.entries:
            if id(entry) not in made:
                made[id(entry)] = "\n".join(entry_lines(entry, say, links, mute=mute))
            out.append(made[id(entry)])
        out.append("")
    if section.left_out:
        out += [f"**{escape(say.many('and {count} more', 'and {count} more', section.left_out))}**", ""]
    out += _appendix(section, say, links, mute=mute)
    return "\n".join(out).rstrip("\n") + "\n"


def _preamble(section: SectionView, say: Say, *, mute: bool) -> list[str]:
    quote = _mute if mute else escape
    out = [quote(section.summary), ""]
    if section.yanked is not None:
        out += [f"**{escape(say('Withdrawn after release:'))}** {quote(' '.join(section.yanked.split()))}", ""]
    if section.cancelled:
        out += [quote(section.cancelled), ""]
    return out


def _appendix(section: SectionView, say: Say, links: Links, *, mute: bool) -> list[str]:
    quote, out = _mute if mute else escape, []
    if section.libraries:
        out += [f"### {escape(say('Libraries'))}", ""]
        out += [f"- {quote(row.name)} ({quote(row.new or '')}): {quote(row.place or '')}" for row in section.libraries]
        out.append("")
    if section.contributors:
        out += [f"### {escape(say('First-time contributors'))}", ""]
        for one in section.contributors:
            out.append(f"- {quote(one.name)}{_pull_request(one.first, links) if one.first else ''}")
        out.append("")
    return out


def _name(section: SectionView, say: Say) -> str:
    """What a release is called in a heading; the form wants the word Unreleased for what is coming."""
    return escape(section.title if section.version is not None else say("Unreleased"))


def _heading(section: SectionView, say: Say) -> str:
    day = f" - {section.date[:10]}" if section.date and section.version is not None else ""
    yanked = " [YANKED]" if section.yanked is not None else ""
    return f'<a id="{section.anchor}"></a>\n\n## [{_name(section, say)}]{day}{yanked}'


def entry_lines(entry: EntryView, say: Say, links: Links, *, mute: bool = False) -> list[str]:
    """One change as a list item, what belongs to it below."""
    quote = _mute if mute else escape
    lead = "**Breaking:** " if entry.breaking else f"**{escape(entry.level_word)}:** " if entry.level == "major" else ""
    title = f"{lead}{quote(entry.title)}{_pull_request(entry, links)}"
    marks = [quote(mark) for mark in entry.marks]
    if entry.state != "released":
        marks.insert(0, quote(entry.state_word))
    if marks:
        title += " *(" + "; ".join(marks) + ")*"
    lines = [f"- {title} <!-- {_comment(entry.id)} -->"]
    below: list[str] = []
    if entry.note:
        mark = f" ({escape(say('in {language}', language=entry.note.language))})" if entry.note.language else ""
        below += [quote(" ".join(entry.note.text.split())) + mark]
    below += [quote(line) for line in entry.summary]
    if entry.window:
        below.append(escape(say("Window: {start} to {end}", start=_utc(entry.window[0]), end=_utc(entry.window[1]))))
    below += [f"{quote(fact)}: {quote(value)}" for fact, value in entry.facts]
    below += [_move(move, quote) for move in (*entry.tweaks, *entry.metrics, *entry.evidence)]
    below += [quote(entry.left_out)] if entry.left_out else []
    below += [quote(detail) for detail in entry.details]
    if entry.authors:
        below.append(f"{escape(say('By'))} {', '.join(quote(name) for name in entry.authors)}")
    return lines + [f"  - {line}" for line in below if line]


def _pull_request(entry: EntryView, links: Links) -> str:
    if not entry.pull_request:
        return ""
    url = links.pull_request(entry.number, entry.provider)
    return f" ([{escape(entry.pull_request)}]({url}))" if url else f" ({escape(entry.pull_request)})"


def _move(move: Move, quote: Callable[[str], str]) -> str:
    change = " → ".join(quote(value) for value in (move.old, move.new) if value is not None)
    place = f" ({quote(move.place)})" if move.place else ""
    return f"{quote(move.name)}{': ' + change if change else ''}{place}"


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _comment(text: str) -> str:
    return text.replace("--", "- -").replace(">", "&gt;").replace("<", "&lt;")


def _compare(section: SectionView, links: Links, say: Say) -> str | None:
    url = links.compare(section.previous_tag, section.tag or (section.sha if section.version is None else None))
    return f"[{_name(section, say)}]: {url}" if url else None


def release_text(
    section: SectionView, say: Say, links: Links | None = None, *, limit: int = GITHUB_LIMIT, more: str | None = None
) -> str:
    """The text of a release on a forge, at most ``limit`` characters, never cut silently.

    When not all fit, whole entries are left out from the end and a line says how many, with the address ``more``.
    """
    links = links or Links()
    head = "\n".join(_preamble(section, say, mute=True))
    tail = "\n".join(_appendix(section, say, links, mute=True))
    blocks = ["\n".join(entry_lines(entry, say, links, mute=True)) for entry in section.entries]
    whole = "\n".join([head, *blocks, "", tail]).rstrip("\n") + "\n"
    if len(whole) <= limit:
        return whole
    if len(tail) > limit // 2:  # rather the changes than a list of names
        tail = f"**{escape(say('Truncated: libraries and contributors.'))}**" if tail else ""
    kept, used, reserve = [], len(head) + len(tail) + 4, 200 + len(more or "")
    for block in blocks:
        if used + len(block) + 1 + reserve > limit:
            break
        kept.append(block)
        used += len(block) + 1
    left = len(blocks) - len(kept)
    notice = escape(say.many("Truncated: {count} more change.", "Truncated: {count} more changes.", left))
    told = [f"**{notice}**"] if left else []
    told += [f"<{more}>"] if more else []
    return "\n".join([head, *kept, "", tail, " ".join(told)]).rstrip("\n") + "\n"


def write_between(existing: str | None, body: str) -> str:
    """``existing`` with what stands between the markers replaced by ``body``; without a file, a new one.

    Everything outside the markers stays as it is, and what is written ends its lines as the file does.
    Raises InvalidInput when the file has no markers, only one, or several: nothing of a person's is overwritten.
    Markers in an example of code are none.
    """
    crlf = existing.count("\r\n") if existing else 0
    end_of_line = "\r\n" if existing and crlf * 2 > existing.count("\n") else "\n"
    block = end_of_line.join([BEGIN, *body.strip().split("\n"), END])
    if existing is None or not existing.strip("\ufeff \t\r\n"):
        return block + end_of_line
    begins, ends = _marks(existing, BEGIN), _marks(existing, END)
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise InvalidInput.at(
            "--write",
            "the file needs one pair of markers around what may be replaced",
            f"a line {BEGIN} and below it {END}",
        )
    start, end = begins[0], ends[0] + len(END)
    return existing[:start] + block + (existing[end:] or end_of_line)


def _marks(text: str, mark: str) -> list[int]:
    """Where a marker stands; one in an example of code only speaks of it."""
    found: list[int] = []
    at, fence = 0, ""
    for line in text.splitlines(keepends=True):
        run = _FENCE.match(line)
        if fence:
            fence = "" if run and run[1].startswith(fence) and line.strip() == run[1] else fence
        elif run:
            fence = run[1]
        else:
            found += [at + each.start() for each in _CODE_OR_COMMENT.finditer(line) if each[0] == mark]
        at += len(line)
    return found
