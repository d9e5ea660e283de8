"""Short ways to ask the gate in tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from release_mgmt.core.gate import Question, Subject, decide
from release_mgmt.core.windows import Freeze, ReleaseCalendar, Target, expand, periods
from tests.unit.planning.builders import TUESDAYS
from tests.unit.windows.builders import at, freeze

PROD = Target("pricing", "prod")
A = freeze("2026-12-18T18:00", "2027-01-04T07:00", id="A")
B = freeze("2026-12-31T00:00", "2027-01-07T00:00", id="B")


def question(cal: ReleaseCalendar, target: Target = PROD, subject: Subject | None = None, **more) -> Question:
    since, until = at("2026-10-01"), at("2027-12-31")
    return Question(
        target, cal.policy, expand(cal, since, until).windows, periods(cal.freezes, since, until),
        subject=subject, **more,
    )  # fmt: skip


def ask(cal: ReleaseCalendar, when: str | datetime, target: Target = PROD, subject: Subject | None = None, **more):
    instant = at(when) if isinstance(when, str) else when
    return decide([question(cal, target, subject, **more)], instant, instant)


def told(decision) -> list[str]:
    return [each.code for each in decision.reasons]


def with_freezes(*freezes: Freeze) -> ReleaseCalendar:
    return replace(TUESDAYS, freezes=freezes)
