"""What a plan and a mark cost follows what they concern, not all that was ever stored; counted in steps of SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from release_mgmt.core.calendar import WindowFact
from release_mgmt.services import publicity
from release_mgmt.services.feeds import Feeds
from release_mgmt.store.models.repositories import Change, PullRequestRow
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import put, subscribe
from tests.integration.scheduling.builders import seed
from tests.unit.publishing.parsers import raw_lines
from tests.unit.publishing.test_calendar import change, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SITE = "https://releases.example"


@contextmanager
def steps(store: Store) -> Iterator[Counter[str]]:
    """How many hundreds of instructions SQLite carries out; none on PostgreSQL, which does not tell."""
    seen: Counter[str] = Counter()
    if not store.sqlite:
        yield seen
        return

    def prepare(connection: Any, *_: object) -> None:
        connection.set_progress_handler(lambda: seen.update(hundreds=1), 100)

    def leave(connection: Any, *_: object) -> None:
        connection.set_progress_handler(None, 0)

    event.listen(store.engine, "checkout", prepare)
    event.listen(store.engine, "checkin", leave)
    try:
        yield seen
    finally:
        event.remove(store.engine, "checkout", prepare)
        event.remove(store.engine, "checkin", leave)


def hourly(count: int, first: datetime) -> list[WindowFact]:
    """Windows an hour after each other, each with a change."""
    starts = [f"{first + timedelta(hours=at):%Y-%m-%dT%H:%M}" for at in range(count)]
    return [window(change(f"c{start}"), start=start, hours=0.5) for start in starts]


@pytest.mark.acceptance("FEED-12")
def test_a_plan_reads_nothing_of_the_history_of_its_calendar(one_store: Store) -> None:
    later = NOW + timedelta(days=400)
    plan = hourly(3, later)
    put(one_store, plan, at=NOW)
    with steps(one_store) as alone:
        assert put(one_store, plan, at=later - timedelta(hours=1)) == 0
    put(one_store, [*hourly(1_000, NOW), *plan], at=NOW)
    with steps(one_store) as after_years:
        assert put(one_store, plan, at=later - timedelta(hours=1)) == 0
    assert after_years["hundreds"] <= alone["hundreds"] + 20


@pytest.mark.acceptance("FEED-3")
@pytest.mark.acceptance("FEED-4")
def test_a_window_that_is_history_and_planned_again_goes_on_from_its_sequence(store: Store) -> None:
    """Its row ended before everything that the plan holds; it is found all the same."""
    past, ahead = window(change("a"), start="2026-11-21T17:00"), window(change("b"), start="2027-02-03T17:00")
    put(store, [past, ahead], at=NOW)
    again = WindowFact(past.identity, past.calendar, ahead.start, ahead.end, past.changes)
    moved = NOW + timedelta(days=60)
    assert put(store, [again, ahead], at=moved) == 3  # one for each audience
    assert put(store, [again, ahead], at=moved + timedelta(hours=1)) == 0
    answer = Feeds(store, SITE).answer(subscribe(store).split("/")[2], "calendar.ics", 1, moved)
    assert answer is not None
    found = raw_lines(answer.body)
    assert found.count("BEGIN:VEVENT") == 2
    assert sorted(line for line in found if line.startswith("SEQUENCE")) == ["SEQUENCE:0", "SEQUENCE:1"]


def test_labels_are_read_of_the_changes_that_are_asked_for_only(one_store: Store) -> None:
    """A repository of years has tens of thousands of pull requests; a plan holds some dozens of changes."""
    count, names = 1_000, [f"n{at}" for at in range(200)]
    seed(one_store, " ".join(names))
    with one_store.write() as session:
        for at, name in enumerate(names):
            session.get_one(Change, name).number = at
        for number in range(count):
            labels = ["Internal"] if number % 2 else ["internals"]
            session.add(
                PullRequestRow(
                    repository_id="r_pricing", provider="github", number=number, state="merged", title="One",
                    record={"labels": labels},
                )
            )  # fmt: skip
    odd = set(names[1::2])
    for read in (publicity.marks, publicity.labelled):
        with steps(one_store) as seen, one_store.read() as session:
            assert set(read(session, names)) == odd  # type: ignore[operator]
        assert seen["hundreds"] < 200, read
        with one_store.read() as session:
            assert set(read(session, [])) == set()  # type: ignore[operator]
    with one_store.read() as session:
        many = {*names, *(f"other {at}" for at in range(3_000))}
        assert publicity.labelled(session, many) == odd
        assert publicity.labelled(session, many - {"n1"}) == odd - {"n1"}
