"""Slash commands as chats send them: whether they are genuine, and who asked what.

Slack signs the raw body (``v0:timestamp:body``, HMAC-SHA256, five minutes), see "Verifying requests from Slack".
Mattermost sends a token, in the form or as ``Authorization: Token``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from release_mgmt.core.errors import InvalidInput, Unauthenticated
from release_mgmt.core.permissions import Identity
from release_mgmt.core.text import one_line

TOLERANCE = timedelta(minutes=5)
LONGEST = 16 * 1024  # bytes of a body
CHATS = ("slack", "mattermost")
_MOST_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """A genuine command: ``text`` is what was written after its name, ``who`` how the chat knows the person."""

    text: str
    who: Identity


def read(chat: str, headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> Asked:
    """The command in a request.

    :raises Unauthenticated: when it is not genuine, too old, or no secret is set.
    :raises InvalidInput: when it is no form.
    """
    refused = Unauthenticated("The signature of this command is missing or wrong.", code="wrong_signature")
    if not secret:
        raise refused
    if chat == "slack" and not slack_signed(headers, body, secret, now):
        raise refused
    try:
        form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise (refused if chat != "slack" else InvalidInput.at("body", "is no form")) from None

    def field(name: str) -> str:
        return one_line(form.get(name, [""])[0], 500)

    if chat == "mattermost":
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "token" else field("token")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            raise refused
        return Asked(field("text"), Identity("mattermost", field("user_id").lower()))
    return Asked(field("text"), Identity("slack", f"{field('team_id')}.{field('user_id')}".lower()))


def slack_signed(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Whether Slack signed this body within the last five minutes."""
    stamp = headers.get("X-Slack-Request-Timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    wanted = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    given = headers.get("X-Slack-Signature", "")
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())
