"""Break-glass breaks what it names, for as long as it says, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.approvals.breakglass import check_grant, check_request
from release_mgmt.core.errors import Forbidden, InvalidInput
from release_mgmt.core.gate import BreakGlass, GateReason

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
YEAR_END, OTHER = GateReason("freeze", "year-end", "."), GateReason("freeze", "other", ".")
GLASS = BreakGlass(("freeze:year-end", "outside_window"), NOW + timedelta(hours=4))


@pytest.mark.acceptance("SCH-A8")
def test_it_breaks_what_it_names_and_a_freeze_added_later_still_denies() -> None:
    assert GLASS.breaks(YEAR_END)
    assert GLASS.breaks(GateReason("outside_window", "weekly", "."))
    assert not GLASS.breaks(OTHER)
    assert not GLASS.breaks(GateReason("stale_approval", "release_managers", "."))
    assert not BreakGlass(("freeze",), NOW).breaks(YEAR_END), "a freeze is named by its id or not at all"


@pytest.mark.acceptance("SCH-A8")
def test_a_request_names_blockers_reason_and_ticket_and_lasts_four_hours_at_most() -> None:
    check_request([Blocker("freeze", "year-end")], "prices are wrong", "OPS-1", timedelta(hours=4))
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
