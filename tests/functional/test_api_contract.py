"""The API keeps to its description for every role: no 5xx, no undocumented status, whatever is sent.

A short run on each test; `EXAMPLES=50` makes it longer.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings

from release_mgmt import clock
from release_mgmt.core.permissions import EVERYWHERE, Role, Scope, Via, trusted
from release_mgmt.services import people, tokens
from release_mgmt.store.session import Store

EXAMPLES = int(os.environ.get("EXAMPLES", "2"))
OPERATOR = trusted("operator", Via.CLI)


@pytest.mark.parametrize("role", [*Role, None])
def test_whatever_is_sent_is_answered_as_described(app: Flask, one_store: Store, role: Role | None) -> None:
    headers = {}
    if role is not None:
        grant = people.Grant(role, EVERYWHERE)
        person = people.add(one_store, OPERATOR, clock.now(), name="x", login="x", grants=(grant,), kind="service")
        made = tokens.create(one_store, OPERATOR, clock.now(), name="t", scopes=tuple(Scope), person=person.id)
        headers = {"Authorization": f"Bearer {made.secret}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    wrong: list[str] = []
    for result in schema.get_all_operations():
        attempt(result.ok(), headers, wrong)
    assert wrong == []


def attempt(operation: Any, headers: dict[str, str], wrong: list[str]) -> None:
    """Send generated requests to one operation and note what it should not have answered."""
    documented = set(operation.definition.raw["responses"])

    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy())
    def one(case: Any) -> None:
        status = case.call(headers=headers).status_code
        if status >= 500:
            wrong.append(f"{operation.label}: {status} {case.body!r} {case.query!r} {case.path_parameters!r}")
        elif str(status) not in documented and "default" not in documented:
            wrong.append(f"{operation.label}: undocumented {status}")

    one()
