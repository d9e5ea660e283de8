"""Why a message did not arrive, in the reader's words.

What channels tell of an attempt is kept in English, for the log and for programs. Each sentence that is ours has a form
here; what a receiver or a mail server said stays as it was said.
"""

from __future__ import annotations

from functools import lru_cache

from release_mgmt.web.pages import sentences
from release_mgmt.web.pages.language import mark, say

# The more special one first: the values of a form may be anything.
FORMS = (
    mark("switched off: the receiver answered 410"),
    mark(
        "{host} answered {status}: it leads elsewhere, and redirects are not followed; "
        "enter the address that it leads to"
    ),
    mark("{host} answered {status}"),
    mark("{host} did not answer ({fault})"),
    mark("the host {host} is not found"),
    mark("{host} is a machine of a private network"),
    mark("there is no verified mail address"),
    mark("no mail server is set (smtp_host)"),
    mark("the mail server refuses our name or password"),
    mark("the mail server cannot be reached ({fault})"),
    mark("the mail server offers no STARTTLS; nothing was sent"),
    mark("the line cannot be made safe: {fault}"),
    mark("the address of this chat is not understood"),
    mark("{chat} did not take it"),
    mark("{chat} failed ({fault})"),
    mark("refused: {answer}"),
)


def trouble(error: str | None) -> str:
    """``error`` of a delivery or of a place for messages, in the reader's language."""
    for form, pattern in _patterns():
        found = pattern.fullmatch(error or "")
        if found is not None:
            return say(form, **found.groupdict())
    return error or ""


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, sentences.Pattern], ...]:
    return sentences.patterns_of(FORMS)
