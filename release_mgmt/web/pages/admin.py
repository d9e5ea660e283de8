"""Administration: the overview, people with their roles, and settings."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.permissions import EVERYWHERE, Action, Role
from release_mgmt.services import directory, jobs, people, repositories, signin
from release_mgmt.services.people import Grant, PersonView
from release_mgmt.settings import settings_fields
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms
from release_mgmt.web.pages.language import listing, many, mark, say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.site import blueprint, draw

ROLES = tuple((role.value, role.value) for role in Role)


@dataclass(frozen=True, slots=True)
class Room:
    """One entry of the overview."""

    title: str
    href: str
    text: str


_ROOMS = (
    (mark("Repositories"), "pages.admin_repositories", mark("Add, edit and archive what is read.")),
    (
        mark("Calendars"),
        "pages.admin_calendars",
        mark("Windows, freezes, notice, capacity and approvals, by form and as YAML."),
    ),
    (mark("People"), "pages.admin_people", mark("Who may do what, and how forges and git know them.")),
    (mark("Teams"), "pages.admin_teams", mark("Who is affected and who signs off.")),
    (mark("Feeds"), "pages.admin_feeds", mark("Who subscribed to what, and ending a feed.")),
    (mark("Rules"), "pages.admin_rules", mark("Try the rules on a diff or a commit.")),
    (mark("Sources"), "pages.admin_sources", mark("Forges, webhooks and what they delivered.")),
    (mark("Messages"), "pages.admin_messages", mark("Webhooks, chats, mail, and what was sent.")),
    (mark("Jobs"), "pages.admin_jobs", mark("What runs, what waits, what failed.")),
    (mark("Audit"), "pages.admin_audit", mark("Who did what, when and why; every row is chained.")),
    (mark("Settings"), "pages.admin_settings", mark("Every setting and where its value comes from.")),
)


@blueprint.get("/admin")
@needs(Action.MANAGE_REPOSITORIES)
def admin() -> str:
    """The overview: whether anything needs a hand, and all rooms."""
    failed = jobs.search(context.store, context.actor, states=("failed", "dead"), limit=20).items
    running = jobs.search(context.store, context.actor, states=jobs.ACTIVE, limit=20).items
    shown = repositories.search(context.store, context.actor, limit=200).items
    troubled = [one for one in shown if one.sync_error]
    told = [many("{count} repository registered", "{count} repositories registered", len(shown))]
    told.append(many("{count} job at work", "{count} jobs at work", len(running)) if running else say("no job at work"))
    if troubled:
        told.append(say("{count} cannot be read", count=len(troubled)))
    if failed:
        told.append(many("{count} job failed lately", "{count} jobs failed lately", len(failed)))
    rooms = [
        Room(say(title), url_for(endpoint), say(text)) for title, endpoint, text in _ROOMS if addresses.there(endpoint)
    ]
    return draw("admin", sentence=", ".join(told) + ".", rooms=rooms, trouble=bool(troubled or failed))


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """People and a form for a new one; ``teams`` are the names of each one's teams, by id."""

    sentence: str
    people: tuple[PersonView, ...]
    teams: dict[str, str]
    next: str | None
    text: str
    roles: tuple[tuple[str, str], ...]
    problem: Problem | None
    link: str | None
    link_for: str | None


@blueprint.get("/admin/people")
@needs(Action.MANAGE_PEOPLE)
def admin_people() -> str:
    """Everybody with roles, and the form for a new person."""
    return _people_page()


def _people_page(problem: Problem | None = None, link: str | None = None, link_for: str | None = None) -> str:
    text = request.args.get("text", "").strip()
    found, after = people.search(context.store, context.actor, text=text or None, after=request.args.get("cursor"))
    names = directory.look_up(context.store, context.actor)
    view = PeoplePage(
        many("{count} person matches.", "{count} people match.", len(found))
        if text
        else many("{count} person.", "{count} people.", len(found)),
        tuple(found),
        {one.id: listing(names.team(slug) for slug in one.teams) for one in found},
        addresses.next_page(after),
        text,
        ROLES,
        problem,
        link,
        link_for,
    )
    return draw("admin_people", view)


@blueprint.post("/admin/people")
@needs(Action.MANAGE_PEOPLE)
def add_person() -> tuple[str, int]:
    """A new person; the page that follows shows the link by which they set a password."""
    try:
        made = people.add(
            context.store,
            context.actor,
            context.now,
            name=forms.text("name"),
            login=forms.text("login"),
            grants=_grants(),
        )
        secret = signin.make_link(context.store, context.actor, context.now, made.id)
    except ReleaseMgmtError as error:
        return _people_page(forms.problem_of(error, say("The person was not added"))), forms.status(error)
    return _people_page(link=url_for("pages.welcome", link=secret, _external=True), link_for=made.name), 201


def _grants() -> tuple[Grant, ...]:
    chosen = [Role(one) for one in request.form.getlist("roles") if one in set(Role)]
    calendars = forms.words("calendars") or (EVERYWHERE,)
    found: list[Grant] = []
    for role in chosen:
        found.extend([Grant(role, one) for one in calendars] if role is Role.RELEASE_MANAGER else [Grant(role)])
    return tuple(found) or (Grant(Role.READER),)


@blueprint.get("/admin/people/<key>")
@needs(Action.MANAGE_PEOPLE)
def admin_people_one(key: str) -> str:
    """One person: roles, identities, and whether they may sign in."""
    return _person_page(key)


def _person_page(key: str, problem: Problem | None = None, link: str | None = None) -> str:
    found = people.get(context.store, context.actor, key)
    held = {grant.role.value for grant in found.grants}
    calendars = " ".join(
        sorted({one.calendar for one in found.grants if one.role is Role.RELEASE_MANAGER} - {EVERYWHERE})
    )
    return draw(
        "admin_person",
        person=found,
        held=held,
        calendars=calendars,
        roles=ROLES,
        problem=problem,
        link=link,
    )


@blueprint.post("/admin/people/<key>")
@needs(Action.MANAGE_PEOPLE)
def edit_person(key: str) -> tuple[str, int] | Response:
    """Change roles, the name, whether somebody is active, an identity; or make a new link."""
    do, store, actor, now = forms.text("do"), context.store, context.actor, context.now
    try:
        if do == "link":
            secret = signin.make_link(store, actor, now, key)
            return _person_page(key, link=url_for("pages.welcome", link=secret, _external=True)), 201
        if do == "identity":
            people.link(store, actor, now, key, kind=forms.text("kind"), value=forms.text("value"))
        elif do == "forget":
            people.unlink(store, actor, now, key, kind=forms.text("kind"), value=forms.text("value"))
        elif do in {"disable", "enable"}:
            people.change(store, actor, now, key, active=do == "enable", reason=forms.optional("reason"))
        else:
            people.change(
                store,
                actor,
                now,
                key,
                version=forms.number("version"),
                name=forms.optional("name"),
                grants=_grants(),
                reason=forms.optional("reason"),
            )
    except ReleaseMgmtError as error:
        return _person_page(key, forms.problem_of(error)), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.admin_people_one", key=key))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting; a secret is never shown."""

    name: str
    value: str
    origin: str
    help: str


@blueprint.get("/admin/settings")
@needs(Action.READ_SETTINGS)
def admin_settings() -> str:
    """Every setting, its value and where it came from; they are changed in the file or the environment."""
    chosen = context.settings
    shown = []
    for one in settings_fields():
        value = getattr(chosen, one.name)
        told = (say("(set)") if value else say("(not set)")) if one.metadata.get("secret") else _plain(value)
        shown.append(Setting(one.name, told, chosen.origin(one.name), str(one.metadata["help"])))
    given = sum(one.origin != "default" for one in shown)
    return draw(
        "admin_settings",
        settings=shown,
        sentence=say("{count} of {all} settings are not the default.", count=given, all=len(shown)),
    )


def _plain(value: object) -> str:
    return " ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
