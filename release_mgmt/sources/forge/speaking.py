"""Saying an answer: one comment that is edited and never repeated, and a status that nothing else depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from release_mgmt.core.errors import NotFound, ReleaseMgmtError, Unauthenticated
from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.model import MARKER
from release_mgmt.sources.forge.transport import RateLimited, Transport

Act = Callable[[], object]
Key = TypeVar("Key")


def say(status: Act, comment: Act) -> None:
    """Set the status and write the comment, each whatever comes of the other; raises the first failure at the end.

    A token may have the right to one alone, and a status cannot be set on every commit (GitLab knows the head of a
    fork in the fork only). RateLimited ends it at once: the forge asked for silence.
    """
    failed: list[ReleaseMgmtError] = []
    for act in (status, comment):
        try:
            act()
        except RateLimited:
            raise
        except ReleaseMgmtError as error:
            failed.append(error)
    if failed:
        raise failed[0]


def edit_one_comment(found: Iterable[tuple[Key, str]], wanted: str, edit: Callable[[Key], object], write: Act) -> None:
    """Edit the comment that begins with our marker when its text differs; ``write`` one when there is none of ours.

    ``found`` are the comments with their texts. One that we may not edit was written by somebody else, for instance
    by us under an older account: it stays as it is, and another one is looked for.
    """
    for key, text in found:
        if not text.startswith(MARKER):
            continue
        if text == wanted:
            return
        try:
            edit(key)
        except (Unauthenticated, NotFound):
            continue
        return
    write()


def comment_once(transport: Transport, method: str, comments: str, edit: str, text: str) -> None:
    """Write our comment below ``comments``, or edit the one with our marker by ``method`` at ``edit``/id; for forges
    that list comments in pages, each with ``id`` and ``body``."""
    wanted = f"{MARKER}\n{text}"
    found = (
        (fields.whole(raw, "id"), str(raw.get("body", "")))
        for page in transport.pages(comments, {"per_page": "100"})
        for raw in page
    )
    edit_one_comment(
        found,
        wanted,
        lambda key: transport.send(method, f"{edit}/{key}", {"body": wanted}),
        lambda: transport.send("POST", comments, {"body": wanted}),
    )
