"""What a page costs: queries that do not grow with the changes, and style and script within their limits."""

from __future__ import annotations

import gzip
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from release_mgmt.resources import folder
from release_mgmt.store.models.scheduling import PlacementRow
from release_mgmt.store.session import Store
from release_mgmt.web.pages import board, lines, windows
from tests.support.bulk import fill
from tests.support.places import missed

STATIC = folder("templates") / "static"
# The most queries that each page may make, the three that recognise the reader included.
PAGES = {
    "/": 34, "/calendar": 20, "/calendar?shape=week": 20, "/calendar?shape=agenda": 20, "/calendar?shape=quarter": 20,
    "/changes": 14, "/changes?team=pricing&level=major": 14, "/mine": 14,
    "/changes/c0": 41, "/changes/c0/emergency": 36, "/changes/c0/move": 18, "/changes/c0/swap": 18, "{window}": 30,
    "/board": 24, "/emergencies": 16,
    "/repositories": 12,
    "/repositories/pricing-model": 18, "/repositories/pricing-model/releases/v1.1.0": 16, "/changelogs": 12,
    "/changelogs/pricing-model": 14, "/subscribe": 14, "/search?q=model": 20, "/freezes": 16, "/plans": 20,
    "/weekly": 24,
    "/insight": 40, "/insight/moves": 40, "/requests": 20, "/flags": 14, "/maturity": 14, "/maturity/pricing-model": 14,
    "/me": 20, "/admin": 16, "/admin/people": 14, "/admin/people/mia": 14, "/admin/jobs": 12, "/admin/audit": 14,
    "/admin/calendars": 12, "/admin/settings": 10, "/me/messages": 16, "/admin/messages": 16, "/admin/feeds": 12,
    "/admin/calendars/releases": 20, "/admin/calendars/new": 14, "/admin/calendars/releases/import": 14,
    "/calendars/releases/versions/1/revert": 18,
    "/admin/repositories": 16, "/admin/repositories/pricing-model": 14, "/admin/repositories/pricing-model/forge": 14,
    "/admin/rules": 10, "/admin/sources": 14, "/admin/teams": 14, "/admin/teams/pricing": 18,
    "/freezes/new": 12, "/freezes/releases/stock": 18, "/freezes/releases/stock/edit": 14, "{window}/edit": 20,
    "/components": 10,
}  # fmt: skip


class Client:
    """A signed-in reader, with the number of queries of the last page."""

    def __init__(self, client: FlaskClient, store: Store, cookie: tuple[str, str]) -> None:
        self.client, self.queries = client, 0
        with store.read() as session:
            held = select(PlacementRow.window, func.count()).where(PlacementRow.window.is_not(None))
            busiest = session.execute(held.group_by(PlacementRow.window).order_by(func.count().desc())).first()
        assert busiest is not None
        self.window, self.held = f"/windows/releases/{busiest[0]}", busiest[1]
        client.set_cookie(*cookie)
        event.listen(store.engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self.queries += 1

    def get(self, path: str) -> str:
        """The page at ``path``."""
        self.queries = 0
        answer = self.client.get(path.format(window=self.window), headers={"Accept": "text/html"})
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.get_data(as_text=True)


@pytest.fixture(scope="module", params=[60, 600])
def reader(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """A reader of an installation with some changes, and of one with ten times as many."""
    path = tmp_path_factory.mktemp("costs")
    shutil.copy(sqlite_template, path / "release-mgmt.db")
    app, store, cookie = fill(path, request.param)
    yield Client(app.test_client(), store, cookie)
    store.close()


@pytest.mark.parametrize("path", list(PAGES))
def test_a_page_makes_no_more_queries_however_many_changes_there_are(reader: Client, path: str) -> None:
    reader.get(path)  # the first one warms what a process reads once
    reader.get(path)
    assert reader.queries <= PAGES[path], f"{path} made {reader.queries} queries"


def test_every_page_has_a_guard(reader: Client) -> None:
    """A new page is refused here until it says how many queries it may make."""
    addresses = [path.format(window=reader.window) for path in PAGES]
    unasked = {
        "pages.sign_in": "who is signed in goes on from there",
        "pages.feed_asked": "nobody subscribed here",
        "pages.request": "nobody asked for anything here",
        "pages.unsubscribe": "behind a link in a mail",
    }
    assert missed(reader.client.application, addresses) == sorted(unasked)


def test_the_board_shows_a_few_changes_of_each_window_and_leads_to_the_rest(reader: Client) -> None:
    html = reader.get("/board")
    shown = [len(re.findall(r'<li class="card', column)) for column in html.split('<section class="column')[1:]]
    assert max(shown) <= max(board.CARDS, board.LOST)
    told = rf'href="{reader.window}">\s*{reader.held - board.CARDS} more'.replace("@", "(@|%40)")
    assert bool(re.search(told, html)) == (reader.held > board.CARDS)


def test_a_full_window_is_read_page_by_page_and_nothing_is_missing(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "PAGE", 4)
    found: list[str] = []
    levels: list[str] = []
    for page in range(1, reader.held // 4 + 2):
        html = reader.get(f"{{window}}?page={page}")
        on_it = re.findall(r'id="change-([^"]+)"', html)
        assert len(on_it) <= 4
        found += on_it if on_it and on_it[0] not in found else []
        levels += re.findall(r'<article.*?class="icon (major|minor)-icon', html, re.DOTALL)
        assert f"{reader.held} change" in html, "the sentence tells of all of them"
    assert len(found) == len(set(found)) == reader.held
    assert len(levels) >= reader.held
    assert levels[: reader.held] == sorted(levels[: reader.held], key=("major", "minor").index), "the major ones first"


def test_a_search_that_finds_more_than_it_shows_says_so_and_leads_to_the_rest(reader: Client) -> None:
    html = reader.get("/search?q=model")
    assert "more than 20 changes" in html
    assert 'href="/changes?text=model"' in html
    assert "more than" not in reader.get("/search?q=number+17+of")


def test_style_and_script_stay_within_their_limits() -> None:
    """Script under 15 KB, style and script and icons together under 100 KB, before any compression."""
    sizes = {path.name: path.stat().st_size for path in STATIC.iterdir()}
    assert sizes["app.js"] < 15_000
    assert sum(sizes.values()) < 100_000


def test_a_page_brings_only_what_is_ours_and_holds_no_inline_style_or_script(reader: Client) -> None:
    """The policy forbids both, so they would do nothing; and nothing is loaded from elsewhere."""
    for path in PAGES:
        html = reader.get(path)
        assert not re.search(r"<style|<script(?! src=\"/assets/)|\son\w+=|\sstyle=", html), path
        loaded = re.findall(r"<(?:script|link|img|use)[^>]+(?:src|href)=\"([^\"]+)\"", html)
        assert [one for one in loaded if not one.startswith("/assets/")] == [], path
        assert len(gzip.compress(html.encode())) < 40_000, path


def test_assets_are_kept_for_ever_under_a_name_made_of_their_content(reader: Client) -> None:
    html = reader.get("/changes")
    for address in re.findall(r"\"(/assets/[^\"#]+)\"", html):
        answer = reader.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
        answer.close()
    stale = reader.client.get("/assets/0000000000/base.css")
    assert "immutable" not in stale.headers["Cache-Control"]
    stale.close()
    assert reader.client.get("/assets/0000000000/none.css").status_code == 404


def test_the_address_of_a_change_is_the_one_that_flask_makes(app: Flask) -> None:
    """Below a path that a proxy gives, and whatever its id holds."""
    with app.test_request_context("/", environ_base={"SCRIPT_NAME": "/releases"}):
        for change in ("c_1", "a b", "50%", "ä", "x?y#z", "a:b@c,d", "-", "~_."):
            assert lines.change_href(change) == url_for("pages.change", change_id=change)
