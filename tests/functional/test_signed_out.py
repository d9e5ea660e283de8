"""Who is not signed in: told so where something is kept from them, led back afterwards, and nothing typed is lost."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import calendars
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
HTML = {"Accept": "text/html"}


def calendar(store: Store, *, public: bool) -> None:
    document = {
        "calendar": "Releases", "time_zone": "Europe/Berlin", "public": public,
        "series": [{"id": "w", "title": "Weekly", "start": "2026-01-06T18:00", "end": "2026-01-06T22:00",
                    "rrule": "FREQ=WEEKLY"}],
    }  # fmt: skip
    calendars.apply(store, OPERATOR, clock.now(), document, reason="To begin with.")


@pytest.fixture
def nobody(app: Flask) -> FlaskClient:
    """A browser of somebody without an account."""
    return app.test_client()


@pytest.mark.parametrize("path", ["/", "/calendar", "/calendar?shape=agenda"])
@pytest.mark.parametrize(
    ("language", "hint", "never"),
    [
        ("en", "No calendar is public here", ("No calendar yet", "Nothing goes out", "No window in this time")),
        ("de", "Hier ist kein Kalender öffentlich", ("Noch kein Kalender", "wird nichts ausgeliefert", "Kein Fenster")),
    ],
)
def test_a_private_installation_says_that_one_signs_in_and_not_that_nothing_is_there(
    nobody: FlaskClient, one_store: Store, path: str, language: str, hint: str, never: tuple[str, ...]
) -> None:
    calendar(one_store, public=False)
    page = nobody.get(path, headers={**HTML, "Accept-Language": language})
    assert hint in page.text
    assert [one for one in never if one in page.text] == []
    assert 'class="button first" href="/sign-in' in page.text


def test_a_public_calendar_is_read_without_signing_in(nobody: FlaskClient, one_store: Store) -> None:
    calendar(one_store, public=True)
    assert "No calendar is public here" not in (page := nobody.get("/", headers=HTML)).text
    assert "Nothing goes out in the next 14 days." in page.text, "no team is named where none was chosen"
    assert "No calendar is public here" not in nobody.get("/calendar", headers=HTML).text


def test_the_address_of_a_window_in_a_calendar_program_leads_to_the_sign_in(
    nobody: FlaskClient, one_store: Store
) -> None:
    """As that of a change does; a window that there never was answers alike, and programs hear 404."""
    calendar(one_store, public=False)
    for key in ("w@2026-01-06T18:00", "nothing"):
        asked = nobody.get(f"/windows/releases/{key}", headers=HTML)
        assert (asked.status_code, asked.location) == (302, f"/sign-in?next=%2Fwindows%2Freleases%2F{key}".replace(
            "@", "%40").replace(":", "%3A")), key  # fmt: skip
        assert nobody.get(f"/windows/releases/{key}", headers={"Accept": "application/json"}).status_code == 404


def test_signing_in_from_a_page_leads_back_to_it(nobody: FlaskClient, one_store: Store) -> None:
    calendar(one_store, public=True)
    page = nobody.get("/calendar?shape=agenda", headers=HTML)
    assert 'href="/sign-in?next=/calendar?shape%3Dagenda"' in page.text
    assert 'href="/sign-in"' in nobody.get("/sign-in?next=/me", headers=HTML).text
