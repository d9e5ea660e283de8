"""Chats through apprise (the extra ``notify``): Slack, Teams, Matrix, IRC and what else it knows by an address.

Its addresses hold secrets, so they are kept sealed and shown by their kind only. Only chats are taken: apprise also
writes files and logs, asks any address and runs programs. Chats that stand on a host of one's own are held to the same
hosts as webhooks: public ones, and those that the operator named. Redirects are not followed.
"""

from __future__ import annotations

import logging
import socket
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.core.text import one_line
from release_mgmt.sources.addresses import Address, AddressPolicy, Resolver, resolve
from release_mgmt.sources.channels.model import Outcome
from release_mgmt.sources.outgoing import held

_KINDS = (
    "slack msteams workflow workflows matrix matrixs irc ircs xmpp xmpps mmost mmosts rocket rockets discord tgram "
    "zulip gchat wxteams webex nctalk nctalks ntfy ntfys signal signals lark feishu dingtalk twist revolt guilded"
)
CHATS = frozenset(_KINDS.split())
"""The kinds of address that are taken, by Apprise's names."""
_ON_A_HOST = (
    "workflow workflows matrix matrixs irc ircs xmpp xmpps mmost mmosts rocket rockets zulip nctalk nctalks ntfy ntfys "
    "signal signals"
)
_ANYWHERE = frozenset(_ON_A_HOST.split())
"""Those whose address names the host; all others are services that have one host."""
_ELSEWHERE = {"cloud", "t2bot"}  # modes of ntfy and Matrix in which what stands in place of the host is none


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


def masked(url: str, hosts: Sequence[str] = (), resolver: Resolver = socket.getaddrinfo) -> str:
    """The address as it may be shown: its kind only. ``hosts`` may be private.

    :raises InvalidInput: when it is none of a chat, or of a machine in a private network.
    """
    kind = url.partition("://")[0].strip().lower()
    made = _apprise().Apprise.instantiate(url) if "://" in url and kind in CHATS else None
    if not made:
        raise InvalidInput.at("address", "is no address of a chat", "an address of Apprise, such as slack://…")
    _judge(made, kind, hosts, resolver)
    return f"{kind}://…"


def _judge(made: Any, kind: str, hosts: Sequence[str], resolver: Resolver) -> None:
    """Return when the host of a chat may be talked to; a name that is not found does no harm."""
    host = str(getattr(made, "host", None) or "").strip("[]").lower()
    if kind not in _ANYWHERE or not host or getattr(made, "mode", None) in _ELSEWHERE:
        return
    try:
        policy = AddressPolicy(allowed_hosts=frozenset(hosts))
        resolve(Address("https", "", host, getattr(made, "port", None) or 443), policy, resolver)
    except Unavailable:
        return


def send(
    url: str, subject: str, text: str, hosts: Sequence[str] = (), resolver: Resolver = socket.getaddrinfo
) -> Outcome:
    """Say it in a chat. Apprise tells only whether it was taken."""
    try:
        apprise = _apprise()
    except Unavailable as error:
        return Outcome(False, error=error.message)
    kind = url.partition("://")[0].lower()
    chat = apprise.Apprise()
    if kind not in CHATS or not chat.add(url):
        return Outcome(False, error="the address of this chat is not understood", final=True)
    for made in chat:
        made.redirects = False
        try:
            _judge(made, kind, hosts, resolver)
        except InvalidInput as error:
            return Outcome(False, error=one_line(error.errors[0].message, 300), final=True)
    try:
        with held(AddressPolicy(allowed_hosts=frozenset(hosts)), resolver):
            taken = chat.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - a hundred plugins raise what they like; it must not stop the others
        return Outcome(False, error=one_line(f"{kind} failed ({type(error).__name__})", 200))
    return Outcome(True) if taken else Outcome(False, error=f"{kind} did not take it")
