"""What many events about one thing come to, and who is told."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.messages import KINDS, Concern, Event, Kind, Reader, Relation, folded, settled, wants

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTLE = timedelta(minutes=2)


def place(number: int, kind: Kind, origin: str | None, to: str | None, why: str = "") -> Event:
    reasons = [{"code": why}] if why else []
    facts = {"from_window": origin, "from_start": origin, "window": to, "start": to, "reasons": reasons}
    return Event(f"e{number}", kind, "place:c", T0 + timedelta(seconds=number), "releases", "c", None, facts)


def test_every_kind_has_a_line_in_the_table() -> None:
    assert set(KINDS) == set(Kind)
    assert all(rule.told for rule in KINDS.values())


def test_ten_moves_are_one_with_the_first_place_and_the_last() -> None:
    chain = [place(n, Kind.MOVED, f"w{n}", f"w{n + 1}", f"why {n % 2}") for n in range(10)]
    found = folded(chain)
    assert found is not None
    assert (found.facts["from_window"], found.facts["window"]) == ("w0", "w10")
    assert found.facts["reasons"] == [{"code": "why 0"}, {"code": "why 1"}]


def test_what_came_back_is_not_told_and_what_was_never_heard_of_is_announced_once() -> None:
    assert folded([place(0, Kind.MOVED, "w1", "w2"), place(1, Kind.MOVED, "w2", "w1")]) is None
    found = folded([place(0, Kind.ANNOUNCED, None, "w1"), place(1, Kind.MOVED, "w1", "w2")])
    assert found is not None
    assert (found.kind, found.facts["window"], found.facts["from_window"]) == (Kind.ANNOUNCED, "w2", None)
    assert folded([place(0, Kind.ANNOUNCED, None, "w1"), place(1, Kind.MOVED, "w1", None)]) is None


@given(st.lists(st.sampled_from(["w1", "w2", "w3", None]), min_size=2, max_size=8))
def test_folding_tells_exactly_the_difference_between_first_and_last(stops: list[str | None]) -> None:
    """Any walk through windows: nothing is told when it ends where it began, else the two ends, however long."""
    walk = [place(n, Kind.MOVED, a, b) for n, (a, b) in enumerate(itertools.pairwise(stops))]
    found = folded(walk)
    if stops[0] == stops[-1]:
        assert found is None
    else:
        assert found is not None
        assert (found.facts["from_window"], found.facts["window"]) == (stops[0], stops[-1])


def test_a_thing_is_told_when_it_rests_and_a_restless_one_after_five_settling_times() -> None:
    events = [place(0, Kind.MOVED, "a", "b")]
    assert not settled(events, T0 + SETTLE - timedelta(seconds=1), SETTLE)
    assert settled(events, T0 + SETTLE, SETTLE)
    restless = [place(n * 60, Kind.MOVED, f"{n}", f"{n + 1}") for n in range(10)]
    assert not settled(restless, T0 + timedelta(seconds=9 * 60 + 30), SETTLE)
    assert settled(restless, T0 + 5 * SETTLE, SETTLE)
    assert settled([Event("e", Kind.GATE_DENIED, "x", T0)], T0, SETTLE)


def test_the_latest_approval_wins() -> None:
    asked = Event("a", Kind.APPROVAL_NEEDED, "approval:c", T0)
    given_ = Event("b", Kind.APPROVED, "approval:c", T0 + timedelta(seconds=5))
    assert folded([asked, given_]) == given_


CONCERN = Concern(frozenset({"p_owner"}), frozenset({"fraud"}), calendar="releases")


def test_who_is_told_of_a_move() -> None:
    event = place(0, Kind.MOVED, "a", "b")
    told = {
        "owner": Reader("p_owner"), "team": Reader("p_1", frozenset({"fraud"})),
        "manager": Reader("p_2", manages=frozenset({"releases"})),
        "manager of all": Reader("p_3", manages=frozenset("*")),
        "other team": Reader("p_4", frozenset({"pricing"})),
        "other manager": Reader("p_5", manages=frozenset({"risk"})),
        "administrator": Reader("p_6", administrator=True), "nobody": Reader("p_7"),
        "not chosen": Reader("p_owner", kinds=frozenset({Kind.RELEASED})),
        "other calendar": Reader("p_owner", calendars=frozenset({"risk"})),
        "webhook": Reader(everything=True),
    }  # fmt: skip
    assert {name for name, reader in told.items() if wants(reader, event, CONCERN)} == {
        "owner", "team", "manager", "manager of all", "webhook",
    }  # fmt: skip


def test_nobody_is_told_of_what_they_did_themselves() -> None:
    event = Event("e", Kind.MOVED, "f", T0, "releases", "c", actor="p_owner")
    assert not wants(Reader("p_owner"), event, CONCERN)
    assert wants(Reader("p_1", frozenset({"fraud"})), event, CONCERN)


def test_a_kind_that_was_chosen_reaches_any_tie_but_an_administrators() -> None:
    event = Event("e", Kind.RELEASED, "f", T0, "releases", "c")
    assert Relation.MANAGER not in KINDS[Kind.RELEASED].told
    manager = Reader("p_2", manages=frozenset({"releases"}))
    assert not wants(manager, event, CONCERN)
    chosen = Reader("p_2", manages=frozenset({"releases"}), kinds=frozenset({Kind.RELEASED}))
    assert wants(chosen, event, CONCERN)
    assert not wants(Reader("p_6", administrator=True, kinds=frozenset({Kind.RELEASED})), event, CONCERN)
