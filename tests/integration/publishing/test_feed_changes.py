"""What a new plan costs the feeds: only what changed is read, rendered and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from release_mgmt.core.calendar import WindowFact
from release_mgmt.services import feeds, plan_feeds
from release_mgmt.services.feeds import Feeds, rendering
from release_mgmt.services.feeds.lookup import look_up
from release_mgmt.services.publications import set_internal, set_note
from release_mgmt.sources.calendars import read_document
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Change, PullRequestRow
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR, put, subscribe
from tests.integration.scheduling.builders import NOW as PLANNED
from tests.integration.scheduling.builders import apply, seed
from tests.unit.publishing.parsers import raw_lines
from tests.unit.publishing.test_calendar import change, freeze, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
COUNT = 300


def many() -> list[WindowFact]:
    """Windows an hour apart from each other."""
    found = []
    for at in range(COUNT):
        start = f"{NOW + timedelta(hours=at):%Y-%m-%dT%H:%M}"
        found.append(window(change(f"c{at}"), start=start))
    return found


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How many events are read as rows, and how many are written."""
    seen: Counter[str] = Counter()

    def read(target: object, _: object) -> None:
        seen["read"] += 1

    def written(session: Session, *_: Any) -> None:
        for row in (*session.new, *session.dirty, *session.deleted):
            seen["written"] += isinstance(row, FeedEventRow) and (row not in session.dirty or session.is_modified(row))

    event.listen(FeedEventRow, "load", read)
    event.listen(Session, "before_flush", written)
    try:
        yield seen
    finally:
        event.remove(FeedEventRow, "load", read)
        event.remove(Session, "before_flush", written)


@pytest.mark.acceptance("FEED-4")
def test_one_changed_event_among_many_is_all_that_is_read_written_and_rendered(store: Store) -> None:
    token = subscribe(store, audience="business").split("/")[2]
    plan = many()
    put(store, plan, [freeze()], at=NOW)
    served = Feeds(store, "https://releases.example")
    assert served.answer(token, "calendar.ics", 1, NOW) is not None
    with counted() as nothing:
        assert put(store, list(reversed(plan)), [freeze()], at=NOW + timedelta(minutes=1)) == 0
    assert not nothing
    plan[7] = replace(plan[7], changes=(change("c7", title="Another title"),))
    with counted() as one:
        assert put(store, plan, [freeze()], at=NOW + timedelta(minutes=2)) == 3  # one for each audience
    assert one == {"read": 3, "written": 3}
    ticket = look_up(store, token)
    assert ticket is not None
    with store.read() as session:
        feed = rendering.feed_of(session, ticket.subscription, "https://releases.example")
        parts = served._parts.get(feed.key)
        assert parts is not None
        assert parts.bring(session, feed) == 1


def test_a_note_reads_and_writes_the_events_of_its_change_only(store: Store) -> None:
    put(store, many(), at=NOW)
    with counted() as noted:
        set_note(store, OPERATOR, NOW + timedelta(minutes=1), "c7", language="en", text="Alerts come earlier.")
    assert noted == {"read": 3, "written": 3}
    with counted() as hidden:  # the business alone sees a difference
        set_internal(store, OPERATOR, NOW + timedelta(minutes=2), "c7", internal=True, reason="Security")
    assert hidden == {"read": 3, "written": 1}
    with counted() as planned:
        assert put(store, many(), at=NOW + timedelta(minutes=3)) == 0
    assert not planned


def test_what_went_and_came_back_is_seen_again_and_a_call_off_is_told_once(store: Store) -> None:
    plan = [window(change("a")), window(change("b"), start="2026-12-01T17:00")]
    put(store, plan, [freeze()], at=NOW)
    assert put(store, plan[:1], at=NOW + timedelta(minutes=1)) == 6  # the window and the freeze, for each audience
    assert put(store, plan[:1], at=NOW + timedelta(minutes=2)) == 0
    assert put(store, plan, [freeze()], at=NOW + timedelta(minutes=3)) == 6
    with store.read() as session:
        assert {row.sequence for row in session.query(FeedEventRow) if row.key != plan[0].identity} == {2}


@pytest.mark.acceptance("CHG-D4")
def test_a_label_that_comes_later_hides_its_change_from_the_business_with_the_next_plan(store: Store) -> None:
    seed(store, "a b")
    plan = [window(change("a"), change("b"))]
    put(store, plan, at=NOW)
    with store.write() as session:
        owner = session.get_one(Change, "a")
        owner.number, owner.provider = 7, "github"
        session.add(
            PullRequestRow(
                repository_id=owner.repository_id, provider="github", number=7, state="merged", title="Seven",
                record={"number": 7, "labels": ["Audience: Internal"]},
            )
        )  # fmt: skip
    assert put(store, plan, at=NOW + timedelta(minutes=1)) == 1
    assert put(store, plan, at=NOW + timedelta(minutes=2)) == 0


@pytest.mark.acceptance("FEED-10")
def test_a_freeze_is_titled_by_its_reason_not_by_its_id(store: Store) -> None:
    seed(store, "a")
    frozen = {"id": "ye-26", "days": ["2026-12-24", "2027-01-01"], "hard": True, "reason": "Closing of the books"}
    apply(store, PLANNED, freezes=[frozen])
    made = feeds.create(store, OPERATOR, PLANNED, name="All", audience="business")
    answer = Feeds(store, "https://releases.example").answer(str(made.token), "calendar.ics", 1, PLANNED)
    assert answer is not None
    assert b"SUMMARY:Freeze: Closing of the books\r\n" in answer.body
    assert b"ye-26" not in answer.body


@pytest.mark.acceptance("FEED-3")
def test_two_freezes_of_one_rule_that_begin_on_one_day_of_utc_are_two_events() -> None:
    """Half past one in Berlin, each night: the night after the clocks went forward begins on the same day of UTC."""
    nights = {
        "id": "nights", "start": "2027-03-27T01:30", "end": "2027-03-27T01:45", "reason": "Batch",
        "rrule": "FREQ=DAILY;COUNT=4",
    }  # fmt: skip
    document = {"calendar": "Pricing", "time_zone": "Europe/Berlin", "series": [], "freezes": [nights]}
    found = plan_feeds._freeze_facts(read_document(document, 2026), "pricing", NOW)
    starts = [fact.start.strftime("%d %H:%M") for fact in found if isinstance(fact.start, datetime)]
    assert starts == ["27 00:30", "28 00:30", "28 23:30", "29 23:30"]
    assert len({fact.identity for fact in found}) == 4
    assert found[0].identity == "nights@2027-03-27"


@pytest.mark.acceptance("FEED-5")
@pytest.mark.acceptance("CHG-D4")
def test_a_note_or_a_mark_on_a_change_brings_no_cancelled_window_back(store: Store) -> None:
    """A window was called off; later somebody writes of the change that was in it, or keeps it from the business."""
    made = window(change("a", title="Secret change"), change("b", title="Open change"), start="2026-11-24T17:00")
    other = window(change("c", title="Lonely change"), start="2026-11-25T17:00")
    put(store, [made, other], at=NOW)
    put(store, [other], at=NOW + timedelta(hours=1))
    token = subscribe(store, audience="business").split("/")[2]

    def lines(hours: int) -> list[str]:
        answer = Feeds(store, "https://r.example").answer(token, "calendar.ics", 1, NOW + timedelta(hours=hours))
        assert answer is not None
        found = raw_lines(answer.body)
        assert found.count("BEGIN:VEVENT") == 2
        return found

    before = lines(1)
    assert before.count("STATUS:CANCELLED") == 1
    set_note(store, OPERATOR, NOW + timedelta(hours=2), "a", language="en", text="In plain words.")
    assert lines(2) == before
    set_internal(store, OPERATOR, NOW + timedelta(hours=3), "a", internal=True, reason="Security")
    after = lines(3)
    assert after.count("STATUS:CANCELLED") == 1
    assert "SUMMARY:Cancelled: Release: Open change" in after
    assert not any("Secret" in line for line in after)
    set_internal(store, OPERATOR, NOW + timedelta(hours=4), "c", internal=True, reason="Security")
    last = lines(4)
    assert last.count("STATUS:CANCELLED") == 2
    assert not any("Lonely" in line for line in last)
    assert "SUMMARY:Cancelled: Release window" in last
