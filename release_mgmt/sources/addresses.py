"""Which repository addresses may be read at all: an allowlist, because git itself reads nearly everything.

Two steps, since a name that looks harmless may resolve to a machine of ours: :func:`parse` judges the text,
:func:`resolve` the machines behind it. The addresses found are pinned for git (``http.curloptResolve``), so that a
second look-up cannot answer differently (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from release_mgmt.core.errors import InvalidInput, Unavailable

FIELD = "address"
LONGEST = 2_000
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\.?\Z"
)
_NUMERIC = re.compile(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}\.?\Z")
_SCP = re.compile(r"(?:[A-Za-z0-9_.-]+@)?[A-Za-z0-9.-]+:(?!//).+")
_SSH_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolver = Callable[..., Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the operator allows beyond public https.

    ``allowed_hosts`` names hosts that may be private (the organisation's own forge); ``roots`` are folders whose
    repositories may be read from disk.
    """

    allow_http: bool = False
    allow_ssh: bool = False
    allowed_hosts: frozenset[str] = frozenset()
    roots: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be read: ``url`` for git, and the host and port behind it (None for a path)."""

    kind: Literal["https", "http", "ssh", "path"]
    url: str
    host: str | None = None
    port: int | None = None


def parse(text: str, policy: AddressPolicy) -> Address:
    """The address in ``text``; InvalidInput says what is wrong and what is allowed."""
    if not text.strip():
        raise InvalidInput.at(FIELD, "there is no address", _allowed(policy))
    if len(text) > LONGEST:
        raise InvalidInput.at(FIELD, f"the address is longer than {LONGEST} characters")
    if text.startswith("-"):
        raise InvalidInput.at(FIELD, "an address may not begin with a dash: git would take it for an option")
    if text.startswith(("/", "./", "../", "~")) or "://" not in text:
        if "::" in text or _SCP.match(text):
            raise InvalidInput.at(FIELD, "this form of address is not read", _allowed(policy))
        return Address("path", str(_below_root(text, policy)))
    if _CONTROL.search(text):
        raise InvalidInput.at(FIELD, "the address holds a space, a backslash or a control character")
    return _parse_url(text, policy)


def _parse_url(text: str, policy: AddressPolicy) -> Address:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidInput.at(FIELD, f"the address is no URL: {error}", _allowed(policy)) from None
    kind = parts.scheme.lower()
    open_kinds = {"https", *(["http"] if policy.allow_http else []), *(["ssh"] if policy.allow_ssh else [])}
    if kind not in open_kinds or "::" in parts.scheme:
        raise InvalidInput.at(FIELD, f"addresses of the kind {kind or '(none)'!r} are not read", _allowed(policy))
    if parts.password is not None or (parts.username is not None and kind != "ssh"):
        raise InvalidInput.at(
            FIELD, "the address carries a name or a password", "give the token in the settings, never in an address"
        )
    if parts.username is not None and not _SSH_USER.match(parts.username):
        raise InvalidInput.at(FIELD, "the user of an ssh address holds characters that are not allowed")
    host = (parts.hostname or "").lower()
    if not host or host.startswith("-"):
        raise InvalidInput.at(FIELD, "the address names no host", _allowed(policy))
    if not (_is_ip(host) or _HOST.match(host)):
        raise InvalidInput.at(FIELD, f"{host!r} is no host name")
    if _NUMERIC.match(host) and not _is_ip(host):
        raise InvalidInput.at(FIELD, "the host is a number in an unusual form", "a name, or four decimal numbers")
    if parts.query or parts.fragment:
        raise InvalidInput.at(FIELD, "an address of a repository has no query and no fragment")
    ports = {"https": 443, "http": 80, "ssh": 22}
    return Address(kind, text, host, port or ports[kind])  # type: ignore[arg-type] # one of open_kinds


def _below_root(text: str, policy: AddressPolicy) -> Path:
    if "\x00" in text:
        raise InvalidInput.at(FIELD, "the path holds a null character")
    path = Path(text).resolve()  # symbolic links are followed before the judgement
    if any(path.is_relative_to(root.resolve()) for root in policy.roots):
        return path
    raise InvalidInput.at(FIELD, "this path is not below a folder that may be read", _allowed(policy))


def _allowed(policy: AddressPolicy) -> str:
    kinds = ["https://"] + ["http://"] * policy.allow_http + ["ssh://"] * policy.allow_ssh
    folders = [f"a path below {root}" for root in policy.roots]
    return " or ".join([*kinds, *folders])


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def resolve(address: Address, policy: AddressPolicy, resolver: Resolver = socket.getaddrinfo) -> tuple[str, ...]:
    """The IP addresses behind an address, all of them public unless the operator allows the host.

    Raises:
        InvalidInput: one of them is not public (loopback, private, link-local, carrier-grade NAT, metadata).
        Unavailable: the name does not resolve now.
    """
    if address.host is None:
        return ()
    try:
        found = {str(entry[4][0]) for entry in resolver(address.host, address.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"the host {address.host} is not found", code="unknown_host") from error
    if address.host not in policy.allowed_hosts:
        for ip in sorted(found):
            if not is_public(ip):
                raise InvalidInput.at(
                    FIELD,
                    f"{address.host} is a machine of a private network",
                    "an administrator can allow the host in the settings",
                )
    return tuple(sorted(found))


def is_public(ip: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it wraps another one (mapped, NAT64, 6to4)."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def pin(address: Address, ips: Sequence[str]) -> str:
    """The value of git's ``http.curloptResolve`` that holds git to the addresses that were judged."""
    shown = ",".join(f"[{ip}]" if ":" in ip else ip for ip in ips)
    return f"{address.host}:{address.port}:{shown}"
