"""The WSGI layer that answers feeds: token, 304 and kept bytes without entering Flask.

Never a 200 that is not a whole feed: some calendar programs empty themselves on a truncated body or a login page. So
the body is complete before its first byte goes out, and every fault is a 404 or a 503 with plain text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import structlog

from release_mgmt import clock
from release_mgmt.core.errors import NotFound, Unavailable
from release_mgmt.services.feeds import Answer, Feeds
from release_mgmt.web import metrics
from release_mgmt.web.feeds.conditional import accepts_gzip, http_date, not_modified

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("release_mgmt.feeds")

PREFIX = "/feeds/"
_PATH = re.compile(r"/feeds/([A-Za-z0-9_-]{16,128})/(calendar\.ics|changelog\.atom)\Z")
_COMMON = [
    ("Cache-Control", "private, no-cache"),
    ("Vary", "Accept-Encoding"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
]
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
        began = perf_counter()
        status, headers, body = self._respond(environ, path)
        start_response(status, headers)
        route = PREFIX + "<token>" + path[path.rfind("/") :] if status[0] in "23" else PREFIX + "<token>"
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in ("GET", "HEAD") else "other"
        metrics.REQUESTS.labels(method, route, status[:3]).inc()
        metrics.REQUEST_SECONDS.labels(method, route).observe(perf_counter() - began)
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
        return _send(environ, answer, head=method == "HEAD")


def _send(environ: WSGIEnvironment, answer: Answer, *, head: bool) -> tuple[str, list[tuple[str, str]], bytes]:
    packed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING"))
    tag, body = (answer.packed_etag, answer.packed) if packed else (answer.etag, answer.body)
    headers = [("ETag", tag), ("Last-Modified", http_date(answer.last_modified)), *_COMMON]
    tags = (answer.etag, answer.packed_etag)
    if not_modified(
        environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_IF_MODIFIED_SINCE"), tags, answer.last_modified
    ):
        return "304 Not Modified", headers, b""
    headers += [
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(body))),
        ("Content-Disposition", f'inline; filename="{answer.file_name}"'),
    ]
    if packed:
        headers.append(("Content-Encoding", "gzip"))
    return "200 OK", headers, b"" if head else body


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
