"""Outgoing webhooks, signed as the Standard Webhooks specification says; never to a machine of a private network.

The connection is made to an address that was judged (:mod:`release_mgmt.sources.outgoing`). Redirects are not followed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from release_mgmt import resources
from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.text import one_line
from release_mgmt.sources import addresses
from release_mgmt.sources.addresses import Address, AddressPolicy, Resolver
from release_mgmt.sources.channels.model import Outcome
from release_mgmt.sources.forge.limits import retry_after
from release_mgmt.sources.outgoing import held

CONNECT, TIMEOUT = 5.0, 15.0  # seconds to connect, and between two bytes
LONGEST = 60.0  # seconds for the whole exchange: well within the two minutes for which a delivery is claimed
PREFIX = "whsec_"
_ELSEWHERE = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Hook:
    """One delivery: ``secrets`` newest first, each of them signs."""

    id: str
    url: str
    body: bytes
    secrets: tuple[str, ...]


def make_secret() -> str:
    """A fresh secret: 32 random bytes in the form of the specification."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret: str, key: str, timestamp: int, body: bytes) -> str:
    """One signature: ``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    signed = f"{key}.{timestamp}.".encode() + body
    made = hmac.new(base64.b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()


def headers(hook: Hook, now: datetime) -> dict[str, str]:
    """The headers by which a receiver knows the message and that it is ours."""
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "release-mgmt",
        "webhook-id": hook.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(one, hook.id, timestamp, hook.body) for one in hook.secrets),
    }


def judged(url: str, hosts: Sequence[str]) -> Address:
    """The address of a webhook; InvalidInput says what is wrong. ``hosts`` may be private, and plain http."""
    parts = urlsplit(url)
    own = (parts.hostname or "").lower() in hosts
    policy = AddressPolicy(allow_http=own, allowed_hosts=frozenset(hosts))
    if "#" in url:
        raise InvalidInput.at("address", "a webhook's address has no fragment")
    return addresses.parse(url.partition("?")[0], policy)


def post(hook: Hook, now: datetime, hosts: Sequence[str] = (), resolver: Resolver = socket.getaddrinfo) -> Outcome:
    """Send one delivery. Anything but 2xx is to be tried again; 410 says that nobody wants them any more."""
    try:
        address = judged(hook.url, hosts)
        with held(AddressPolicy(allowed_hosts=frozenset(hosts)), resolver):
            return _exchange(_line(address), hook, address, now)
    except InvalidInput as error:
        return Outcome(False, error=one_line(error.message, 300), final=True)
    except ReleaseMgmtError as error:
        return Outcome(False, error=one_line(error.message, 300))
    except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
        return Outcome(False, error=one_line(f"{address.host} did not answer ({_name(error)})", 200))


def _line(address: Address) -> HTTPConnection:
    host, port = address.host or "", address.port or 443
    if address.kind == "http":
        return HTTPConnection(host, port, timeout=CONNECT)
    trusted = resources.authorities() or certifi.where()
    return HTTPSConnection(host, port, timeout=CONNECT, cert_reqs="CERT_REQUIRED", ca_certs=trusted)


def _cut(line: HTTPConnection, late: threading.Event) -> None:
    """End a line from outside and say so: half a head would else pass for a whole one."""
    late.set()
    try:
        if line.sock is not None:
            line.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _exchange(line: HTTPConnection, hook: Hook, address: Address, now: datetime) -> Outcome:
    """The head of an answer tells all there is to know: its body is not read, however long it would drip."""
    parts = urlsplit(hook.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {**headers(hook, now), "Host": parts.netloc}
    late = threading.Event()
    watch = threading.Timer(LONGEST, _cut, (line, late))
    watch.daemon = True
    watch.start()
    try:
        line.connect()
        line.timeout = TIMEOUT  # urllib3 gives it to the socket at each step
        line.request("POST", path, body=hook.body, headers=sent, preload_content=False)
        answer = line.getresponse()
    finally:
        watch.cancel()
        line.close()
    if late.is_set():
        raise TimeoutError
    status = answer.status
    if 200 <= status < 300:
        return Outcome(True, status)
    asked = retry_after(answer.headers.get("Retry-After"), now) if status in {429, 503} else None
    wait = timedelta(seconds=min(asked, 86400.0)) if asked is not None else None
    told = f"{address.host} answered {status}"
    if status in _ELSEWHERE:
        told += ": it leads elsewhere, and redirects are not followed; enter the address that it leads to"
    return Outcome(False, status, told, final=status == 410, gone=status == 410, wait=wait)


def _name(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
