"""Each role's main path from sign-in to done."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Page
from sqlalchemy import select

from release_mgmt.store.models.approvals import BreakGlassRow
from tests.browser.conftest import Site, Visit
from tests.browser.demo import PASSWORD

pytestmark = pytest.mark.browser

MAJOR = "Fraud model on LightGBM"


def told(page: Page) -> str:
    """What the page says was done."""
    return page.inner_text(".flash")


def test_an_engineer_signs_in_by_keyboard_alone_and_finds_the_evidence(visitor: Visit, site: Site) -> None:
    """From the address of a change, through the sign-in form, to the line on the forge: no mouse."""
    window = visitor()
    page = window.visit(site.change(MAJOR))
    assert "/sign-in" in page.url
    window.tab_to("login")
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/changes/[\w-]+$"))
    assert page.inner_text("h1") == MAJOR
    assert "Major: a new library" in page.inner_text(".answer")
    window.tab_to("requirements.txt:2")
    assert "#L2" in page.evaluate("document.activeElement.href")


def test_an_engineer_corrects_a_level_writes_a_note_and_reports_a_stage(visitor: Visit, site: Site) -> None:
    page = visitor("ana").visit(site.change("Round prices in the export"))
    page.get_by_text("Correct the level to major").click()
    page.get_by_label("Why", exact=True).first.fill("Invoices show other cents.")
    page.get_by_role("button", name="Make it major").click()
    assert "It is major now" in told(page)
    assert "Invoices show other cents." in page.inner_text("main")
    page.get_by_text("Note for the business").click()
    page.get_by_label("What changes for them").fill("Prices have two digits after the point.")
    page.get_by_role("button", name="Keep the note").click()
    assert "Prices have two digits" in page.inner_text("main")
    page.get_by_text("Report a stage").click()
    page.get_by_label("What happened").select_option("verify:done")
    page.get_by_role("button", name="Report it").click()
    assert [one.split()[0] for one in page.locator(".stages .done").all_inner_texts()] == ["develop", "verify"]


def test_filters_live_in_the_address_and_work_with_and_without_scripts(visitor: Visit) -> None:
    for scripts in (True, False):
        page = visitor("ana", scripts=scripts).visit("/changes")
        page.get_by_role("link", name="major", exact=True).click()
        page.wait_for_url(re.compile(r"level=major"))
        page.locator(".filters [aria-current]").wait_for()
        assert set(page.locator("main .lines .more > strong").all_inner_texts()) == {"major"}


def test_the_theme_is_kept_and_changes_with_one_button(visitor: Visit) -> None:
    page = visitor("ana", theme="light").visit("/changes")
    assert page.get_attribute("html", "data-theme") == "light"
    page.get_by_role("button", name="Switch to: Dark theme").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
    assert page.url.endswith("/changes")


def test_a_business_person_sees_what_is_coming_and_subscribes_on_a_phone_without_scripts(visitor: Visit) -> None:
    window = visitor("cem", size="phone", scripts=False)
    page = window.visit("/")
    assert re.search(r"\d+ changes? reach(es)? Fraud and Pricing in the next 14 days", page.inner_text(".answer"))
    page.get_by_role("link", name="Subscribe").first.click()
    assert page.locator("input[name=teams][value=pricing]").is_checked()
    page.get_by_role("button", name="Make the feed").click()
    address = page.locator("#feed-ics").input_value()
    assert re.search(r"/feeds/[\w-]{20,}/calendar\.ics$", address)
    window.visit("/subscribe")
    assert page.locator("#feed-ics").count() == 0
    assert "Pricing" in page.inner_text("main table")


def test_a_business_person_signs_off_what_waits_on_the_first_page_without_scripts(visitor: Visit, site: Site) -> None:
    page = visitor("cem", size="phone", scripts=False).visit("/")
    page.get_by_role("link", name=re.compile("waits? for your approval")).first.click()
    assert page.url.endswith(site.window(MAJOR).replace("@", "%40")) or page.url.endswith(site.window(MAJOR))
    assert "The sign-off of" in page.inner_text("main")
    page.get_by_role("button", name=re.compile(r"^Approve \d")).click()
    assert told(page).startswith("1 change approved")
    assert page.get_by_role("button", name=re.compile(r"^Approve \d")).count() == 0


def test_a_release_manager_approves_a_window_by_keyboard_without_scripts(visitor: Visit, site: Site) -> None:
    window = visitor("ben", scripts=False)
    page = window.visit(site.window("Learning rate 0.01 to 0.02"))
    assert page.locator(".state.tentative").count()
    window.tab_to("Approve")
    page.keyboard.press("Enter")
    page.wait_for_selector(".flash")
    page.wait_for_load_state()
    assert "changes approved" in told(page)
    assert "approved" in page.inner_text("main .lead")


def test_a_release_manager_moves_a_change_by_keyboard_after_a_preview(visitor: Visit, site: Site) -> None:
    window = visitor("ben")
    page = window.visit("/board")
    card = page.locator("[data-move]", has_text=MAJOR)
    assert "requirements.txt:2" in card.inner_text(), "the strongest evidence"
    assert "Scores are there an hour earlier" in card.inner_text(), "the note for the business"
    before = card.evaluate("card => card.closest('[data-window]').dataset.window")
    card.focus()
    page.keyboard.press("ArrowRight")
    assert "Press Enter" in page.inner_text("#live")
    page.keyboard.press("Escape")
    assert page.locator(".column.target").count() == 0
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    dialog.wait_for()
    assert "Nothing is written yet" in dialog.inner_text()
    if dialog.locator("input[name=override]").count():
        dialog.locator("input[name=override]").check()
    dialog.locator("input[name=reason]").press_sequentially("Fraud asked for another week.")
    page.keyboard.press("Enter")
    page.wait_for_selector(".flash")
    page.wait_for_load_state()
    assert told(page).startswith("Moved.")
    after = page.locator("[data-move]", has_text=MAJOR).evaluate("card => card.closest('[data-window]').dataset.window")
    assert after != before
    window.visit("/")
    assert "Fraud asked for another week." in page.inner_text("main")


def test_a_release_manager_drags_a_card_and_keeps_it_as_it_is(visitor: Visit) -> None:
    page = visitor("ben").visit("/board")
    card = page.locator("[data-window]").first.locator("[data-move]").first
    card.drag_to(page.locator("[data-window]").nth(3))
    dialog = page.locator("dialog")
    dialog.wait_for()
    assert "would move" in dialog.inner_text()
    dialog.get_by_text("Keep it as it is").click()
    dialog.wait_for(state="detached")
    assert page.url.endswith("/board")


def test_a_printed_board_holds_all_its_windows(visitor: Visit) -> None:
    page = visitor("mia").visit("/board")
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    beyond = """() => [...document.querySelectorAll(".board > *")]
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"""
    assert page.locator(".board > *").count() > 3
    assert page.evaluate(beyond) == 0


def test_a_release_manager_freezes_a_day_after_seeing_what_it_hits(visitor: Visit, site: Site) -> None:
    window = visitor("mia")
    page = window.preview_freeze(site.window("Smooth with mgcv"))
    assert "would move" in page.inner_text(".confirm")
    assert "Smooth with mgcv" in page.inner_text(".confirm")
    window.check("freeze-preview")
    page.get_by_role("button", name="Save the freeze").click()
    assert told(page).startswith("Frozen: The auditors are here.")
    window.visit("/plans")
    assert "Smooth with mgcv" in page.inner_text("main")
    page.goto(site.address + "/freezes/releases/audit/edit")
    page.get_by_label("Reason", exact=True).last.fill("They left.")
    page.get_by_role("button", name="See what lifting does").click()
    assert "Nothing is written yet" in page.inner_text(".confirm")
    page.get_by_role("button", name="Lift the freeze").click()
    assert "lifted" in told(page)


def test_a_title_written_from_right_to_left_ends_at_its_left(visitor: Visit) -> None:
    """The exclamation mark of an Arabic title stands left of its first word, in a list of English ones."""
    page = visitor("ana").visit("/changes")
    first, last = page.evaluate(
        """() => {
            const text = document.querySelector("a.title").firstChild, range = document.createRange();
            text.data = "تحديث النموذج!";
            return [0, text.data.length - 1].map((at) => {
                range.setStart(text, at); range.setEnd(text, at + 1);
                return range.getBoundingClientRect().left;
            });
        }"""
    )
    assert last < first


def test_a_title_written_from_right_to_left_does_not_turn_the_sentence_around_it(visitor: Visit, site: Site) -> None:
    there = site.window("Learning rate 0.01 to 0.02").rpartition("/")[2]
    page = visitor("ben").visit(f"{site.change('Fraud model on LightGBM')}/move?to={there}")
    page.evaluate("document.querySelector('#confirm-title bdi').textContent = 'تحديث النموذج!'")
    heading, title = (page.locator(one).bounding_box() for one in ("#confirm-title", "#confirm-title bdi"))
    assert heading is not None
    assert title is not None
    assert title["x"] == pytest.approx(heading["x"], abs=2)


def test_a_session_that_ends_while_one_writes_loses_nothing(visitor: Visit, site: Site) -> None:
    """One signs in where one is told of it, sends what was typed, and goes on."""
    window = visitor("ana")
    page = window.visit(site.change("Round prices in the export"))
    page.get_by_text("Note for the business").click()
    page.get_by_label("What changes for them").fill("Cents are rounded,\nnot cut off.")
    window.context.clear_cookies(name="release_mgmt")
    page.get_by_role("button", name="Keep the note").click()
    assert page.inner_text("h1") == "You are signed out"
    window.complaints.clear()  # the browser tells of the 401 that was asked for
    page.locator("summary", has_text="What you typed").click()
    window.check("signed-out")
    page.get_by_label("Login").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    window.check("signed-in-again")
    page.get_by_role("button", name="Send it again").click()
    assert "The note is kept" in told(page)
    assert "Cents are rounded" in page.inner_text("main")


def test_the_calendar_turns_with_the_arrow_keys_and_keeps_its_place_in_the_address(visitor: Visit) -> None:
    page = visitor("ana").visit("/calendar")
    title = page.inner_text(".cal-bar h2")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"on=\d{4}-\d\d-01"))
    page.wait_for_function("title => document.querySelector('.cal-bar h2').innerText !== title", arg=title)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("title => document.querySelector('.cal-bar h2').innerText === title", arg=title)


def test_the_navigation_opens_by_keyboard_and_stays_on_one_line(visitor: Visit) -> None:
    """A release manager's links are on one line at 1,200 px; a group opens without scripts, and Escape shuts it."""
    window = visitor("ben", scripts=False)
    page = window.visit("/")
    page.set_viewport_size({"width": 1200, "height": 800})
    tops = {box["y"] for box in (link.bounding_box() for link in page.locator(".nav > a, .nav summary").all()) if box}
    assert len(tops) == 1
    window.tab_to("Planning")
    page.keyboard.press("Enter")
    window.tab_to("Board", most=1)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/board"))
    assert page.locator(".nav summary[aria-current]").inner_text() == "Planning"
    window = visitor("ben")
    page = window.visit("/board")
    page.locator(".nav summary", has_text="Planning").click()
    page.keyboard.press("Tab")
    window.check("navigation-open")
    page.keyboard.press("Escape")
    assert page.locator(".nav details[open]").count() == 0
    assert page.evaluate("document.activeElement.innerText") == "Planning"


def test_an_administrator_adds_a_person_who_can_then_sign_in(visitor: Visit) -> None:
    page = visitor("dora").visit("/admin/people")
    page.get_by_label("Name", exact=True).fill("Eva Lund")
    page.get_by_label("Login", exact=True).fill("eva")
    page.get_by_role("checkbox", name="engineer").check()
    page.get_by_role("button", name="Add and make a link").click()
    link = page.locator("#invite").input_value()
    page = visitor().page
    page.goto(link)
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"/$"))
    assert page.get_by_role("link", name="Your account: Eva Lund").count() == 1


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


def test_an_administrator_sees_clock_changes_of_a_calendar_while_typing(visitor: Visit) -> None:
    window = visitor("dora")
    page = window.visit("/admin/calendars/releases")
    text = page.locator("#f-yaml")
    said = text.input_value()
    night = re.sub(r"(start: [\d-]+T)18:00", r"\g<1>02:30", re.sub(r"(end: [\d-]+T)22:00", r"\g<1>04:00", said))
    text.fill(night.replace("FREQ=WEEKLY", "FREQ=DAILY;COUNT=400").replace("inventory", "stock"))
    page.get_by_text("goes forward then").or_(page.get_by_text("comes twice")).first.wait_for()
    text.fill(said.replace("Europe/Berlin", "Mars/Base"))
    page.locator("#looked .problem").wait_for()
    assert "time_zone" in page.inner_text("#looked")
    window.complaints.clear()  # the browser may tell of a 422


def test_an_administrator_tries_the_rules_on_a_diff(visitor: Visit) -> None:
    page = visitor("dora").visit("/admin/rules")
    page.locator("#f-diff").fill(
        "--- a/requirements.txt\n+++ b/requirements.txt\n@@ -1 +1,2 @@\n pandas==2.0\n+lightgbm==4.5.0\n"
    )
    page.get_by_role("button", name="Try it").click()
    assert page.inner_text(".answer") == "Major: a new library."
    assert "lightgbm" in page.inner_text("main table.evidence")


def test_an_emergency_is_asked_for_by_blocker_granted_by_somebody_else_and_reviewed(visitor: Visit, site: Site) -> None:
    """Asked for without scripts: no blocker named is refused; who asked cannot grant it; the review ends it."""
    asking = visitor("ben", scripts=False)
    page = asking.visit(site.change(MAJOR))
    page.get_by_role("link", name="It cannot wait: emergency…").click()
    page.get_by_label("Why it cannot wait").fill("Fraud loses money by the hour.")
    page.get_by_label("Ticket").fill("INC-4711")
    page.get_by_role("button", name="Ask for it").click()
    assert "must name what is broken" in page.inner_text("form .wrong")
    for box in page.locator("input[name=blockers]").all():
        box.check()
    assert page.get_by_label("Ticket").input_value() == "INC-4711"
    page.get_by_role("button", name="Ask for it").click()
    assert told(page).startswith("Asked for")
    assert "1 emergency to decide" in page.inner_text(".answer")
    page.get_by_role("button", name="Grant it").click()
    assert "Nobody grants their own emergency" in page.inner_text(".problem")
    other = visitor("mia", size="phone")
    page = other.visit("/emergencies")
    assert "INC-4711" in page.inner_text("main")
    other.check("emergency-to-decide")
    page.get_by_role("button", name="Grant it").click()
    assert told(page).startswith("Granted")
    assert "1 in force" in page.inner_text(".answer")
    page = asking.visit(site.change(MAJOR))
    assert "May it go now?" in page.inner_text("main")
    assert page.locator("section", has_text="May it go now?").locator(".answer").inner_text().startswith("Yes.")
    with site.demo.store.write() as session:  # three days later
        for row in session.scalars(select(BreakGlassRow)):
            row.expires_at, row.review_due_at = site.demo.now - timedelta(days=3), site.demo.now - timedelta(days=2)
    assert "1 overdue" in other.visit("/emergencies").inner_text(".answer")
    other.check("emergency-overdue")
    admin = visitor("dora", scripts=False)
    assert "review overdue" in admin.visit("/emergencies").inner_text("main")
    page = other.visit("/emergencies")
    page.get_by_text("Write the review").click()
    page.get_by_label("What happened, and what follows from it").fill("It went well; the test is earlier now.")
    page.get_by_role("button", name="Keep the review").click()
    assert told(page) == "The review is kept."
    asking.complaints.clear()  # the browser tells of the 422 and the 403


def test_a_search_finds_windows_by_title_and_by_day(visitor: Visit, site: Site) -> None:
    window = visitor("ana")
    page = window.visit("/search?q=weekly+RELEASE")
    assert "windows" in page.inner_text(".answer")
    assert page.locator("main .window").count() > 1
    window.check("search-windows")
    address = site.window(MAJOR)
    day = re.search(r"@(\d{4}-\d\d-\d\d)T", address.replace("%3A", ":"))
    assert day is not None
    window.visit(f"/search?q={day[1]}")
    page.locator("main .window a").first.click()
    page.wait_for_url(re.compile(re.escape(day[1])))


def test_a_release_manager_swaps_two_changes_after_a_preview_without_scripts(visitor: Visit, site: Site) -> None:
    looking = visitor("mia")
    page = looking.visit(site.change("Describe the base price"))
    page.get_by_role("link", name="Swap with another change…").click()
    looking.check("swap-choose")
    page.get_by_role("button", name="See what else moves").click()
    looking.check("swap-preview")
    assert "Nothing is written yet" in page.inner_text(".confirm")
    page = visitor("mia", scripts=False).visit(page.url.removeprefix(site.address))
    before = page.inner_text("#confirm-title")
    if page.locator("input[name=override]").count():
        page.locator("input[name=override]").check()
    page.locator("input[name=reason]").fill("The other one is needed first.")
    page.get_by_role("button", name="Swap them").click()
    assert told(page) == "Swapped."
    assert "Describe the base price" in before


def test_an_administrator_connects_a_repository_to_its_forge(visitor: Visit) -> None:
    """A wrong name is told beside its field; then the forge and the steps of its webhook are shown."""
    window = visitor("dora")
    page = window.visit("/admin/repositories/elasticity")
    page.get_by_role("link", name="Connect it to its forge").click()
    page.get_by_label("Forge", exact=True).select_option("gitlab")
    page.get_by_label("Name there").fill("../pricing")
    page.get_by_label("Address of its API").fill("https://gitlab.example.org/api/v4")
    page.get_by_role("button", name="Connect it").click()
    assert "no name of a repository" in page.inner_text("#e-forge_slug")
    page.get_by_label("Name there").fill("acme/pricing-elasticity")
    page.get_by_role("button", name="Connect it").click()
    assert told(page).startswith("Connected")
    assert "Connected to GitLab" in page.inner_text(".answer")
    assert page.get_by_label("Address of its API").input_value() == "https://gitlab.example.org/api/v4"
    assert "Merge request events" in page.inner_text("main")
    window.check("forge-connected")
    window.complaints.clear()  # the browser tells of the 422
