"""Administration: repositories, jobs and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import audit, directory, forges, jobs, repositories, webhook_help, webhooks
from release_mgmt.services.audit import Found, Query
from release_mgmt.services.repositories import RepositoryView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms, layout
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.parts import Problem, Progress
from release_mgmt.web.pages.site import blueprint, draw


@blueprint.get("/admin/repositories")
@needs(Action.MANAGE_REPOSITORIES)
def admin_repositories() -> str:
    """Repositories to edit, and the form for a new one."""
    return _repositories_page()


def _repositories_page(problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    shown = repositories.search(context.store, context.actor, cursor=request.args.get("cursor"))
    archived = repositories.search(context.store, context.actor, archived=True).items
    names = directory.look_up(context.store, context.actor)
    return draw(
        "admin_repositories",
        items=shown.items,
        archived=archived,
        next=addresses.next_page(shown.next),
        form=request.form,
        problem=problem,
        errors=forms.errors_of(error),
        teams=[("", say("none")), *((k, t.name) for k, t in names.teams.items())],
    )


@blueprint.post("/admin/repositories")
@needs(Action.MANAGE_REPOSITORIES)
def add_repository() -> tuple[str, int] | Response:
    """Take a repository in; its first reading starts at once."""
    chosen = context.settings
    allowed = repositories.policy(chosen.repository_roots, chosen.repository_hosts, allow_http=chosen.allow_plain_http)
    try:
        made = repositories.register(
            context.store,
            context.actor,
            context.now,
            location=forms.text("location"),
            allowed=allowed,
            name=forms.optional("name"),
            owner_team=forms.optional("owner_team"),
            calendar=forms.optional("calendar"),
            tag_pattern=forms.optional("tag_pattern"),
            description=forms.optional("description"),
        )
    except ReleaseMgmtError as error:
        return _repositories_page(forms.problem_of(error, say("The repository was not added")), error), forms.status(
            error
        )
    return forms.done(
        say("{name} is registered; it is being read.", name=made.name), url_for("pages.repository", name=made.name)
    )


@blueprint.get("/admin/repositories/<name>")
@needs(Action.MANAGE_REPOSITORIES)
def admin_repositories_one(name: str) -> str:
    """The form of one repository."""
    return _edit_page(repositories.get(context.store, context.actor, name))


def _edit_page(found: RepositoryView, problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    names = directory.look_up(context.store, context.actor)
    return draw(
        "admin_repository",
        repository=found,
        problem=problem,
        errors=forms.errors_of(error),
        teams=[("", say("none")), *((key, team.name) for key, team in names.teams.items())],
    )


@blueprint.post("/admin/repositories/<name>")
@needs(Action.MANAGE_REPOSITORIES)
def edit_repository(name: str) -> tuple[str, int] | Response:
    """Edit, archive or restore a repository."""
    store, actor, now = context.store, context.actor, context.now
    do = forms.text("do")
    try:
        if do in {"archive", "restore"}:
            repositories.archive(store, actor, now, name, restore=do == "restore")
            return forms.done(
                say("{name} is archived.", name=name) if do == "archive" else say("{name} is restored.", name=name),
                url_for("pages.admin_repositories"),
            )
        given = {
            "name": forms.text("name"),
            **{one: forms.optional(one) for one in ("description", "owner_team", "calendar", "tag_pattern", "web_url")},
        }
        after = repositories.edit(store, actor, now, name, version=forms.number("version"), values=given)
    except ReleaseMgmtError as error:
        found = repositories.get(store, actor, name)
        return _edit_page(found, forms.problem_of(error), error), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.admin_repositories_one", name=after.name))


@blueprint.get("/admin/repositories/<name>/forge")
@needs(Action.MANAGE_REPOSITORIES)
def admin_repositories_forge(name: str) -> str:
    """Where the pull requests of a repository are read, and what to enter there."""
    return _forge_page(name)


def _forge_page(name: str, error: ReleaseMgmtError | None = None) -> str:
    store, actor, settings = context.store, context.actor, context.settings
    found = repositories.get(store, actor, name)
    state = next((one for one in forges.states(store, actor, context.now) if one.repository == found.name), None)
    provider = request.values.get("provider", "") or (state.provider if state else "github")
    chosen = provider if provider in webhooks.PROVIDERS else "github"
    secret = bool(getattr(settings, f"{chosen}_webhook_secret", ""))
    newest = webhooks.deliveries(store, actor, forge_slug=found.forge_slug, limit=1) if found.forge_slug else None
    return draw(
        "admin_forge",
        repository=found,
        state=state,
        provider=chosen,
        slug=request.form.get("forge_slug") or found.forge_slug or "",
        api_url=request.form.get("api_url") or (state.api_url if state else ""),
        answers=bool(request.form.get("answers")) if request.form else bool(state and state.answers),
        providers=[(one, one.replace("_", " ").title()) for one in webhooks.PROVIDERS],
        setup=webhook_help.setup(chosen, settings.site, secret_set=secret),
        last=newest.items[0] if newest and newest.items else None,
        problem=forms.problem_of(error, say("It was not connected")) if error is not None else None,
        errors=forms.errors_of(error),
    )


@blueprint.post("/admin/repositories/<name>/forge")
@needs(Action.MANAGE_REPOSITORIES)
def connect_forge(name: str) -> tuple[str, int] | Response:
    """Connect a repository to its forge; the first reading starts at once."""
    try:
        forges.connect(
            context.store,
            context.actor,
            context.now,
            name,
            provider=forms.text("provider", 40),
            forge_slug=forms.text("forge_slug", 300),
            api_url=forms.optional("api_url", 500),
            answers=bool(forms.text("answers")),
        )
    except ReleaseMgmtError as error:
        return _forge_page(name, error), forms.status(error)
    return forms.done(
        say("Connected; its pull requests are read next."), url_for("pages.admin_repositories_forge", name=name)
    )


@blueprint.post("/repositories/<name>/sync")
@needs(Action.SYNC_REPOSITORY)
def repository_sync(name: str) -> Response:
    """Read a repository as soon as a worker is free."""
    repositories.request_sync(context.store, context.actor, context.now, name)
    return forms.done(
        say("{name} will be read as soon as a worker is free.", name=name), url_for("pages.repository", name=name)
    )


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
