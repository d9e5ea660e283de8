"""Who is not signed in: told so where something is kept from them, led back afterwards, and nothing typed is lost."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import calendars, people, signin
from release_mgmt.services.people import Grant
from release_mgmt.store.session import Store
from release_mgmt.web.pages.sentences import again
from tests.functional.test_signing_in import PASSWORD, csrf_of, sign_in

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


OURS = {**HTML, "Origin": "http://localhost", "Referer": "http://localhost/freezes/new?calendar=releases"}
TYPED = {
    "calendar": "releases", "id": "audit", "start": "2026-03-02", "end": "2026-03-03", "hard": "1", "do": "preview",
    "reason": 'The auditors are here;\nask <Ana> & "Ben"',
}  # fmt: skip


@pytest.fixture
def manager(nobody: FlaskClient, one_store: Store) -> FlaskClient:
    """A browser of a release manager, signed in before a calendar."""
    calendar(one_store, public=False)
    now = clock.now()
    grants = (Grant(Role.READER), Grant(Role.RELEASE_MANAGER))
    made = people.add(one_store, OPERATOR, now, name="Ada", login="ada@example.org", grants=grants)
    link = signin.make_link(one_store, OPERATOR, now, made.id)
    signin.follow_link(one_store, now, link, password=PASSWORD, limits=signin.SessionLimits(), origin=None)
    assert sign_in(nobody).status_code == 303
    return nobody


def hidden(page: str, prefix: str = "") -> dict[str, str]:
    """The fields that a page carries along, without those that it has for itself."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    kept = {name: unescape(value) for name, value in found if name.startswith(prefix)}
    return {name: value for name, value in kept.items() if name not in {"csrf_token", "next"}}


def test_what_was_typed_when_the_session_was_over_is_sent_after_signing_in(
    manager: FlaskClient, one_store: Store
) -> None:
    """Also when the first password was wrong; nothing is saved before it is sent again."""
    form = manager.get("/freezes/new", headers=HTML)
    manager.delete_cookie("release_mgmt")
    refused = manager.post("/freezes/new", data={**TYPED, "csrf_token": csrf_of(form)}, headers=OURS)
    assert refused.status_code == 401
    assert "You are signed out" in refused.text
    for password, status in (("wrong", 401), (PASSWORD, 200)):
        carried = hidden(refused.text, "kept")
        assert carried == {"kept_to": "/freezes/new", **{f"kept.{name}": value for name, value in TYPED.items()}}
        more = {"csrf_token": csrf_of(refused), "next": "/freezes/new", "login": "ada@example.org"}
        refused = manager.post("/sign-in", data={**carried, **more, "password": password}, headers=OURS)
        assert refused.status_code == status
    assert "You are signed in" in refused.text
    assert "Ada" in refused.text
    assert hidden(refused.text, "") == {
        **TYPED,
        **{name: v for name, v in hidden(refused.text).items() if name == "to"},
    }
    again = manager.post(
        "/freezes/new", data={**TYPED, "csrf_token": csrf_of(refused)}, headers=OURS, follow_redirects=True
    )
    assert again.status_code == 200
    assert "What it would hit" in again.text
    assert "The auditors are here" in again.text


def test_a_form_of_before_the_present_sign_in_is_shown_again_with_what_was_typed(manager: FlaskClient) -> None:
    """Signed out and in again in another tab: the form on this one is older than that."""
    old = csrf_of(manager.get("/freezes/new", headers=HTML))
    manager.delete_cookie("release_mgmt")
    sign_in(manager)
    refused = manager.post("/freezes/new", data={**TYPED, "csrf_token": old}, headers=OURS)
    assert refused.status_code == 400
    assert "This page is older than your sign-in" in refused.text
    assert hidden(refused.text).items() >= TYPED.items()
    again = manager.post(
        "/freezes/new", data={**TYPED, "csrf_token": csrf_of(refused)}, headers=OURS, follow_redirects=True
    )
    assert "What it would hit" in again.text


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {}])
def test_what_another_site_sends_is_not_offered_to_be_sent_in_my_name(
    manager: FlaskClient, headers: dict[str, str]
) -> None:
    manager.delete_cookie("release_mgmt")
    refused = manager.post("/freezes/new", data=TYPED, headers={**HTML, **headers})
    assert refused.status_code == 401
    assert "auditors" not in refused.text
    sign_in(manager)
    refused = manager.post("/freezes/new", data=TYPED, headers={**HTML, **headers})
    assert refused.status_code == 400
    assert "auditors" not in refused.text
    manager.delete_cookie("release_mgmt")
    carried = {"kept_to": "/freezes/new", **{f"kept.{name}": value for name, value in TYPED.items()}}
    for password in ("wrong", PASSWORD):
        fields = {**carried, "login": "ada@example.org", "password": password}
        assert "auditors" not in manager.post("/sign-in", data=fields, headers={**HTML, **headers}).text


def test_passwords_are_never_shown_again_and_files_are_asked_for_anew(manager: FlaskClient) -> None:
    manager.delete_cookie("release_mgmt")
    fields = {"old_password": "a secret of mine", "new_password": "another secret"}
    refused = manager.post("/me/password", data=fields, headers=OURS)
    assert refused.status_code == 401
    assert "secret" not in refused.text


def test_what_cannot_be_taken_at_all_is_shown_to_be_copied(manager: FlaskClient) -> None:
    """A page that is not there keeps the words, but does not offer to send them there again."""
    token = csrf_of(manager.get("/freezes/new", headers=HTML))
    gone = manager.post("/requests/gone", data={**TYPED, "csrf_token": token}, headers=OURS)
    assert gone.status_code == 404
    assert "The auditors are here" in gone.text
    assert "Send it again" not in gone.text


def test_the_second_of_two_who_edit_a_request_at_once_loses_nothing(manager: FlaskClient, one_store: Store) -> None:
    """They see what the first one saved, and beside it what they typed themselves."""
    token = csrf_of(manager.get("/requests", headers=HTML))
    made = manager.post("/requests", data={"title": "Faster", "text": "?", "csrf_token": token}, headers=OURS)
    assert made.status_code == 303, made.text
    form = manager.get(made.location, headers=HTML)
    version = hidden(form.text)["version"]
    for text, status in (("Of the first", 303), ("Long thoughts of the second", 412)):
        fields = {"title": "Faster", "text": text, "version": version, "csrf_token": csrf_of(form)}
        answer = manager.post(made.location, data=fields, headers=OURS)
        assert answer.status_code == status
    assert "Of the first" in answer.text
    assert "Long thoughts of the second" in answer.text


def test_who_is_signed_out_is_offered_nothing_that_only_leads_to_the_sign_in(nobody: FlaskClient) -> None:
    page = nobody.get("/", headers=HTML).text
    assert 'role="search"' not in page
    assert "Week to print" not in page


def test_a_refusal_names_roles_of_which_one_suffices(app: Flask) -> None:
    refused = "It needs one of these roles: administrator, release_manager of that calendar."
    with app.test_request_context():
        assert again(refused) == "It needs one of these roles: administrator or release manager of that calendar."
