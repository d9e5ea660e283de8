"""Take the pictures of the README and the guides from a demonstration that the real pipeline fills.

    python docs/screenshots.py            # needs Chromium; writes docs/images/*.png

The demonstration is the one that the browser tests walk through, so a page that changes changes its picture here.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from release_mgmt import clock, logs
from release_mgmt.services import actors, window_votes
from release_mgmt.store import migrate
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.demo import Demo, change_id, demo, window_of

IMAGES = ROOT / "docs" / "images"


class Quiet(WSGIRequestHandler):
    """No line for each request."""

    def log_request(self, *_args: object) -> None:
        """Say nothing."""


def shots(found: Demo) -> list[tuple[str, str, str, int, int, str]]:
    """(file, login, address, width, height, theme) of each picture."""
    major = f"/changes/{change_id(found, 'Fraud model on LightGBM')}"
    window = window_of(found, "Fraud model on LightGBM")
    return [
        ("calendar.png", "ana", f"/calendar?on={window.rpartition('@')[2][:10]}", 1200, 1050, "light"),
        ("business.png", "cem", "/", 1200, 1100, "light"),
        ("business-phone.png", "cem", "/", 390, 844, "dark"),
        ("engineer.png", "ana", major, 1200, 1000, "light"),
        ("release-manager.png", "mia", "/board", 1200, 900, "light"),
        ("window.png", "mia", window, 1200, 860, "light"),
        ("administrator.png", "dora", "/admin/calendars/releases", 1200, 1000, "light"),
    ]


def take(browser: Browser, site: str, found: Demo) -> None:
    """Take every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, login, path, width, height, theme in shots(found):
        window = browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="Europe/Berlin", reduced_motion="reduce"
        )
        cookies = {"theme": theme, "zone": "Europe/Berlin", "release_mgmt": found.sign_in(login)}
        window.add_cookies([{"name": key, "value": value, "url": site} for key, value in cookies.items()])
        page = window.new_page()
        answer = page.goto(site + path)
        assert answer is not None and answer.status == 200, path
        page.screenshot(path=IMAGES / name)
        window.close()
        print(IMAGES.relative_to(ROOT) / name)


def main() -> None:
    """Fill, serve, look."""
    logs.configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        migrate.upgrade(f"sqlite:///{folder}/release-mgmt.db")
        found = demo(Path(folder))
        ben = actors.by_login(found.store, "ben", clock.now())
        slug, _, key = window_of(found, "Learning rate 0.01 to 0.02").removeprefix("/windows/").partition("/")
        window_votes.vote(found.store, ben, clock.now(), slug, key)
        server = make_server("127.0.0.1", 0, found.app, threaded=True, request_handler=Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            take(browser, f"http://127.0.0.1:{server.server_port}", found)
            browser.close()
        server.shutdown()
        found.store.close()


if __name__ == "__main__":
    main()
