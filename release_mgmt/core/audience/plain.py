"""Words of the trade made plain: titles, names, kinds of changes, states, anchors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from release_mgmt.core.audience.model import TITLE_LIMIT, Say
from release_mgmt.core.text import one_line

# A conventional prefix (also in brackets, in capitals or behind its picture), a number, a gitmoji code, a word to a
# pipeline: words of the trade that a business reader cannot use.
_PREFIX = re.compile(
    r"^(?:\[[\w .-]{1,30}\]\s*)?(?:[a-z]{2,12}(?:/[a-z]{2,12})?(?:\([^()]{1,60}\))?!?:\s+)(?=\S)", re.IGNORECASE
)
_TRADE = re.compile(
    r"^(feat|feature|fix|bugfix|hotfix|docs?|style|refactor|perf|test|tests|build|ci|chore|revert|wip|enh|bug|mnt|maint|dep|deps|bld|tst|sty|rel|api|typ|cln)\b",
    re.IGNORECASE,
)
_BRACKETS = re.compile(
    r"^(?:\[(?:mrg|wip|fix|bug|bug[- ]?fix|enh|docs?|feat|feature|ci|maint|mnt|tst|tests?|hotfix|refactor|chore|perf"
    r"|build|typo|cleanup|(?:skip|no)[- ]ci|ci[- ]skip)[+\d]*\][\s:-]*)+(?=\S)",
    re.IGNORECASE,
)
_CAPITALS = re.compile(
    r"^(?:FIX|BUG|ENH|DOC|DOCS|MNT|MAINT|TST|STY|BLD|PERF|FEA|FEAT|CLN|REF)[ /]\s*(?:#\d+\s*[:-]\s+)?(?=[^\s#])"
)
_PICTURE = re.compile("^[\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f300-\U0001faff\\s]+(?=\\w)")
_REVERT = re.compile(r'^Revert "(?P<title>.+)"$', re.DOTALL)
_ONE = r"(?:(?:issues?|pr)\s+)?(?:\#|!|gh-)\d+"
_ALL = rf"{_ONE}(?:(?:\s*[,;&]\s*|\s+(?:and\s+)?){_ONE})*+"
_CLOSES = r"(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)"
_NUMBER = re.compile(
    rf"""(?:
      \s*[(\[](?:(?:{_CLOSES}|refs?|see):?\s+)?{_ALL}[)\]]        # (#12), (fixes #12, #13)
    | \s*\(\[\#\d+\]\([^()\s]*\)\)                                # ([#12](https://...))
    | (?:\s*[;,.*-]\s*(?:{_CLOSES}:?\s+)?|\s+(?:and\s+)?(?:closes|fixes|resolves):?\s+){_ALL}\.?
    | \s*\[(?:(?:skip|no)[- ]ci|ci[- ]skip)\]
    )++\s*$""",
    re.IGNORECASE | re.VERBOSE,
)
_LEADING = re.compile(r"^(?:\[#\d+\]|#\d+\s*[:-])\s+(?=\S)")
_EMOJI_CODE = re.compile(r"^(?::[a-z0-9_+-]+:\s*)+", re.IGNORECASE)


def plain_title(title: str) -> str:
    """A title in words for the business: no commit prefix, no number, no code marks; never emptied."""
    text = _EMOJI_CODE.sub("", _NUMBER.sub("", one_line(title, TITLE_LIMIT)))
    taken_back = _REVERT.match(text)
    if taken_back:
        return f'Revert "{plain_title(taken_back["title"])}"'
    text = _CAPITALS.sub("", _BRACKETS.sub("", _LEADING.sub("", _PICTURE.sub("", text))))
    prefix = _PREFIX.match(text)
    if prefix and _TRADE.match(prefix.group(0).lstrip("[")):
        text = text[prefix.end() :]
    text = text.replace("`", "").strip()
    if not text:
        return one_line(title, TITLE_LIMIT)
    return text[0].upper() + text[1:]


def plain_name(subject: str) -> str:
    """``model.learning_rate`` as people say it: ``learning rate``."""
    last = re.split(r"[.:/\[\]]", subject.strip("[]. "))[-1]
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last.replace("_", " ").replace("-", " ")).strip()
    return one_line(spaced if last.isupper() is False else spaced.lower(), 120) or one_line(subject, 120)


# Kinds of change that leave what the software does as it was.
_QUIET = frozenset(
    {
        "docs_only",
        "ci_only",
        "dev_dependency_only",
        "notebook_output_only",
        "rename_move",
        "version_bump_release",
        "lockfile_only_transitive",
    }
)


def effect(kind: str, libraries: Iterable[str], say: Say) -> str:
    """One sentence for the business from the kind of a change and the libraries that come in: what it means."""
    names = ", ".join(one_line(name, 80) for name in libraries)
    if kind in ("new_library", "late_declaration"):
        if not names:
            return say("A new building block comes in. It was coordinated with the teams concerned.")
        return say("A new building block comes in: {names}. It was coordinated with the teams concerned.", names=names)
    if kind in _QUIET:
        return say("Nothing changes in how it works for you.")
    refined = say("The way it works was refined; nothing new is needed for it.")
    return {
        "library_major_bump": say("A building block moves to a new generation; results may differ slightly."),
        "breaking_change": say("It works differently from before: what builds on it may need a change."),
        "parameter_only": say("Settings were adjusted; the way it works stays the same."),
        "feature_flag": say("A prepared function is switched on or off; nothing new is installed."),
        "revert": say("An earlier change is taken back; it works as before."),
    }.get(kind, refined)


def anchor(kind: str, name: str) -> str:
    """A stable fragment identifier for a version or a change, safe in HTML, XML and URLs."""
    slug = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    if slug and len(slug) <= 60 and slug == name.lower():
        return f"{kind}-{slug}"
    return f"{kind}-{slug[:40].strip('-.')}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:10]}".replace(
        "--", "-"
    )


def state_word(state: str, say: Say) -> str:
    """The word for a state of a change."""
    return {
        "draft": say("Draft"),
        "announced": say("Announced"),
        "approved": say("Approved"),
        "released": say("Released"),
        "rolled_back": say("Rolled back"),
        "rolled back": say("Rolled back"),
        "withdrawn": say("Withdrawn"),
        "unreleased": say("Not released yet"),
        "merged": say("Not released yet"),
    }.get(state, one_line(state, 40))
