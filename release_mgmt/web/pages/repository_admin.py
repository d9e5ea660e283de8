"""Administration of repositories: which are read, by which rules, and from which forge."""

from __future__ import annotations

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import directory, forges, repositories, webhook_help, webhooks
from release_mgmt.services.repositories import RepositoryView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.repositories import only_calendar
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
        only_calendar=only_calendar(),
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
        providers=[(one, webhook_help.name_of(one)) for one in webhooks.PROVIDERS],
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
