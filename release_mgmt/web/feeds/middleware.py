"""The WSGI layer that answers feeds: token, 304 and kept bytes without entering Flask.

Never a 200 that is not a whole feed: some calendar programs empty themselves on a truncated body or a login page. So
the body is complete before its first byte goes out, and every fault is a 404 or a 503 with plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import structlog
from prometheus_client import Counter, Histogram

from release_mgmt import clock, traces
from release_mgmt.core.errors import NotFound, Unavailable
from release_mgmt.services.feeds import Answer, Feeds
from release_mgmt.web import metrics
from release_mgmt.web.feeds.conditional import accepts_gzip, http_date, not_modified

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("release_mgmt.feeds")

PREFIX = "/feeds/"
_PATH = re.compile(r"/feeds/([A-Za-z0-9_-]{16,128})/(calendar\.ics|changelog\.atom)\Z")
_COMMON = [("Cache-Control", "private, no-cache"), ("Vary", "Accept-Encoding")]
# Browsers show Atom, and its address is a secret; a calendar they only save.
_SHOWN = [("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", "default-src 'none'; sandbox")]
_RETRY = "60"


class FeedMiddleware:
    """Answers below ``/feeds/``; everything else goes to ``app``."""

    def __init__(self, app: WSGIApplication, feeds: Feeds) -> None:
        self._app = app
        self._feeds = feeds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        path: str = environ.get("PATH_INFO", "")
        if not path.startswith(PREFIX):
            return self._app(environ, start_response)
        structlog.contextvars.clear_contextvars()  # the last request's of this thread
        began = perf_counter()
        with traces.span("GET /feeds/<token>", {}) as span:
            status, headers, body = self._respond(environ, path)
            if span is not None:
                span.set_attribute("http.response.status_code", int(status[:3]))
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        start_response(status, headers)
        document = path[path.rfind("/") :] if status[0] in "23" else ""
        count, seconds = _meters(environ["REQUEST_METHOD"], document, status[:3])
        count.inc()
        seconds.observe(perf_counter() - began)
        return [body]

    def _respond(self, environ: WSGIEnvironment, path: str) -> tuple[str, list[tuple[str, str]], bytes]:
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return _plain("405 Method Not Allowed", "Only GET and HEAD.", ("Allow", "GET, HEAD"))
        found = _PATH.match(path)
        if found is None:
            return _nothing()
        try:
            page = _page(environ.get("QUERY_STRING", ""))
            answer = self._feeds.answer(found[1], found[2], page, clock.now()) if page else None
        except NotFound:
            return _nothing()
        except Unavailable:
            return _plain("503 Service Unavailable", "The feed cannot be told now.", ("Retry-After", _RETRY))
        except Exception:
            log.exception("feed_failed", document=found[2])
            return _plain("503 Service Unavailable", "The feed cannot be told now.", ("Retry-After", _RETRY))
        if answer is None:
            return _nothing()
        return _send(environ, answer)


@lru_cache(maxsize=256)
def _meters(method: str, document: str, status: str) -> tuple[Counter, Histogram]:
    """The meters of one kind of answer; nothing that a stranger chooses becomes a label."""
    route = f"{PREFIX}<token>{document}"
    kind = method if method in ("GET", "HEAD") else "other"
    return metrics.REQUESTS.labels(kind, route, status), metrics.REQUEST_SECONDS.labels(kind, route)


def _send(environ: WSGIEnvironment, answer: Answer) -> tuple[str, list[tuple[str, str]], bytes]:
    packed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING"))
    tag = answer.packed_etag if packed else answer.etag
    wanted, since = environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_IF_MODIFIED_SINCE")
    if (wanted or since) and not_modified(wanted, since, tag, answer.last_modified):
        return "304 Not Modified", [("ETag", tag), *_COMMON], b""  # what keeps a cache right: RFC 9110 15.4.5
    body = answer.packed if packed else answer.body
    made = _headers(tag, answer.last_modified, answer.content_type, answer.file_name, len(body), packed=packed)
    return "200 OK", [*made], body


@lru_cache(maxsize=512)
def _headers(
    tag: str, changed: datetime, kind: str, file_name: str, length: int, *, packed: bool
) -> tuple[tuple[str, str], ...]:
    """The headers of a body, kept without it."""
    return (
        ("ETag", tag),
        *_COMMON,
        ("Last-Modified", http_date(changed)),
        ("X-Content-Type-Options", "nosniff"),
        *(() if kind.startswith("text/calendar") else _SHOWN),
        ("Content-Type", kind),
        ("Content-Length", str(length)),
        ("Content-Disposition", f'inline; filename="{file_name}"'),
        *((("Content-Encoding", "gzip"),) if packed else ()),
    )


def _page(query: str) -> int:
    """The number of the page asked for; 0 when it is none."""
    if not query:
        return 1
    asked = parse_qs(query).get("page", ["1"])[-1]
    return int(asked) if re.fullmatch(r"[1-9][0-9]{0,5}", asked) else 0


def _nothing() -> tuple[str, list[tuple[str, str]], bytes]:
    return _plain("404 Not Found", "There is no such feed.")


def _plain(status: str, text: str, *more: tuple[str, str]) -> tuple[str, list[tuple[str, str]], bytes]:
    body = f"{text}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body))), *more]
    return status, [*headers, ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")], body
