"""Bodies of requests that tell no length: bounded like all others.

A chunked body ends where the server says so. Werkzeug reads such a body up to the limit and gives what it has, so that
the beginning of a calendar file would be taken for the whole of it; here it is refused with 413 like a longer one that
told its length.
"""

from __future__ import annotations

from typing import IO, cast

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream


class WholeStream(LimitedStream):
    """Reads up to a limit, and raises when more comes."""

    def readall(self) -> bytes:
        """All of it."""
        data = super().readall()
        if self.is_exhausted and self._stream.read(1):
            raise RequestEntityTooLarge
        return data


class WholeRequest(Request):
    """A request whose body is read whole or not at all."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body, to be read once."""
        limit = self.max_content_length
        if self.content_length is None and limit is not None and "wsgi.input_terminated" in self.environ:
            return cast("IO[bytes]", WholeStream(self.environ["wsgi.input"], limit, is_max=True))
        return super().stream
