"""Somebody can always administer, also when two administrators take the role from each other at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy.orm import Session

from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.services import people, personal_data
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
TOGETHER = 1.0  # seconds for which one waits for the other; with the lock they never meet


def disable(store: Store, now: datetime, person: str) -> None:
    people.change(store, OPERATOR, now, person, active=False)


def demote(store: Store, now: datetime, person: str) -> None:
    people.change(store, OPERATOR, now, person, grants=(people.Grant(Role.READER),))


def erase(store: Store, now: datetime, person: str) -> None:
    personal_data.erase(store, OPERATOR, now, person, reason="asked for it")


@pytest.mark.parametrize("take", [disable, demote, erase])
def test_two_administrators_cannot_take_the_role_from_each_other_at_once(
    store: Store, now: datetime, monkeypatch: pytest.MonkeyPatch, take: Callable[[Store, datetime, str], None]
) -> None:
    """Each sees the other as the one who is left, if both look before either is done."""
    grants = (people.Grant(Role.ADMINISTRATOR),)
    both = [people.add(store, OPERATOR, now, name=name, login=name, grants=grants).id for name in ("ann", "ben")]
    looked, meeting = people.keep_an_administrator, Barrier(2)

    def look_and_wait(session: Session) -> None:
        looked(session)
        try:
            meeting.wait(TOGETHER)
        except BrokenBarrierError:
            return  # the other is kept out, as it must be

    monkeypatch.setattr(people, "keep_an_administrator", look_and_wait)

    def attempt(person: str) -> bool:
        try:
            take(store, now, person)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, both)) == [False, True]
    with store.read() as session:
        looked(session)
