"""The permission table: complete, and wrong in no corner."""

from __future__ import annotations

import pytest

from release_mgmt.core.errors import BrokenInvariant, Forbidden, Unauthenticated
from release_mgmt.core.permissions import (
    ANONYMOUS,
    EVERYWHERE,
    TABLE,
    Action,
    Actor,
    Role,
    Scope,
    Via,
    allows,
    may_somewhere,
    require,
    trusted,
)


def somebody(*roles: Role, calendars: set[str] | None = None, **more: object) -> Actor:
    return Actor("p_1", "Ada", frozenset(roles), frozenset(calendars or ()), via=more.pop("via", Via.SESSION), **more)  # type: ignore[arg-type]


def test_every_action_has_a_line_in_the_table() -> None:
    assert set(TABLE) == set(Action)


def test_nobody_may_do_only_what_is_open() -> None:
    assert {a for a in Action if may_somewhere(ANONYMOUS, a)} == {a for a in Action if not TABLE[a].roles}


def test_somebody_without_a_role_may_do_nothing_more() -> None:
    assert {a for a in Action if may_somewhere(somebody(), a)} == {a for a in Action if not TABLE[a].roles}


def test_a_release_manager_decides_only_in_his_calendars() -> None:
    manager = somebody(Role.RELEASE_MANAGER, calendars={"pricing"})
    assert allows(manager, Action.APPROVE, calendar="pricing")
    assert not allows(manager, Action.APPROVE, calendar="risk")
    assert not allows(manager, Action.EDIT_FREEZE, calendar=EVERYWHERE)
    assert may_somewhere(manager, Action.APPROVE)
    assert not may_somewhere(somebody(Role.RELEASE_MANAGER), Action.APPROVE)


def test_an_administrator_schedules_but_has_no_vote() -> None:
    administrator = somebody(Role.ADMINISTRATOR)
    assert allows(administrator, Action.EDIT_FREEZE, calendar="pricing")
    assert not allows(administrator, Action.APPROVE, calendar="pricing")
    assert not may_somewhere(administrator, Action.GRANT_BREAK_GLASS)


@pytest.mark.parametrize("action", [a for a in Action if TABLE[a].per_calendar])
def test_a_forgotten_calendar_is_a_fault_and_not_a_grant(action: Action) -> None:
    with pytest.raises(BrokenInvariant):
        allows(trusted("worker", Via.JOB), action)


@pytest.mark.parametrize("action", [a for a in Action if TABLE[a].roles])
def test_a_token_without_the_scope_is_refused_whoever_owns_it(action: Action) -> None:
    reading = {Scope.WRITE, Scope.APPROVE, Scope.ADMIN} if TABLE[action].scope is Scope.READ else set()
    every_other = frozenset(Scope) - {TABLE[action].scope} - reading
    actor = Actor("p_1", "Ada", frozenset(Role), frozenset({EVERYWHERE}), via=Via.TOKEN, scopes=every_other)
    with pytest.raises(Forbidden) as refused:
        require(actor, action, calendar="pricing")
    assert refused.value.code == "missing_scope"


def test_nobody_is_told_to_sign_in_and_somebody_what_is_missing() -> None:
    with pytest.raises(Unauthenticated):
        require(ANONYMOUS, Action.READ_CHANGE)
    with pytest.raises(Forbidden) as refused:
        require(somebody(Role.READER), Action.MANAGE_PEOPLE)
    assert refused.value.details == {"action": "people.manage", "roles": ["administrator"]}


def test_trust_without_a_person_is_for_the_machine_only() -> None:
    with pytest.raises(BrokenInvariant):
        trusted("x", Via.SESSION)
