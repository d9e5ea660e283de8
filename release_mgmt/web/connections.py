"""No client takes a web process away by being slow: a module of settings for gunicorn, ``-c
python:release_mgmt.web.connections``.

A sync worker has one connection at a time. It would wait for what a connection says for the whole ``timeout`` of the
worker, which is then killed: a browser that opens connections ahead is enough. And from version 26 on gunicorn
half-closes each connection and waits, for two seconds at most, until the client closes its end too (RFC 9112, section
9.6: what the client still sends could cost it the end of the answer).
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SILENCE = 10
"""Seconds that a client may say nothing in the midst of a request, or take nothing of its answer."""
UNHEARD = 60
"""Seconds for which a connection that has said nothing at all is kept from the workers, where the system can."""


def when_ready(server: Any) -> None:
    """gunicorn's hook before the workers start; connections take such options from what they come to."""
    waiting = struct.pack("ll", SILENCE, 0)  # a timeval
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, waiting)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, waiting)
        if hasattr(socket, "TCP_DEFER_ACCEPT") and listener.sock.family in (socket.AF_INET, socket.AF_INET6):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, UNHEARD)


def post_request(_worker: Any, _request: Any, environ: WSGIEnvironment, response: Any) -> None:
    """gunicorn's hook between the last byte of an answer and the end of its connection: hang up at once where a
    request has no body and nothing behind it."""
    if response is None or not response.headers_sent or not response.should_close():
        return  # a fault is yet to be told, or the connection is kept
    if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
        return  # its sender may still be at it
    connection: socket.socket = environ["gunicorn.socket"]
    with suppress(OSError):  # the client is gone
        try:
            connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:  # all that was sent is read
            connection.shutdown(socket.SHUT_RDWR)
