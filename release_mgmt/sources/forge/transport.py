"""One small HTTP client for every forge: bounded, conditional, patient, and never lured to another host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urljoin, urlsplit

import orjson
import requests

from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import InvalidInput, NotFound, ReleaseMgmtError, TooLarge, Unauthenticated, Unavailable
from release_mgmt.sources.forge import limits
from release_mgmt.sources.forge.fields import Json, loads
from release_mgmt.sources.forge.limits import Patience

MAX_BODY = 20 * 1024 * 1024
MAX_PAGES = 10_000  # more than the largest list there is; what has more does not end
MAX_REDIRECTS = 3
MAX_RESTARTS = 3  # of a list that loses entries while it is read
TIMEOUT = (5.0, 30.0)  # seconds to connect, and between two bytes


class Validators(Protocol):
    """Where ETag and Last-Modified of an answer are kept, for each account and address."""

    def get(self, account: str, url: str) -> tuple[str | None, str | None]:
        """(ETag, Last-Modified) of the last answer, each None when unknown."""

    def put(self, account: str, url: str, etag: str | None, last_modified: str | None) -> None:
        """Remember them."""


class Forgetful:
    """Validators that keep nothing: every request is unconditional."""

    def get(self, account: str, url: str) -> tuple[str | None, str | None]:  # noqa: ARG002 - the protocol's form
        return None, None

    def put(self, account: str, url: str, etag: str | None, last_modified: str | None) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Home:
    """A repository as its forge knows it: the id that never changes, and its name now (None: not told)."""

    id: str
    name: str | None


class Reader(Protocol):
    """What reads one entry of a list."""

    def parse(self, raw: Json) -> PullRequest:
        """See :class:`release_mgmt.sources.forge.model.Forge`."""

    def home(self, raw: Json) -> Home | None:
        """See :class:`release_mgmt.sources.forge.model.Forge`."""


class Estranged(ReleaseMgmtError):
    """Another repository of the forge has the name of ours now."""

    code = "forge_estranged"


class RateLimited(Unavailable):
    """The forge asks for more patience than one job has; ``until`` says when to come back."""

    code = "rate_limited"

    def __init__(self, until: datetime, host: str) -> None:
        super().__init__(f"{host} asks us to wait until {until:%Y-%m-%d %H:%M:%S} UTC", details={"until": until})
        self.until = until


@dataclass(slots=True)
class Transport:
    """A connection to one forge under one account.

    ``now`` and ``sleep`` are passed in, so that tests run on a clock of their own. Every request counts in
    ``requests_made``; ``calls_left`` is what the forge last said of its limit, ``skipped`` counts records in lists that
    could not be read. ``home_id`` is the forge's id of the repository, as soon as it is known: what belongs to another
    is refused. ``home`` is what the forge said of it last; ``unchanged`` that a list was not told again (304).
    ``began`` is when the first answer came, by the forge's own clock.
    """

    base_url: str
    headers: Mapping[str, str]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    validators: Validators = field(default_factory=Forgetful)
    patience: Patience = field(default_factory=Patience)
    session: requests.Session = field(default_factory=requests.Session)
    pending: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    requests_made: int = 0
    skipped: int = 0
    calls_left: int | None = None
    home_id: str | None = None
    home: Home | None = None
    unchanged: bool = False
    began: datetime | None = None

    @property
    def account(self) -> str:
        """A name for the credentials that tells nothing of them: GitHub's ETags change with the token."""
        secret = "\n".join(f"{name}:{value}" for name, value in sorted(self.headers.items()))
        return hashlib.sha256(secret.encode()).hexdigest()[:16]

    def get_object(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """The JSON object at ``path``. NotFound, Unauthenticated, Unavailable as the forge answers."""
        answer = self._request("GET", self._url(path), query)
        return expect_object(read_json(answer))

    def get_list(self, path: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """The JSON list at ``path``, objects only."""
        found = read_json(self._request("GET", self._url(path), query))
        return objects(found)

    def pages(self, path: str, query: Mapping[str, str], *, conditional: bool = False) -> Iterator[list[Json]]:
        """The pages of a list that is paged by the Link header, following it on this host only.

        With ``conditional`` the first page is asked for only if it is new: a 304 ends the reading. That is for lists
        of which all was kept before; :meth:`settle` says so. Where the forge tells how many there are and something
        was deleted between two pages, what followed it moved up past us: the list is read again from its start.
        """
        url: str | None = self._url(path)
        first, restarts, before, asked = True, 0, None, set[str]()
        for _ in range(MAX_PAGES):
            if url is None:
                return
            answer = self._request("GET", url, query if first else None, conditional=conditional and first)
            if answer.status_code == 304:
                self.unchanged = True
                return
            if conditional and first:
                self._remember(answer)
            yield objects(read_json(answer))
            there, first = _total(answer), False
            if there is not None and before is not None and there < before and restarts < MAX_RESTARTS:
                url, first, conditional, restarts = self._url(path), True, False, restarts + 1
                asked.clear()
            else:
                url = self._next_link(answer)
                once(url, asked)
            before = there
        if url is not None:
            raise self._endless()

    def body_pages(
        self, path: str, query: Mapping[str, str], following: Callable[[Json], Mapping[str, str] | str | None]
    ) -> Iterator[Json]:
        """The pages of a list that tells in its body how to go on: as more query, or as an address of this host."""
        url, asked, before = self._url(path), dict(query), set[str]()
        for _ in range(MAX_PAGES):
            found = read_json(self._request("GET", url, asked))
            # Azure's description promises a bare list where its service wraps the list in an object.
            page = {"value": found} if isinstance(found, list) else expect_object(found)
            yield page
            more = following(page)
            if more is None:
                return
            if isinstance(more, str):
                url, asked = self._same_host(more), {}
                once(url, before)
            else:
                asked |= more
        raise self._endless()

    def settle(self) -> None:
        """Remember the validators of conditional lists: all that they told is kept. Before, a crash would hide it."""
        for url, (etag, modified) in self.pending.items():
            self.validators.put(self.account, url, etag, modified)
        self.pending.clear()

    def send(self, method: str, path: str, payload: Mapping[str, object] | list[object]) -> Json:
        """Send JSON and return the object answered (empty when there is none)."""
        answer = self._request(method, self._url(path), None, payload=payload)
        return expect_object(read_json(answer)) if answer.content else {}

    def readable(self, reader: Reader, raws: Iterable[Json]) -> Iterator[PullRequest]:
        """The pull requests of a list; one that cannot be read is counted and does not lose the others.

        Raises Estranged before the first that belongs to another repository than all before.
        """
        for raw in raws:
            home = reader.home(raw)
            if home is not None:
                if self.home_id not in {None, home.id}:
                    raise Estranged(f"{home.name or 'this name'} belongs to another repository of the forge now")
                self.home_id, self.home = home.id, home
            try:
                yield reader.parse(raw)
            except InvalidInput:
                self.skipped += 1

    def _endless(self) -> Unavailable:
        return Unavailable(
            f"a list of {_host(self.base_url)} has more than {MAX_PAGES:,} pages", code="forge_unavailable"
        )

    def _url(self, path: str) -> str:
        return self.base_url.rstrip("/") + path

    def _same_host(self, url: str) -> str:
        absolute = urljoin(self.base_url, url)
        if _origin(self.base_url) != _origin(absolute):
            ours, theirs = _host(self.base_url), _host(absolute)
            raise Unavailable(
                f"{ours} sent us to another host ({theirs}); we do not follow",
                code="foreign_link",
            )
        return absolute

    def _next_link(self, answer: requests.Response) -> str | None:
        link = answer.links.get("next", {}).get("url")
        return self._same_host(link) if link else None

    def _remember(self, answer: requests.Response) -> None:
        etag, modified = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
        if etag or modified:
            self.pending[str(answer.request.url)] = (etag, modified)

    def _request(
        self,
        method: str,
        url: str,
        query: Mapping[str, str] | None,
        *,
        payload: object = None,
        conditional: bool = False,
    ) -> requests.Response:
        for attempt in range(self.patience.attempts):
            answer = self._once(method, url, query, payload, conditional=conditional)
            if method == "POST" and (answer is None or answer.status_code >= 500):
                break  # it may have been carried out: who asked looks first and then asks again
            wait = limits.wait(answer, attempt, self.now(), self.patience)
            if wait is None:
                return checked(answer)
            if wait > self.patience.longest_wait:
                raise RateLimited(self.now() + timedelta(seconds=wait), str(urlsplit(url).hostname))
            self.sleep(wait)
        raise Unavailable(f"{urlsplit(url).hostname} does not answer as it should", code="forge_unavailable")

    def _once(
        self, method: str, url: str, query: Mapping[str, str] | None, payload: object, *, conditional: bool
    ) -> requests.Response | None:
        """One exchange with redirects on the same host; None when the line broke."""
        for _ in range(MAX_REDIRECTS + 1):
            prepared = self.session.prepare_request(requests.Request(method, url, params=dict(query or {})))
            prepared.headers.update(self.headers)
            if payload is not None:
                prepared.body = orjson.dumps(payload)
                prepared.headers["Content-Type"] = "application/json"
                prepared.headers["Content-Length"] = str(len(prepared.body))
            if conditional:
                etag, modified = self.validators.get(self.account, str(prepared.url))
                prepared.headers.update({"If-None-Match": etag} if etag else {})
                prepared.headers.update({"If-Modified-Since": modified} if modified and not etag else {})
            self.requests_made += 1
            try:
                answer = self.session.send(prepared, timeout=TIMEOUT, allow_redirects=False, stream=True)
                bounded(answer)
            except requests.RequestException:
                return None
            self._note(answer)
            # 307 and 308 keep the method (RFC 9110, 15.4.8): so forges send on writes to a repository that was renamed.
            followed = {301, 302, 307, 308} if method == "GET" else {307, 308}
            if answer.status_code in followed and "Location" in answer.headers:
                url, query = self._same_host(urljoin(url, answer.headers["Location"])), None
                continue
            return answer
        raise Unavailable(f"{urlsplit(url).hostname} redirects in a circle", code="forge_unavailable")

    def _note(self, answer: requests.Response) -> None:
        self.began = self.began or limits.moment(answer.headers.get("Date")) or self.now()
        left = limits.calls_left(answer)
        self.calls_left = self.calls_left if left is None else left


def once(url: str | None, asked: set[str]) -> None:
    """Add the address of a page to those asked for. Unavailable when it is among them: the pages would never end."""
    if url in asked:
        raise Unavailable(f"the pages of a list of {_host(url)} go in a circle", code="forge_unavailable")
    asked.update({url} if url else ())


def _total(answer: requests.Response) -> int | None:
    """How many entries a list has in all, where the forge tells (GitLab, Gitea)."""
    return limits.number(answer.headers.get("X-Total") or answer.headers.get("X-Total-Count"))


def _origin(url: str) -> tuple[str, str | None, str | None, int | None]:
    """What must be the same for two addresses to be of one server."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        port = None
    return parts.scheme, parts.username, parts.hostname, port


def _host(url: str) -> str | None:
    return urlsplit(url).hostname


def bounded(answer: requests.Response) -> None:
    """Read the whole body, or raise TooLarge at the limit; a body shorter than announced is a broken line."""
    chunks, size = [], 0
    for chunk in answer.iter_content(65536):
        size += len(chunk)
        if size > MAX_BODY:
            answer.close()
            raise TooLarge(f"the forge's answer is larger than {MAX_BODY // 2**20} MB")
        chunks.append(chunk)
    answer._content = b"".join(chunks)  # noqa: SLF001 - what `.content` would have set without a bound


def checked(answer: requests.Response | None) -> requests.Response:
    """The answer when it is a success or a 304; else the error it means, without its body (it may hold secrets)."""
    if answer is None:
        raise Unavailable("the line to the forge broke", code="forge_unavailable")
    host = urlsplit(str(answer.url)).hostname
    if answer.status_code in {401, 403}:
        raise Unauthenticated(
            f"{host} refuses our token ({answer.status_code})", code="forge_refused", hint="Renew or widen the token."
        )
    if answer.status_code in {404, 410}:
        raise NotFound(f"{host} has no such thing, or hides it from our token", code="forge_not_found")
    if answer.status_code >= 300 and answer.status_code != 304:
        told = {"answered": answer.status_code}
        raise ReleaseMgmtError(f"{host} answered {answer.status_code}", code="forge_error", details=told)
    return answer


def read_json(answer: requests.Response) -> Any:
    """The JSON of a body; an answer that is none (a sign-in page, a cut body) is as good as no answer."""
    try:
        return loads(answer.content)
    except ValueError as error:
        host = urlsplit(str(answer.url)).hostname
        raise Unavailable(f"{host} answered something that is no JSON", code="forge_unavailable") from error


def expect_object(found: object) -> Json:
    """``found`` when it is a JSON object, else Unavailable."""
    if not isinstance(found, Mapping):
        raise Unavailable("the forge answered JSON of another form than documented", code="forge_unavailable")
    return found


def objects(found: object) -> list[Json]:
    """The objects of a JSON list, else Unavailable."""
    if not isinstance(found, list):
        raise Unavailable("the forge answered JSON of another form than documented", code="forge_unavailable")
    return [item for item in found if isinstance(item, Mapping)]
