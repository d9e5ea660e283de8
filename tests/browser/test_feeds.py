"""A feed gets a new address, or ends, only after a page that says what that does."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visit, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.acceptance("FEED-13")]


def subscribed(window: Visitor, name: str) -> str:
    """The address of a new feed."""
    page = window.visit("/subscribe")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the feed").click()
    address = page.locator("#feed-ics").input_value()
    window.visit("/subscribe")
    return address


def answers(window: Visitor, address: str) -> bool:
    """Whether a calendar program still gets something from the address."""
    path = address.split("/feeds/")[1]
    return window.context.request.get(f"{window.site.address}/feeds/{path}").ok


def test_a_feed_gets_a_new_address_and_ends_only_after_a_question(visitor: Visit) -> None:
    """The way out leaves all as it is; one's own needs no reason."""
    window = visitor("cem")
    first = subscribed(window, "Mine")
    page = window.page
    page.get_by_role("link", name="New address for Mine").click()
    assert "The old address stops at once" in page.inner_text(".confirm")
    window.check("feed-new-address")
    page.get_by_role("link", name="Keep it as it is").click()
    assert answers(window, first)
    page.get_by_role("link", name="New address for Mine").click()
    page.get_by_role("button", name="Make the new address").click()
    second = page.locator("#feed-ics").input_value()
    assert (answers(window, first), answers(window, second)) == (False, True)
    window.visit("/subscribe").get_by_role("link", name="End Mine").click()
    window.check("feed-end")
    assert answers(window, second)
    page.get_by_role("button", name="End the feed").click()
    assert page.inner_text(".flash") == "The feed has ended; its address answers no more."
    assert not answers(window, second)


def test_an_administrator_ends_the_feed_of_somebody_else_with_a_reason(visitor: Visit) -> None:
    """Nobody else's address is shown, and the reason stands in the audit log."""
    address = subscribed(visitor("ana"), "On the wall")
    window = visitor("dora", size="phone")
    page = window.visit("/admin/feeds")
    window.check("admin-feeds")
    row = page.locator("tr", has_text="On the wall")
    assert "Ana Keller" in row.inner_text()
    row.get_by_role("link", name="End On the wall").click()
    assert "The feed of Ana Keller." in page.inner_text(".answer")
    assert address.split("/")[-2] not in page.content()
    assert page.get_by_role("link", name="New address for On the wall").count() == 0
    page.get_by_label("Reason, for everybody it concerns").fill("The wall is public")
    page.get_by_role("button", name="End the feed").click()
    assert page.get_by_text("On the wall").count() == 0
    assert not answers(window, address)
    assert "The wall is public" in window.visit("/admin/audit").inner_text("main")
