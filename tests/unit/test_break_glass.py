"""Break-glass breaks what it names, for as long as it says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release_mgmt.core.approvals import Blocker, Permission
from release_mgmt.core.approvals.breakglass import check_grant, check_request, remaining
from release_mgmt.core.errors import Forbidden, InvalidInput

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
YEAR_END, OTHER = Blocker("freeze", "freeze:year-end"), Blocker("freeze", "freeze:other")
GLASS = Permission("b1", "c1", "prod", frozenset({YEAR_END, Blocker("outside_window")}), NOW, NOW + timedelta(hours=4))


@pytest.mark.acceptance("SCH-A8")
def test_it_breaks_what_it_names_and_a_freeze_added_later_still_denies() -> None:
    named = [YEAR_END, Blocker("outside_window", "weekly")]
    assert remaining(named, [GLASS], NOW) == ((), GLASS, False)
    assert remaining([*named, OTHER], [GLASS], NOW) == ((OTHER,), GLASS, False)
    assert remaining([Blocker("notice")], [GLASS], NOW) == ((Blocker("notice"),), None, False)


@pytest.mark.acceptance("SCH-A8")
def test_a_freeze_named_without_its_reference_breaks_no_freeze() -> None:
    loose = Permission("b2", "c1", "prod", frozenset({Blocker("freeze")}), NOW, NOW + timedelta(hours=1))
    assert remaining([YEAR_END], [loose], NOW)[0] == (YEAR_END,)


@pytest.mark.acceptance("SCH-A8")
def test_when_it_is_over_it_says_so() -> None:
    assert remaining([YEAR_END], [GLASS], GLASS.ends) == ((YEAR_END,), None, True)
    assert remaining([YEAR_END], [GLASS], GLASS.ends - timedelta(seconds=1)) == ((), GLASS, False)
    assert remaining([YEAR_END], [GLASS], NOW - timedelta(seconds=1)) == ((YEAR_END,), None, False)


@pytest.mark.acceptance("SCH-A8")
def test_a_request_names_blockers_reason_and_ticket_and_lasts_four_hours_at_most() -> None:
    check_request([YEAR_END], "prices are wrong", "OPS-1", timedelta(hours=4))
    with pytest.raises(InvalidInput) as refused:
        check_request([Blocker("withdrawn"), Blocker("freeze")], " ", "", timedelta(hours=4, minutes=1))
    assert [fault.path for fault in refused.value.errors] == [
        "blockers[0].code", "blockers[1].ref", "reason", "ticket", "minutes",
    ]  # fmt: skip
    with pytest.raises(InvalidInput):
        check_request([], "x", "y", timedelta(hours=1))


@pytest.mark.acceptance("SCH-A8")
def test_nobody_grants_their_own_while_there_is_a_second_manager() -> None:
    for involved in ((), ("m1",)):
        requester = None if involved else "m1"
        with pytest.raises(Forbidden) as refused:
            check_grant("m1", requester, involved, frozenset({"m1", "m2"}))
        assert refused.value.code == "self_approval"
        check_grant("m1", requester, involved, frozenset({"m1"}))
    check_grant("m2", "m1", ("author",), frozenset({"m1", "m2"}))
