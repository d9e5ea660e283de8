"""The hash chain: any row changed, removed, inserted or cut off shows; dropping old rows with a checkpoint does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.audit import GENESIS, AuditEntry, Checkpoint, Link, canonical, next_hash, verify

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        number, NOON, "p_1", None, "session", "192.0.2.1", "freeze.edit", f"freeze:{number}", "because", None, {"n": 1}
    )


def chain(length: int) -> list[Link]:
    links, previous = [], GENESIS
    for number in range(1, length + 1):
        previous = next_hash(previous, entry(number))
        links.append(Link(entry(number), previous))
    return links


def head(links: list[Link]) -> Checkpoint:
    return Checkpoint(links[-1].entry.number, links[-1].hash)


def test_a_sound_chain_verifies() -> None:
    links = chain(5)
    assert verify(links, Checkpoint(), head(links)).sound
    assert verify([], Checkpoint(), Checkpoint()).sound


@pytest.mark.acceptance("SCH-A10")
@given(st.integers(1, 8), st.sampled_from(["reason", "actor", "subject", "origin", "action"]))
def test_a_changed_row_shows(number: int, field: str) -> None:
    links = chain(8)
    forged = replace(links[number - 1].entry, **{field: "forged"})
    links[number - 1] = replace(links[number - 1], entry=forged)
    found = verify(links, Checkpoint(), head(links))
    assert found.fault is not None
    assert (found.fault.kind, found.fault.number) == ("changed", number)


@pytest.mark.acceptance("SCH-A10")
@given(st.integers(1, 8))
def test_a_removed_row_shows(number: int) -> None:
    links = chain(8)
    end = head(links)
    del links[number - 1]
    found = verify(links, Checkpoint(), end)
    assert found.fault is not None
    assert found.fault.kind == ("truncated" if number == 8 else "missing")


@pytest.mark.acceptance("SCH-A10")
def test_an_inserted_row_shows_even_when_the_rest_is_renumbered() -> None:
    links = chain(4)
    end = head(links)
    intruder = Link(entry(3), next_hash(links[1].hash, entry(3)))
    moved = [replace(link, entry=replace(link.entry, number=link.entry.number + 1)) for link in links[2:]]
    assert not verify([*links[:2], intruder, *moved], Checkpoint(), end).sound


def test_retention_drops_from_the_front_behind_a_checkpoint() -> None:
    links = chain(6)
    kept = verify(links[3:], Checkpoint(3, links[2].hash), head(links))
    assert kept.sound
    assert kept.checked == 3


def test_the_bytes_do_not_depend_on_the_zone_or_the_order_of_keys() -> None:
    one = replace(entry(1), after={"a": 1, "b": 2})
    other = replace(one, at=NOON.astimezone(timezone(timedelta(hours=1))), after={"b": 2, "a": 1})
    assert canonical(one) == canonical(other)
