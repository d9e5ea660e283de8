"""Chats through apprise (the extra ``notify``): Slack, Teams, Matrix, IRC and what else it knows by an address.

Its addresses hold secrets, so they are kept sealed and shown by their kind only. Only chats are taken: apprise also
writes files and logs, asks any address and runs programs.
"""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import Any

from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.core.text import one_line
from release_mgmt.sources.channels.model import Outcome

_KINDS = (
    "slack msteams workflow workflows matrix matrixs irc ircs xmpp xmpps mmost mmosts rocket rockets discord tgram "
    "zulip gchat wxteams webex nctalk nctalks ntfy ntfys signal signals lark feishu dingtalk twist revolt guilded"
)
CHATS = frozenset(_KINDS.split())
"""The kinds of address that are taken, by Apprise's names."""


@lru_cache(maxsize=1)
def _apprise() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # its plugins import what Python 3.13 drops
            import apprise

            apprise.Apprise.instantiate("slack://")  # loads them all
    except ImportError as error:
        raise Unavailable(
            "Chats need the extra `notify`.", code="no_apprise", hint="Install release-mgmt[notify]."
        ) from error
    # Its log lines may hold addresses with their secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise


def there() -> bool:
    """Whether chats can be used at all."""
    try:
        _apprise()
    except Unavailable:
        return False
    return True


def masked(url: str) -> str:
    """The address as it may be shown: its kind only.

    :raises InvalidInput: when it is none of a chat.
    """
    kind = url.partition("://")[0].strip().lower()
    if "://" not in url or kind not in CHATS or not _apprise().Apprise.instantiate(url):
        raise InvalidInput.at("address", "is no address of a chat", "an address of Apprise, such as slack://…")
    return f"{kind}://…"


def send(url: str, subject: str, text: str) -> Outcome:
    """Say it in a chat. Apprise tells only whether it was taken."""
    try:
        apprise = _apprise()
    except Unavailable as error:
        return Outcome(False, error=error.message)
    kind = url.partition("://")[0].lower()
    chat = apprise.Apprise()
    if kind not in CHATS or not chat.add(url):
        return Outcome(False, error="the address of this chat is not understood", final=True)
    try:
        taken = chat.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - a hundred plugins raise what they like; it must not stop the others
        return Outcome(False, error=one_line(f"{kind} failed ({type(error).__name__})", 200))
    return Outcome(True) if taken else Outcome(False, error=f"{kind} did not take it")
