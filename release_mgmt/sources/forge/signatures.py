"""Is this delivery from the forge? Judged on the raw bytes of the body, before anything parses them.

Everything is compared as bytes and in constant time: ``hmac.compare_digest`` on text raises TypeError for a header
that is not ASCII, which would turn a forged delivery into a server error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from release_mgmt.core.changes import Provider
from release_mgmt.core.errors import InvalidInput, Unauthenticated

TOLERANCE = timedelta(minutes=5)  # Standard Webhooks, "Verifying timestamp"
SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """The secret shared with a forge; ``plain_token`` lets GitLab's old ``X-Gitlab-Token`` in."""

    value: str
    plain_token: bool = False

    def __post_init__(self) -> None:
        if len(self.value) < SHORTEST_SECRET:
            raise InvalidInput.at(
                "secret", "a webhook secret is missing or too short", f"at least {SHORTEST_SECRET} characters"
            )

    def __repr__(self) -> str:
        return "WebhookSecret(***)"


def verify(
    provider: Provider, headers: Mapping[str, str], body: bytes, secret: WebhookSecret | None, now: datetime
) -> None:
    """Return when the delivery is genuine; Unauthenticated in every other case, also when no secret is set."""
    if secret is None or not _genuine(provider, headers, body, secret, now):
        raise Unauthenticated(
            "the delivery's signature is missing or wrong",
            code="bad_signature",
            hint="Give the forge's webhook the same secret as the setting for this forge.",
        )


def _genuine(provider: Provider, headers: Mapping[str, str], body: bytes, secret: WebhookSecret, now: datetime) -> bool:
    digest = hmac.new(secret.value.encode(), body, hashlib.sha256).hexdigest()
    match provider:
        case "github":
            # X-Hub-Signature is SHA-1 here and is not looked at.
            return _same(headers.get("X-Hub-Signature-256"), f"sha256={digest}")
        case "gitea":
            return _same(headers.get("X-Gitea-Signature") or headers.get("X-Forgejo-Signature"), digest)
        case "bitbucket" | "bitbucket_server":
            return _same(headers.get("X-Hub-Signature"), f"sha256={digest}")
        case "gitlab":
            if "webhook-signature" in headers:
                return standard_webhook(headers, body, secret.value, now)
            return secret.plain_token and _same(headers.get("X-Gitlab-Token"), secret.value)
        case "azure":
            return _basic_password(headers.get("Authorization"), secret.value)
    return False


def standard_webhook(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> bool:
    """Standard Webhooks 1.0: base64 HMAC-SHA256 of ``id.timestamp.body``, several signatures allowed, ±5 minutes."""
    delivery, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not delivery or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        return False
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        return False
    signed = delivery.encode("utf-8", "surrogateescape") + b"." + stamp.encode() + b"." + body
    wanted = base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any([_same(signature, f"v1,{wanted}") for signature in given[:10]])  # noqa: C419 - all, in equal time


def signing_key(secret: str) -> bytes:
    """The key of a Standard Webhooks secret: base64 after ``whsec_``, else the text itself."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def _basic_password(header: str | None, secret: str) -> bool:
    """Azure DevOps signs nothing: the secret is the password of Basic authentication (over HTTPS)."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        _, colon, password = base64.b64decode(token, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return False
    return bool(colon) and hmac.compare_digest(password, secret.encode())


def _same(given: str | None, wanted: str) -> bool:
    if not given:
        return False
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


def sender(headers: Mapping[str, str]) -> Provider | None:
    """Which forge these headers come from; Gitea and Forgejo first, since they also send GitHub's and Gogs' names."""
    if any(name in headers for name in ("X-Gitea-Event", "X-Forgejo-Event", "X-Gitea-Delivery", "X-Forgejo-Delivery")):
        return "gitea"
    if "X-Gitlab-Event" in headers or "X-Gitlab-Token" in headers:
        return "gitlab"
    if "X-GitHub-Event" in headers:
        return "github"
    if "X-Event-Key" in headers:
        return "bitbucket" if "X-Hook-UUID" in headers or "X-Request-UUID" in headers else "bitbucket_server"
    return None
