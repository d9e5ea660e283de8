"""The changelog of a calendar and of a window, on SQLite and PostgreSQL: coming and shipped, the same in every form."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import feedparser
import orjson
import pytest

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.audience import Audience
from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound
from release_mgmt.core.permissions import ANONYMOUS, EVERYWHERE, Actor, Role, Via
from release_mgmt.core.permissions import Scope as Grants
from release_mgmt.formats.words import Words
from release_mgmt.services import people, tokens
from release_mgmt.services import windows as windows_service
from release_mgmt.services.publications import set_internal, set_note
from release_mgmt.services.publications.windows import FORMS, Scope, of_calendar
from release_mgmt.settings import Settings
from release_mgmt.store.models.repositories import Change, PullRequestRow
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR, Site
from tests.integration.scheduling.builders import NOW, apply, seed, where
from tests.unit.publishing.test_formats import ids_of_html

SITE = "https://releases.example"


def text(store: Store, form: str = "json", audience: str = "business", now: datetime = NOW, **scope: Any) -> str:
    return of_calendar(
        store, OPERATOR, now, Scope("releases", **scope), say=Words("en"), site=SITE, audience=Audience(audience),
        form=form,
    ).decode()  # fmt: skip


def entries(store: Store, now: datetime = NOW, audience: str = "business", **scope: Any) -> dict[str, dict[str, str]]:
    """Window -> change -> state, in order."""
    found = orjson.loads(text(store, now=now, audience=audience, **scope))
    return {
        section["version"]: {entry["id"]: entry["text"]["state"] for entry in section["entries"]}
        for section in found["releases"]
    }


def planned(store: Store) -> dict[str, str]:
    """Six changes in windows; change -> window."""
    seed(store, "m1 m2 M1 M2 m3 m4")
    apply(store)
    found = {change: window for change, window in where(store).items() if window}
    assert len(set(found.values())) > 1
    return found


def set_state(store: Store, state: str, *changes: str) -> None:
    with store.write() as session:
        for key in changes:
            session.get_one(Change, key).state = state


@pytest.mark.acceptance("CHG-D5")
def test_nothing_is_called_released_before_its_window_is_over(store: Store) -> None:
    windows = planned(store)
    first = min(windows.values())
    own = [change for change, window in windows.items() if window == first]
    over = NOW + timedelta(days=8)
    assert set(entries(store, which="coming")) == set(windows.values())
    assert entries(store, which="shipped") == {}
    set_state(store, "released", *own)  # somebody reports early
    early = entries(store)[first]
    assert set(early.values()) == {"Approved"}
    for form in FORMS:
        assert "eleased" not in re.sub(r"(?i)unreleased|not released|releases", "", text(store, form, which="coming"))
    assert entries(store, which="shipped") == {}
    shipped = entries(store, now=over, which="shipped")
    assert shipped == {first: dict.fromkeys(early, "Released")}
    assert first not in entries(store, now=over, which="coming")
    set_state(store, "rolled_back", own[0])
    assert entries(store, now=over, which="shipped")[first][own[0]] == "Rolled back"


@pytest.mark.acceptance("CHG-D1")
@pytest.mark.parametrize("audience", ["business", "engineering", "release-manager"])
def test_all_forms_hold_the_same_entries_in_the_same_order(store: Store, audience: str) -> None:
    planned(store)
    wanted = [key for section in entries(store, audience=audience).values() for key in section]
    assert len(wanted) == 6
    assert re.findall(r"<!-- (\S+) -->$", text(store, "markdown", audience), re.MULTILINE) == wanted
    assert ids_of_html(text(store, "html", audience)) == wanted
    feed = feedparser.parse(text(store, "atom", audience).encode())
    assert not feed.bozo
    contents = ElementTree.fromstring(text(store, "atom", audience)).iter("{http://www.w3.org/2005/Atom}content")
    assert [key for content in contents for key in ids_of_html(content.text or "")] == wanted


def test_one_window_one_team_one_repository(store: Store) -> None:
    windows = planned(store)
    key = windows["m1"]
    assert list(entries(store, window=key)) == [key]
    assert [list(held) for held in entries(store, team="fraud").values()] == [["M1"]]
    assert entries(store, repository="pricing") == entries(store)
    with pytest.raises(NotFound, match="no such repository"):
        text(store, repository="another")
    with pytest.raises(NotFound):
        text(store, window="w@2001-01-01T00:00")
    with pytest.raises(InvalidInput):
        text(store, "pdf")
    with pytest.raises(NotFound):
        of_calendar(
            store, OPERATOR, NOW, Scope("nowhere"), say=Words("en"), site=SITE, audience=Audience.BUSINESS, form="json"
        )


@pytest.mark.acceptance("CHG-D4")
def test_the_business_sees_nothing_of_an_internal_change_and_reads_the_note_of_another(store: Store) -> None:
    planned(store)
    set_internal(store, OPERATOR, NOW, "m1", internal=True, reason="Security")
    set_note(store, OPERATOR, NOW, "m2", language="en", text="Prices are rounded to cents.")
    for form in FORMS:
        assert "Change m1" not in text(store, form)
        assert "Prices are rounded to cents." in text(store, form)
        assert "Change m1" in text(store, form, "engineering")
    reader = Actor("p_reader", "Reader", roles=frozenset({Role.READER}), via=Via.SESSION)
    with pytest.raises(Forbidden):
        of_calendar(
            store, reader, NOW, Scope("releases"), say=Words("en"), site=SITE, audience=Audience.ENGINEERING,
            form="json",
        )  # fmt: skip


def test_titles_are_local_times_and_the_same_input_gives_the_same_bytes(store: Store) -> None:
    planned(store)
    assert "Release window 2026-11-24 18:00 (Europe/Berlin)" in text(store, "markdown")
    for form in FORMS:
        assert text(store, form) == text(store, form, now=NOW + timedelta(minutes=1))


def test_it_is_served_in_every_form_with_a_tag_to_ask_again_by(site: Site) -> None:
    windows = planned(site.store)
    now = clock.now()
    grant = people.Grant(Role.READER, EVERYWHERE)
    person = people.add(site.store, OPERATOR, now, name="R", login="r", grants=(grant,), kind="service")
    made = tokens.create(site.store, OPERATOR, now, name="t", scopes=tuple(Grants), person=person.id)
    client, headers = site.app.test_client(), {"Authorization": f"Bearer {made.secret}"}
    address = "/api/v1/calendars/releases/changelog"
    assert client.get(address).status_code == 401
    assert client.get(f"{address}?audience=engineering", headers=headers).status_code == 403
    assert client.get("/api/v1/calendars/nowhere/changelog", headers=headers).status_code == 404
    kinds = {"json": "application/json", "markdown": "text/markdown", "html": "text/html"}
    for form, kind in (kinds | {"atom": "application/atom+xml"}).items():
        answer = client.get(f"{address}?format={form}&which=coming", headers=headers)
        assert (answer.status_code, answer.mimetype) == (200, kind)
        assert b"Change m1" in answer.data
        again = client.get(
            f"{address}?format={form}&which=coming", headers=headers | {"If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304
    page = client.get(f"/windows/releases/{windows['m1']}", headers=headers).get_data(as_text=True)
    link = re.search(r'href="([^"]+)">\s*Changelog of this window', page)
    assert link is not None
    assert b"Change m1" in client.get(unescape(link[1]), headers=headers).data


@pytest.mark.acceptance("CHG-D4")
@pytest.mark.usefixtures("noon")
def test_everybody_reads_of_a_public_calendar_what_the_business_reads(settings: Settings, store: Store) -> None:
    planned(store)
    set_internal(store, OPERATOR, NOW, "m1", internal=True, reason="Security")
    with store.write() as session:
        session.get_one(Change, "m2").number = 12
        session.get_one(Change, "m2").owner = "ada@example.org"
        session.add(
            PullRequestRow(
                repository_id="r_pricing", number=12, provider="github", title="x", state="merged",
                record={"labels": ["internal"]},
            )
        )  # fmt: skip
    window = where(store)["m3"]
    app = create_app(settings, store)
    anybody, path = app.test_client(), "/api/v1/calendars/releases/changelog"
    pages = (f"/windows/releases/{window}", "/calendar", "/")
    for form in FORMS:
        for private in (path, path.replace("releases", "nowhere")):
            assert anybody.get(private, query_string={"format": form}).status_code == 401, "nobody learns which"
    apply(store, public=True)
    for form in FORMS:
        found = anybody.get(path, query_string={"format": form})
        assert found.status_code == 200
        assert "Change m3" in found.text
        for hidden in ("Change m1", "Change m2", "ada@example.org"):
            assert hidden not in found.text, form
        assert anybody.get(path, query_string={"format": form, "audience": "engineering"}).status_code == 401
    for page in pages:
        found = anybody.get(page, headers={"Accept": "text/html"})
        assert found.status_code == 200, page
        assert "Change m1" not in found.text, page
        assert "Change m2" not in found.text, page
    seen = windows_service.detail(store, ANONYMOUS, "releases", window)
    assert seen.used == len(seen.changes), "nor does a count tell of them"
    assert "m1" not in str(seen)


@pytest.mark.acceptance("CHG-D3")
@pytest.mark.acceptance("CHG-D5")
def test_updated_of_a_window_moves_with_its_end_when_it_is_told_as_released(store: Store) -> None:
    """Before anything is planned again, too: nothing was written then, and the text is another all the same."""
    key = planned(store)["m1"]
    with store.write() as session:
        session.get_one(Change, "m1").state = "released"
    (end,) = (
        one.end for one in windows_service.between(store, OPERATOR, NOW, NOW + timedelta(days=60)) if one.key == key
    )

    def read(now: datetime) -> tuple[str, str]:
        found = feedparser.parse(text(store, "atom", now=now).encode())
        (entry,) = (one for one in found.entries if one.id.endswith(quote(key, safe="")))
        return str(entry.updated), str(entry.content[0].value)

    before, after = read(end - timedelta(seconds=1)), read(end)
    assert before[1] != after[1]
    assert after[0] == f"{end:%Y-%m-%dT%H:%M:%SZ}" > before[0]


@pytest.mark.acceptance("CHG-D3")
@pytest.mark.acceptance("CHG-D4")
def test_updated_of_a_window_moves_with_what_must_be_done_alone_and_not_with_a_note_that_says_the_same(
    store: Store,
) -> None:
    windows = planned(store)
    key = windows["m1"]

    def updated(audience: str = "business") -> str:
        found = feedparser.parse(text(store, "atom", audience).encode())
        (entry,) = (one for one in found.entries if one.id.endswith(quote(key, safe="")))
        return str(entry.updated)

    def write(hour: int, action: str | None) -> str:
        at = NOW + timedelta(hours=hour)
        set_note(store, OPERATOR, at, "m1", language="en", text="Alerts come earlier.", action=action)
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"

    first = write(1, None)
    assert updated() == first
    second = write(2, "Check your limits")
    assert updated() == updated("engineering") == second
    write(3, "Check your limits")
    assert updated() == second
    set_internal(store, OPERATOR, NOW + timedelta(hours=4), "m1", internal=True, reason="A customer is named")
    hidden = updated()
    fifth = write(5, "Something secret")
    assert updated() == hidden
    assert updated("engineering") == fifth
