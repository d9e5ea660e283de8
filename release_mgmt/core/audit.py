"""The hash chain of the audit log, as pure functions.

Each row's hash covers the row's canonical bytes and the hash before it, so that a row changed, removed, inserted or
put elsewhere shows. Rows name persons by id only: erasing a person does not touch the chain. Retention drops old rows
from the front and leaves a :class:`Checkpoint` (the last dropped row's number and hash), from where verifying starts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from release_mgmt.core.errors import BrokenInvariant

GENESIS = "0" * 64
"""The hash before the first row."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One write: who (a person's id, or ``actor_name`` for a job or operator), when (UTC), what, why, from where.

    ``action`` is a verb (``approval.vote``), ``subject`` what it was done to (``change:abc``); ``before`` and
    ``after`` are the JSON of what changed, never secrets and never names.
    """

    number: int
    at: datetime
    actor: str | None
    actor_name: str | None
    via: str
    origin: str | None
    action: str
    subject: str
    reason: str | None
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Link:
    """An entry with the hash stored beside it."""

    entry: AuditEntry
    hash: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where verifying starts: the last row that retention dropped, or nothing dropped yet."""

    number: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Fault:
    """The first place where the chain breaks: ``kind`` is ``changed``, ``missing`` or ``truncated``."""

    number: int
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying found; ``last`` is the number and ``hash`` the hash of the last sound row."""

    checked: int
    last: int
    hash: str
    fault: Fault | None

    @property
    def sound(self) -> bool:
        """Whether the whole chain holds."""
        return self.fault is None


def canonical(entry: AuditEntry) -> bytes:
    """The bytes that are hashed: JSON with sorted keys, no spaces, instants in UTC with ``Z``."""
    if entry.at.tzinfo is None:
        raise BrokenInvariant("An audit entry needs an aware instant.")
    fields = asdict(entry)
    fields["at"] = entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def next_hash(previous: str, entry: AuditEntry) -> str:
    """The hash of ``entry`` after a row whose hash is ``previous``: SHA-256 in hexadecimal."""
    return hashlib.sha256(previous.encode("ascii") + b"\n" + canonical(entry)).hexdigest()


def verify(links: Iterable[Link], start: Checkpoint, head: Checkpoint | None = None) -> Verification:
    """Walk ``links`` in order of their numbers from ``start``; stop at the first fault.

    ``head`` is the number and hash kept apart from the rows: without it, rows cut off the end would not show.
    """
    number, previous, checked = start.number, start.hash, 0
    for link in links:
        entry = link.entry
        if entry.number != number + 1:
            return Verification(
                checked, number, previous, Fault(number + 1, "missing", f"Row {number + 1} is missing.")
            )
        if next_hash(previous, entry) != link.hash:
            fault = Fault(entry.number, "changed", f"Row {entry.number} or the one before it was changed or inserted.")
            return Verification(checked, number, previous, fault)
        number, previous, checked = entry.number, link.hash, checked + 1
    if head is not None and (head.number, head.hash) != (number, previous):
        fault = Fault(number + 1, "truncated", f"The log ends at row {number} and should end at row {head.number}.")
        return Verification(checked, number, previous, fault)
    return Verification(checked, number, previous, None)
