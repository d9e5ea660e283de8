"""Feeds over HTTP: what caches, clients and thieves of addresses rely on."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from release_mgmt import clock
from release_mgmt.services import feeds
from release_mgmt.services.feeds import rendering
from tests import nodetools
from tests.integration.publishing.conftest import OPERATOR, Site, put, subscribe
from tests.unit.publishing.parsers import agree

CHECKER = Path(__file__).resolve().parents[4] / "shared/tools/feedcheck.py"
KINDS: dict[str, dict[str, object]] = {
    "all": {},
    "german": {"language": "de"},
    "business": {"audience": "business"},
    "team": {"filters": {"teams": ["Fraud"]}},
    "repository": {"filters": {"repositories": ["risk"]}},
    "level": {"filters": {"levels": ["minor"]}},
    "freezes": {"filters": {"windows": False}},
    "empty": {"filters": {"windows": False, "freezes": False}},
    "local": {"filters": {"local_times": True}},
    "alarm": {"filters": {"alarm_minutes": 30}},
}


@pytest.mark.acceptance("FEED-1")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_feed_is_read_alike_by_all_parsers(site: Site, kind: str) -> None:
    reply = site.fetch(subscribe(site.store, **KINDS[kind]))
    assert reply.status == 200
    count = len(agree(reply.body))
    assert count == {"empty": 0, "freezes": 1}.get(kind, count)
    assert count > 30 or kind in ("empty", "freezes")


@pytest.mark.slow
@pytest.mark.acceptance("FEED-1")
@pytest.mark.parametrize("kind", ["all", "german", "freezes", "empty", "local", "alarm"])
def test_the_strict_checker_passes_where_it_is_at_hand(site: Site, kind: str, tmp_path: Path) -> None:
    if not CHECKER.is_file():
        pytest.skip("NOT RUN: the strict feed checker is not beside this checkout")
    shutil.copy(CHECKER.with_name("icaljs_dump.mjs"), tmp_path)
    (tmp_path / "node_modules").symlink_to(nodetools.folder() / "node_modules")
    command = [sys.executable, str(CHECKER), site.url + subscribe(site.store, **KINDS[kind])]
    command += ["--strict", "--require-parsers", "--fetches", "8", "--wait", "0.1", "--node-dir", str(tmp_path)]
    command += ["--allow-alarms"] if kind == "alarm" else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.acceptance("FEED-7")
def test_headers_and_conditional_requests(site: Site) -> None:
    path = subscribe(site.store)
    first = site.fetch(path)
    headers = first.headers
    assert headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert headers["Content-Disposition"] == 'inline; filename="calendar.ics"'
    assert headers["Cache-Control"] == "private, no-cache"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers
    assert parsedate_to_datetime(headers["Last-Modified"]) <= clock.now()
    tag = headers["ETag"]
    for given in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        reply = site.fetch(path, If_None_Match=given)
        assert (reply.status, reply.body, reply.headers["ETag"]) == (304, b"", tag)
    assert site.fetch(path, If_None_Match='"other"', If_Modified_Since=headers["Last-Modified"]).status == 200
    assert site.fetch(path, If_Modified_Since=headers["Last-Modified"]).status == 304
    assert site.fetch(path, If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert site.fetch(path, If_Modified_Since="nonsense").status == 200


@pytest.mark.acceptance("FEED-7")
def test_compression_has_its_own_tag(site: Site) -> None:
    path = subscribe(site.store)
    plain, packed = site.fetch(path), site.fetch(path, Accept_Encoding="gzip, deflate, br")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert site.fetch(path, Accept_Encoding="gzip", If_None_Match=packed.headers["ETag"]).status == 304
    for refused in ("gzip;q=0", "br", "identity", "gzip;q=x"):
        assert "Content-Encoding" not in site.fetch(path, Accept_Encoding=refused).headers


@pytest.mark.acceptance("FEED-7")
def test_a_tag_answers_for_its_own_encoding_only(site: Site) -> None:
    """RFC 9110 8.8.3: the tag of the packed bytes says nothing of the plain ones."""
    path = subscribe(site.store)
    plain, packed = site.fetch(path), site.fetch(path, Accept_Encoding="gzip")
    assert site.fetch(path, If_None_Match=packed.headers["ETag"]).body == plain.body
    again = site.fetch(path, Accept_Encoding="gzip", If_None_Match=plain.headers["ETag"])
    assert gzip.decompress(again.body) == plain.body
    both = f"W/{plain.headers['ETag']} ,{packed.headers['ETag']}"
    assert site.fetch(path, If_None_Match=both).headers["ETag"] == plain.headers["ETag"]
    assert site.fetch(path, Accept_Encoding="gzip", If_None_Match=both).headers["ETag"] == packed.headers["ETag"]


@pytest.mark.acceptance("FEED-1")
@pytest.mark.acceptance("FEED-7")
def test_no_date_and_no_query_breaks_an_answer(site: Site) -> None:
    path = subscribe(site.store)
    whole = site.fetch(path)
    for date in (
        "Thu, 01 Jan 2020 00:00:00 +9999999999999", "Thu, 01 Jan 99999 00:00:00 GMT", "Thu, 32 Jan 2020 00:00:00 GMT",
        "9" * 4_000, ",", "Thu, 01 Jan 0001 00:00:00 +2359",
    ):  # fmt: skip
        assert site.fetch(path, If_Modified_Since=date).status == 200, date
    for query in ("?page=7", "?page=999999", "?x=%00", "?page=1&page=2"):
        assert site.fetch(path + query).body == whole.body, query
    assert site.fetch(path, Range="bytes=0-9").body == whole.body  # a part of a calendar is never sent


@pytest.mark.acceptance("FEED-7")
def test_methods(site: Site) -> None:
    path = subscribe(site.store)
    full, head = site.fetch(path), site.fetch(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Type", "ETag", "Last-Modified", "Content-Length"):
        assert head.headers[name] == full.headers[name]
    for method in ("POST", "PUT", "DELETE", "PROPFIND"):
        reply = site.fetch(path, method, Content_Length="0")
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.acceptance("FEED-13")
@pytest.mark.acceptance("CHG-D4")
def test_a_revoked_or_wrong_token_is_404_at_once_and_has_no_body(site: Site) -> None:
    made = feeds.create(site.store, OPERATOR, clock.now(), name="x")
    path = f"/feeds/{made.token}/calendar.ics"
    first = site.fetch(path)
    assert first.status == 200
    feeds.revoke(site.store, OPERATOR, clock.now(), made.id)
    for headers in ({}, {"If_None_Match": first.headers["ETag"]}, {"If_None_Match": "*"}):
        reply = site.fetch(path, **headers)
        assert reply.status == 404
        assert b"VCALENDAR" not in reply.body
        assert reply.headers["Cache-Control"] == "no-store"
    for wrong in (
        "/feeds/",
        "/feeds/short/calendar.ics",
        f"/feeds/{'x' * 43}/calendar.ics",
        path + "/",
        path[:-4] + ".txt",
    ):
        assert site.fetch(wrong).status == 404
    assert site.fetch(f"/feeds/{'x' * 43}/changelog.atom").status == 404


@pytest.mark.acceptance("FEED-8")
def test_a_fault_in_the_middle_is_503_and_never_half_a_calendar(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = subscribe(site.store)
    good = site.fetch(path)
    calls = iter(range(1_000))
    whole = rendering.ical.event

    def broken(*arguments: object, **named: object) -> bytes:
        if next(calls) == 3:
            raise RuntimeError("in the middle")
        return whole(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(rendering.ical, "event", broken)
    reply = site.fetch(subscribe(site.store, language="de"))
    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert b"VCALENDAR" not in reply.body
    assert not reply.headers["Content-Type"].startswith(("text/html", "text/calendar"))
    assert site.fetch(path).body == good.body  # others are not touched


@pytest.mark.acceptance("FEED-8")
def test_what_was_sent_last_is_sent_again_while_its_token_holds(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan moved on and cannot be rendered: the last good bytes go out, and end with the token."""
    made = feeds.create(site.store, OPERATOR, clock.now(), name="x")
    path = f"/feeds/{made.token}/calendar.ics"
    good = site.fetch(path)
    put(site.store, [])

    def broken(*arguments: object, **named: object) -> bytes:
        raise RuntimeError("rendering is broken")

    monkeypatch.setattr(rendering, "whole", broken)
    again = site.fetch(path)
    assert (again.status, again.body, again.headers["ETag"]) == (200, good.body, good.headers["ETag"])
    assert site.fetch(subscribe(site.store)).status == 503  # nothing was sent for this one yet
    feeds.revoke(site.store, OPERATOR, clock.now(), made.id)
    assert site.fetch(path).status == 404


@pytest.mark.sqlite("moves the file away; test_database_away.py stops a PostgreSQL")
@pytest.mark.acceptance("FEED-8")
def test_a_database_that_is_away_is_503(site: Site, sqlite_url: str) -> None:
    path = subscribe(site.store)
    assert site.fetch(path).status == 200
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    site.store.close()
    os.rename(file, file.with_suffix(".away"))
    file.mkdir()
    try:
        reply = site.fetch(path)
    finally:
        file.rmdir()
        os.rename(file.with_suffix(".away"), file)
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "60"
    assert b"VCALENDAR" not in reply.body


@pytest.mark.acceptance("FEED-6")
def test_a_change_of_plan_is_served_at_once(site: Site) -> None:
    path = subscribe(site.store)
    first = site.fetch(path)
    put(site.store, [])
    second = site.fetch(path, If_None_Match=first.headers["ETag"])
    assert second.status == 200
    assert b"STATUS:CANCELLED" in second.body
