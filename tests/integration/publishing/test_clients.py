"""Real calendar programs subscribe to a served feed: vdirsyncer fetches it, khal shows it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.publishing.conftest import Site, put, subscribe
from tests.support.waiting import LIMIT
from tests.unit.publishing.test_calendar import change, window

BIN = Path(sys.executable).parent


def program(name: str) -> str:
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"NOT CHECKED: {name} is not installed")
    return found


def run(home: Path, *command: str) -> str:
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def synced(site: Site, tmp_path: Path) -> Path:
    """A home with vdirsyncer and khal set up for a feed of the site."""
    put(
        site.store,
        [window(change("a", title="Fraud model; on LightGBM, finally", repository="fraud"), start="2027-03-23T17:00")],
    )
    url = site.url + subscribe(site.store, audience="business", filters={"cancelled": False, "repositories": ["fraud"]})
    (tmp_path / "vdirsyncer.ini").write_text(
        f'[general]\nstatus_path = "{tmp_path}/status"\n'
        '[pair feed]\na = "web"\nb = "disk"\ncollections = null\n'
        f'[storage web]\ntype = "http"\nurl = "{url}"\n'
        f'[storage disk]\ntype = "filesystem"\npath = "{tmp_path}/calendar"\nfileext = ".ics"\n'
    )
    (tmp_path / "khal.ini").write_text(
        f"[calendars]\n[[feed]]\npath = {tmp_path}/calendar\nreadonly = True\n"
        "[locale]\nlocal_timezone = Europe/Berlin\ndefault_timezone = Europe/Berlin\ntimeformat = %H:%M\n"
        "dateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\ndatetimeformat = %Y-%m-%d %H:%M\n"
        "longdatetimeformat = %Y-%m-%d %H:%M\n"
        f"[sqlite]\npath = {tmp_path}/khal.db\n"
    )
    return tmp_path


def sync(home: Path) -> str:
    command = [program("vdirsyncer"), "-c", str(home / "vdirsyncer.ini")]
    subprocess.run([*command, "discover"], input="y\ny\n", text=True, capture_output=True, check=False, timeout=LIMIT,
                   env={"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})  # fmt: skip
    return run(home, *command, "sync")


def shown(home: Path) -> str:
    form = "{start-date} {start-time}-{end-time} {title}"
    return run(home, program("khal"), "-c", str(home / "khal.ini"), "list", "-f", form, "-df", "", "2027-03-20", "14d")


@pytest.mark.slow
@pytest.mark.acceptance("FEED-3")
@pytest.mark.acceptance("FEED-4")
def test_vdirsyncer_and_khal_follow_a_window_that_moves(site: Site, synced: Path) -> None:
    sync(synced)
    files = list((synced / "calendar").glob("*.ics"))
    assert len(files) == 1  # one item an event: the feed was not collapsed into one
    assert "2027-03-23 18:00-22:00 Release: Fraud model; on LightGBM, finally" in shown(synced)
    moved = window(change("a", title="Fraud model; on LightGBM, finally", repository="fraud"), start="2027-03-23T17:00")
    later, end = moved.start.replace(day=30, hour=16), moved.end.replace(day=30, hour=20)
    put(site.store, [type(moved)(moved.identity, moved.calendar, later, end, moved.changes)])
    sync(synced)
    text = shown(synced)
    assert "2027-03-30 18:00-22:00 Release: Fraud model; on LightGBM, finally" in text  # summer time now
    assert "2027-03-23" not in text
    assert len(list((synced / "calendar").glob("*.ics"))) == 1
