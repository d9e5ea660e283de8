"""Forms: what was typed, what was wrong with it, and where to go on when it was right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, request, url_for
from markupsafe import Markup, escape
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError, StaleVersion
from release_mgmt.web.auth import SAFE
from release_mgmt.web.pages import kept
from release_mgmt.web.pages.language import say
from release_mgmt.web.pages.parts import Problem
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.problems import status_of

LONGEST = 2_000
LONGEST_ADDRESS = 2_000
"""Of an address that is asked by itself: servers in between take about twice as much."""


def _given() -> MultiDict[str, str]:
    """The fields of the form; those of the address when a preview is asked by it."""
    return request.args if request.method in SAFE else request.form


def text(name: str, limit: int = LONGEST) -> str:
    """A field of the form, bounded and without white space around it."""
    return _given().get(name, "")[:limit].strip()


def optional(name: str, limit: int = LONGEST) -> str | None:
    """A field of the form, or None when it was left empty."""
    return text(name, limit) or None


def words(name: str) -> tuple[str, ...]:
    """A field with several values separated by commas or white space."""
    return tuple(dict.fromkeys(text(name).replace(",", " ").split()))


def several(name: str, most: int = 500) -> tuple[str, ...]:
    """Every value that was chosen of a field."""
    return tuple(dict.fromkeys(_given().getlist(name)[:most]))


def number(name: str) -> int | None:
    """A field that holds a whole number, None when it was left empty.

    :raises InvalidInput: when it holds something else.
    """
    given = text(name, 20)
    if not given:
        return None
    if not given.isascii() or not given.removeprefix("-").isdigit():
        raise InvalidInput.at(name, "this is not a whole number", "digits")
    return int(given)


def problem_of(error: ReleaseMgmtError, title: str | None = None, *, refilled: bool = False) -> Problem:
    """An error of ours as a panel above the form, with what was typed unless the form is ``refilled`` with it."""
    sent = None if refilled else kept.of_request(status_of(error))
    faults = tuple((one.path, again(one.message)) for one in getattr(error, "errors", ()))
    tone = "warn" if isinstance(error, StaleVersion) else "stop"
    return Problem(
        title or say("It was not saved"),
        again(error.message),
        again(error.hint) if error.hint else None,
        faults if len(faults) > 1 else (),
        tone="warn" if tone == "warn" else "stop",
        typed=sent.typed if sent else (),
    )


def errors_of(error: ReleaseMgmtError | None) -> Mapping[str, str]:
    """What is wrong by field; the last part of the path names the field."""
    found: dict[str, str] = {}
    for one in getattr(error, "errors", ()):
        told = again(one.message)
        message = f"{told} ({again(one.allowed)})" if one.allowed else told
        found.setdefault(one.path.rsplit(".", 1)[-1], message)
    return found


def status(error: ReleaseMgmtError | None) -> int:
    """The HTTP status of a form that is shown again."""
    return 200 if error is None else status_of(error)


def done(message: str, address: str, *, undo: str | None = None) -> Response:
    """Say what was done on the page that follows (303: a reload never repeats it); ``undo`` leads to taking it back."""
    link = Markup(' <a href="{}">{}</a>').format(undo, say("Take it back…")) if undo else ""
    flash(escape(message) + link)
    return redirect(address, 303)


def by_address(endpoint: str, /, **fields: Any) -> Response | None:
    """Ask for a preview by its address, so that neither the way back nor a reload sends its form again; None when the
    address would be too long for that."""
    address = url_for(endpoint, **{name: value for name, value in fields.items() if value not in (None, "")})
    return redirect(address, 303) if len(address) <= LONGEST_ADDRESS else None
