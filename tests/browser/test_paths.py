"""Each role's main path from sign-in to done."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Visit
from tests.browser.seed import PASSWORD

pytestmark = pytest.mark.browser


def test_an_engineer_signs_in_by_keyboard_alone_and_finds_a_change(visitor: Visit) -> None:
    """From the address of a change, through the sign-in form, to its evidence: no mouse."""
    window = visitor()
    page = window.visit("/changes/c0")
    assert "/sign-in" in page.url
    window.tab_to("login")
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/changes/c0$"))
    assert page.inner_text("h1") == "Fraud model on LightGBM"
    assert "Major" in page.inner_text(".answer")
    line = page.locator(".evidence a").first
    assert line.get_attribute("href") == f"https://forge.example/acme/fraud-scoring/blob/{'b' * 40}/requirements.txt#L4"
    window.tab_to("requirements.txt:4")


def test_filters_live_in_the_address_and_work_with_and_without_scripts(visitor: Visit) -> None:
    for scripts in (True, False):
        page = visitor("ana", scripts=scripts).visit("/changes")
        page.get_by_role("link", name="major", exact=True).click()
        page.wait_for_url(re.compile(r"level=major"))
        page.get_by_role("link", name=re.compile(r"^major")).and_(page.locator("[aria-current]")).wait_for()
        assert set(page.locator("main .lines .more > strong").all_inner_texts()) == {"major"}


def test_the_theme_is_kept_and_changes_with_one_button(visitor: Visit) -> None:
    window = visitor("ana", theme="light")
    page = window.visit("/changes")
    assert page.get_attribute("html", "data-theme") == "light"
    page.get_by_role("button", name="Switch to: Dark theme").click()
    page.wait_for_load_state()
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    assert page.url.endswith("/changes")


def test_a_business_person_subscribes_on_a_phone_without_scripts(visitor: Visit) -> None:
    window = visitor("cem", size="phone", scripts=False)
    page = window.visit("/subscribe")
    assert page.locator("input[name=teams][value=pricing]").is_checked()
    page.get_by_role("button", name="Make the feed").click()
    address = page.locator("#feed-ics").input_value()
    assert re.search(r"/feeds/[\w-]{20,}/calendar\.ics$", address)
    page.goto(window.site.address + "/subscribe")
    assert page.locator("#feed-ics").count() == 0
    assert "Pricing" in page.inner_text("main table")


def test_an_administrator_adds_a_person_who_can_then_sign_in(visitor: Visit) -> None:
    page = visitor("dora").visit("/admin/people")
    page.get_by_label("Name", exact=True).fill("Eva Lund")
    page.get_by_label("Login", exact=True).fill("eva")
    page.get_by_role("checkbox", name="engineer").check()
    page.get_by_role("button", name="Add and make a link").click()
    link = page.locator("#invite").input_value()
    fresh = visitor()
    page = fresh.page
    page.goto(link)
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"/$"))
    assert page.get_by_role("link", name="Your account: Eva Lund").count() == 1
    fresh.complaints.clear()


def test_an_administrator_is_told_what_is_wrong_beside_the_field(visitor: Visit) -> None:
    window = visitor("dora")
    page = window.visit("/admin/teams")
    page.get_by_label("Name", exact=True).fill("Risk")
    page.get_by_label("Short name").fill("Not A Slug")
    page.get_by_role("button", name="Add the team").click()
    assert "cannot be used" in page.inner_text("#e-slug")
    assert page.get_by_label("Short name").get_attribute("aria-invalid") == "true"
    assert page.get_by_label("Name", exact=True).input_value() == "Risk"
    window.check("wrong-field")
    window.complaints.clear()  # the browser tells of the 422
