"""Signing in and out, one-time links, and everybody's own page with password, sessions and tokens."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound, ReleaseMgmtError, TooMany, Unauthenticated
from release_mgmt.core.permissions import EVERYWHERE, Action, Scope, Via
from release_mgmt.formats.words import languages, own_name
from release_mgmt.services import directory, people, signin, tokens
from release_mgmt.web import auth
from release_mgmt.web.auth import needs, safe_next
from release_mgmt.web.context import context
from release_mgmt.web.pages import kept
from release_mgmt.web.pages.language import COOKIE, listing, say, term
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw

_EXPIRY_DAYS = ("30", "90", "180", "365")


def _text(name: str, limit: int = 300) -> str:
    """A field of the form, bounded; a password keeps its spaces."""
    found = request.form.get(name, "")
    return found[:limit] if name.endswith("password") else found[:limit].strip()


def _agent() -> str | None:
    return request.user_agent.string or None


@blueprint.get("/sign-in")
@needs(Action.SIGN_IN)
def sign_in() -> str | Response:
    """The form; who is signed in already goes on."""
    target = safe_next(request.args.get("next"))
    if context.actor.via is Via.SESSION:
        return redirect(target)
    return _sign_in_page(target)


def ways_in(target: str) -> dict[str, object]:
    """How one signs in here, and where one goes on to."""
    settings = context.settings
    single = settings.oidc_name if settings.oidc_issuer else None
    return {"target": target, "local": settings.local_accounts, "single": single}


def _sign_in_page(target: str, error: str | None = None, login: str = "") -> str:
    return draw("sign_in", error=error, login=login, kept=kept.of_sign_in(), **ways_in(target))


@blueprint.post("/sign-in")
@needs(Action.SIGN_IN)
def sign_in_by_password() -> tuple[str, int] | Response:
    """Sign in, then go where one wanted to; a form that came along is shown, to be sent now."""
    if not context.settings.local_accounts:
        raise Forbidden("Passwords are not used here.", hint="Sign in with your organisation's account.")
    target, login = safe_next(request.form.get("next")), _text("login")
    try:
        done = signin.with_password(
            context.store, context.now, login=login, password=_text("password"), limits=auth.limits(context.settings),
            origin=request.remote_addr, agent=_agent(),
        )  # fmt: skip
    except (Unauthenticated, TooMany) as error:
        status = 401 if isinstance(error, Unauthenticated) else 429
        return _sign_in_page(target, again(error.message), login), status
    typed = kept.of_sign_in()
    answer = Response() if typed else redirect(target, 303)
    auth.remember(answer, done)
    if typed:
        auth.become(done)
        answer.mimetype = "text/html"
        answer.set_data(draw("send_again", kept=typed))
    return answer


@blueprint.post("/sign-out")
@needs(Action.MANAGE_SELF)
def sign_out() -> Response:
    """End this session, or with ``everywhere`` all of them."""
    if request.form.get("everywhere"):
        signin.sign_out_everywhere(context.store, context.actor, context.now)
    elif (current := auth.session_id()) is not None:
        signin.sign_out(context.store, context.actor, context.now, current)
    answer = redirect(url_for("pages.sign_in"), 303)
    auth.forget(answer)
    return answer


@blueprint.get("/welcome/<link>")
@needs(Action.SIGN_IN)
def welcome(link: str) -> str:
    """The form behind a one-time link: the first administrator, an invitation, a new password."""
    purpose = signin.purpose_of(context.store, context.now, link)
    return draw("welcome", purpose=purpose, link=link, error=None, login="", name="", shortest=12)


@blueprint.post("/welcome/<link>")
@needs(Action.SIGN_IN)
def follow(link: str) -> tuple[str, int] | Response:
    """Set the password and sign in."""
    purpose = signin.purpose_of(context.store, context.now, link)
    first = purpose == "first_administrator"
    login, name = _text("login"), _text("name")
    try:
        if _text("password") != _text("repeated_password"):
            raise InvalidInput.at("repeated_password", "is not the same as the first")
        done = signin.follow_link(
            context.store, context.now, link, password=_text("password"), limits=auth.limits(context.settings),
            origin=request.remote_addr, agent=_agent(), login=login if first else None, name=name if first else None,
        )  # fmt: skip
    except InvalidInput as error:
        page = draw(
            "welcome", purpose=purpose, link=link, error=again(error.message), login=login, name=name, shortest=12
        )
        return page, 422
    answer = redirect("/", 303)
    auth.remember(answer, done)
    return answer


@blueprint.get("/me")
@needs(Action.MANAGE_SELF)
def account() -> str:
    """My account."""
    return _account_page()


def _account_page(*, made: tokens.TokenView | None = None, error: str | None = None) -> str:
    store, actor = context.store, context.actor
    if actor.person is None:
        raise NotFound("Only a person has an account.")
    person = people.get(store, actor, actor.person)
    return draw(
        "account",
        sentence=_sentence(person),
        languages=[("", say("as the browser asks")), *((one, own_name(one)) for one in languages())],
        chosen_language=request.cookies.get(COOKIE, ""),
        person=person,
        sessions=signin.sessions_of(store, actor, context.now, auth.limits(context.settings), auth.session_id()),
        tokens=[token for token in tokens.of(store, actor) if token.revoked_at is None],
        scopes=list(Scope),
        days=_EXPIRY_DAYS,
        made=made,
        error=error,
    )


def _sentence(person: people.PersonView) -> str:
    """Who one is here, in one sentence."""
    if not person.grants:
        return say("You have no role here yet; an administrator can give you one.")
    roles = listing(
        term(one.role.value)
        if one.calendar == EVERYWHERE
        else say("{role} of {calendar}", role=term(one.role.value), calendar=one.calendar)
        for one in person.grants
    )
    if person.teams:
        names = directory.look_up(context.store, context.actor)
        teams = listing(names.team(one) for one in person.teams)
        return say("You are {roles} here, in {teams}.", roles=roles, teams=teams)
    return say("You are {roles} here.", roles=roles)


@blueprint.post("/me/password")
@needs(Action.MANAGE_SELF)
def change_password() -> tuple[str, int] | Response:
    """Replace my password."""
    try:
        done = signin.change_password(
            context.store, context.actor, context.now, old=_text("old_password"), new=_text("password"),
            limits=auth.limits(context.settings), agent=_agent(),
        )  # fmt: skip
    except (Unauthenticated, InvalidInput, TooMany) as error:
        return _account_page(error=again(error.message)), 422
    flash(say("Your password was changed; other browsers were signed out."))
    answer = redirect(url_for("pages.account"), 303)
    auth.remember(answer, done)
    return answer


@blueprint.post("/me/tokens")
@needs(Action.MANAGE_SELF)
def make_token() -> tuple[str, int]:
    """Make a token; its secret is on the answer and never shown again."""
    days = request.form.get("days", "90")
    try:
        made = tokens.create(
            context.store, context.actor, context.now, name=_text("name"),
            scopes=tuple(request.form.getlist("scopes"))[:20], days=int(days) if days in _EXPIRY_DAYS else 90,
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return _account_page(error=again(error.message)), 422
    return _account_page(made=made), 201


@blueprint.post("/me/tokens/<token>/revoke")
@needs(Action.MANAGE_SELF)
def revoke_token(token: str) -> Response:
    """Revoke one of my tokens."""
    tokens.revoke(context.store, context.actor, context.now, token)
    flash(say("The token no longer works."))
    return redirect(url_for("pages.account"), 303)


@blueprint.post("/me/sessions/<session>/end")
@needs(Action.MANAGE_SELF)
def end_session(session: str) -> Response:
    """Sign another of my browsers out."""
    signin.sign_out(context.store, context.actor, context.now, session)
    return redirect(url_for("pages.account"), 303)
