"""Facts of delivery from both databases: dates, notice, moves, agreement, freezes, the gate and levels."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from release_mgmt.core.approvals import Verdict
from release_mgmt.core.metrics import Result
from release_mgmt.core.permissions import Actor
from release_mgmt.services import metrics, rollback_plans
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.insight import IncidentRow
from release_mgmt.store.models.repositories import Change, ClassificationRow, Commit, Release, Repository
from release_mgmt.store.models.scheduling import (
    CalendarRow,
    CalendarVersion,
    GateDecisionRow,
    MoveRow,
    PlacementRow,
    StageRow,
    WindowRow,
)
from tests.integration.test_approvals import DOCUMENT, KEY, NOW, START, Town, both

__all__ = ["both"]

pytestmark = pytest.mark.acceptance("11.1")
SPAN = metrics.Asked(since=date(2026, 11, 17), until=date(2026, 12, 1))
LATER = datetime(2026, 12, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def measured(town: Town, actor: Actor | None = None, **scope: Any) -> dict[str, Result]:
    asked = metrics.Asked(since=SPAN.since, until=SPAN.until, **scope)
    found = metrics.measure(town.store, actor or town.actor("m1", LATER), LATER, asked)
    assert found.span.zone == "Europe/Berlin"
    return {one.definition.id: one.result for one in found.figures}


def announce(town: Town, change: str, at: datetime) -> None:
    with town.store.write() as session:
        row = session.get_one(PlacementRow, (change, "prod"))
        row.announced_at, row.announced_window, row.announced_start, row.announced_level = at, KEY, START, "minor"


def deployed(town: Town, change: str, at: datetime, state: str = "done") -> None:
    with town.store.write() as session:
        session.add(
            StageRow(
                id=f"{change}-{state}", change_id=change, position=1, stage="deploy", state=state, environment="prod",
                reported_by="ci", at=at,
            )
        )  # fmt: skip


def test_dates_notice_and_moves(both: Town) -> None:
    for change in ("kept", "late", "moved", "silent"):
        both.change(change)
    announce(both, "kept", START - 7 * DAY)
    announce(both, "late", START - 7 * DAY)
    announce(both, "moved", START - 2 * HOUR)
    announce(both, "silent", START - 3 * DAY)
    deployed(both, "kept", START + HOUR)
    deployed(both, "late", START + 10 * HOUR)
    with both.store.write() as session:
        session.add(
            MoveRow(
                id="mv", calendar_id="c1", plan_version=1, change_id="moved", from_window="weekly@2026-11-17T18:00",
                from_start=START - 7 * DAY + HOUR, to_window=KEY, to_start=START, actor="m1", at=START - 2 * HOUR,
                reasons=[{"code": "hard_freeze"}],
            )
        )  # fmt: skip
        session.add(
            MoveRow(
                id="mw", calendar_id="c1", plan_version=2, change_id="silent", from_window=KEY, from_start=None,
                to_window=None, to_start=None, actor="m1", at=START - 90 * DAY, reasons=[],
            )
        )  # fmt: skip
    found = measured(both)
    kept = found["dates_kept"]
    assert (kept.counted, kept.population, kept.left_out, kept.against) == (1, 3, 1, ("late", "moved"))
    assert found["notice_given"].population == 4
    assert found["notice_given"].value == pytest.approx(5.0)  # 2 h, 3, 7 and 7 days
    assert (found["moves"].value, found["moves"].split) == (1, (("hard_freeze", 1),))
    assert found["deployment_frequency"].population == 2
    assert measured(both, calendar="pricing")["dates_kept"].population == 3
    assert measured(both, repository="pricing", team="fraud")["dates_kept"].population == 0


def test_a_date_that_moved_and_came_back_is_kept_when_it_is_shipped_then(both: Town) -> None:
    """What counts is the window announced first, wherever the change was meanwhile; one that opens later is another."""
    week = 7 * DAY
    for change in ("back", "elsewhere", "shifted"):
        both.change(change)
        announce(both, change, START - week)
    with both.store.write() as session:
        session.get_one(WindowRow, ("c1", KEY))  # its own time is START
        hops = [("back", START, START + week), ("back", START + week, START)]
        hops += [("elsewhere", START - week, START), ("shifted", START - HOUR, START)]
        for number, (change, start, to) in enumerate(hops):
            session.add(
                MoveRow(
                    id=f"mv{number}", calendar_id="c1", plan_version=number, change_id=change, from_window=KEY,
                    from_start=start, to_window=KEY, to_start=to, actor="m1", at=START - 3 * DAY + number * HOUR,
                    reasons=[],
                )
            )  # fmt: skip
    for change in ("back", "elsewhere", "shifted"):
        deployed(both, change, START + HOUR)
    kept = measured(both)["dates_kept"]
    assert (kept.counted, kept.population, kept.against) == (1, 3, ("elsewhere", "shifted"))


def test_a_major_is_coordinated_when_it_had_its_notice_and_every_word(both: Town) -> None:
    for change in ("agreed", "alone"):
        both.change(change, level="major", teams=["fraud"])
        rollback_plans.put(both.store, both.actor("m1"), NOW, change, how="Put it back.")
        announce(both, change, START - 7 * DAY)
    for login in ("m1", "m2", "f1"):
        both.vote(login, "agreed", Verdict.APPROVE)
    both.vote("m1", "alone", Verdict.APPROVE)
    found = measured(both)["majors_coordinated"]
    assert (found.counted, found.population, found.against) == (1, 2, ("alone",))


def test_freezes_are_those_of_the_calendar_as_it_was_then(both: Town) -> None:
    for change in ("inside", "after"):
        both.change(change)
    freeze = {
        "id": "stock", "days": ["2026-11-24", "2026-11-24"], "hard": True, "reason": "Counting",
        "scope": {"environments": ["prod"]},
    }  # fmt: skip
    with both.store.write() as session:
        for version, at, document in (
            (1, START - 30 * DAY, DOCUMENT | {"freezes": [freeze]}),
            (2, START + 3 * DAY, DOCUMENT),
        ):
            session.add(CalendarVersion(calendar_id="c1", version=version, document=document, made_by="m1", made_at=at))
        assert session.query(CalendarRow).count() == 1
    deployed(both, "inside", START + HOUR)
    deployed(both, "after", START + 20 * HOUR)
    found = measured(both)["freezes_respected"]
    assert (found.counted, found.population, found.against) == (1, 2, ("inside",))


def test_the_gate_break_glass_and_levels(both: Town) -> None:
    for change in ("allowed", "denied", "never"):
        both.change(change)
        deployed(both, change, START + HOUR)
    with both.store.write() as session:
        for number, (change, at, decision) in enumerate(
            [
                ("allowed", START, "deny"),
                ("allowed", START + HOUR / 2, "allow"),
                ("denied", START, "deny"),
                ("denied", START + 2 * HOUR, "allow"),
                ("never", START - 3 * DAY, "deny"),
                ("denied", START + HOUR / 2, "allow"),  # to another environment
            ]
        ):
            session.add(
                GateDecisionRow(
                    id=f"g{number}", calendar_id="c1", repository="pricing", change_id=change,
                    environment="staging" if number == 5 else "prod", at=at, evaluated_at=at, decision=decision,
                    reasons=[], plan_version=1, asked_by="ci",
                )
            )  # fmt: skip
        session.add(
            BreakGlassRow(
                id="b", change_id="denied", environment="prod", calendar="pricing", blockers=[], reason="x", ticket="x",
                minutes=60, requested_at=START, decided_at=START, granted=True,
            )
        )  # fmt: skip
        for change, ruled in (("allowed", "major"), ("denied", "minor")):
            row = session.get_one(Change, change)
            row.merged_at, row.overridden = START, change == "allowed"
            session.add(
                ClassificationRow(
                    change_id=change, content="x", policy="x", level=ruled, kind="code_logic", needs_review=False,
                    rule="x", classified_at=START,
                )
            )  # fmt: skip
    found = measured(both)
    gate = found["gate_respected"]
    assert (gate.counted, gate.population, gate.left_out, gate.against) == (1, 2, 1, ("denied",))
    assert found["break_glass"].changes == ("denied",)
    levels = found["level_overrides"]
    assert (levels.counted, levels.population, levels.split) == (1, 2, (("lowered", 1),))


def test_tags_and_lead_times(both: Town) -> None:
    for change, hours in (("a", 10), ("b", 30)):
        both.change(change)
        deployed(both, change, START)
        with both.store.write() as session:
            session.get_one(Commit, ("r1", f"{change}-1")).committed_at = START - hours * HOUR
    with both.store.write() as session:
        for version, at, pre in (("1.0", START, False), ("1.1rc1", START, True), ("0.9", START - 90 * DAY, False)):
            session.add(
                Release(
                    id=version, repository_id="r1", version=version, tag=version, sha="s", position=1, prerelease=pre,
                    released_at=at,
                )
            )  # fmt: skip
        session.flush()
        session.get_one(Change, "a").release_id = "1.0"
    found = measured(both)
    assert (found["lead_time"].value, found["lead_time"].p90) == (20, 30)
    assert found["release_frequency"].population == 1
    assert found["lead_time_to_release"].value == 10
    with both.store.write() as session:
        session.query(Repository).one().settings = {"teams_only": True}
    hidden = measured(both, both.actor("author", LATER))
    assert {one.population for one in hidden.values()} == {0}
    assert not any(one.changes for one in hidden.values())


def test_an_incident_of_another_teams_repository_counts_for_whom_its_change_affects(both: Town) -> None:
    """As the deployment does; what names nothing stays with the team that owns the repository."""
    both.change("by-id", teams=["fraud"])
    both.change("by-release", teams=["fraud"])
    both.change("elsewhere")
    for hours, change in enumerate(("by-id", "by-release", "elsewhere")):
        deployed(both, change, START + hours * HOUR)
    caused = {"a": {"change_id": "by-id"}, "b": {"release": "1.0"}, "c": {"change_id": "elsewhere"}, "d": {}}
    with both.store.write() as session:
        session.add(
            Release(
                id="1.0", repository_id="r1", version="1.0", tag="v1.0", sha="s", position=1, prerelease=False,
                released_at=START,
            )
        )  # fmt: skip
        session.flush()
        session.get_one(Change, "by-release").release_id = "1.0"
        for key, by in caused.items():
            session.add(
                IncidentRow(
                    repository_id="r1", key=key, title="x", opened_at=START + 3 * HOUR, closed_at=START + 5 * HOUR,
                    reported_by="ops", reported_at=START, updated_at=START, **by,
                )
            )  # fmt: skip
    found = measured(both, team="fraud")
    rate = found["change_failure_rate"]
    assert (rate.counted, rate.population, rate.left_out, rate.against) == (2, 2, 0, ("by-id", "by-release"))
    assert (found["recovery_time"].value, found["recovery_time"].population) == (2, 2)
    assert measured(both)["change_failure_rate"].left_out == 1


def test_a_period_without_a_release_counts_none(both: Town) -> None:
    """Zero was counted; to tag what is released is advice for who never did."""
    assert measured(both)["release_frequency"].value is None
    with both.store.write() as session:
        session.add(
            Release(
                id="0.9", repository_id="r1", version="0.9", tag="0.9", sha="s", position=1, prerelease=False,
                released_at=START - 90 * DAY,
            )
        )  # fmt: skip
    assert measured(both)["release_frequency"].value == 0
