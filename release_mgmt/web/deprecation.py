"""Parts of the API that will go: said in each answer (RFC 9745, RFC 8594) and in the description. See docs/api.md.

Nothing is deprecated now; the mechanism is here so that the first time is like every other::

    @deprecated(blueprint, Notice(since=datetime(2027, 3, 1, tzinfo=UTC), sunset=datetime(2027, 10, 1, tzinfo=UTC)))
    @needs(Action.READ_CHANGE)
    ...
    def get(self) -> ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, g

View = TypeVar("View", bound=Callable[..., Any])
AT_LEAST = timedelta(days=180)
"""How long something deprecated goes on working."""
POLICY = "/api/v1/docs"


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said of something that will go: from when, until when (both UTC), and where to read what to use."""

    since: datetime
    sunset: datetime
    link: str = POLICY

    def __post_init__(self) -> None:
        if self.sunset - self.since < AT_LEAST:
            raise ValueError(f"what is deprecated works {AT_LEAST.days} days longer at least")

    @property
    def headers(self) -> dict[str, str]:
        """``Deprecation`` (a date as RFC 9651 writes it), ``Sunset`` (an HTTP date) and the link to what to do."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": format_datetime(self.sunset, usegmt=True),
            "Link": f'<{self.link}>; rel="deprecation"; type="text/html"',
        }


def deprecated(blueprint: Any, notice: Notice) -> Callable[[View], View]:
    """Mark an operation of ``blueprint``: outermost of its decorators, so that refusals say it too."""

    def mark(view: View) -> View:
        @wraps(view)
        def noted(*args: Any, **kwargs: Any) -> Any:
            g.deprecation = notice
            return view(*args, **kwargs)

        marked: View = blueprint.doc(deprecated=True)(noted)
        return marked

    return mark


def register(app: Flask) -> None:
    """Say it in the answers of ``app``."""

    @app.after_request
    def say(response: Response) -> Response:
        notice: Notice | None = g.get("deprecation")
        for name, value in notice.headers.items() if notice else ():
            response.headers.add(name, value)
        return response
