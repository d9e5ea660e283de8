"""What somebody typed into a form that could not be taken: it is shown again, and sent again once it can be.

A session may end while one writes, a form may be older than the sign-in of today, the database may be away for a
moment. The fields then travel on in the page that tells of it, so nothing has to be typed twice, without any script.
Only forms of our own pages come back: what another site sends is never offered to be sent in somebody's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import HTTPException

from release_mgmt.web.auth import SAFE, safe_next

TO, PREFIX = "kept_to", "kept."
_OURS = frozenset({"csrf_token", "next", "preview", "version", "do"})
_SECRET = ("secret", "token")
_NOT_AGAIN = frozenset({"pages.sign_out", "pages.sign_in_by_password", "pages.follow"})
PASSING = frozenset({401, 429, 500, 503})
"""What may well be taken when it is sent again just as it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A form that was sent: where to, and its fields in their order."""

    to: str
    fields: tuple[tuple[str, str], ...]
    came_from: str
    again: bool = True
    """Whether sending it again as it is makes sense; files cannot be kept."""

    @property
    def typed(self) -> tuple[tuple[str, str], ...]:
        """The fields that say something to whoever typed them; secrets are not shown."""
        shown = [(name, value) for name, value in self.fields if value.strip() and name not in _OURS]
        return tuple((name, value) for name, value in shown if not name.endswith(_SECRET))


def of_request(status: int, *, form_too_old: bool = False) -> Kept | None:
    """The form of the present request, which was answered with ``status``; None when there is nothing to keep."""
    if request.method in SAFE or request.endpoint in _NOT_AGAIN or not _from_here():
        return None
    try:
        given = tuple((name, value) for name, value in request.form.items(multi=True) if name != "csrf_token")
        files = any(one.filename for one in request.files.values())
    except HTTPException:  # it was too long to be read
        return None
    if any(name.endswith("password") for name, _ in given):
        return None
    again = (status in PASSING or form_too_old) and not files
    return Kept(safe_next(request.full_path.rstrip("?")), given, _came_from(), again)


def of_sign_in() -> Kept | None:
    """The form that travels along with the present sign-in."""
    to = request.form.get(TO)
    if not to:
        return None
    fields = tuple(
        (name.removeprefix(PREFIX), value)
        for name, value in request.form.items(multi=True)
        if name.startswith(PREFIX) and name != PREFIX + "csrf_token"
    )
    return Kept(safe_next(to), fields, safe_next(request.form.get("next")))


def _from_here() -> bool:
    """Whether a page of ours sent the request, as the browser says."""
    site = request.headers.get("Sec-Fetch-Site")
    if site:
        return site == "same-origin"
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def _came_from() -> str:
    """The page that the form stood on, or the first one."""
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.host:
        return "/"
    return safe_next(page.path + (f"?{page.query}" if page.query else ""))
