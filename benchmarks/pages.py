"""What pages cost on the server with many changes: time, queries and weight, beside a page without data.

Usage, from the project's folder: ``PYTHONPATH=. python benchmarks/pages.py [--changes 10000] [--rounds 15]``.

One process, SQLite, Flask's test client (no network). Printed are medians; the floor is the components page, which
draws every component and asks the database for nothing but who is there. CPU is what the process used: it does
not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import statistics
import tempfile
import time
from pathlib import Path

import structlog
from sqlalchemy import event

from release_mgmt import clock
from release_mgmt.resources import folder
from release_mgmt.services import windows
from release_mgmt.store import migrate
from tests.support.bulk import OPERATOR, fill

FLOOR = "/components"
PROMISE_MS = 50.0  # the first page
PAGES = (
    "/", "/calendar", "/calendar?shape=quarter", "/changes", "/changes/c0", "/mine", "/search?q=number+77",
    "/repositories", "/repositories/pricing-model", "/plans", "/weekly", "/freezes", "/board", "WINDOW",
)  # fmt: skip


def main() -> None:
    """Fill once, ask each page in turn, tell medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as path:
        migrate.upgrade(f"sqlite:///{path}/release-mgmt.db")
        app, store, cookie = fill(Path(path), chosen.changes)
        client = app.test_client()
        client.set_cookie(*cookie)
        queries = [0]
        event.listen(store.engine, "before_cursor_execute", lambda *_: queries.__setitem__(0, queries[0] + 1))
        held = windows.upcoming(store, OPERATOR, clock.now(), with_empty=False)
        window = f"/windows/releases/{held[0].key}"
        pages = [FLOOR, *(window if one == "WINDOW" else one for one in PAGES)]
        times: dict[str, list[float]] = {one: [] for one in pages}
        busy: dict[str, list[float]] = {one: [] for one in pages}
        asked: dict[str, int] = {}
        weight: dict[str, tuple[int, int]] = {}
        for _ in range(chosen.rounds + 1):
            for one in pages:
                queries[0] = 0
                began, worked = time.perf_counter(), time.process_time()
                answer = client.get(one, headers={"Accept": "text/html"})
                times[one].append((time.perf_counter() - began) * 1000)
                busy[one].append((time.process_time() - worked) * 1000)
                assert answer.status_code == 200, (one, answer.status_code)
                asked[one], weight[one] = queries[0], (len(answer.data), len(gzip.compress(answer.data)))
        store.close()
    floor = statistics.median(times[FLOOR][1:])
    print(f"{chosen.changes:,} changes; the nearest window holds {len(held[0].changes)}; floor {floor:.1f} ms")
    print(f"{'page':44} {'ms':>7} {'CPU ms':>7} {'/floor':>7} {'queries':>8} {'KB':>6} {'gz KB':>6}")
    for one in pages:
        median = statistics.median(times[one][1:])
        size, packed = weight[one]
        cpu = statistics.median(busy[one][1:])
        told = f"{one:44} {median:7.1f} {cpu:7.1f} {median / floor:7.2f} {asked[one]:8}"
        told += f" {size / 1000:6.1f} {packed / 1000:6.1f}"
        print(told + (f"   promised: under {PROMISE_MS:.0f} ms" if one == "/" else ""))
    files = sorted((folder("templates") / "static").iterdir())
    sizes = {one.name: one.stat().st_size for one in files}
    print(f"style, script and icons: {sum(sizes.values()) / 1000:.1f} KB (promised: under 100), of it app.js "
          f"{sizes['app.js'] / 1000:.1f} KB (promised: under 15)")  # fmt: skip


if __name__ == "__main__":
    main()
