"""The names in the scopes of a calendar document: each is known, or refused with what is."""

from __future__ import annotations

import pytest

from release_mgmt.core.classification import Level
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.windows import Scope, Target
from release_mgmt.sources.calendars import Known, load_yaml, read_document

BASE = "calendar: A\ntime_zone: Europe/Berlin\n"
KNOWN = Known(repositories=frozenset({"pricing", "risk"}), teams=frozenset({"fraud", "payments"}))


def weekly(more: str) -> str:
    item = "{id: w, start: 2026-11-24T18:00, end: 2026-11-24T22:00, rrule: FREQ=WEEKLY, " + more + "}"
    return f"{BASE}series: [{item}]\n"


def frozen(scope: str) -> str:
    return BASE + "freezes: [{id: f, days: [2026-12-24], scope: " + scope + "}]\n"


@pytest.mark.acceptance("SCH-F5")
@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        (weekly("repositories: [prcing]"), "series[0].repositories[0]", "did you mean pricing?"),
        (weekly("repositories: [risk, 'x-*']"), "series[0].repositories[1]", "one of pricing, risk"),
        (weekly("environments: ['*']"), "series[0].environments[0]", "a name such as prod"),
        (BASE + "teams: {frud: {business_days: {weekend: [sun]}}}\n", "teams.frud", "did you mean fraud?"),
        (frozen("{teams: ['pay*']}"), "freezes[0].scope.teams[0]", "one of fraud, payments"),
        (frozen("{except: {teams: ['*']}}"), "freezes[0].scope.except.teams[0]", "one of fraud, payments"),
        (frozen("{levels: ['m*']}"), "freezes[0].scope.levels[0]", "one of major, minor"),
    ],
)
def test_a_name_or_pattern_that_would_hold_nothing_is_refused_wherever_it_stands(text, path, allowed):
    with pytest.raises(InvalidInput) as caught:
        read_document(load_yaml(text)[0], 2026, KNOWN)
    assert [(each.path, each.allowed) for each in caught.value.errors] == [(path, allowed)]


@pytest.mark.acceptance("SCH-F5")
@pytest.mark.parametrize("part", ["teams", "environments", "levels"])
def test_a_star_in_any_part_of_a_freeze_means_all_as_leaving_it_out_does(part):
    """Read as a name the star would be nobody's, and the freeze would hold nothing."""
    scope = read_document(load_yaml(frozen("{" + part + ": ['*']}"))[0], 2026, KNOWN).freezes[0].scope
    assert scope == Scope()
    assert scope.holds(Target("pricing", "prod", frozenset({"fraud"}), Level.MINOR))


def test_a_pattern_of_repositories_must_match_one_of_them():
    assert read_document(load_yaml(weekly("repositories: ['pri*', risk]"))[0], 2026, KNOWN).series[0].repositories == (
        "pri*",
        "risk",
    )


def test_where_no_name_is_known_yet_it_is_told_what_comes_first():
    with pytest.raises(InvalidInput) as caught:
        read_document(load_yaml(weekly("repositories: [pricing]"))[0], 2026, Known(frozenset(), frozenset()))
    assert caught.value.errors[0].allowed == "none is known yet: add it before the calendar that names it"


def test_without_a_server_names_cannot_be_told_and_are_taken_as_they_are():
    made = read_document(load_yaml(weekly("repositories: [pricing]"))[0], 2026)
    assert made.series[0].repositories == ("pricing",)
