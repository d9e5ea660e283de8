"""What everybody's calendar says of a change that goes by break-glass."""

from __future__ import annotations

import icalendar
import pytest

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.permissions import Role, Via
from release_mgmt.services import actors, breakglass, feeds, people
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, seed


@pytest.mark.acceptance("SCH-A8")
@pytest.mark.parametrize("audience", ["business", "engineering"])
def test_a_granted_break_glass_is_an_emergency_in_the_feeds(one_store: Store, audience: str) -> None:
    """At once on granting, not on asking; and only the window that holds the change."""
    store = one_store
    seed(store)
    apply(store)
    managers = []
    for login in ("m1", "m2"):
        grants = (people.Grant(Role.RELEASE_MANAGER, "releases"),)
        key = people.add(store, OPERATOR, NOW, name=login, login=login, grants=grants).id
        with store.read() as session:
            managers.append(actors.load(session, people.find(session, key, active=True), NOW, via=Via.SESSION))
    made = feeds.create(store, OPERATOR, NOW, name="All", audience=audience)
    served = feeds.Feeds(store, "https://releases.example")

    def marked() -> list[bool]:
        answer = served.answer(str(made.token), "calendar.ics", 1, NOW)
        assert answer is not None
        found = []
        for one in icalendar.Calendar.from_ical(answer.body).walk("VEVENT"):
            mark = "EMERGENCY" in [str(each) for each in one["CATEGORIES"].cats]
            assert str(one["SUMMARY"]).startswith("Emergency: ") is mark
            found.append(mark)
        return found

    asked = breakglass.request(
        store, managers[0], NOW, change="M1", environment="prod", blockers=[Blocker("notice")],
        reason="Prices are wrong", ticket="OPS-1",
    )  # fmt: skip
    before = marked()
    assert len(before) > 1
    assert not any(before)
    breakglass.decide(store, managers[1], NOW, asked.id, grant=True)
    assert sum(marked()) == 1
