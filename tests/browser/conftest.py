"""A real Chromium before a real server: every page is watched for console errors, foreign requests and axe findings."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, ViewportSize, sync_playwright
from werkzeug.serving import make_server

from release_mgmt import clock
from tests.browser.demo import Demo, change_id, demo, opened, window_of
from tests.support.steady import steady
from tests.support.waiting import LIMIT

CHROMIUM = (
    os.environ.get("RELEASE_MGMT_TEST_CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or "/usr/bin/chromium"
)
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-dev-shm-usage", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MISSING = f"NOT RUN: no Chromium at {CHROMIUM} (Debian: apt-get install chromium)"
PICTURES = os.environ.get("RELEASE_MGMT_SCREENSHOTS")  # a folder that keeps the pictures of a run
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
    "narrow": {"width": 320, "height": 640},
}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    if not Path(CHROMIUM).exists():
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=1000 * LIMIT)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Locator, "click", _click)
            yield browser
        browser.close()


_bare_click = Locator.click


def _click(locator: Locator, **more: Any) -> None:
    """A click waits until the page that it leads to begins; here, until that page is whole."""
    _bare_click(locator, **more)
    locator.page.wait_for_load_state()


@dataclass
class Site:
    """A served installation: its address and what was put into it."""

    address: str
    demo: Demo

    def change(self, title: str) -> str:
        """The address of the change with this title."""
        return f"/changes/{change_id(self.demo, title)}"

    def window(self, title: str) -> str:
        """The address of the window that holds this change."""
        return window_of(self.demo, title)


NOW = steady(time.monotonic())  # in a week without holidays, at a time without windows


@pytest.fixture(scope="session")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demonstration, made once by the real pipeline."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(sqlite_template, folder / "release-mgmt.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", NOW)
        demo(folder).store.close()
    return folder


@pytest.fixture(scope="module")
def noon() -> Iterator[None]:
    """The day of the demonstration."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", NOW)
        yield


@pytest.fixture(scope="module")
def site(filled: Path, noon: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over a copy of the demonstration; the tests of one module share it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(filled / "release-mgmt.db", folder / "release-mgmt.db")
    made = opened(folder)
    server = make_server("127.0.0.1", 0, made.app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(f"http://127.0.0.1:{server.server_port}", made)
    server.shutdown()
    server.server_close()
    made.store.close()


@dataclass
class Visitor:
    """Somebody in front of a browser. Whatever the browser complains of is kept in ``complaints``."""

    site: Site
    context: BrowserContext
    page: Page
    folder: Path
    complaints: list[str] = field(default_factory=list)

    def visit(self, path: str, status: int = 200) -> Page:
        """Go to a page."""
        answer = self.page.goto(self.site.address + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}\n{self.page.inner_text('main')[:800]}"
        return self.page

    def check(self, name: str) -> None:
        """No finding of axe, nothing wider than the window; a picture is kept."""
        self.page.screenshot(path=self.folder / f"{name}.png", full_page=True)
        found = Axe().run(self.page).response["violations"]
        told = [f"{one['id']} ({one['impact']}): {[node['html'][:200] for node in one['nodes'][:3]]}" for one in found]
        assert told == [], f"{name}: {told}"
        width = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, f"{name} is {width} px wider than the window"

    def preview_freeze(self, path: str) -> Page:
        """What a freeze of a window's day would hit, asked from the window's page."""
        page = self.visit(path)
        page.get_by_role("link", name="Freeze this day…").click()
        page.get_by_label("Short name").fill("audit")
        page.get_by_label("Reason, for everybody it concerns").fill("The auditors are here")
        page.get_by_role("button", name="See what it hits").click()
        return page

    def tab_to(self, text: str, most: int = 150) -> None:
        """Move the focus by the Tab key until it is on what is called so."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            called = self.page.evaluate(
                "(() => { const at = document.activeElement; return (at.getAttribute('aria-label') || at.innerText"
                " || at.name || '').trim() })()"
            )
            if called.startswith(text):
                return
        raise AssertionError(f"Tab never reached {text!r}")


Visit = Callable[..., Visitor]


@pytest.fixture
def visitor(chromium: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """A function that opens a browser window: ``visitor("ana", size="phone", theme="dark", scripts=False)``."""
    opened: list[Visitor] = []
    folder = Path(PICTURES) if PICTURES else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def open_window(
        login: str | None = None,
        *,
        size: str = "desktop",
        theme: Literal["light", "dark"] = "light",
        scripts: bool = True,
    ) -> Visitor:
        context = chromium.new_context(
            viewport=SIZES[size], color_scheme=theme, java_script_enabled=scripts, timezone_id="Europe/Berlin",
            reduced_motion="reduce",
        )  # fmt: skip
        cookies = [("theme", theme), ("zone", "Europe/Berlin")]
        if login:
            cookies.append(("release_mgmt", site.demo.sign_in(login)))
        context.set_default_timeout(1000 * LIMIT)
        context.add_cookies([{"name": name, "value": value, "url": site.address} for name, value in cookies])
        page = context.new_page()
        found = Visitor(site, context, page, folder)
        page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.complaints.append(f"script: {error}"))

        def watch(address: str) -> None:
            if not address.startswith((site.address, "data:")):
                found.complaints.append(f"foreign request: {address}")

        page.on("request", lambda request: watch(request.url))
        opened.append(found)
        return found

    yield open_window
    for one in opened:
        one.context.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
