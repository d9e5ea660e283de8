"""Administration: jobs and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action
from release_mgmt.services import audit, jobs
from release_mgmt.services.audit import Found, Query
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms, layout
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.parts import Progress
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class JobLine:
    """A job in the list."""

    id: str
    title: str
    href: str | None
    progress: Progress
    at: datetime
    attempts: int
    can_cancel: bool
    can_replay: bool


_PROGRESS = {"queued": "waiting", "running": "running", "done": "done"}


@blueprint.get("/admin/jobs")
@needs(Action.MANAGE_JOBS)
def admin_jobs() -> str:
    """Jobs with their progress; the part refreshes itself while something runs."""
    state = request.args.get("state")
    found = jobs.search(
        context.store, context.actor, states=(state,) if state in jobs.STATES else (), cursor=request.args.get("cursor")
    )
    shown = [_job_line(one) for one in found.items]
    running = any(one.can_cancel for one in shown)
    failed = sum(one.progress.state == "failed" for one in shown)
    sentence = many("{count} job shown.", "{count} jobs shown.", len(shown))
    if failed:
        sentence += " " + many("{count} failed.", "{count} failed.", failed)
    groups = (addresses.group(say("State"), "state", [(one, term(one)) for one in jobs.STATES]),)
    return draw(
        "admin_jobs",
        jobs=shown,
        running=running,
        groups=groups,
        sentence=sentence,
        next=addresses.next_page(found.next),
    )


def _job_line(one: jobs.JobView) -> JobLine:
    state = _PROGRESS.get(one.state, "failed")
    label = f"{term(one.kind)}: {one.subject_name or one.subject}"
    note = one.message or (say("step {step}", step=one.step) if one.step and one.state == "running" else None)
    shown = Progress(label, one.done if one.total else None, one.total, "failed", note)
    if state != "failed":
        shown = Progress(label, shown.done, one.total, "running" if state == "running" else "done", note)
        if state == "waiting":
            shown = Progress(label, None, None, "waiting", note)
    active = one.state in jobs.ACTIVE
    href = url_for("pages.repository", name=one.subject_name) if one.subject_name else None
    return JobLine(
        one.id, label, href, shown, one.created_at, one.attempts, active and not one.cancel_requested, not active
    )


@blueprint.post("/admin/jobs/<job>")
@needs(Action.MANAGE_JOBS)
def act_on_job(job: str) -> Response:
    """Cancel a job, or do its work again."""
    if forms.text("do") == "cancel":
        jobs.cancel(context.store, context.actor, context.now, job)
        return forms.done(say("The job is asked to stop."), url_for("pages.admin_jobs"))
    jobs.replay(context.store, context.actor, context.now, job)
    return forms.done(say("The work is queued again."), url_for("pages.admin_jobs"))


@dataclass(frozen=True, slots=True)
class AuditPage:
    """The audit log, filtered by words that live in the address."""

    sentence: str
    rows: tuple[Found, ...]
    next: str | None
    asked: dict[str, str]


@blueprint.get("/admin/audit")
@needs(Action.READ_AUDIT)
def admin_audit() -> str:
    """Who did what, when and why."""
    asked = {name: request.args.get(name, "").strip()[:200] for name in ("actor", "action", "subject", "text", "since")}
    before = request.args.get("before", "")
    query = Query(
        actor=asked["actor"] or None,
        action=asked["action"] or None,
        subject=asked["subject"] or None,
        text=asked["text"] or None,
        since=_since(asked["since"]),
    )
    rows, more = audit.search(
        context.store, context.actor, query, before=int(before) if before.isascii() and before.isdigit() else None
    )
    told = (
        many("{count} row, the newest first.", "{count} rows, the newest first.", len(rows))
        if rows
        else say("Nothing matches.")
    )
    if request.args.get("verify"):
        told = _verified()
    return draw(
        "admin_audit", AuditPage(told, tuple(rows), addresses.present(before=str(more)) if more else None, asked)
    )


def _verified() -> str:
    found = audit.verify_chain(context.store, context.actor)
    if found.sound:
        return many(
            "The chain is sound: {count} row checked.", "The chain is sound: {count} rows checked.", found.checked
        )
    return say("The chain is broken after row {row}: {fault}", row=found.last, fault=found.fault)


def _since(text: str) -> datetime | None:
    if not text:
        return None
    days = {"day": 1, "week": 7, "month": 31}.get(text)
    if days is not None:
        return context.now - timedelta(days=days)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=layout.wall().zone).astimezone(UTC)
    except ValueError:
        raise InvalidInput.at("since", "this is not a day", "YYYY-MM-DD, day, week or month") from None
