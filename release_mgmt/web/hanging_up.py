"""Hanging up once an answer is written; a module of settings for gunicorn, ``-c python:release_mgmt.web.hanging_up``.

From version 26 on gunicorn half-closes a connection and waits, for two seconds at most, until the client closes its
end too (RFC 9112, section 9.6: what the client still sends could cost it the end of the answer). A sync worker answers
nobody else meanwhile, so that every client takes its process away for its own round trip and a few that never close
take all of them. Where a request has no body and nothing behind it there is nothing to wait for.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def post_request(_worker: Any, _request: Any, environ: WSGIEnvironment, response: Any) -> None:
    """gunicorn's hook between the last byte of an answer and the end of its connection."""
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
