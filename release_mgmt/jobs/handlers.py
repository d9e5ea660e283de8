"""What each step of a job does: one function a step, called with the job's subject, idempotent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from release_mgmt import clock
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services import Store
from release_mgmt.services import jobs as services
from release_mgmt.settings import Settings

ACTOR: Actor = trusted("jobs", Via.JOB)


class Cancelled(Exception):
    """Somebody asked the job to stop."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a step gets: the installation, the job's id and its subject (a repository's id, a calendar's slug)."""

    store: Store
    settings: Settings
    job: str
    subject: str

    def enter(self, step: str) -> None:
        """Tell that a step begins.

        :raises Cancelled: when the job shall stop.
        """
        if not services.progress(self.store, clock.now(), self.job, step=step):
            raise Cancelled

    def report(self, done: int, total: int | None = None) -> None:
        """Tell how far the step is.

        :raises Cancelled: when the job shall stop.
        """
        if not services.progress(self.store, clock.now(), self.job, done=done, total=total):
            raise Cancelled


Handler = Callable[[Work], Mapping[str, Any]]

HANDLERS: dict[str, Handler] = {}
