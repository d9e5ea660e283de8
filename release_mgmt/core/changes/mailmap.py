"""A ``.mailmap``: the names that people want to be known by, for those whom git does not translate itself.

git does so for authors and committers, not for the co-authors in the text of a message. The form is that of
``gitmailmap(5)``: names and addresses are compared without case, and a later line wins over an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from release_mgmt.core.text import one_line

LINE_LIMIT = 100_000
"""Lines that are read; the largest known have some thousands."""

_LINE = re.compile(r"\s*([^<#]*?)\s*<([^>]*)>(?:\s*([^<#]*?)\s*<([^>]*)>)?")


@dataclass(frozen=True, slots=True)
class Mailmap:
    """(address, name as written or None for any) -> proper name and proper address, either of which may be None."""

    entries: Mapping[tuple[str, str | None], tuple[str | None, str | None]] = field(default_factory=dict)

    def person(self, name: str, email: str) -> tuple[str, str]:
        """The name and the address of somebody who signed so."""
        proper, other = self._line(name, email)
        return proper or name, (other or email).lower()

    def name(self, name: str, email: str, known: Mapping[str, str]) -> str:
        """What somebody is called who signed so; ``known`` are names by address, for those whom no line names."""
        address = email.lower()
        proper, other = self._line(name, address)
        if proper is not None:
            return proper
        if not address:
            return name  # many people sign without one
        return known.get((other or address).lower()) or known.get(address) or name

    def _line(self, name: str, email: str) -> tuple[str | None, str | None]:
        address, entries = email.lower(), self.entries
        return entries.get((address, name.lower())) or entries.get((address, None)) or (None, None)


def read_mailmap(text: str) -> Mailmap:
    """Read a file; lines of another form are passed over, as git does."""
    entries: dict[tuple[str, str | None], tuple[str | None, str | None]] = {}
    for line in text.split("\n", LINE_LIMIT)[:LINE_LIMIT]:
        found = _LINE.match(line)
        if found is None:
            continue
        first, first_email, second, second_email = found.groups()
        proper = one_line(first, 200) or None
        if second_email is None:
            if proper:
                entries[first_email.lower(), None] = (proper, None)
            continue
        key = (second_email.lower(), second.lower() or None)
        before = entries.get(key, (None, None)) if key[1] is None else (None, None)
        entries[key] = (proper or before[0], first_email)
    return Mailmap(entries)
