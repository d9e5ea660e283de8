"""Ports of the loopback for programs that tests start."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _PARTS, _PART = 15_000, 170, 100
_NEXT = itertools.count()


def free_port() -> int:
    """A port of the loopback that nobody listens on.

    It lies below those that the system gives to whoever asks for any (from 32768 on, Linux), and in a part of this
    process's own: nobody is given it by chance before the program that it is for has it.
    """
    first = _FIRST + os.getpid() % _PARTS * _PART
    for _ in range(_PART):
        port = first + next(_NEXT) % _PART
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port is free")


def answers(port: int) -> bool:
    """Whether somebody listens on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
