"""A calendar file from an address: read from a machine that was judged first, whole or not at all.

The same guard as for repositories (:mod:`release_mgmt.sources.addresses`). The connection is held to the addresses that
were judged, so a second look-up of the name cannot lead elsewhere, and every redirect is judged anew.
"""

from __future__ import annotations

import time
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from release_mgmt.core.errors import InvalidInput, Unavailable
from release_mgmt.sources.addresses import AddressPolicy, parse
from release_mgmt.sources.calendars.ics import MOST_BYTES
from release_mgmt.sources.outgoing import HeldSession

LONGEST = 60.0  # seconds for the whole answer
TIMEOUT = (5.0, 15.0)  # seconds to connect, and between two bytes
MOST_REDIRECTS = 3
_CHUNK = 64 * 1024


def fetch(url: str, policy: AddressPolicy) -> bytes:
    """The bytes at ``url`` (``webcal:`` is read as ``https:``), at most a little more than a calendar may have.

    Raises InvalidInput for an address that may not be called, Unavailable when it does not answer as it should. No
    message holds the address: secret calendar addresses are passwords.
    """
    target = f"https:{url[7:]}" if url[:7].lower() == "webcal:" else url.strip()
    until = time.monotonic() + LONGEST
    for _ in range(MOST_REDIRECTS + 1):
        status, told, body = _once(target, policy, until)
        if status == 200:
            return body
        if status not in {301, 302, 303, 307, 308} or not told:
            raise Unavailable(f"The address answered {status}.", code="calendar_unavailable")
        target = urljoin(target, told)
    raise Unavailable("The address redirects too often.", code="calendar_unavailable")


def _once(url: str, policy: AddressPolicy, until: float) -> tuple[int, str | None, bytes]:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput.at("url", "is no address", "https://...") from None
    if parts.scheme.lower() not in {"https", "http"}:
        raise InvalidInput.at("url", "addresses of this kind are not read", "https://...")
    try:
        parse(urlunsplit((parts.scheme, parts.netloc, parts.path or "/", "", "")), policy)
        with (
            HeldSession(policy) as session,
            session.get(
                url, headers={"Accept": "text/calendar, */*;q=0.1"}, timeout=TIMEOUT, stream=True, allow_redirects=False
            ) as answer,
        ):
            whole = _read(answer, until) if answer.status_code == 200 else b""
            return answer.status_code, answer.headers.get("Location"), whole
    except InvalidInput as error:
        one = error.errors[0]
        raise InvalidInput.at("url", one.message, one.allowed) from None
    except (requests.RequestException, OSError) as error:
        raise Unavailable(f"The address cannot be read: {type(error).__name__}.", code="calendar_unavailable") from None


def _read(answer: requests.Response, until: float) -> bytes:
    """The body; a cut one is an error, a longer one than is taken ends early and is refused by its reader."""
    found = bytearray()
    for part in answer.iter_content(_CHUNK):
        found += part
        if len(found) > MOST_BYTES:
            break
        if time.monotonic() > until:
            raise Unavailable("The address answers too slowly.", code="calendar_unavailable")
    return bytes(found)
