"""The door: who asks, whether this route is for them, and that a form was ours.

Every route says what it does::

    @blueprint.get("/windows/<key>")
    @needs(Action.READ_CALENDAR)
    def window(key: str) -> ...

    @blp.route("/freezes")
    class Freezes(MethodView):
        @needs(Action.EDIT_FREEZE)      # one for each method
        @blp.response(201, FreezeSchema)
        def post(self, body): ...

The door refuses who may nowhere do that (401 or 403) before the view runs; the service asks again with the calendar.
A route that declares nothing is not served at all (500), and a test finds it. Order with other decorators is free.

Programs send ``Authorization: Bearer <token>``; browsers have the session cookie and, for everything that writes, the
CSRF token in the form field ``csrf_token`` or the header ``X-CSRFToken`` (``csrf_token()`` in templates).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, current_app, g, redirect, request, session
from flask_wtf.csrf import CSRFProtect
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as WerkzeugResponse

from release_mgmt import clock
from release_mgmt.core.errors import BrokenInvariant, InvalidInput, Unauthenticated
from release_mgmt.core.permissions import ANONYMOUS, Action, Via, may_somewhere, refuse
from release_mgmt.services import actors, visibility
from release_mgmt.services.actors import SessionLimits
from release_mgmt.services.signin import SignedIn
from release_mgmt.settings import Settings
from release_mgmt.web.context import context
from release_mgmt.web.problems import wants_html

View = TypeVar("View", bound=Callable[..., object])

SIGN_IN = "/sign-in"
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
BUILT_IN = {"api-docs.openapi_json": Action.READ_DESCRIPTION}
"""Routes that our libraries add and that therefore cannot be decorated."""
_NOBODY_LOOKED_UP = {
    Action.READ_HEALTH, Action.READ_ASSET, Action.RECEIVE_WEBHOOK, Action.RECEIVE_COMMAND, Action.UNSUBSCRIBE,
}  # fmt: skip
_MARK = "__needs__"

csrf = CSRFProtect()


def needs(action: Action) -> Callable[[View], View]:
    """Declare what a route does; see the module for how it is used."""

    def mark(view: View) -> View:
        setattr(view, _MARK, action)
        return view

    return mark


def declared(app: Flask, endpoint: str, method: str) -> Action | None:
    """The action that a route declares for a method (HEAD as GET), or None when it was forgotten."""
    if endpoint in BUILT_IN:
        return BUILT_IN[endpoint]
    view = app.view_functions[endpoint]
    of_class = getattr(view, "view_class", None)
    if of_class is not None:
        name = "get" if method == "HEAD" else method.lower()
        view = getattr(of_class, name, None) or view
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Action) else None


def cookie_name(settings: Settings) -> str:
    """The session cookie; over https its prefix makes browsers refuse it from other hosts and plain http."""
    return "__Host-release_mgmt" if settings.site.startswith("https://") else "release_mgmt"


def limits(settings: Settings) -> SessionLimits:
    """How long browsers stay signed in here."""
    return SessionLimits(timedelta(minutes=settings.session_idle_minutes), timedelta(days=settings.session_days))


def safe_next(target: str | None, otherwise: str = "/") -> str:
    """``target`` if it is a path on this site, else ``otherwise``: nobody is sent elsewhere from our sign-in."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")) or len(target) > 2000:
        return otherwise
    if any(ord(char) < 0x20 or char == "\\" for char in target):
        return otherwise
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else otherwise


def to_sign_in() -> WerkzeugResponse:
    """Lead to the sign-in, and from there back to what was asked for."""
    return redirect(f"{SIGN_IN}?{urlencode({'next': safe_next(request.full_path.rstrip('?'))})}")


def remember(response: Response | WerkzeugResponse, signed_in: SignedIn) -> None:
    """Put the new session's cookie on ``response`` and forget whatever the browser brought along."""
    session.clear()
    settings = context.settings
    response.set_cookie(
        cookie_name(settings), signed_in.cookie, max_age=signed_in.expires_at - clock.now(), path="/", httponly=True,
        secure=settings.site.startswith("https://"), samesite="Lax",
    )  # fmt: skip


def forget(response: Response | WerkzeugResponse) -> None:
    """Take the session's cookie away."""
    session.clear()
    settings = context.settings
    response.delete_cookie(
        cookie_name(settings), path="/", httponly=True, secure=settings.site.startswith("https://"), samesite="Lax"
    )


def session_id() -> str | None:
    """The id of the browser session that asks, or None for tokens and nobody."""
    found: str | None = g.get("session_id")
    return found


def recognise() -> None:
    """Find who asks and put the actor into the context. A wrong token is refused, a stale cookie is nobody."""
    origin = request.remote_addr
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        actor = actors.by_token(context.store, token.strip(), context.now, origin)
        if actor is None:
            raise Unauthenticated("This token is unknown, expired or revoked.", code="wrong_token")
        context.actor = actor
        return
    _recognise_browser(request.cookies.get(cookie_name(context.settings)))


def become(signed_in: SignedIn) -> None:
    """Answer the present request as the one who just signed in."""
    _recognise_browser(signed_in.cookie)


def _recognise_browser(cookie: str | None) -> None:
    origin = request.remote_addr
    found = actors.by_session(context.store, cookie, context.now, limits(context.settings), origin) if cookie else None
    if found is None:
        context.actor = ANONYMOUS.at(origin)
    else:
        context.actor, g.session_id = found


def _no_null_characters() -> None:
    """Refuse U+0000 in addresses and JSON: PostgreSQL cannot store it, and nothing we take has a use for it."""
    if "\0" in request.path or any("\0" in value for _, value in request.args.items(multi=True)):
        raise InvalidInput.at("address", "holds a null character")
    if request.is_json and b"\\u0000" in request.get_data(cache=True):
        raise InvalidInput.at("body", "holds a null character")


def _only_what_is_seen() -> None:
    """Refuse, as not there, changes and repositories that the actor may not know of, wherever a request names them.

    Services filter what they list; this holds every route that takes a name or an id, so that none can forget it.
    """
    given = dict(request.view_args or {})
    rule = request.url_rule.rule if request.url_rule else ""
    if rule.startswith(("/repositories/<", "/changelogs/<")):
        given["repository"] = given.get("name")
    body = request.get_json(silent=True) if request.is_json else None
    places = (given, request.args, request.form, body if isinstance(body, dict) else {})
    visibility.require_seen(
        context.store,
        context.actor,
        changes_of=[one for place in places for name in ("change", "change_id") for one in _texts(place, name)],
        named=[one for place in places for one in _texts(place, "repository")],
    )


def _texts(place: Mapping[str, object], name: str) -> list[str]:
    """Every text that stands under a name, which a query or a form may hold several times."""
    found = place.getlist(name) if isinstance(place, MultiDict) else place.get(name)
    return [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, str) and one]


def guard() -> WerkzeugResponse | None:
    """Before every request: recognise, refuse, and check the form."""
    if request.method == "OPTIONS":
        return None
    if request.endpoint is None:
        if wants_html():  # the page that says so is the reader's own
            _recognise_browser(request.cookies.get(cookie_name(context.settings)))
        return None
    action = declared(current_app, request.endpoint, request.method)
    if action is None:
        raise BrokenInvariant(f"the route {request.endpoint} ({request.method}) declares no action")
    if action in _NOBODY_LOOKED_UP:
        return None
    recognise()
    _no_null_characters()
    if not may_somewhere(context.actor, action):
        if not context.actor.signed_in and wants_html() and request.method in SAFE:
            return to_sign_in()
        refuse(context.actor, action)
    if request.method not in SAFE and context.actor.via is not Via.TOKEN:
        csrf.protect()
    if context.actor.signed_in:
        _only_what_is_seen()
    return None


def register(app: Flask) -> None:
    """Stand at the door of ``app``."""
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None)
    csrf.init_app(app)
    app.before_request(guard)
