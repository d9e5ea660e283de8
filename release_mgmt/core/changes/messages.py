"""What a commit message says: the pull request it came by, what it takes back, what it was picked from, who helped.

Only anchored forms count. Free text names pull requests for many reasons, and a list of changes that believed it
would show what never shipped.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from release_mgmt.core.changes.model import Provider
from release_mgmt.core.text import clean, one_line

TITLE_LIMIT = 300

# Numbers of merge requests, of Azure and of Bitbucket Cloud are counted apart from those that are written "#n",
# since one repository may have moved from one forge to another.
Space = str
PrKey = tuple[Space, int]

_NUMBERS_ROOM = 60
"""Characters at the end of a long subject in which its numbers are looked for."""
_NUMBERS = re.compile(r"(?:\s*\(#\d+\))+$")
_TRAILING = re.compile(r"\s*\(#(\d{1,9})\)\s*$")
_MERGE = re.compile(r"Merge pull request #(\d{1,9})(?: from \S+| in \S+ from .+|\b)")
_GITEA = re.compile(r"Merge pull request '(?P<title>.+)' \(#(?P<number>\d{1,9})\) from \S+")
_AZURE = re.compile(r"Merged PR (\d{1,9}): *(.*)")
_BITBUCKET = re.compile(r"Merged in \S+ \(pull request #(\d{1,9})\)")
_LISTED = re.compile(r"\* commit '[0-9a-f]{7,64}':$")
"""Above what Bitbucket Server lists of a merge."""
_GITLAB = re.compile(r"^See merge request (?:[\w.\-/]+)?!(\d{1,9})\s*$", re.MULTILINE)

_TYPE = r"(?:\w+(?:\([^)]*\))?!?: *)?"  # of Conventional Commits
QUOTED = re.compile(
    _TYPE + r"(Revert|Back ?out|Backed out|Roll ?back(?: of)?|Re-?apply|Re-?land):? "
    r"(?:\"(?=.+\")|'(?=.+')|“(?=.+”))(.+)[\"'”]\s*(?:\(#\d+\))?\s*$",
    re.IGNORECASE | re.DOTALL,
)
"""A title in quotes that is taken back or put back: the verb and the title."""
_NAMED = re.compile(
    _TYPE + r"Revert(?:s|ed|ing)? (?:(?:(?:PR|pull request) #?|#)(?P<number>\d{1,9})"
    r"|(?:commit )?(?P<sha>(?=[a-f]*\d)[0-9a-f]{7,64}))\s*$",
    re.IGNORECASE,
)
_TYPED = re.compile(r"revert(?:\([^)]*\))?!?: *(\w+(?:\([^)]*\))?!?: .+)", re.IGNORECASE)
_SHAS = r"(?P<shas>[0-9a-f]{7,64}(?:(?:,? and |,\s*)[0-9a-f]{7,64})*)"
_REVERTS = re.compile(
    r"^(?:This )?(?P<part>partially )?reverts (?P<many>commits?) " + _SHAS, re.MULTILINE | re.IGNORECASE
)
_REFS = re.compile(r"^Refs: " + _SHAS + r"\s*$", re.MULTILINE)
# What the buttons of forges write instead of a sha.
_REVERTS_REQUEST = re.compile(
    r"^(?:This )?reverts (?:merge request (?:[\w.\-/]+)?(?P<sign>!)|(?P<words>pull request #)"
    r"|(?:PR )?(?:[\w.\-]+/[\w.\-]+)?#(?=\d+\.?\s*$))(?P<number>\d{1,9})\b",
    re.MULTILINE | re.IGNORECASE,
)
_ONTO = re.compile(r"\breversing\s+changes\s+made\s+to\s+([0-9a-f]{7,64})")
_PICKED = re.compile(r"^\(cherry picked from commit ([0-9a-f]{7,64})\)\s*$", re.MULTILINE)
_CO_AUTHOR = re.compile(r"^co-authored-by:\s*([^<\n]*?)\s*<([^>\n]*)>", re.MULTILINE | re.IGNORECASE)
_BULLET = re.compile(r"^[*-] +(\S.*)$", re.MULTILINE)
_STEP = re.compile(r"^\* +(\S.*)$", re.MULTILINE)
_TRAILER = re.compile(r"^[A-Za-z][A-Za-z-]*-(?:by|on): ", re.MULTILINE)
_SHA = re.compile(r"[0-9a-f]{7,64}")


class Undo(NamedTuple):
    """What a message takes back: shas as written, the quoted title, whether it puts something back instead
    (``again``), whether it says of itself that it does so in part only, the numbers of pull requests, and of a merge
    the sha of the side that is left (``onto``). With ``guess`` the words may just as well be its own.
    """

    shas: tuple[str, ...]
    title: str | None
    again: bool
    part: bool
    requests: tuple[PrKey, ...] = ()
    onto: str | None = None
    guess: bool = False


class Facts(NamedTuple):
    """What a commit's message says. ``title`` is fit to show, ``others`` are numbers before the last of a subject."""

    title: str
    number: PrKey | None = None
    provider: Provider = "unknown"
    others: tuple[int, ...] = ()
    undo: Undo | None = None
    picked: tuple[str, ...] = ()
    co_authors: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()


def read_message(message: str, *, merge: bool) -> Facts:
    """Read one message; ``merge`` says whether the commit has several parents."""
    text = message.strip()
    if "\r" in text:  # forms in web pages and some editors end lines so
        text = text.replace("\r\n", "\n")
    subject, separator, rest = text.partition("\n")
    if not separator:
        return _of_subject(_shown(subject), "")
    body = rest
    while body and not body.startswith("\n"):
        line, _, after = body.partition("\n")
        # A line of nothing but white space ends a subject, as in git.
        if not line.strip() or line.startswith(("* ", "- ")) or _TRAILER.match(line):
            break
        subject, body = f"{subject} {line}", after
    facts = _of_subject(_shown(subject), body)
    return _with_body(facts, body, merge=merge)


def _shown(subject: str) -> str:
    # Most subjects are plain words, for which cleaning would change nothing and cost most of the reading.
    if subject.isascii() and subject.isprintable() and len(subject) <= TITLE_LIMIT and "  " not in subject:
        return subject.strip()
    whole = one_line(subject)
    if len(whole) <= TITLE_LIMIT:
        return whole
    # Its numbers say whose commit it is, however long the words before them are.
    numbers = _NUMBERS.search(whole, len(whole) - _NUMBERS_ROOM)
    tail = numbers[0] if numbers else ""
    return clean(whole[: len(whole) - len(tail)], TITLE_LIMIT - len(tail)) + tail


def _of_subject(subject: str, body: str) -> Facts:
    if subject.startswith("Merge"):
        found = _of_merge(subject, body)
        if found is not None:
            return found
    number = _TRAILING.search(subject) if subject.endswith(")") else None
    if number is None:
        return Facts(subject, undo=_undone(subject)) if '"' in subject or "evert" in subject else Facts(subject)
    title = subject[: number.start()]
    others = []
    earlier = _TRAILING.search(title) if title.endswith(")") else None
    while earlier is not None:
        others.append(int(earlier[1]))
        earlier = _TRAILING.search(title[: earlier.start()])
    return Facts(title or subject, ("#", int(number[1])), "unknown", tuple(others), _undone(title))


def _of_merge(subject: str, body: str) -> Facts | None:
    """The forms in which forges write merge commits; the title is the first line of the body where there is one."""
    gitea = _GITEA.match(subject)
    if gitea:
        return Facts(gitea["title"], ("#", int(gitea["number"])), "gitea", undo=_undone(gitea["title"]))
    azure = _AZURE.match(subject)
    if azure:
        return Facts(azure[2] or subject, ("azure", int(azure[1])), "azure", undo=_undone(azure[2]))
    merge = _MERGE.match(subject)
    if merge:
        title = _first_line(body) or subject
        server = " in " in merge[0]
        return Facts(title, ("#", int(merge[1])), "bitbucket_server" if server else "github", undo=_undone(title))
    bitbucket = _BITBUCKET.match(subject)
    if bitbucket:
        title = _first_line(body) or subject
        return Facts(title, ("bitbucket", int(bitbucket[1])), "bitbucket", undo=_undone(title))
    return None


def _first_line(body: str) -> str:
    for line in body.split("\n"):
        words = line.strip()
        if words and not _LISTED.match(words):
            return "" if words.startswith("See merge request ") or _TRAILER.match(words) else _shown(words)
    return ""


def _undone(title: str) -> Undo | None:
    if '"' not in title and "evert" not in title:
        return None
    found = QUOTED.match(title)
    if found is not None:
        return Undo((), found[2], found[1].lower().replace("-", "") in {"reapply", "reland"}, part=False)
    named = _NAMED.match(title)
    if named is not None:
        requests: tuple[PrKey, ...] = (("#", int(named["number"])),) if named["number"] else ()
        return Undo((named["sha"].lower(),) if named["sha"] else (), None, again=False, part=False, requests=requests)
    typed = _TYPED.match(title)
    return Undo((), typed[1], again=False, part=False, guess=True) if typed else None


def _with_body(facts: Facts, body: str, *, merge: bool) -> Facts:
    changed: dict[str, object] = {}
    if "ee merge request" in body:
        request = _GITLAB.search(body)
        if request:
            title = (_first_line(body) if merge else "") or facts.title
            changed |= {"number": ("gitlab", int(request[1])), "provider": "gitlab", "title": title, "others": ()}
            if facts.undo is None:
                changed["undo"] = _undone(title)
    refers = "Refs: " in body and facts.title.lower().startswith(("revert:", "revert(", "revert!"))
    if refers or "everts " in body:
        undo = changed.get("undo") or facts.undo
        assert undo is None or isinstance(undo, Undo)
        numbered = facts.number is not None or "number" in changed
        said = body if undo or merge or not numbered else _before_steps(body)
        changed["undo"] = _named(said, undo, facts.title, refers=refers)
    if "cherry picked from commit" in body:
        changed["picked"] = tuple(_PICKED.findall(body))
    if "uthored-" in body:
        changed["co_authors"] = tuple((one_line(name, 200), email.lower()) for name, email in _CO_AUTHOR.findall(body))
    squashed = not merge and (facts.number is not None or "number" in changed)
    if squashed and ("\n* " in body or "\n- " in body or body.startswith(("* ", "- "))):
        changed["details"] = tuple(one_line(line, TITLE_LIMIT) for line in _BULLET.findall(body))
    return facts._replace(**changed) if changed else facts  # type: ignore[arg-type]  # the values fit their names


def _before_steps(body: str) -> str:
    """What a squash says of itself, before the list of its commits: one that takes back another is no revert of it all.

    Unless it is made of nothing but reverts.
    """
    steps = list(_STEP.finditer(body))
    if len(steps) < 2 or all(QUOTED.match(step[1]) for step in steps):
        return body
    return body[: steps[0].start()]


def _named(body: str, undo: Undo | None, subject: str, *, refers: bool) -> Undo | None:
    shas: list[str] = [sha for found in _REFS.finditer(body) for sha in _SHA.findall(found["shas"])] if refers else []
    part = False
    for found in _REVERTS.finditer(body):
        named = _SHA.findall(found["shas"])
        shas.extend(named if found["many"].lower() == "commits" else named[:1])
        part = part or bool(found["part"])
    requests: list[PrKey] = []
    for found in _REVERTS_REQUEST.finditer(body):
        spaces = ("gitlab",) if found["sign"] else ("bitbucket", "#") if found["words"] else ("#",)
        if spaces == ("#",) and undo is None and "evert" not in subject:
            continue  # by hand, of what may be an issue, in a commit that does something else
        requests += [(space, int(found["number"])) for space in spaces]
    if not shas and not requests:
        return undo
    title, again = (undo.title, undo.again) if undo is not None else (None, False)
    onto = _ONTO.search(body)
    named_shas, numbers = tuple(dict.fromkeys(shas)), tuple(dict.fromkeys(requests))
    return Undo(named_shas, title, again, part, numbers, onto[1] if onto else None)


def title_key(title: str) -> str:
    """A cleaned title as it is compared: without trailing numbers and case."""
    bare = _NUMBERS.sub("", title) if title.endswith(")") else title
    return bare.strip().casefold()
