"""What is done with a repository from its tags to what is published: the ordered steps, and what a failure means.

Each step is idempotent and safe to run again: the job engine promises "at least once", never "exactly once".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

REFRESH = "refresh"
REPLAN = "replan"
POLL = "poll"
RETENTION = "retention"
MESSAGES = "messages"
DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class Step:
    """One room of the journey; ``says`` is what people read while it runs."""

    name: str
    says: str


STEPS: dict[str, tuple[Step, ...]] = {
    REFRESH: (
        Step("sync", "Reading tags, commits and pull requests"),
        Step("coming", "Judging and placing what is not released yet"),
        Step("classify", "Telling minor from major changes in all of history"),
        Step("plan", "Placing changes in release windows"),
        Step("publish", "Publishing changelogs and feeds"),
        Step("answer", "Answering on pull requests"),
    ),
    REPLAN: (Step("plan", "Placing changes in release windows"),),
    POLL: (Step("poll", "Reading pull requests of the forge"),),
    MESSAGES: (Step("tell", "Finding out who is told what"),),
    DELIVER: (Step("deliver", "Sending messages"),),
    RETENTION: (Step("drop", "Dropping what is older than it is kept"),),
}

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = 5


def wait_after(failures: int) -> timedelta:
    """How long to leave it alone after so many failures in a row: doubling from half a minute to an hour."""
    doubled: timedelta = FIRST_WAIT * (1 << min(max(failures - 1, 0), 20))
    return min(doubled, LONGEST_WAIT)


def gives_up(failures: int, *, passing: bool) -> bool:
    """Whether a person must look at it now. What may pass by itself (``passing``) is tried for ever."""
    return not passing and failures >= GIVE_UP_AFTER
