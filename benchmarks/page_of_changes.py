"""A JSON page of 100 changes: as the API answers it, beside loading entities, marshmallow's dump and ``json``.

Usage: python benchmarks/page_of_changes.py [REPEATS]. Prints medians and the ratio of the two, over 10,000 changes on
SQLite in one process and one run; both sides run the same query plan and give the same fields.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
from sqlalchemy import insert, select

from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import changes
from release_mgmt.store import migrate
from release_mgmt.store.models.repositories import Change, Release, Repository
from release_mgmt.store.session import Store
from release_mgmt.web.api.changes import ChangeSchema

OPERATOR = trusted("operator", Via.CLI)
AT = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 10_000
PAGE = 100


def fill(store: Store) -> None:
    with store.write() as session:
        session.execute(
            insert(Repository),
            [
                {
                    "id": "r_1", "name": "pricing", "location": "/x", "provider": "unknown", "settings": {},
                    "diagnostics": [], "adopted_at": AT, "created_at": AT, "updated_at": AT,
                }
            ],
        )  # fmt: skip
        session.execute(
            insert(Change),
            [
                {
                    "id": f"c_{n:06d}", "repository_id": "r_1", "key": f"pr-{n}", "title": f"Change model {n}",
                    "author": "Ada", "provider": "github", "number": n, "state": "released", "level": "minor",
                    "kind": "parameter_only", "ready": True, "merged_at": AT + timedelta(minutes=n),
                    "happened_at": AT + timedelta(minutes=n), "rank": n, "affected_teams": ["pricing"],
                    "record": {"details": ["a", "b"], "authors": ["Ada"]}, "created_at": AT, "updated_at": AT,
                }
                for n in range(COUNT)
            ],
        )  # fmt: skip


def ours(store: Store) -> bytes:
    """What the API does, without HTTP."""
    found = changes.search(store, OPERATOR, limit=PAGE)
    return orjson.dumps(found, option=orjson.OPT_UTC_Z)


def entities(store: Store) -> bytes:
    """The usual way: entities, their relations by identity, a schema's dump, the standard library's JSON."""
    schema = ChangeSchema(many=True)
    with store.read() as session:
        rows = session.execute(
            select(Change, Repository, Release)
            .join(Repository, Repository.id == Change.repository_id)
            .outerjoin(Release, Release.id == Change.release_id)
            .order_by(Change.happened_at.desc(), Change.id.desc())
            .limit(PAGE)
        ).all()
        found = []
        for change, repository, release in rows:
            shown = {
                name: getattr(change, name) for name in ChangeSchema().fields if name not in {"repository", "release"}
            }
            found.append({**shown, "repository": repository.name, "release": getattr(release, "version", None)})
        return json.dumps({"items": schema.dump(found), "next": None}).encode()


def median(work: Callable[[], bytes], repeats: int) -> float:
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        migrate.upgrade(url)
        store = Store(url)
        fill(store)
        mine = {one["id"] for one in json.loads(ours(store))["items"]}
        theirs = {one["id"] for one in json.loads(entities(store))["items"]}
        assert mine == theirs
        assert len(mine) == PAGE
        fast, slow = median(lambda: ours(store), repeats), median(lambda: entities(store), repeats)
        store.close()
    print(f"select columns + orjson: {fast * 1000:.2f} ms; entities + marshmallow + json: {slow * 1000:.2f} ms")
    print(f"ratio: {slow / fast:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
