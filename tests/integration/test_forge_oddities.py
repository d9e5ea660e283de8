"""What forges do beside their rules: limits told in words, lists that shrink, writes whose answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from release_mgmt.core.errors import NotFound, Unauthenticated, Unavailable
from release_mgmt.sources.forge import forge, transport
from release_mgmt.sources.forge.limits import retry_after
from release_mgmt.sources.forge.model import MARKER, Answer
from tests.integration.test_forge_transport import NOW, Board, Clock, as_threads, pull, serve, text_of
from tests.loopback import Reply, Server

__all__ = ["serve"]

Serve = Callable[..., Server]
SAID = Answer("pending", "Minor", "Minor.", "https://r.example/c/1")


@pytest.mark.acceptance("ING-11")
@pytest.mark.parametrize(
    "words", ["You have exceeded a secondary rate limit.", "Triggered an abuse detection mechanism"]
)
def test_a_limit_that_is_told_in_words_only_is_waited_for(serve: Serve, words: str) -> None:
    replies: list[Reply] = [(403, {"X-RateLimit-Remaining": "4000"}, {"message": words})] * 2
    replies.append((200, {}, {"ok": True}))
    clock = Clock()
    assert clock.client(serve(lambda *_: replies.pop(0)).url).get_object("/x") == {"ok": True}
    assert clock.waits == [60, 120]


@pytest.mark.acceptance("ING-11")
def test_a_refusal_for_good_is_not_waited_for(serve: Serve) -> None:
    clock = Clock()
    server = serve(lambda *_: (403, {}, {"message": "Resource not accessible by personal access token"}))
    with pytest.raises(Unauthenticated):
        clock.client(server.url).get_object("/x")
    assert clock.waits == []


@pytest.mark.acceptance("ING-11")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120.0),
        ("Sat, 21 Nov 2026 12:01:00 -0000", 60.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("9" * 400, None),
        ("999999999999", 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("²", None),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_in_every_form_and_never_for_longer_than_a_day(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.acceptance("ING-12")
def test_nothing_is_lost_from_a_list_that_shrinks_while_it_is_read(serve: Serve) -> None:
    there = [pull(number, 1_000 - number) | {"iid": number} for number in range(1, 251)]

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        page = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        listed = there[(page - 1) * 100 : page * 100]
        headers = {"X-Total": str(len(there))}
        if page * 100 < len(there):
            headers["Link"] = f'<{server.url}{urlsplit(path).path}?page={page + 1}>; rel="next"'
        if page == 1 and len(there) == 250:
            del there[:3]  # somebody deletes merge requests of the first page
        return 200, headers, listed

    server = serve(reply)
    found = {one.number for one in forge("gitlab").changed(Clock().client(server.url), "g/p", None)}
    assert found == set(range(1, 251))


def test_a_list_that_never_rests_is_still_read_to_an_end(serve: Serve) -> None:
    left = [1_000]

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        left[0] -= 1
        page = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        link = {"Link": f'<{server.url}/x?page={page + 1}>; rel="next"'} if page < 3 else {}
        return 200, {"X-Total": str(left[0]), **link}, []

    server = serve(reply)
    assert list(Clock().client(server.url).pages("/x", {})) == [[]] * len(server.seen)
    assert len(server.seen) < 12


@pytest.mark.parametrize("provider", ["github", "gitlab", "gitea", "bitbucket"])
def test_pages_that_go_in_a_circle_are_told_and_not_asked_for_ever(serve: Serve, provider: str) -> None:
    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        following = f"{server.url}{urlsplit(path).path}?page={2 if 'page=3' in path else 3}"
        listed = [pull(number, 0) | {"iid": number, "id": number} for number in range(1, 4)]
        link = {"Link": f'<{following}>; rel="next"'}
        return (200, {}, {"values": listed, "next": following}) if provider == "bitbucket" else (200, link, listed)

    server = serve(reply)
    with pytest.raises(Unavailable, match="in a circle"):
        list(forge(provider).changed(Clock().client(server.url), "a/b", None))
    assert len(server.seen) == 3


@pytest.mark.parametrize("provider", ["github", "bitbucket"])
@pytest.mark.parametrize("last", [5, 6])
def test_a_list_is_never_cut_without_a_word(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, provider: str, last: int
) -> None:
    """Read to its end, or refused as one that has none; what was read of it is there in both cases."""
    monkeypatch.setattr(transport, "MAX_PAGES", 5)

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        number = int(parse_qs(urlsplit(path).query).get("page", ["1"])[0])
        listed = [pull(number, 0) | {"id": number}]
        following = {"next": f"{server.url}{urlsplit(path).path}?page={number + 1}"} if number < last else {}
        link = {"Link": f'<{following["next"]}>; rel="next"'} if following else {}
        return (200, {}, {"values": listed, **following}) if provider == "bitbucket" else (200, link, listed)

    server = serve(reply)
    found = []
    with nullcontext() if last == 5 else pytest.raises(Unavailable, match="more than 5 pages"):
        for one in forge(provider).changed(Clock().client(server.url), "a/b", None):
            found.append(one.number)
    assert found == [1, 2, 3, 4, 5]


@pytest.mark.acceptance("ING-12")
def test_a_link_to_the_same_server_written_otherwise_is_followed(serve: Serve) -> None:
    pages: list[list[object]] = [[{"a": 1}], [{"a": 2}]]

    def reply(*_: object) -> Reply:
        link = (
            {"Link": f'<{server.url.replace("127.0.0.1", "LOCALHOST")}/x?page=2>; rel="next"'}
            if len(pages) == 2
            else {}
        )
        return 200, link, pages.pop(0)

    server = serve(reply)
    client = Clock().client(server.url.replace("127.0.0.1", "localhost"))
    assert list(client.pages("/x", {})) == [[{"a": 1}], [{"a": 2}]]


@pytest.mark.parametrize(
    "form", ["http://someone@{host}/x", "http://{host}:1/x", "https://{host}/x", "//other.example/x"]
)
def test_a_link_with_another_port_scheme_or_user_is_another_server(serve: Serve, form: str) -> None:
    server = serve(lambda *_: (200, {"Link": f"<{form.format(host=urlsplit(server.url).netloc)}>; rel=next"}, []))
    with pytest.raises(Unavailable, match="another host"):
        list(Clock().client(server.url).pages("/x", {}))
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_write_to_a_repository_that_was_renamed_reaches_it(serve: Serve, status: int) -> None:
    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        return (201, {}, {"id": 9}) if path == "/repositories/7/x" else (status, {"Location": "/repositories/7/x"}, {})

    server = serve(reply)
    assert Clock().client(server.url).send("POST", "/repos/old/name/x", {"a": 1}) == {"id": 9}
    assert [(method, body) for method, _, _, body in server.seen] == [("POST", {"a": 1})] * 2


def test_a_timeline_is_read_past_pages_that_are_short(serve: Serve) -> None:
    def event(number: int) -> dict[str, object]:
        return {"id": number, "type": "label", "body": "1", "user": {"login": "ada"},
                "label": {"name": f"l{number}"}, "created_at": "2026-11-20T08:00:00Z"}  # fmt: skip

    def reply(_method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        page = int(parse_qs(urlsplit(path).query)["page"][0])
        return 200, {}, [event(3 * page + offset) for offset in range(3)] if page <= 4 else []

    told = forge("gitea").labellings(Clock().client(serve(reply).url), "a/b", 7)
    assert len(told or ()) == 12


class Lossy(Board):
    """A forge that carries a comment out and loses the answer, once."""

    def __init__(self, listing: Callable[[list[dict[str, object]]], object]) -> None:
        super().__init__(listing)
        self.losses = 1

    def reply(self, method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        done = super().reply(method, path, headers, body)
        if method == "POST" and "status" not in path and self.losses:
            self.losses -= 1
            return 502, {}, {}
        return done


EVERY = pytest.mark.parametrize(
    ("provider", "repository", "listing"),
    [
        ("github", "a/b", list),
        ("gitlab", "g/p", list),
        ("gitea", "a/b", list),
        ("bitbucket", "a/b", lambda comments: {"values": comments}),
        ("azure", "o/p/r", as_threads),
    ],
)
RECORD = replace(forge("github").parse(pull(7, 0)), head_sha="a" * 40)


@EVERY
def test_a_comment_whose_answer_was_lost_is_not_written_twice(
    serve: Serve, provider: str, repository: str, listing: Callable[..., object]
) -> None:
    board = Lossy(listing)
    server, clock = serve(board.reply), Clock()
    with pytest.raises(Unavailable):
        forge(provider).answer(clock.client(server.url), repository, RECORD, SAID)
    assert clock.waits == [], "who asked looks first and then says it again"
    forge(provider).answer(clock.client(server.url), repository, RECORD, SAID)
    assert [text_of(one) for one in board.comments] == [f"{MARKER}\nMinor."]


@EVERY
def test_a_status_that_cannot_be_set_does_not_hold_the_comment_up(
    serve: Serve, provider: str, repository: str, listing: Callable[..., object]
) -> None:
    board = Board(listing)

    def reply(method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        return (404, {}, {}) if "status" in path else board.reply(method, path, headers, body)

    with pytest.raises(NotFound):
        forge(provider).answer(Clock().client(serve(reply).url), repository, RECORD, SAID)
    assert [text_of(one) for one in board.comments] == [f"{MARKER}\nMinor."]


@EVERY
def test_a_comment_of_an_older_account_is_left_and_one_of_our_own_is_kept(
    serve: Serve, provider: str, repository: str, listing: Callable[..., object]
) -> None:
    """The token was changed for one of another account, which may not edit what the older one wrote."""
    board = Board(listing)

    def reply(method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        where = path.partition("?")[0]
        first = where.endswith("/threads/1/comments/1" if "/threads/" in where else "/1")
        return (403, {}, {}) if method in {"PUT", "PATCH"} and first else board.reply(method, path, headers, body)

    server, adapter = serve(reply), forge(provider)
    for words in ("by the older account", "first", "second"):
        adapter.answer(Clock().client(server.url), repository, RECORD, replace(SAID, comment=words))
    assert [text_of(one) for one in board.comments] == [f"{MARKER}\nby the older account", f"{MARKER}\nsecond"]


def test_gitlab_says_pending_again_without_failing(serve: Serve) -> None:
    board = Board(list)
    refused = (400, {}, {"message": "Cannot transition status via :enqueue from :pending"})

    def reply(method: str, path: str, headers: dict[str, str], body: object) -> Reply:
        return refused if "/statuses/" in path else board.reply(method, path, headers, body)

    client = Clock().client(serve(reply).url)
    forge("gitlab").answer(client, "g/p", RECORD, SAID)
    assert len(board.comments) == 1
    with pytest.raises(Exception, match="answered 400"):
        forge("gitlab").answer(client, "g/p", RECORD, replace(SAID, state="success"))
