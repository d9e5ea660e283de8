"""Forms that are sent twice, and the way back after one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.browser

# What the first of two clicks does.
SEND = """button => fetch(button.form.action, {method: "POST", headers: {Accept: "text/html"},
  body: new URLSearchParams(new FormData(button.form, button))}).then(answer => answer.status)"""


def told(page: Page) -> str:
    return page.inner_text(".flash")


def test_a_window_approved_twice_says_that_it_is_done(visitor: Visit, site: Site) -> None:
    """The second click votes on nothing and sounds like no failure; the way back shows how it stands."""
    page = visitor("ben").visit(site.window("Learning rate 0.01 to 0.02"))
    button = page.get_by_role("button", name="Approve").first
    assert button.evaluate(SEND) == 200
    button.click()
    assert told(page) == "You have voted on everything here already."
    assert page.locator(".flash.error").count() == 0
    page.go_back()
    assert "6/6" in page.inner_text("main .lead")
    assert page.get_by_role("button", name="Approve").count() == 0


def test_a_freeze_saved_twice_is_one_freeze(visitor: Visit, site: Site) -> None:
    window = visitor("mia")
    page = window.preview_freeze(site.window("Smooth with mgcv"))
    button = page.get_by_role("button", name="Save the freeze")
    assert button.evaluate(SEND) == 200
    button.click()
    assert told(page).startswith("Frozen: The auditors are here.")
    assert window.visit("/freezes").inner_text("main").count("The auditors are here") == 1


def test_the_way_back_after_a_note_holds_what_was_kept_and_can_be_sent_again(visitor: Visit, site: Site) -> None:
    """A form of before would be refused as old: the page is asked for anew."""
    page = visitor("ana").visit(site.change("Round prices in the export"))
    for text in ("One.", "Two."):
        page.get_by_text("Note for the business").click()
        page.get_by_label("What changes for them").fill(text)
        page.get_by_role("button", name="Keep the note").click()
        assert told(page).startswith("The note is kept")
        page.go_back()
        assert page.locator("textarea[name=text]").input_value() == text


def test_the_way_back_after_a_freeze_leads_to_its_preview_and_sends_nothing(visitor: Visit, site: Site) -> None:
    """Without scripts too; what was typed is still there, and so it is for an edit and for lifting."""
    window = visitor("mia", scripts=False)
    page = window.preview_freeze(site.window("Round prices in the export"))
    page.get_by_role("button", name="Save the freeze").click()
    page.go_back()
    assert page.get_by_label("Reason, for everybody it concerns").input_value() == "The auditors are here"
    assert page.locator("#confirm-title").inner_text() == "What it would hit"
    page = window.visit("/freezes/releases/audit/edit")
    page.get_by_label("Reason, for everybody it concerns").fill("They come at noon")
    page.get_by_role("button", name="See what it hits").click()
    page.get_by_role("button", name="Save the freeze").click()
    assert told(page).startswith("Frozen: They come at noon.")
    page.go_back()
    assert page.get_by_label("Reason, for everybody it concerns").input_value() == "They come at noon"
    page = window.visit("/freezes/releases/audit/edit")
    page.locator("#lift-reason").fill("They stayed at home")
    page.get_by_role("button", name="See what lifting does").click()
    page.get_by_role("button", name="Lift the freeze").click()
    assert "lifted" in told(page)


def test_the_way_back_after_a_window_was_called_off_sends_nothing(visitor: Visit, site: Site) -> None:
    """The preview is asked again, and now says that there is nothing left to do."""
    window = visitor("mia")
    page = window.visit(site.window("Smooth with mgcv") + "/edit")
    page.locator("#why-off").fill("Everybody is away")
    page.locator("button[value=cancel]").click()
    page.get_by_role("button", name="Keep this change").click()
    assert told(page).startswith("The window is changed")
    page.go_back()
    assert "This window is cancelled already." in page.inner_text("main")
    window.complaints.clear()  # the browser itself tells of the 409
