"""Pins, lower bounds, and whether a move of one crosses a major version."""

from __future__ import annotations

import re

from release_mgmt.core.evidence.dependencies.model import word_set

_CLAUSE = re.compile(r"\s*(===|==|~=|>=|<=|!=|>|<|\^|~|=)?\s*([vV]?[0-9*][^\s,;|]*)")
_LEAD = re.compile(r"[=vV\s]*(?:[0-9]+!)?([0-9]{1,18})")
_SECOND = re.compile(r"[=vV\s]*(?:[0-9]+!)?[0-9]+[._-]([0-9]{1,18})")

# Distributions whose first number is a year of two digits: its step says nothing about a break.
_CALENDAR = word_set(
    """
    argon2-cffi attrs autobahn automat black cattrs chemfiles conda conda-build constantly cucim cudf cugraph cuml
    cuspatial cuxfilter dask-cudf hatch-vcs importlib-metadata incremental ipinfo klein ldaptor mamba openvino pip
    pipenv prometheus-async pyfakefs pylibraft pyopenssl raft-dask rasa-sdk rmm service-identity structlog
    towncrier treq twisted txaio ubelt virtualenv-clone ydb
    """
)


def bound(specifier: str) -> tuple[str | None, bool]:
    """The exact pin of a comma-separated specifier, else its highest lower bound; and whether it is a pin.

    Reads PEP 440 (``>=1.2,<2``), Poetry and npm (``^1.2``, ``~1.2``, bare ``1.2``) and conda (``=1.2``, ``1.2.*``).
    Of alternatives (``||``, ``|``) the last one counts, as the newest is written there.
    """
    alternative = re.split(r"\|\|?", specifier[:500])[-1]
    best: str | None = None
    for operator, version in _CLAUSE.findall(alternative):
        if operator in ("<", "<=", "!=") or not lead_text(version):
            continue
        if operator in ("==", "===", "=", ""):
            return version.rstrip(".*") or None, True
        if best is None or _numbers(version) > _numbers(best):
            best = version.rstrip(".*")
    return best, False


def lead_text(version: str) -> str | None:
    match = _LEAD.match(version)
    return match.group(1) if match else None


def lead(version: str) -> int | None:
    """The first number of a version, None when it has none (a branch, a commit)."""
    text = lead_text(version)
    return int(text) if text is not None else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]{1,18}", version.partition("+")[0])[:6])


def newest(versions: list[str]) -> str | None:
    """The highest of some versions by their numbers."""
    return max(versions, key=_numbers, default=None)


def by_calendar(key: str, version: str) -> bool:
    """Whether a version counts years: 1990 and later, or a distribution known to count them in two digits."""
    number = lead(version)
    if number is None or number >= 1990:
        return True
    second = _SECOND.match(version)
    padded = second is not None and len(second.group(1)) == 2 and second.group(1).startswith("0") and number >= 15
    return key in _CALENDAR or padded


def crosses_major(key: str, old: str | None, new: str | None) -> bool:
    """Whether a pin or lower bound moves to a higher first number: 1.x to 2.x and 0.x to 1.x, not 0.3 to 0.4.

    A step down, a bound set or dropped, an upper cap and calendar versions are no such move.
    """
    if not old or not new:
        return False
    before, after = lead(old), lead(new)
    if before is None or after is None or after <= before:
        return False
    return not (by_calendar(key, new) or by_calendar(key, old))
