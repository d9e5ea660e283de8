"""Every page, light and dark, on a phone and on a desktop: no finding of axe, no console error, no other host."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Visit

pytestmark = pytest.mark.browser

PAGES: dict[str | None, tuple[str, ...]] = {
    None: ("/sign-in", "/components"),
    "ana": (
        "/changes", "/changes?level=major&team=pricing", "/changes/c0", "/changes/c1", "/mine",
        "/repositories", "/repositories/pricing-model", "/repositories/pricing-model/releases/v1.2.0", "/changelogs",
        "/changelogs/pricing-model", "/subscribe", "/search?q=fraud", "/search", "/me",
    ),
    "dora": (
        "/admin", "/admin/people", "/admin/repositories", "/admin/repositories/pricing-model", "/admin/teams",
        "/admin/teams/pricing", "/admin/jobs", "/admin/audit", "/admin/audit?verify=1", "/admin/settings",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("login", list(PAGES))
def test_every_page_is_sound(visitor: Visit, login: str | None, size: str, theme: str) -> None:
    """axe finds nothing, nothing is wider than the window, the console is silent and no other host is asked."""
    window = visitor(login, size=size, theme=theme)
    for path in PAGES[login]:
        window.visit(path)
        name = path.strip("/").replace("/", "-").replace("?", "-") or "home"
        window.check(f"{name}-{size}-{theme}")


def test_a_page_that_is_not_there_says_what_to_do(visitor: Visit) -> None:
    window = visitor("ana")
    window.visit("/changes/none", status=404)
    assert window.page.inner_text("h1") == "There is nothing here"
    window.check("nothing-here")
    window.complaints.clear()  # the browser itself tells of the 404


def test_titles_from_git_are_text_and_never_markup(visitor: Visit) -> None:
    page = visitor("ana").visit("/changes")
    assert page.locator("main b:text('now')").count() == 0
    assert "<b>now</b>" in page.inner_text("main")
