"""Pages of no subject: components, theme and zone, problems."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Action
from release_mgmt.web.auth import needs
from release_mgmt.web.pages import layout, sample
from release_mgmt.web.pages.moment import zone_or_none
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.site import blueprint, draw

_YEAR = 365 * 86400
_TITLES = {
    401: "Sign in to see this",
    403: "This is not yours to do",
    404: "There is nothing here",
    409: "Not possible now",
    412: "Somebody edited it in between",
    413: "That is too much at once",
    422: "Something in it is wrong",
    429: "Too many requests",
    503: "It cannot be told now",
}


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


def problem_page(problem: dict[str, Any]) -> str:
    """An error as a page: what, why, what to do."""
    status = int(problem["status"])
    told = Problem(
        title=_TITLES.get(status, "Something went wrong" if status >= 500 else str(problem["title"])),
        detail=str(problem.get("detail") or problem["title"]),
        hint=problem.get("hint"),
        fields=tuple((one["path"], one["message"]) for one in problem.get("errors") or ()),
        href=None if status == 401 else "/",
        action="To the first page",
    )
    return draw("problem", status=status, told=told, request_id=problem.get("request_id"))
