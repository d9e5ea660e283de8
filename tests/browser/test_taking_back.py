"""A freeze, a move, a window and a calendar's edit are taken back: previewed, reasoned, nothing erased."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Site, Visit

pytestmark = pytest.mark.browser


def told(page: Page) -> str:
    """What the page says was done."""
    return page.inner_text(".flash")


def take_back(page: Page, reason: str) -> None:
    """Follow the link of what was just done, look at the preview, give a reason and confirm."""
    page.locator(".flash").get_by_role("link", name="Take it back…").click()
    assert "Nothing is written yet" in page.inner_text(".confirm")
    page.get_by_label("Reason, for everybody it concerns").fill(reason)
    page.get_by_role("button", name="Take it back").click()


def test_a_freeze_is_taken_back_and_then_the_taking_back(visitor: Visit, site: Site) -> None:
    window = visitor("mia")
    page = window.preview_freeze(site.window("Smooth with mgcv"))
    page.get_by_role("button", name="Save the freeze").click()
    page.locator(".flash").get_by_role("link", name="Take it back…").click()
    assert "freezes[audit]" in page.inner_text(".confirm")
    window.check("revert-freeze")
    page.get_by_label("Reason, for everybody it concerns").fill("They come next year")
    page.get_by_role("button", name="Take it back").click()
    assert told(page).startswith("Taken back.")
    window.visit("/freezes")
    assert "The auditors are here" not in page.inner_text("main")
    window.visit("/admin/calendars/releases")
    page.locator("summary", has_text="Versions").click()
    assert "They come next year" in page.inner_text("main")
    page.locator("tr", has_text="They come next year").get_by_role("link", name="Take it back…").click()
    page.get_by_label("Reason, for everybody it concerns").fill("They come after all")
    page.get_by_role("button", name="Take it back").click()
    window.visit("/freezes")
    assert "The auditors are here" in page.inner_text("main")


def test_a_move_is_taken_back(visitor: Visit, site: Site) -> None:
    window = visitor("ben")
    change = site.change("Learning rate 0.01 to 0.02")
    before = site.window("Learning rate 0.01 to 0.02")
    page = window.visit(f"{change}/move")
    page.get_by_label("To which window").select_option(index=1)
    page.get_by_role("button", name="See what else moves").click()
    if page.locator("input[name=override]").count():
        page.locator("input[name=override]").check()
    page.get_by_label("Reason, for everybody it concerns").fill("Wait for the forecast")
    page.get_by_role("button", name="Move it").click()
    assert site.window("Learning rate 0.01 to 0.02") != before
    page.locator(".flash").get_by_role("link", name="Take it back…").click()
    window.check("revert-move")
    if page.locator("input[name=override]").count():
        page.locator("input[name=override]").check()
    page.get_by_label("Reason, for everybody it concerns").fill("The forecast is there")
    page.get_by_role("button", name="Take it back").click()
    assert told(page).startswith("Taken back.")
    assert site.window("Learning rate 0.01 to 0.02") == before
    assert "The forecast is there" in page.inner_text("main")
    assert "Wait for the forecast" in page.inner_text("main")


def test_an_edit_of_a_calendar_is_taken_back_and_a_later_one_stays(visitor: Visit) -> None:
    window = visitor("dora", scripts=False)
    page = window.visit("/admin/calendars/releases")
    text = page.locator("#f-yaml").input_value()
    page.locator("#f-yaml").fill(text.replace("points: 6", "points: 9"))
    page.get_by_label("Reason, for everybody it concerns").fill("More room")
    page.get_by_role("button", name="See what saving does").click()
    page.get_by_role("button", name="Save the calendar").click()
    take_back(page, "Less room after all")
    assert told(page).startswith("Taken back.")
    window.visit("/admin/calendars/releases")
    assert re.search(r"points: 6\b", page.locator("#f-yaml").input_value())
