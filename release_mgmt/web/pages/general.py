"""Pages of no subject: components, theme and zone, problems."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action
from release_mgmt.formats.words import languages, negotiate
from release_mgmt.services.messages import targets
from release_mgmt.services.messages.readers import mail_target
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import account, kept, layout, sample
from release_mgmt.web.pages.language import COOKIE, mark, say
from release_mgmt.web.pages.moment import zone_or_none
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw
from release_mgmt.web.problems import FORM_TOO_OLD

_YEAR = 365 * 86400
_TITLES = {
    401: mark("Sign in to see this"),
    403: mark("This is not yours to do"),
    404: mark("There is nothing here"),
    409: mark("Not possible now"),
    412: mark("Somebody edited it in between"),
    413: mark("That is too much at once"),
    422: mark("Something in it is wrong"),
    429: mark("Too many requests"),
    503: mark("It cannot be told now"),
}
_TOO_OLD = mark("You signed in or out since it was opened, so nothing was saved. Send it again if it is still right.")
_SIGNED_OUT = mark("Your time here was over, so nothing was saved yet. Sign in, and what you typed can be sent.")


@blueprint.get("/components")
@needs(Action.READ_DESCRIPTION)
def components() -> str:
    """Every part of the pages in every state."""
    return draw("components", **sample.everything())


@blueprint.post("/theme")
@needs(Action.SET_DISPLAY)
def set_theme() -> Response:
    """Choose light, dark or the device's theme."""
    chosen = request.form.get("to", "auto")
    if chosen not in layout.THEMES:
        raise InvalidInput.at("to", "no such theme", ", ".join(layout.THEMES))
    answer = redirect(layout.safe_next(request.form.get("next")), 303)
    answer.set_cookie(layout.THEME_COOKIE, chosen, max_age=_YEAR, samesite="Lax", secure=request.is_secure)
    return answer


@blueprint.post("/zone")
@needs(Action.SET_DISPLAY)
def set_zone() -> Response:
    """Choose the zone in which times are told."""
    name = request.form.get("zone", "").strip()
    if zone_or_none(name) is None:
        raise InvalidInput.at("zone", "no such time zone", "an IANA name such as Europe/Berlin")
    answer = redirect(layout.safe_next(request.form.get("next")), 303)
    answer.set_cookie(layout.ZONE_COOKIE, name, max_age=_YEAR, samesite="Lax", secure=request.is_secure)
    return answer


@blueprint.post("/language")
@needs(Action.SET_DISPLAY)
def set_language() -> Response:
    """Choose the language of the pages, and of the reader's own mail; empty: as the browser asks."""
    chosen = request.form.get("language", "")
    if chosen not in ("", *languages()):
        raise InvalidInput.at("language", "there are no words for it", ", ".join(languages()))
    actor = context.actor
    if actor.person is not None:
        spoken = chosen or negotiate(request.headers.get("Accept-Language"))
        targets.choose(context.store, actor, context.now, mail_target(actor.person), {"language": spoken})
    answer = redirect(layout.safe_next(request.form.get("next")), 303)
    if chosen:
        answer.set_cookie(COOKIE, chosen, max_age=_YEAR, samesite="Lax", secure=request.is_secure)
    else:
        answer.delete_cookie(COOKIE)
    return answer


def problem_page(problem: dict[str, Any]) -> str:
    """An error as a page: what, why, what to do, and what was typed into the form that it answers."""
    status, too_old = int(problem["status"]), problem["code"] == FORM_TOO_OLD
    typed = kept.of_request(status, form_too_old=too_old)
    asks = status == 401 and not context.actor.signed_in
    told = Problem(
        title=say(_TITLES.get(status, mark("Something went wrong") if status >= 500 else str(problem["title"]))),
        detail=again(str(problem.get("detail") or problem["title"])),
        hint=again(problem["hint"]) if problem.get("hint") else None,
        fields=tuple((one["path"], again(one["message"])) for one in problem.get("errors") or ()),
        href=None if status == 401 or (typed and typed.again) else "/",
        action=say("To the first page"),
        typed=typed.typed if typed else (),
    )
    if too_old:
        told = replace(told, title=say("This page is older than your sign-in"), detail=say(_TOO_OLD), tone="warn")
    elif asks and typed:
        told = replace(told, title=say("You are signed out"), detail=say(_SIGNED_OUT), hint=None, tone="warn")
    return draw(
        "problem", status=status, told=told, request_id=problem.get("request_id"), kept=typed,
        sign_in=account.ways_in(typed.came_from if typed else "/") if asks else None,
    )  # fmt: skip
