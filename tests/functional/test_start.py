"""The one command that a newcomer runs: from a repository to a served calendar, feeds and a sign-in."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import icalendar
import pytest

from tests.conftest import GitRepo
from tests.support.ports import answers, free_port
from tests.support.waiting import LIMIT, until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path, git_repo: GitRepo) -> Iterator[dict[str, str]]:
    """A started installation over a small repository: the addresses that it printed, by their titles."""
    git_repo.commit("Begin.", {"requirements.txt": "numpy==1.26\n", "train.py": "import numpy\nrate = 0.1\n"})
    git_repo.tag("v1.0.0")
    git_repo.commit("Tune the rate. (#4)", {"train.py": "import numpy\nrate = 0.2\n"})
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "RELEASE_MGMT_DATA_DIR": str(tmp_path / "data"),
    }
    command = [sys.executable, "-m", "release_mgmt", "start", "--repo", str(git_repo.path), "--port", str(free_port())]
    log = tmp_path / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: "Stop with Ctrl-C" in log.read_text() or process.poll() is not None, log.read_text)
        assert process.poll() is None, log.read_text()
        found = {"log": log.read_text()}
        for line in log.read_text().splitlines():
            if match := re.match(r"  (\S.*?) {2,}(http\S+)$", line):
                found[match[1]] = match[2]
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(LIMIT)
        print(log.read_text())  # shown when the test fails


def opened(address: str, opener: urllib.request.OpenerDirector | None = None) -> str:
    """The body at an address, asked for until the server answers."""
    until(lambda: answers(urllib.parse.urlsplit(address).port or 80))
    with (opener or urllib.request.build_opener()).open(address, timeout=LIMIT) as answer:
        return str(answer.read().decode())


@pytest.mark.slow
def test_a_newcomer_sees_the_product_do_its_job(started: dict[str, str]) -> None:
    """Read, judged, planned and served: the feed parses, the first administrator signs in and sees the change."""
    assert "1 release, 2 changes" in started["log"]
    calendar = icalendar.Calendar.from_ical(opened(started["Subscribe"]))
    assert calendar["NAME"] == "Releases"  # what a subscriber reads in the list of calendars
    assert list(calendar.walk("VEVENT"))
    assert "1.0.0" in opened(started["Changelog feed"])
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    link = started["Sign in once as administrator"]
    form = opened(link, browser)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert token is not None
    fields = {"csrf_token": token[1], "login": "root", "name": "Root", "password": "correct horse battery staple"}
    asked = urllib.request.Request(
        link, urllib.parse.urlencode({**fields, "repeated_password": fields["password"]}).encode()
    )
    asked.add_header("Referer", link)
    with browser.open(asked, timeout=LIMIT) as answer:
        assert answer.status == 200
    site = started["Calendar"].rstrip("/")
    listed = json.loads(opened(f"{site}/api/v1/changes", browser))
    assert {(one["title"], one["state"] == "released") for one in listed["items"]} == {
        ("Begin.", True), ("Tune the rate.", False),
    }  # fmt: skip
    assert "Tune the rate." in opened(f"{site}/changes", browser)
