"""The client of the forges, against real HTTP servers on loopback and a clock of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from release_mgmt.core.changes import Labelling, Review, Step
from release_mgmt.core.errors import NotFound, TooLarge, Unauthenticated, Unavailable
from release_mgmt.sources.forge import auth_headers, forge, transport
from release_mgmt.sources.forge.github import read_reviews
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.forge.model import MARKER, Answer
from release_mgmt.sources.forge.transport import RateLimited, Transport
from release_mgmt.sources.pull_requests import from_json, to_json
from tests.loopback import Reply, Server

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(reply: Callable[[str, str, dict[str, str], object], Reply]) -> Server:
        servers.append(Server(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.at, self.waits = NOW, list[float]()

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += timedelta(seconds=seconds)

    def client(self, url: str, token: str = "t0ken", **more: object) -> Transport:
        patience = Patience(longest_wait=4_000)
        made = Transport(url, auth_headers("github", token), lambda: self.at, self.sleep, patience=patience)
        for name, value in more.items():
            setattr(made, name, value)
        return made


class Memory(dict[tuple[str, str], tuple[str | None, str | None]]):
    """Validators kept in memory."""

    def get(self, account: str, url: str) -> tuple[str | None, str | None]:  # type: ignore[override]
        return super().get((account, url), (None, None))

    def put(self, account: str, url: str, etag: str | None, last_modified: str | None) -> None:
        self[account, url] = (etag, last_modified)


def pull(number: int, minute: int) -> dict[str, object]:
    at = (NOW - timedelta(days=30) + timedelta(minutes=minute)).isoformat()
    return {"number": number, "title": f"Change {number}", "state": "closed", "merged_at": at, "updated_at": at}


@pytest.mark.acceptance("ING-10")
def test_a_304_is_neither_parsed_nor_followed_and_a_new_token_drops_the_etag(serve: Callable[..., Server]) -> None:
    def reply(_method: str, _path: str, headers: dict[str, str], _body: object) -> Reply:
        if headers.get("if-none-match") == '"one"':
            return 304, {}, b""
        return 200, {"ETag": '"one"'}, [pull(1, 0)]

    server, clock, memory = serve(reply), Clock(), Memory()
    client = clock.client(server.url, validators=memory)
    assert len(list(forge("github").changed(client, "acme/models", None))) == 1
    client.settle()
    assert list(forge("github").changed(client, "acme/models", None)) == []
    assert client.requests_made == len(server.seen) == 2
    renewed = clock.client(server.url, token="another", validators=memory)
    assert len(list(forge("github").changed(renewed, "acme/models", None))) == 1
    assert "if-none-match" not in server.seen[-1][2]


@pytest.mark.acceptance("ING-10")
def test_until_all_is_kept_nothing_is_remembered_and_only_lists_that_are_kept_are_asked_for_so(
    serve: Callable[..., Server],
) -> None:
    """A 304 to a list of reviews or comments would read as "there are none"."""

    def reply(_method: str, _path: str, headers: dict[str, str], _body: object) -> Reply:
        if "if-none-match" in headers:
            return 304, {}, b""
        return 200, {"ETag": '"one"'}, [pull(1, 0) | {"user": {"login": "ann"}, "state": "APPROVED"}]

    server, clock, memory = serve(reply), Clock(), Memory()
    client = clock.client(server.url, validators=memory)
    for _ in range(2):
        assert len(list(client.pages("/x", {}, conditional=True))) == 1
        assert not memory
    for _ in range(2):
        assert read_reviews(client, "/reviews", {}) == (Review("ann", "approved"),)
        client.settle()
    assert [url.removeprefix(server.url) for _, url in memory] == ["/x"]


COMMITS = ("b" * 40, "a" * 40)
OF_GITHUB = [
    {"sha": sha, "commit": {"message": f"Title {sha[0]}\n\nBody", "author": {"name": "Ada"}}} for sha in COMMITS
]


@pytest.mark.parametrize(
    ("provider", "repository", "path", "listed"),
    [
        ("github", "a/b", "/repos/a/b/pulls/7/commits?per_page=100", OF_GITHUB),
        ("gitea", "a/b", "/repos/a/b/pulls/7/commits?limit=50&files=false&verification=false", OF_GITHUB),
        (
            "gitlab", "g/p", "/projects/g%2Fp/merge_requests/7/commits?per_page=100",
            [{"id": sha, "message": f"Title {sha[0]}\n", "author_name": "Ada"} for sha in COMMITS],
        ),
        (
            "bitbucket", "w/r", "/2.0/repositories/w/r/pullrequests/7/commits?pagelen=100",
            {"values": [{"hash": sha, "message": f"Title {sha[0]}", "author": {"raw": "Ada <a@x>"}} for sha in COMMITS],
             "size": 2},
        ),
        (
            "bitbucket_server", "PRC/r", "/rest/api/1.0/projects/PRC/repos/r/pull-requests/7/commits?limit=100",
            {"values": [{"id": sha, "message": f"Title {sha[0]}", "author": {"name": "Ada"}} for sha in COMMITS],
             "isLastPage": True},
        ),
        (
            "azure", "o/p/r",
            "/o/p/_apis/git/repositories/r/pullRequests/7/commits?%24top=250&api-version=7.2-preview.1",
            {"value": [{"commitId": sha, "comment": f"Title {sha[0]}", "author": {"name": "Ada"}} for sha in COMMITS]},
        ),
    ],
)  # fmt: skip
def test_every_forge_is_asked_once_for_the_commits_of_a_pull_request(
    serve: Callable[..., Server], provider: str, repository: str, path: str, listed: object
) -> None:
    server = serve(lambda *_: (200, {}, listed))
    bare = replace(forge("github").parse(pull(7, 0)), provider=provider)
    found = forge(provider).with_commits(Clock().client(server.url), repository, bare)
    assert [seen[1] for seen in server.seen] == [path]
    assert found == replace(bare, commits=COMMITS, steps=(Step("Title b", "Ada"), Step("Title a", "Ada")))
    assert from_json(to_json(found)) == found


EVENTS = ("labeled", "unlabeled", "closed")


@pytest.mark.parametrize(
    ("provider", "repository", "path", "listed"),
    [
        (
            "github", "a/b", "/repos/a/b/issues/7/events?per_page=100",
            [{"event": event, "actor": {"login": "ada"}, "label": {"name": "level: major"},
              "created_at": f"2026-11-2{at}T08:00:00Z"} for at, event in enumerate(EVENTS)] + [{"event": "labeled"}],
        ),
        (
            "gitlab", "g/p", "/projects/g%2Fp/merge_requests/7/resource_label_events?per_page=100",
            [{"action": action, "user": {"username": "ada"}, "label": {"name": "level: major"},
              "created_at": f"2026-11-2{at}T08:00:00.000Z"} for at, action in enumerate(("add", "remove"))]
            + [{"action": "add", "user": {"username": "ada"}, "label": None, "created_at": "2026-11-20T08:00:00Z"}],
        ),
        (
            "gitea", "a/b", "/repos/a/b/issues/7/timeline?page=1&limit=50",
            [{"type": "label", "body": body, "user": {"login": "ada"}, "label": {"name": "level: major"},
              "created_at": f"2026-11-2{at}T08:00:00Z"} for at, body in enumerate(("1", ""))]
            + [{"type": "comment", "body": "1", "user": {"login": "ada"}, "created_at": "2026-11-20T08:00:00Z"}],
        ),
    ],
)  # fmt: skip
def test_every_forge_that_knows_says_who_put_a_label_on(
    serve: Callable[..., Server], provider: str, repository: str, path: str, listed: object
) -> None:
    server = serve(lambda *_: (200, {}, listed))
    told = forge(provider).labellings(Clock().client(server.url), repository, 7)
    assert server.seen[0][1] == path
    assert told == (
        Labelling("level: major", "ada", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        Labelling("level: major", "ada", datetime(2026, 11, 21, 8, tzinfo=UTC), on=False),
    )
    record = replace(forge("github").parse(pull(7, 0)), labellings=told)
    assert from_json(to_json(record)) == record


@pytest.mark.parametrize("provider", ["bitbucket", "bitbucket_server", "azure"])
def test_a_forge_that_does_not_say_who_put_a_label_on_is_not_asked(provider: str) -> None:
    assert forge(provider).labellings(Clock().client("http://127.0.0.1:1"), "a/b/c", 7) is None


def test_a_pull_request_of_endless_commits_is_read_to_a_bound(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (200, {"Link": f'<{server.url}/more?{len(server.seen)}>; rel="next"'}, OF_GITHUB * 50))
    found = forge("github").with_commits(Clock().client(server.url), "a/b", forge("github").parse(pull(7, 0)))
    assert len(found.commits or ()) == 250
    assert len(server.seen) == 3


@pytest.mark.acceptance("ING-11")
def test_an_exhausted_limit_waits_to_its_reset_and_then_goes_on(serve: Callable[..., Server]) -> None:
    clock = Clock()
    reset = str(int((NOW + timedelta(seconds=90)).timestamp()))

    def reply(*_: object) -> Reply:
        if clock.at < NOW + timedelta(seconds=90):
            return 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, {}
        return 200, {}, {"ok": True}

    assert clock.client(serve(reply).url).get_object("/x") == {"ok": True}
    assert clock.waits == [91.0]


@pytest.mark.acceptance("ING-11")
@pytest.mark.parametrize("form", ["7", "Sat, 21 Nov 2026 12:00:07 GMT"])
def test_retry_after_comes_first(serve: Callable[..., Server], form: str) -> None:
    clock = Clock()

    def reply(*_: object) -> Reply:
        headers = {"Retry-After": form, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}
        return (429, headers, {}) if clock.at == NOW else (200, {}, {})

    clock.client(serve(reply).url).get_object("/x")
    assert clock.waits == [7.0]


@pytest.mark.acceptance("ING-11")
def test_without_a_word_the_wait_doubles_from_a_minute_and_ends(serve: Callable[..., Server]) -> None:
    clock = Clock()
    with pytest.raises(Unavailable):
        clock.client(serve(lambda *_: (429, {}, {})).url).get_object("/x")
    assert clock.waits == [60.0, 120.0, 240.0, 480.0, 960.0]


@pytest.mark.acceptance("ING-11")
def test_a_wait_longer_than_a_job_has_is_told_with_its_end(serve: Callable[..., Server]) -> None:
    clock = Clock()
    client = clock.client(serve(lambda *_: (429, {"Retry-After": "9000"}, {})).url)
    with pytest.raises(RateLimited) as told:
        client.get_object("/x")
    assert told.value.until == NOW + timedelta(seconds=9000)
    assert clock.waits == []


@pytest.mark.acceptance("ING-12")
def test_no_pull_request_is_lost_when_one_moves_to_the_front_between_pages(serve: Callable[..., Server]) -> None:
    """250 pull requests in 3 pages; while page 1 is read, one of page 3 is updated and shifts all others by one."""
    order = [pull(number, number) for number in range(250, 0, -1)]

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        page = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        rows = order[(page - 1) * 100 : page * 100]
        following = {"Link": f'<{server.url}/repos/a/b/pulls?page={page + 1}>; rel="next"'} if page < 3 else {}
        if page == 1:
            moved = order.pop(240)
            order.insert(0, moved | {"updated_at": NOW.isoformat()})
        return 200, following, rows

    server = serve(reply)
    github, clock = forge("github"), Clock()
    first = {one.number for one in github.changed(clock.client(server.url), "a/b", None)}
    # The next poll reads again from before the last one's start (an overlap), and so sees the one that moved.
    overlap = {one.number for one in github.changed(clock.client(server.url), "a/b", NOW - timedelta(hours=1))}
    assert first | overlap == set(range(1, 251))


@pytest.mark.acceptance("ING-12")
@pytest.mark.acceptance("CHG-E2")
def test_reading_stops_at_the_first_record_older_than_asked(serve: Callable[..., Server]) -> None:
    """A fetch for one small range costs the calls of that range."""

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        page = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        rows = [pull(number, number) for number in range(1000 - page * 100 + 100, 1000 - page * 100, -1)]
        return 200, {"Link": f'<{server.url}/repos/a/b/pulls?page={page + 1}>; rel="next"'}, rows

    server, clock = serve(reply), Clock()
    since = NOW - timedelta(days=30) + timedelta(minutes=850)
    found = [one.number for one in forge("github").changed(clock.client(server.url), "a/b", since)]
    assert found == list(range(1000, 849, -1))
    assert len(server.seen) == 2


@pytest.mark.acceptance("ING-12")
def test_a_link_or_redirect_to_another_host_is_not_followed(serve: Callable[..., Server]) -> None:
    other = serve(lambda *_: (200, {}, [pull(666, 0)]))
    linking = serve(lambda *_: (200, {"Link": f'<{other.url}/steal>; rel="next"'}, [pull(1, 0)]))
    moving = serve(lambda *_: (302, {"Location": f"{other.url}/steal"}, {}))
    clock = Clock()
    with pytest.raises(Unavailable, match="another host"):
        list(forge("github").changed(clock.client(linking.url), "a/b", None))
    with pytest.raises(Unavailable, match="another host"):
        clock.client(moving.url).get_object("/x")
    assert other.seen == []


def test_errors_say_what_they_mean_and_hold_no_body(serve: Callable[..., Server]) -> None:
    clock = Clock()
    for status, kind in [(401, Unauthenticated), (403, Unauthenticated), (404, NotFound)]:
        server = serve(lambda *_, status=status: (status, {}, {"message": "secret words"}))
        with pytest.raises(kind) as told:
            clock.client(server.url).get_object("/x")
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("content", [b"<html>Sign in</html>", b'{"a":', b'"text"'])
def test_an_answer_that_is_no_json_object_is_no_answer(serve: Callable[..., Server], content: bytes) -> None:
    with pytest.raises(Unavailable):
        Clock().client(serve(lambda *_: (200, {}, content)).url).get_object("/x")


def test_a_body_cut_short_is_tried_again_and_never_read_as_whole(serve: Callable[..., Server]) -> None:
    clock = Clock()

    def reply(*_: object) -> Reply:
        if clock.at == NOW:
            return 200, {"X-Claimed-Length": "400", "Connection": "close"}, b'{"a": 1}'
        return 200, {}, {"a": 2}

    assert clock.client(serve(reply).url).get_object("/x") == {"a": 2}


def test_a_body_over_the_limit_is_refused(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BODY", 1000)
    with pytest.raises(TooLarge):
        Clock().client(serve(lambda *_: (200, {}, {"a": "x" * 2000})).url).get_object("/x")


def test_the_answer_sets_a_status_and_edits_its_one_comment(serve: Callable[..., Server]) -> None:
    comments: list[dict[str, object]] = [{"id": 1, "body": "a person's word"}]

    def reply(method: str, path: str, _headers: dict[str, str], body: object) -> Reply:
        if "/comments" not in path:
            return 201, {}, {}
        assert body is None or isinstance(body, dict)
        if method == "POST":
            comments.append({"id": len(comments) + 1} | (body or {}))
        elif method == "PATCH":
            comments[int(path.rsplit("/", 1)[1]) - 1].update(body or {})
        return 200, {}, comments if method == "GET" else {}

    server, clock = serve(reply), Clock()
    github = forge("github")
    record = github.parse(pull(7, 0) | {"head": {"sha": "a" * 40}})
    for text in ("first answer", "first answer", "second answer"):
        github.answer(
            clock.client(server.url), "a/b", record, Answer("success", "s" * 300, text, "https://r.example/c/1")
        )
    assert [comment["body"] for comment in comments] == ["a person's word", f"{MARKER}\nsecond answer"]
    statuses = [body for method, path, _, body in server.seen if "/statuses/" in path]
    assert isinstance(statuses[0], dict)
    assert len(statuses[0]["description"]) == 140
    assert sum(method == "PATCH" for method, *_ in server.seen) == 1


def test_one_record_that_cannot_be_read_is_counted_and_loses_no_other(serve: Callable[..., Server]) -> None:
    listed = [pull(1, 0), {"title": "no number"}, pull(2**31, 0), pull(2**63, 0), pull(2, 0)]
    client = Clock().client(serve(lambda *_: (200, {}, listed)).url)
    assert [one.number for one in forge("github").changed(client, "a/b", None)] == [1, 2]
    assert client.skipped == 3


@pytest.mark.acceptance("ING-12")
def test_half_an_emoji_and_a_byte_order_mark_lose_no_page(serve: Callable[..., Server]) -> None:
    """.NET cuts by UTF-16 units and may escape what is left of a character."""
    text = json.dumps([pull(1, 0) | {"title": "Cut \ud83d"}, pull(2, 0)])
    client = Clock().client(serve(lambda *_: (200, {}, b"\xef\xbb\xbf" + text.encode())).url)
    assert [one.title for one in forge("github").changed(client, "a/b", None)] == ["Cut", "Change 2"]


class Board:
    """The comments and statuses of any forge in its own form, kept by path."""

    def __init__(self, listing: Callable[[list[dict[str, object]]], object]) -> None:
        self.comments: list[dict[str, object]] = []
        self.statuses: list[object] = []
        self.listing = listing

    def reply(self, method: str, path: str, _headers: dict[str, str], body: object) -> Reply:
        where = path.partition("?")[0]
        if "status" in where:
            self.statuses.append(body)
            return 201, {}, {}
        if method == "GET":
            return 200, {}, self.listing(self.comments)
        assert isinstance(body, dict)
        if method == "POST":
            self.comments.append({"id": len(self.comments) + 1, **body})
        else:
            self.comments[-1].update(body)
        return 200, {}, {}


def as_threads(comments: list[dict[str, object]]) -> object:
    """Azure lists threads; the test's own posts are threads with one comment."""
    return {"value": [{"id": one["id"], "comments": [{"id": 1, "content": text_of(one)}]} for one in comments]}


def text_of(comment: dict[str, object]) -> str:
    """The words of a comment in whichever form the forge has them."""
    held = comment.get("comments")
    if isinstance(held, list) and "content" not in comment:
        return str(held[0]["content"])
    found = comment.get("body") or comment.get("content")
    return str(found["raw"] if isinstance(found, dict) else found)


@pytest.mark.parametrize(
    ("provider", "repository", "listing"),
    [
        ("github", "a/b", list),
        ("gitlab", "group/sub/project", list),
        ("gitea", "a/b", list),
        ("bitbucket", "a/b", lambda comments: {"values": comments}),
        ("azure", "org/project/repo", as_threads),
    ],
)
def test_every_forge_gets_one_status_a_time_and_one_comment_that_is_edited(
    serve: Callable[..., Server], provider: str, repository: str, listing: Callable[..., object]
) -> None:
    board = Board(listing)
    server, clock, adapter = serve(board.reply), Clock(), forge(provider)
    record = replace(forge("github").parse(pull(7, 0)), head_sha="a" * 40)
    for words in ("first", "first", "second"):
        adapter.answer(
            clock.client(server.url), repository, record, Answer("pending", words, words, "https://r.example")
        )
    assert [text_of(one) for one in board.comments] == [f"{MARKER}\nsecond"]
    assert len(board.statuses) == 3
    assert all("release-mgmt" in json.dumps(one) for one in board.statuses)
    edits = [method for method, path, *_ in server.seen if method in {"PUT", "PATCH"} and "status" not in path]
    assert len(edits) == 1


def test_bitbucket_server_gets_a_build_status(serve: Callable[..., Server]) -> None:
    server = serve(lambda *_: (204, {}, b""))
    record = replace(forge("github").parse(pull(7, 0)), head_sha="a" * 40)
    forge("bitbucket_server").answer(Clock().client(server.url), "PRC/x", record, Answer("success", "s", "c", None))
    ((method, path, _, body),) = server.seen
    assert (method, path) == ("POST", "/rest/build-status/1.0/commits/" + "a" * 40)
    assert isinstance(body, dict)
    assert body["state"] == "SUCCESSFUL"
