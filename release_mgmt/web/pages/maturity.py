"""Maturity: where each repository stands, why, the next small step, and how it came there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release_mgmt.core.permissions import Action
from release_mgmt.services import maturity_course
from release_mgmt.services.maturity_course import Course
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import charts
from release_mgmt.web.pages.charts import Chart
from release_mgmt.web.pages.language import mark, say, words
from release_mgmt.web.pages.site import blueprint, draw

_SHARES = {"changes_in_windows", "tags_in_windows", "approvals_given"}
_FACTS = {
    "changes_in_windows": mark("Changes deployed in their window"),
    "tags_in_windows": mark("Version tags made in a window"),
    "approvals_given": mark("Deployed changes that somebody approved"),
    "deployments_reported": mark("Deployments of changes reported"),
    "monitors_reported": mark("Monitors reported"),
    "load_tests_reported": mark("Load tests reported"),
}


@dataclass(frozen=True, slots=True)
class AreaView:
    """An area: its level, its steps with their evidence, the next one, and its course."""

    title: str
    level: int
    of: int
    steps: tuple[Mapping[str, Any], ...]
    next: str | None
    chart: Chart | None
    rows: tuple[tuple[str, int], ...]


@blueprint.get("/maturity")
@needs(Action.READ_REPOSITORY)
def maturity() -> str:
    """Every repository with its levels."""
    found = maturity_course.every(context.store, context.actor)
    judged = [one for one in found if one.areas]
    areas = [(area["id"], say(area["title"])) for area in judged[0].areas] if judged else []
    rows = [(one, {area["id"]: area for area in one.areas}) for one in found]
    return draw("maturity", rows=rows, areas=areas, judged=len(judged), all=len(found))


@blueprint.get("/maturity/<repository>")
@needs(Action.READ_REPOSITORY)
def maturity_of(repository: str) -> str:
    """One repository: each area with evidence, the next small step and the course."""
    course = maturity_course.of_repository(context.store, context.actor, repository)
    facts = [(say(_FACTS[name]), _fact(name, value)) for name, value in course.facts.items() if name in _FACTS]
    return draw("maturity_of", course=course, areas=[_area(one, course) for one in course.areas], facts=facts)


def _fact(name: str, value: float) -> str:
    return f"{words().number(round(100 * value))} %" if name in _SHARES else words().number(round(value))


def _area(area: Mapping[str, Any], course: Course) -> AreaView:
    rows = tuple(
        (words().short_day(point.judged_at.date(), year=True), point.levels[area["id"]])
        for point in course.points
        if area["id"] in point.levels
    )
    title, most = say(area["title"]), area["of"]
    points = [(day, float(level), say("{level} of {most}", level=level, most=most)) for day, level in rows]
    ends = (rows[0][0], rows[-1][0]) if rows else ("", "")
    chart = charts.columns(title, points, say("{level} of {most}", level=most, most=most), ends, ceiling=float(most))
    following = say(area["next"]) if area["next"] else None
    steps = tuple({**step, "title": say(step["title"])} for step in area["steps"])
    return AreaView(title, area["level"], most, steps, following, chart if len(rows) > 1 else None, rows)
