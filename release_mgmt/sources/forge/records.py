"""Several tellings of one pull request made into one record, whatever order they come in.

Deliveries arrive late, twice and in any order. Each field keeps the instant of the telling it came from; the newest
telling that knows a field wins. Of equal instants (two updates in one second, votes that are no update) what was told
later wins, and then the content itself decides, so that every order of the same tellings ends in the same record.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from release_mgmt.core.changes import PullRequest

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_RANK = {"open": 0, "closed": 1, "merged": 2}  # of equal age, the state that is later in a life
_KEY = ("provider", "number")
# Fields that every telling has; they move together, so that a title never meets another telling's state.
_ALWAYS = ("title", "state", "updated_at")
# What not every telling of a merge has: no list of GitHub's says by whom, no later hook of GitLab's when it was. One
# that is not merged has none of it.
_MERGE = ("merge_sha", "merged_at", "merged_by")

Age = tuple[datetime, datetime, int, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A record with, for each field, the age of the telling it came from."""

    record: PullRequest
    ages: Mapping[str, Age]


def telling(record: PullRequest, told: datetime | None = None) -> Known:
    """One telling as the whole of what is known; ``told`` is an instant of the forge's clock not after its reading.

    A forge that tells no instant of updates (Azure DevOps) is believed by when it told.
    """
    said = told or LONG_AGO
    age = (record.updated_at or said, said, _RANK[record.state], fingerprint(record))
    always = _ALWAYS if record.state == "merged" else _ALWAYS + _MERGE
    fields = [
        item.name
        for item in dataclasses.fields(record)
        if item.name not in _KEY and (item.name in always or getattr(record, item.name) is not None)
    ]
    return Known(record, dict.fromkeys(fields, age))


def join(one: Known, other: Known) -> Known:
    """What both know together: commutative, associative and idempotent.

    Raises:
        ValueError: they are not about the same pull request.
    """
    if any(getattr(one.record, name) != getattr(other.record, name) for name in _KEY):
        raise ValueError("two pull requests, not two tellings of one")
    values: dict[str, object] = {name: getattr(one.record, name) for name in _KEY}
    ages: dict[str, Age] = {}
    for name in {**one.ages, **other.ages}:
        newest = max((known for known in (one, other) if name in known.ages), key=lambda known: known.ages[name])
        values[name], ages[name] = getattr(newest.record, name), newest.ages[name]
    return Known(PullRequest(**values), dict(sorted(ages.items())))  # type: ignore[arg-type] # names are its own fields


def fingerprint(record: PullRequest) -> str:
    """A digest of the content, for records and for deciding between tellings of equal age."""
    values = [getattr(record, item.name) for item in dataclasses.fields(record) if item.name != "raw_sha256"]
    return hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:16]
