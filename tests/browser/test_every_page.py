"""Every page, light and dark, on a phone and on a desktop: no finding of axe, no console error, no other host."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Site, Visit
from tests.browser.demo import HOSTILE
from tests.support.places import places

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("login", [None, "ana", "ben", "dora"])
def test_every_page_is_sound(visitor: Visit, site: Site, login: str | None, size: str, theme: str) -> None:
    """axe finds nothing, nothing is wider than the window, the console is silent and no other host is asked."""
    window = visitor(login, size=size, theme=theme)
    for number, path in enumerate(places(site.demo)[login]):
        window.visit(path)
        name = path.split("?")[0].strip("/").replace("/", "-").replace(":", "") or "home"
        window.check(f"{login or 'nobody'}-{number:02}-{name[:60]}-{size}-{theme}")


@pytest.mark.parametrize("login", ["ana", "ben", "dora"])
def test_no_page_is_wider_than_the_narrowest_window_whatever_its_titles(visitor: Visit, site: Site, login: str) -> None:
    """320 px, as 1280 px at four times the size are, with a title that is one long word."""
    window, wide = visitor(login, size="narrow"), {}
    for path in places(site.demo)[login]:
        page = window.visit(path)
        page.evaluate(
            """() => { for (const at of document.querySelectorAll("a[href^='/changes/']:not(.button), bdi"))
                 if (at.textContent.includes(" ")) at.textContent = "Donaudampfschifffahrtsgesellschaft".repeat(9);
               for (const at of document.querySelectorAll("details")) at.open = true; }"""
        )
        if over := page.evaluate("Math.max(0, document.documentElement.scrollWidth - window.innerWidth)"):
            wide[path] = over
    assert wide == {}


def test_a_page_that_is_not_there_says_what_to_do(visitor: Visit) -> None:
    window = visitor("ana")
    window.visit("/changes/none", status=404)
    assert window.page.inner_text("h1") == "There is nothing here"
    window.check("nothing-here")
    window.complaints.clear()  # the browser itself tells of the 404


def test_titles_from_git_are_text_and_never_markup(visitor: Visit) -> None:
    page = visitor("ana").visit("/changes")
    assert page.locator("main b:text('now')").count() == 0
    assert HOSTILE in page.inner_text("main")


def test_mails_end_with_one_click_without_scripts(visitor: Visit, site: Site) -> None:
    """The link of a mail asks, its button ends them, and both pages are sound."""
    window = visitor(size="phone", scripts=False)
    page = window.visit(next(path for path in places(site.demo)[None] if "unsubscribe" in path))
    page.get_by_role("button", name="End them").click()
    assert "Done" in page.inner_text(".answer")
    visitor().visit("/sign-in")


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_a_place_where_messages_go_is_added_and_sound(visitor: Visit, size: str, theme: str) -> None:
    """An administrator adds a team's mail; the list and the page of the place are sound; it can be taken away."""
    window = visitor("dora", size=size, theme=theme)
    page = window.visit("/admin/messages")
    page.get_by_text("Add one").click()
    page.get_by_label("Kind").select_option("email")
    page.get_by_label("Name").fill("Pricing's mail")
    page.get_by_label("Address").fill("pricing@example.org")
    page.get_by_label("For").select_option("pricing")
    page.get_by_role("button", name="Add it").click()
    window.check(f"dora-messages-added-{size}-{theme}")
    page.get_by_role("link", name="Pricing's mail").click()
    assert page.inner_text("h1") == "Pricing's mail"
    window.check(f"dora-messages-place-{size}-{theme}")
    page.get_by_role("button", name="Take it away").click()
    assert page.get_by_role("link", name="Pricing's mail").count() == 0
