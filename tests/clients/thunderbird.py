"""Subscribe Thunderbird to a feed, in a profile of its own: ``python tests/clients/thunderbird.py URL [SECONDS]``.

Needs the program ``thunderbird`` (Debian: apt-get install thunderbird). It runs headless, is given the time to
fetch, and is ended by its process id; then what it keeps of the feed is read from its cache.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

PREFERENCES = {
    "type": "ics",
    "name": "release-mgmt",
    "refreshInterval": "1",
    "cache.enabled": True,
    "calendar-main-in-composite": True,
}


ALL_DAY = 8
"""The flag that Thunderbird's cache gives an event of whole days."""


def instant(microseconds: int, flags: int) -> str:
    """Thunderbird keeps microseconds since 1970."""
    form = "%Y-%m-%d" if flags & ALL_DAY else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime(form)


def main(url: str, seconds: float) -> int:
    program = shutil.which("thunderbird")
    if program is None:
        print("thunderbird is not installed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder)
        branch = "calendar.registry.11111111-1111-4111-8111-111111111111"
        values = {**PREFERENCES, "uri": url.replace("webcal:", "http:", 1)}
        lines = [f'user_pref("{branch}.{name}", {json.dumps(value)});' for name, value in values.items()]
        (profile / "user.js").write_text("\n".join(lines) + "\n")
        process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", str(profile)], stdout=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.terminate()
        process.wait(30)
        cache = profile / "calendar-data/cache.sqlite"
        if not cache.is_file():
            print("Thunderbird kept nothing: give it more seconds, or look at its error console", file=sys.stderr)
            return 1
        with sqlite3.connect(cache) as database:
            rows = database.execute(
                "SELECT event_start, event_end, ical_status, title, flags FROM cal_events"
            ).fetchall()
    for start, end, status, title, flags in sorted(rows):
        print(instant(start, flags), instant(end, flags), status or "-", title)
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 40))
