"""Feeds in the database, on SQLite and PostgreSQL: what moves with a plan, and what every process agrees on."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from release_mgmt.core.errors import Forbidden, InvalidInput, NotFound
from release_mgmt.core.permissions import EVERYWHERE, Actor, Role, Via
from release_mgmt.services import feeds
from release_mgmt.services.feeds import Answer, Feeds, serving
from release_mgmt.services.publications import set_internal, set_note
from release_mgmt.store.models.people import Person, Team
from release_mgmt.store.models.publishing import FeedBodyRow
from release_mgmt.store.session import Store
from release_mgmt.web.feeds.middleware import _send
from tests.integration.publishing.conftest import OPERATOR, know, put, subscribe
from tests.unit.publishing.parsers import agree, raw_lines
from tests.unit.publishing.test_calendar import change, freeze, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SITE = "https://releases.example"


def token_of(store: Store, **more: object) -> str:
    return subscribe(store, **more).split("/")[2]


def fetch(store: Store, token: str, now: datetime = NOW, served: Feeds | None = None) -> Answer:
    found = (served or Feeds(store, SITE)).answer(token, "calendar.ics", 1, now)
    assert found is not None
    return found


def events(answer: Answer) -> dict[str, list[str]]:
    """The raw lines of each event by UID."""
    found: dict[str, list[str]] = {}
    block: list[str] = []
    for line in raw_lines(answer.body):
        block = [] if line == "BEGIN:VEVENT" else [*block, line]
        if line == "END:VEVENT":
            found[next(item[4:] for item in block if item.startswith("UID:"))] = block
    return found


@pytest.mark.acceptance("FEED-4")
@pytest.mark.acceptance("SCH-S6")
def test_a_plan_that_is_the_same_changes_no_byte_and_a_move_raises_both_windows(store: Store) -> None:
    token = token_of(store, audience="business")
    one, two = window(change("a"), change("b")), window(start="2026-12-01T17:00")
    put(store, [one, two], at=NOW)
    first = fetch(store, token)
    assert put(store, [two, one], at=NOW + timedelta(hours=1)) == 0
    assert fetch(store, token).body == first.body
    put(store, [window(change("a")), window(change("b"), start="2026-12-01T17:00")], at=NOW + timedelta(hours=2))
    second = fetch(store, token)
    before, after = events(first), events(second)
    assert len(before) == 1
    (old_uid,) = before
    assert "SEQUENCE:1" in after[old_uid]
    assert len(after) == 2
    put(store, [window(), window(change("a"), change("b"), start="2026-12-01T17:00")], at=NOW + timedelta(hours=3))
    third = events(fetch(store, token))
    assert {"SEQUENCE:2", "STATUS:CANCELLED", "TRANSP:TRANSPARENT"} <= set(third[old_uid])
    assert all("SEQUENCE:2" in block for uid, block in third.items() if uid != old_uid)


@pytest.mark.acceptance("FEED-2")
@pytest.mark.acceptance("CHG-D4")
def test_internal_changes_do_not_show_in_a_business_feed_not_even_in_its_tag(store: Store) -> None:
    business, engineering = token_of(store, audience="business"), token_of(store)
    put(store, [window(change("a"))], at=NOW)
    first = fetch(store, business)
    put(store, [window(change("a"), change("secret", title="Rotate keys", internal=True))], at=NOW + timedelta(hours=1))
    again = fetch(store, business)
    assert (again.etag, again.last_modified, again.body) == (first.etag, first.last_modified, first.body)
    assert b"Rotate keys" in fetch(store, engineering).body


@pytest.mark.acceptance("CHG-D5")
def test_a_note_or_an_internal_mark_moves_the_feeds_in_its_own_transaction(store: Store) -> None:
    business = token_of(store, audience="business")
    put(store, [window(change("a"), change("b", title="Hidden later"))], at=NOW)
    before = fetch(store, business)
    set_note(store, OPERATOR, NOW + timedelta(hours=1), "a", language="en", text="Alerts come an hour earlier.")
    noted = fetch(store, business)
    assert b"Alerts come an hour earlier." in noted.body
    assert noted.etag != before.etag
    set_internal(store, OPERATOR, NOW + timedelta(hours=2), "b", internal=True, reason="Security")
    hidden = fetch(store, business)
    assert b"Hidden later" not in hidden.body
    (block,) = events(hidden).values()
    assert "SEQUENCE:2" in block
    # the next plan still knows both
    assert put(store, [window(change("a"), change("b", title="Hidden later"))], at=NOW + timedelta(hours=3)) == 0


@pytest.mark.acceptance("FEED-6")
def test_two_processes_and_a_restart_agree_on_every_byte(store: Store) -> None:
    token = token_of(store)
    put(store, [window(change("a")), window(change("b"), start="2026-12-01T17:00")], [freeze()], at=NOW)
    one, two = Feeds(store, SITE), Feeds(store, SITE)
    first = fetch(store, token, served=one)
    put(store, [window(change("a", title="New")), window(change("b"), start="2026-12-01T17:00")], [freeze()], at=NOW)
    step_by_step = fetch(store, token, served=one)  # one changed event joined to what was rendered before
    with store.write() as session:
        session.query(FeedBodyRow).delete()
    from_nothing = fetch(store, token, served=two)
    from_shared = fetch(store, token, served=Feeds(store, SITE))
    assert first.body != step_by_step.body
    assert step_by_step.body == from_nothing.body == from_shared.body
    assert step_by_step.etag == from_nothing.etag == from_shared.etag


@pytest.mark.acceptance("FEED-6")
def test_last_modified_is_the_data_s_and_never_goes_back(store: Store) -> None:
    token = token_of(store, filters={"cancelled": False})
    put(store, [window(change("a")), window(change("b"), start="2027-11-20T17:00")], at=NOW)
    first = fetch(store, token, NOW + timedelta(minutes=5))
    assert first.last_modified == NOW
    assert len(events(first)) == 1  # the other begins 365 days from now
    assert fetch(store, token, NOW + timedelta(hours=5)).last_modified == NOW
    slid = fetch(store, token, NOW + timedelta(days=1))
    assert slid.last_modified == datetime(2026, 11, 21, tzinfo=UTC)
    assert len(events(slid)) == 2
    assert fetch(store, token, NOW + timedelta(days=3)).body == slid.body
    put(store, [window(change("b"), start="2027-11-20T17:00")], at=NOW + timedelta(days=2))
    gone = fetch(store, token, NOW + timedelta(days=3))
    assert gone.etag != slid.etag
    assert gone.last_modified == NOW + timedelta(days=2)
    past = fetch(store, token, NOW + timedelta(days=365 + 120))
    assert past.last_modified >= gone.last_modified


@pytest.mark.acceptance("FEED-5")
def test_a_cancelled_event_is_kept_thirty_days_then_dropped(store: Store) -> None:
    token, hidden = token_of(store), token_of(store, filters={"cancelled": False})
    put(store, [window(change("a"), start="2027-01-12T17:00")], at=NOW)
    put(store, [], at=NOW + timedelta(days=1))
    assert "STATUS:CANCELLED" in raw_lines(fetch(store, token, NOW + timedelta(days=2)).body)
    assert events(fetch(store, hidden, NOW + timedelta(days=2))) == {}
    assert len(events(fetch(store, token, NOW + timedelta(days=30)))) == 1
    later = fetch(store, token, NOW + timedelta(days=33))
    assert events(later) == {}
    assert later.last_modified > NOW + timedelta(days=1)
    put(store, [], at=NOW + timedelta(days=34))
    assert fetch(store, token, NOW + timedelta(days=34)).last_modified >= later.last_modified


@pytest.mark.acceptance("FEED-4")
@pytest.mark.acceptance("FEED-5")
def test_what_is_planned_again_after_it_was_dropped_goes_on_from_its_sequence(store: Store) -> None:
    """RFC 5545 3.8.7.4: the sequence of a UID only rises; a client that saw 1 would take 0 for an older text."""
    token, planned = token_of(store), [window(change("a"), start="2027-02-12T17:00")]
    put(store, planned, at=NOW)
    first = events(fetch(store, token, NOW))
    put(store, [], at=NOW + timedelta(days=1))
    for day in (33, 34):
        put(store, [], at=NOW + timedelta(days=day))
        assert events(fetch(store, token, NOW + timedelta(days=day))) == {}
    assert feeds.preview(store, OPERATOR, NOW + timedelta(days=34), audience="business", filters={})[0] == 0
    put(store, planned, at=NOW + timedelta(days=40))
    again = events(fetch(store, token, NOW + timedelta(days=40)))
    assert again.keys() == first.keys()
    [lines] = again.values()
    assert "SEQUENCE:2" in lines
    assert "STATUS:TENTATIVE" in lines
    assert [line for line in lines if line.startswith("CREATED")] == [
        line for line in next(iter(first.values())) if line.startswith("CREATED")
    ]


@pytest.mark.acceptance("FEED-2")
def test_filters_choose_whole_events_and_never_change_their_text(store: Store) -> None:
    put(
        store,
        [
            window(
                change("a", teams=("Fraud",), level="major"), change("b", teams=("Pricing",)), environments=("prod",)
            ),
            window(change("c", teams=("Pricing",), repository="elastic"), start="2026-12-01T17:00"),
            window(start="2026-12-08T17:00"),
        ],
        [freeze(teams=("Fraud",)), freeze(teams=("Other",))],
        at=NOW,
    )
    know(store, NOW, teams=["Fraud", "Pricing"], repositories=["elastic"], calendars=["other"])
    everything = events(fetch(store, token_of(store, filters={"empty": True})))
    assert len(everything) == 4
    for filters, count in (
        ({}, 3),
        ({"teams": ["Fraud"]}, 1),
        ({"teams": ["Pricing"], "freezes": False}, 2),
        ({"repositories": ["elastic"]}, 2),
        ({"levels": ["major"]}, 2),
        ({"environments": ["prod"]}, 2),
        ({"windows": False}, 1),
        ({"window": "weekly@2026-12-01T17:00"}, 1),
        ({"calendars": ["other"]}, 0),
    ):
        found = events(fetch(store, token_of(store, filters=filters)))
        assert len(found) == count, filters
        assert all(everything[uid] == block for uid, block in found.items())


@pytest.mark.acceptance("FEED-12")
def test_ten_thousand_stored_events_answer_within_limits(one_store: Store) -> None:
    start = NOW
    facts = [
        window(change(f"c{n}"), start=(start + timedelta(minutes=45 * n)).strftime("%Y-%m-%dT%H:%M"), hours=0.5)
        for n in range(10_000)
    ]
    put(one_store, facts, at=NOW)
    answer = fetch(one_store, token_of(one_store))
    assert len(answer.body) <= 1_000_000
    assert 1_000 < len(agree(answer.body)) <= 2_500
    assert "More events than fit" in answer.body.decode()


@pytest.mark.acceptance("FEED-12")
def test_an_address_with_a_number_behind_it_is_the_same_calendar_in_memory_too(store: Store) -> None:
    put(store, [window(change("a"))], at=NOW)
    token = token_of(store)
    served = Feeds(store, SITE)
    answers = {id(served.answer(token, "calendar.ics", page, NOW)) for page in range(1, 30)}
    assert len(answers) == 1


@pytest.mark.acceptance("FEED-12")
def test_many_feeds_and_ever_new_filters_grow_neither_memory_nor_the_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, [window(change("a"), start=f"2026-12-{day:02d}T17:00") for day in range(1, 31)], at=NOW)
    probe = len(fetch(store, token_of(store)).body)
    monkeypatch.setattr(serving, "ROOM", 10 * probe)
    monkeypatch.setattr(serving, "MOST_BODIES", 3)
    served, made = Feeds(store, SITE), []
    for number in range(20):  # as many of one's own as names and filters
        token = token_of(store, name=f"feed {number}", filters={"alarm_minutes": number + 1})
        at = NOW + timedelta(minutes=number)
        answer = fetch(store, token, at, served)
        assert answer.body.count(b"BEGIN:VALARM") == 30
        assert _send({}, answer)[0] == "200 OK"
        made.append(weakref.ref(answer))
        del answer
    gc.collect()
    assert 0 < served._answers.used <= 10 * probe
    assert 0 < served._parts.used <= 10 * probe
    assert len([one for one in made if one() is not None]) == len(served._answers) < 10
    with store.read() as session:
        assert session.query(FeedBodyRow).count() == 3


@pytest.mark.acceptance("FEED-4")
def test_an_event_that_is_moved_out_of_the_span_leaves_the_feed_of_a_running_process_at_once(store: Store) -> None:
    """Else its old date would stand there until midnight, for every process that shares the body."""
    served, token = Feeds(store, SITE), token_of(store)
    moving, staying = window(change("a"), start="2026-12-01T17:00"), window(change("b"), start="2026-12-02T17:00")
    put(store, [moving, staying], at=NOW)
    before = events(fetch(store, token, served=served))
    for hours, years, count in ((1, 2, 1), (2, 0, 2)):
        at, by = NOW + timedelta(hours=hours), timedelta(days=365 * years)
        put(store, [replace(moving, start=moving.start + by, end=moving.end + by), staying], at=at)
        assert len(events(fetch(store, token, at, served))) == count
        assert fetch(store, token, at, Feeds(store, SITE)).body == fetch(store, token, at, served).body
    assert before.keys() == events(fetch(store, token, at, served)).keys()


@pytest.mark.acceptance("FEED-6")
def test_an_edit_of_the_filters_moves_last_modified_for_its_own_feed_only(store: Store) -> None:
    """Who asks by date alone would keep the events of the old filters for ever."""
    put(store, [window(change("a")), window(change("b"), start="2026-12-01T17:00")], [freeze()], at=NOW)
    made = feeds.create(store, OPERATOR, NOW, name="mine")
    other = token_of(store, audience="business", name="mine")
    before = fetch(store, str(made.token))
    later = NOW + timedelta(days=1)
    filters = {"freezes": False, "windows": False}
    edit = {"name": "mine", "audience": "business", "language": "en"}
    feeds.change(store, OPERATOR, later, made.id, filters=filters, **edit)  # type: ignore[arg-type]
    assert fetch(store, str(made.token)).last_modified == later
    feeds.change(store, OPERATOR, later + timedelta(hours=1), made.id, filters={}, **edit)  # type: ignore[arg-type]
    again = fetch(store, str(made.token))
    assert again.last_modified == later + timedelta(hours=1)
    assert len(agree(again.body)) == len(agree(before.body))
    assert fetch(store, other).last_modified == before.last_modified
    atom = Feeds(store, SITE).answer(str(made.token), "changelog.atom", 1, NOW)
    assert atom is not None
    assert atom.last_modified == later + timedelta(hours=1)


@pytest.mark.acceptance("FEED-13")
def test_wrong_filters_are_refused_naming_each(store: Store) -> None:
    with pytest.raises(InvalidInput) as caught:
        token_of(store, filters={"levels": ["huge"], "team": [], "alarm_minutes": 0, "empty": "yes", "teams": "x"})
    assert {fault.path for fault in caught.value.errors} == {
        "filters.levels", "filters.team", "filters.alarm_minutes", "filters.empty", "filters.teams",
    }  # fmt: skip


@pytest.mark.acceptance("FEED-13")
def test_names_that_there_are_not_are_refused_and_those_that_were_chosen_before_stay(store: Store) -> None:
    """A name with a slip of the finger chooses nothing, which looks as if nothing were planned."""
    know(store, NOW, teams=["fraud"], repositories=["risk-models"], calendars=["releases"])
    wrong = {"teams": ["Fraud"], "repositories": ["risk-model", "xyz"], "calendars": ["?"], "environments": ["prod"]}
    edit = {"name": "mine", "audience": "business", "language": "en"}
    made = feeds.create(store, OPERATOR, NOW, name="mine", filters={"teams": ["fraud"]})
    told = [("teams", "'Fraud'", "did you mean fraud?"), ("repositories", "'risk-model'", "did you mean risk-models?")]
    told += [("repositories", "'xyz'", "risk-models"), ("calendars", "'?'", "releases")]
    for ask in (
        lambda: feeds.create(store, OPERATOR, NOW, name="mine", filters=wrong),
        lambda: feeds.preview(store, OPERATOR, NOW, audience="business", filters=wrong),
        lambda: feeds.change(store, OPERATOR, NOW, made.id, filters=wrong, **edit),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidInput) as caught:
            ask()
        found = {(one.path, one.message, one.allowed) for one in caught.value.errors}
        assert found == {(f"filters.{path}", f"{name} is not known", allowed) for path, name, allowed in told}
    with store.write() as session:
        session.delete(session.get_one(Team, "fraud"))
    kept = feeds.change(store, OPERATOR, NOW, made.id, filters={"teams": ["fraud"]}, **edit)  # type: ignore[arg-type]
    assert kept.filters.teams == ("fraud",)


@pytest.mark.acceptance("FEED-13")
def test_a_feed_ends_when_its_owner_may_not_see_it_any_more(store: Store) -> None:
    with store.write() as session:
        session.add(Person(id="p_ada", login="ada", name="Ada", created_at=NOW, updated_at=NOW))
    ada = Actor("p_ada", "Ada", roles=frozenset({Role.READER}), via=Via.SESSION)
    with pytest.raises(Forbidden):
        feeds.create(store, ada, NOW, name="mine", audience="engineering")
    made = feeds.create(store, ada, NOW, name="mine")
    assert made.token is not None
    served = Feeds(store, SITE)
    assert served.answer(made.token, "calendar.ics", 1, NOW) is not None
    bob = Actor("p_bob", "Bob", frozenset({Role.RELEASE_MANAGER}), frozenset({EVERYWHERE}), via=Via.SESSION)
    with pytest.raises(NotFound):
        feeds.revoke(store, bob, NOW, made.id)
    rotated = feeds.rotate(store, ada, NOW, made.id)
    assert served.answer(made.token, "calendar.ics", 1, NOW) is None
    assert rotated.token is not None
    assert served.answer(rotated.token, "calendar.ics", 1, NOW) is not None
    with store.write() as session:
        person = session.get(Person, "p_ada")
        assert person is not None
        person.disabled_at = NOW
    assert served.answer(rotated.token, "calendar.ics", 1, NOW) is None


@pytest.mark.acceptance("FEED-13")
def test_a_preview_shows_what_a_feed_would_hold(store: Store) -> None:
    put(store, [window(change("a")), window(change("b"), start="2026-12-01T17:00")], [freeze()], at=NOW)
    count, shown = feeds.preview(store, OPERATOR, NOW, audience="business", filters={"freezes": False}, limit=1)
    assert count == 2
    assert [item.changes[0].title for item in shown] == ["Change a"]
