"""Affected teams by rules and the Owner of a change: globs, CODEOWNERS and the order of the rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.owners import (
    LONGEST_PATTERN,
    TeamRule,
    _glob,
    _simulate,
    _tokens,
    affected,
    code_owners_of,
    matches,
    owner_of,
    parse_codeowners,
)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "pricing", True),
        ("pricing-*", "pricing-models", True),
        ("models/*.py", "models/a.py", True),
        ("models/*.py", "models/deep/a.py", False),
        ("models/**", "models/deep/a.py", True),
        ("**/params.yaml", "params.yaml", True),
        ("**/params.yaml", "a/b/params.yaml", True),
        ("**/params.yaml", "a/xparams.yaml", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("a.c", "abc", False),
        ("[x]", "[x]", True),
    ],
)
def test_globs(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?"]), max_size=8).map("".join),
    st.text("ab/", max_size=9),
)
def test_the_slow_safe_matching_agrees_with_the_regular_expression(pattern: str, text: str) -> None:
    tokens = _tokens(pattern)
    assert _simulate(tokens, text) == (_glob(tokens).fullmatch(text) is not None)


def test_a_hostile_pattern_costs_no_exponential_time() -> None:
    assert not matches("*a" * (LONGEST_PATTERN // 2), "a" * 2000 + "b")
    assert not matches("a" * (LONGEST_PATTERN + 1), "a" * (LONGEST_PATTERN + 1))


def test_a_team_is_affected_when_every_given_part_of_one_of_its_rules_matches() -> None:
    rules = [
        TeamRule("fraud", "pricing", path="models/fraud/**"),
        TeamRule("risk", label="risk"),
        TeamRule("pricing", "pricing*"),
    ]
    found = affected(rules, repository="pricing", paths=["models/fraud/train.py"], labels=["Risk"])
    assert [one.team for one in found] == ["fraud", "pricing", "risk"]
    assert affected(rules, repository="claims", paths=["models/fraud/train.py"], labels=[]) == ()


def test_the_last_line_of_codeowners_that_matches_a_path_counts() -> None:
    lines = parse_codeowners("# who\n* @org/all\n/models/ @ada eve@example.org # models\ndocs @bob\n[Section]\n")
    assert code_owners_of(lines, ["models/a.py", "x/models/b.py"]) == ("@ada", "@org/all", "eve@example.org")
    assert code_owners_of(lines, ["docs/x.md", "a/docs/y.md"]) == ("@bob",)


def test_the_owner_is_found_in_the_order_of_the_rules() -> None:
    known = {"handed_over_to": None, "code_owners": [None, "p_2", "p_3"], "author": "p_1", "team_lead": "p_9"}
    for change, person, rule in [
        ({}, "p_2", "codeowners"),
        ({"handed_over_to": "p_5"}, "p_5", "handed_over"),
        ({"author": "p_3"}, "p_3", "codeowners"),
        ({"code_owners": [None]}, "p_1", "author"),
        ({"code_owners": [], "author": None}, "p_9", "team_lead"),
    ]:
        found = owner_of(**{**known, **change})  # type: ignore[arg-type]
        assert found is not None
        assert (found.person, found.rule) == (person, rule)
    assert owner_of(handed_over_to=None, code_owners=[], author=None, team_lead=None) is None
