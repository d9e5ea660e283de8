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
    """320 px, as 1280 px at four times the size are: titles, names and paths are one long word, times in two zones."""
    window, wide = visitor(login, size="narrow"), {}
    window.context.add_cookies([{"name": "zone", "value": "Pacific/Auckland", "url": site.address}])
    for path in places(site.demo)[login]:
        page = window.visit(path)
        page.evaluate(
            """() => { for (const at of document.querySelectorAll("a[href^='/changes/']:not(.button), bdi"))
                 if (at.textContent.includes(" ")) at.textContent = "Donaudampfschifffahrtsgesellschaft".repeat(9);
               for (const at of document.querySelectorAll(
                 "main code:not(pre code), .delta del, .delta ins, .chip.team, .chip > span, .event .name"))
                 at.textContent = "Donaudampfschifffahrtsgesellschaft".repeat(3);
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


def test_a_page_that_is_not_there_is_the_readers_own(visitor: Visit) -> None:
    """An address without any page behind it keeps the reader's navigation, and is told in their language."""
    window = visitor("ana")
    window.context.add_cookies([{"name": "language", "value": "de", "url": window.site.address}])
    page = window.visit("/no/such/page", status=404)
    assert page.get_by_role("link", name="Ihr Konto: Ana Keller").count() == 1
    assert page.inner_text(".problem p").strip().startswith("Unter dieser Adresse gibt es keine Seite.")
    window.check("no-such-page")
    window.complaints.clear()  # the browser itself tells of the 404


def test_what_is_current_is_seen_where_the_device_has_its_own_colours(visitor: Visit) -> None:
    """With forced colours today, the page, the shape and a filter are not told by a tint, which is gone there."""
    page = visitor("ana").visit("/calendar")
    page.emulate_media(forced_colors="active")
    colour = "(at, [name, of]) => getComputedStyle(document.querySelector(name))[of]"
    for chosen, other in (
        (".is-today .date", ".month td:not(.is-today) .date"),
        (".tabs a[aria-current]", ".tabs a:not([aria-current])"),
    ):
        told, plain = (page.locator("body").evaluate(colour, [one, "backgroundColor"]) for one in (chosen, other))
        assert told != plain, chosen
    lines = [
        page.locator("body").evaluate(colour, [f".nav > a{one}", "borderBottomColor"])
        for one in ("[aria-current]", ":not([aria-current])")
    ]
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert lines[0] != lines[1] == paper
    page = visitor("ana").visit("/changes?level=major")
    page.emulate_media(forced_colors="active")
    told, plain = (
        page.locator("body").evaluate(colour, [f".filters a{one}", "backgroundColor"])
        for one in ("[aria-current]", ":not([aria-current])")
    )
    assert told != plain


def test_what_has_the_focus_in_the_quarter_is_not_under_its_names(visitor: Visit) -> None:
    """On a narrow window the column of names stays while the weeks move; each link is seen whole, and is 24 px high."""
    page = visitor("ana", size="narrow").visit("/calendar?shape=quarter")
    links = page.locator(".timeline td a").all()
    assert len(links) > 3
    page.locator(".timeline th a").first.focus()
    for link in links:
        page.keyboard.press("Tab")
        hidden = link.evaluate(
            """at => { const box = at.getBoundingClientRect();
                 if (document.activeElement !== at) return "another has the focus";
                 const seen = document.elementFromPoint(box.left + 2, box.top + box.height / 2);
                 return at.contains(seen) ? "" : "hidden" }"""
        )
        assert hidden == "", link.inner_text()
        assert (link.bounding_box() or {"height": 0})["height"] >= 24


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
