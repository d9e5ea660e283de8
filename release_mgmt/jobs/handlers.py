"""What each step of a job does: one function a step, called with the job's subject, idempotent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from release_mgmt import clock, logs
from release_mgmt.core import pipeline
from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services import (
    Store,
    answers,
    breakglass,
    classification,
    forges,
    maturity_course,
    mirrored,
    ownership,
    plan_messages,
    refresh,
    repositories,
    sync,
    tags,
    tending,
)
from release_mgmt.services import jobs as services
from release_mgmt.services.advisories import Known, known_advisories
from release_mgmt.services.history import forge_of
from release_mgmt.services.history_growth import Readings
from release_mgmt.services.messages import delivery, posting
from release_mgmt.settings import Settings

PROVIDERS = ("github", "gitlab", "gitea", "bitbucket", "bitbucket_server", "azure")
# A token goes to these and to nobody whose name merely looks like theirs.
PUBLIC_FORGES = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "codeberg.org": "gitea",
    "bitbucket.org": "bitbucket",
    "dev.azure.com": "azure",
}
ACTOR: Actor = trusted("jobs", Via.JOB)


class Cancelled(Exception):
    """Somebody asked the job to stop."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a step gets: the installation, the job's id, kind and subject (a repository's id, a calendar's slug)."""

    store: Store
    settings: Settings
    job: str
    subject: str
    kind: str = pipeline.REFRESH

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

    def _token(self, host: str) -> str | None:
        """The token for git at a host: only the forges' own, and hosts that the operator named."""
        provider = PUBLIC_FORGES.get(host)
        if provider is None and host in self.settings.repository_hosts:
            provider = forge_of(f"https://{host}/")
        return getattr(self.settings, f"{provider}_token", None) or None

    @property
    def sources(self) -> mirrored.Sources:
        """How repositories are reached from here."""
        chosen = self.settings
        allowed = repositories.policy(
            chosen.repository_roots, chosen.repository_hosts, allow_http=chosen.allow_plain_http
        )
        return mirrored.Sources(allowed, mirrored.mirrors_of(chosen.data_path), token=self._token)

    @property
    def known(self) -> Known | None:
        """What the operator's files say of libraries, None where there are none."""
        return known_advisories(self.settings.advisories)


Handler = Callable[[Work], Mapping[str, Any]]

# What this process remembers of the last job of each repository, so that the next one does only what is new.
_READINGS = Readings()
_MADE_OF: dict[str, str] = {}
_JUDGED: dict[str, tuple[str, int]] = {}


def read(work: Work) -> Mapping[str, Any]:
    """Fetch the repository and keep what is new."""
    every = timedelta(seconds=work.settings.sync_every)
    found = sync.sync(
        work.store,
        ACTOR,
        clock.now(),
        work.subject,
        sources=work.sources,
        every=every,
        progress=work.report,
        readings=_READINGS,
    )
    return asdict(found)


def _count(work: Work) -> Callable[[int], None]:
    """Adds up what is told to be done and reports it, a hundred at a time."""
    done = told = 0

    def add(more: int) -> None:
        nonlocal done, told
        done += more
        if done - told >= 100:
            told = done
            work.report(done)

    return add


def _judge(work: Work, *, unreleased: bool = False) -> classification.Reclassified | None:
    """Judge what is new; None where this process judged everything, and nothing that verdicts follow from changed."""
    name = repositories.name_of(work.store, work.subject)
    basis = classification.basis(work.store, name, work.known)
    if _JUDGED.get(work.subject) == (basis, classification.stored(work.store, work.subject)):
        return None
    source = mirrored.opened(work.sources, work.subject)
    found = classification.classify_repository(
        work.store, ACTOR, clock.now(), name, source,
        progress=_count(work), unreleased=unreleased, known=work.known,
    )  # fmt: skip
    if not unreleased:
        _JUDGED[work.subject] = basis, classification.stored(work.store, work.subject)
    return found


def coming(work: Work) -> Mapping[str, Any]:
    """Judge and place what is not released yet, before all of history: that is what people wait for."""
    found = _judge(work, unreleased=True)
    judged = found.judged if found else 0
    return {"judged": judged, **(plan(work) if judged else {})}


def classify(work: Work) -> Mapping[str, Any]:
    """Judge the changes whose content or rules are new; find their Owners and the teams they affect."""
    found = _judge(work)
    labels = tags.settle(work.store, clock.now(), work.subject)
    name, source = repositories.name_of(work.store, work.subject), mirrored.opened(work.sources, work.subject)
    assigned = ownership.assign(work.store, ACTOR, clock.now(), name, source)
    judged, moved = (found.judged, len(found.moved)) if found else (0, 0)
    return {"judged": judged, "moved": moved, "assigned": assigned, "labels": asdict(labels)}


def plan(work: Work) -> Mapping[str, Any]:
    """Plan every calendar that takes the repository's changes again."""
    slugs = [work.subject] if work.kind == pipeline.REPLAN else refresh.calendars_of(work.store, work.subject)
    done = refresh.replan(work.store, ACTOR, clock.now(), slugs)
    plan_messages.tell_tomorrow(work.store, clock.now(), slugs)
    breakglass.tell_overdue(work.store, clock.now(), slugs)
    return done


def publish(work: Work) -> Mapping[str, Any]:
    """Take the repository's releases into the changelogs, and once a week see how far it has come."""
    changed = refresh.publish(work.store, ACTOR, clock.now(), work.subject, made_of=_MADE_OF)
    source = mirrored.opened(work.sources, work.subject)
    return {"changed": changed, "judged": maturity_course.take(work.store, clock.now(), work.subject, source)}


def answer(work: Work) -> Mapping[str, Any]:
    """Say on pull requests what became of them, where that is switched on; a silent forge never stops the job."""
    try:
        due = answers.prepare(work.store, work.sources, clock.now(), work.subject, work.settings.site, work.known)
    except ReleaseMgmtError as error:
        return {"error": error.message}
    said = [
        answers.deliver(work.store, _line(work), repository, number)
        for repository, number in answers.due(work.store, clock.now())
        if repository == work.subject
    ]
    return {"due": due, "said": sum(said)}


def _line(work: Work) -> forges.Line:
    chosen = work.settings
    tokens = {provider: token for provider in PROVIDERS if (token := getattr(chosen, f"{provider}_token"))}
    every = timedelta(seconds=chosen.sync_every)
    return forges.Line(tokens, clock.now, time.sleep, every=every, policy=work.sources.policy)


def poll(work: Work) -> Mapping[str, Any]:
    """Read what is new on the repository's forge; how it went is in the source's own state."""
    return asdict(forges.poll(work.store, _line(work), work.subject))


def tell(work: Work) -> Mapping[str, Any]:
    """Make deliveries of what happened, for whom it concerns."""
    return posting.tell(work.store, clock.now(), posting.post_of(work.settings), work.settings.message_settle)


def deliver(work: Work) -> Mapping[str, Any]:
    """Send what is due for one target, or all mail."""
    post = posting.post_of(work.settings)
    return {"taken": delivery.deliver(work.store, clock.now, work.subject, post, work.report)}


def drop(work: Work) -> Mapping[str, Any]:
    """Retention."""
    chosen = work.settings
    keep = tending.Keep(chosen.keep_jobs_days, chosen.keep_deliveries_days, chosen.keep_gate_decisions_days)
    dropped = tending.drop_old(work.store, clock.now(), keep)
    if chosen.log_path is not None:
        oldest = (clock.now() - timedelta(days=chosen.keep_logs_days)).date()
        dropped["log_files"] = logs.drop_before(chosen.log_path, oldest)
    return dropped


HANDLERS: dict[str, Handler] = {
    "sync": read,
    "coming": coming,
    "classify": classify,
    "plan": plan,
    "publish": publish,
    "answer": answer,
    "poll": poll,
    "tell": tell,
    "deliver": deliver,
    "drop": drop,
}
