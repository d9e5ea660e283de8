"""How calls to others leave: each name is judged by the look-up that the connection is made with, whoever makes it.

A name that was judged before may resolve otherwise a moment later (DNS rebinding). So the judgement stands in the
look-up itself: below :func:`held`, ``socket.getaddrinfo`` answers with judged addresses or not at all, for requests,
urllib3 and Apprise's plugins alike, and what they connect to is what was judged. Elsewhere it is as it always was.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests

from release_mgmt import resources
from release_mgmt.sources.addresses import Address, AddressPolicy, Resolver, resolve

_HELD: ContextVar[tuple[AddressPolicy, Resolver] | None] = ContextVar("release_mgmt_held", default=None)
_look_up: Resolver = socket.getaddrinfo


@contextmanager
def held(policy: AddressPolicy, resolver: Resolver = _look_up) -> Iterator[None]:
    """Hold every look-up of this thread to ``policy``. It raises InvalidInput and Unavailable as ``resolve`` does."""
    token = _HELD.set((policy, resolver))
    try:
        yield
    finally:
        _HELD.reset(token)


def _judged(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:  # noqa: A002
    """In place of ``socket.getaddrinfo``."""
    holding = _HELD.get()
    if holding is None:
        return _look_up(host, port, family, type, proto, flags)
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    token = _HELD.set(None)
    try:
        found = resolve(Address("https", "", name.lower(), port), *holding)
    finally:
        _HELD.reset(token)
    entries: list[Any] = []
    for ip in found:
        try:
            entries += _look_up(ip, port, family, type, proto, socket.AI_NUMERICHOST)
        except socket.gaierror:  # of another family than asked for
            continue
    if not entries:
        raise socket.gaierror(socket.EAI_NONAME, "no address of this kind")
    return entries


socket.getaddrinfo = _judged


class HeldSession(requests.Session):
    """Requests whose connections are held to a policy; no proxy and no netrc of the environment is used."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver = _look_up) -> None:
        super().__init__()
        self._policy, self._resolver = policy, resolver
        self.trust_env = False
        self.verify = resources.authorities() or True

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        """As the base class. Raises InvalidInput for a machine that may not be called, Unavailable for none."""
        with held(self._policy, self._resolver):
            return super().send(request, **more)
