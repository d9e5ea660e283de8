"""Administration of teams: who belongs to one, and which changes affect it."""

from __future__ import annotations

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.owners import TeamRule
from release_mgmt.core.permissions import Action
from release_mgmt.services import directory, people
from release_mgmt.services import teams as service
from release_mgmt.services.teams import KINDS, TeamView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.site import blueprint, draw

MOST_PEOPLE = 500


@blueprint.get("/admin/teams")
@needs(Action.MANAGE_TEAMS)
def admin_teams() -> str:
    """All teams, and the form for a new one."""
    return _teams_page()


def _teams_page(problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    found = service.every(context.store, context.actor, archived=True)
    return draw("admin_teams", teams=found, kinds=KINDS, problem=problem, errors=forms.errors_of(error))


@blueprint.post("/admin/teams")
@needs(Action.MANAGE_TEAMS)
def add_team() -> tuple[str, int] | Response:
    """A new team."""
    try:
        made = service.add(
            context.store,
            context.actor,
            context.now,
            slug=forms.text("slug"),
            name=forms.text("name"),
            kind=forms.text("kind"),
            time_zone=forms.optional("time_zone"),
        )
    except ReleaseMgmtError as error:
        return _teams_page(forms.problem_of(error, say("The team was not added")), error), forms.status(error)
    return forms.done(say("{name} is there.", name=made.name), url_for("pages.admin_teams_one", slug=made.slug))


@blueprint.get("/admin/teams/<slug>")
@needs(Action.MANAGE_TEAMS)
def admin_teams_one(slug: str) -> str:
    """One team: its members and the rules that say what affects it."""
    return _team_page(service.get(context.store, context.actor, slug))


def _team_page(team: TeamView, problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    everybody, _ = people.search(context.store, context.actor, limit=MOST_PEOPLE)
    names = directory.look_up(context.store, context.actor, [*team.members, team.lead])
    rules = "\n".join(" ".join([one.repository, one.path or "-", one.label or "-"]).strip() for one in team.rules)
    return draw(
        "admin_team", team=team, people=[one for one in everybody if one.active], names=names, rules=rules,
        kinds=KINDS, problem=problem, errors=forms.errors_of(error),
    )  # fmt: skip


@blueprint.post("/admin/teams/<slug>")
@needs(Action.MANAGE_TEAMS)
def edit_team(slug: str) -> tuple[str, int] | Response:
    """Edit a team: name, clock, lead, members, rules; or archive it."""
    store, actor, now = context.store, context.actor, context.now
    do = forms.text("do")
    try:
        if do in {"archive", "restore"}:
            service.change(store, actor, now, slug, archived=do == "archive")
        else:
            service.change(
                store, actor, now, slug, version=forms.number("version"), name=forms.text("name"),
                kind=forms.text("kind"), time_zone=forms.text("time_zone"), lead=forms.text("lead"),
                members=forms.several("members"), rules=_rules(slug),
            )  # fmt: skip
    except ReleaseMgmtError as error:
        return _team_page(service.get(store, actor, slug), forms.problem_of(error), error), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.admin_teams_one", slug=slug))


def _rules(slug: str) -> list[TeamRule]:
    """One rule a line: repository, path and label, each a pattern, a dash for "any"."""
    found = []
    for line in forms.text("rules", 20_000).splitlines():
        parts = line.split()
        if parts:
            repository, path, label = (*parts[:3], "-", "-")[:3]
            found.append(TeamRule(slug, repository, None if path == "-" else path, None if label == "-" else label))
    return found
