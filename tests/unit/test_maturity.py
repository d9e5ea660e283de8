"""Maturity is judged by signs in a repository, step by step, and each verdict shows what it stands on."""

from __future__ import annotations

import re

import pytest

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.maturity import Snapshot, count_tests, glob, judge, load_rules, own, wanted
from release_mgmt.services.maturity import rules


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("**/Dockerfile*", "Dockerfile", True),
        ("**/Dockerfile*", "a/b/dockerfile.gpu", True),
        ("**/Dockerfile*", "a/Dockerfile.d/x", False),
        (".github/workflows/*.y*ml", ".github/workflows/ci.yaml", True),
        (".github/workflows/*.y*ml", "x/.github/workflows/ci.yml", False),
        ("**/{docker-,}compose*.y*ml", "deploy/compose.yml", True),
        ("**/NEWS{,.md}", "NEWS", True),
        ("**/NEWS{,.md}", "newspaper.md", False),
        ("{a,b}/**", "b/c/d.txt", True),
        ("a+b/*.txt", "a+b/c.txt", True),
    ],
)
def test_globs_match_whole_paths(pattern: str, path: str, wanted: bool) -> None:
    assert (glob(pattern).match(path) is not None) is wanted


RULES = {
    "area": [
        {
            "id": "x", "title": "X",
            "step": [
                {"id": "one", "title": "One", "next": "Do one.", "signs": [{"path": "a.txt"}]},
                {"id": "two", "title": "Two", "next": "Do two.", "signs": [{"path": "*.yml", "says": "run: tests"}]},
                {"id": "three", "title": "Three", "next": "Do three.", "signs": [{"fact": "version_tags", "least": 2}]},
            ],
        }
    ]
}  # fmt: skip


def test_a_level_counts_the_steps_without_a_gap_and_names_the_next() -> None:
    areas = load_rules(RULES)
    gap = judge(areas, Snapshot(("a.txt", "c.yml"), {"c.yml": "run: nothing"}, {"version_tags": 9}))[0]
    assert (gap.level, gap.next and gap.next.id) == (1, "two")
    assert [step.evidence for step in gap.steps] == [("a.txt",), (), ("version_tags = 9",)]
    full = judge(areas, Snapshot(("a.txt", "c.yml"), {"c.yml": "run: tests"}, {"version_tags": 2}))[0]
    assert (full.level, full.next) == (3, None)
    none = judge(areas, Snapshot((), {}, {}))[0]
    assert (none.level, none.next and none.next.next) == (0, "Do one.")


def test_only_the_texts_that_a_judgement_needs_are_asked_for() -> None:
    assert wanted(load_rules(RULES), ("a.txt", "b/c.yml", "c.yml")) == ("c.yml",)


def test_what_others_wrote_is_no_sign() -> None:
    assert own(["a.py", "vendor/x/Dockerfile", "js/node_modules/y/test_x.py"]) == ("a.py",)
    samples = ["tests/integration/dummy-project/requirements.txt", "test/fixtures/Makefile", "pkg/testdata/uv.lock"]
    assert own([*samples, "tests/data/test_loader.py"]) == ("tests/data/test_loader.py",)


def test_tests_are_known_by_their_names_in_python_and_r() -> None:
    tests = ["tests/test_a.py", "pkg/b_test.py", "tests/testthat/test-c.R", "test.py", "tests/data_test.sql"]
    tests += ["modules/x/tests/main.nf.test", "test/runtests.jl"]
    others = ["latest.py", "contest/a.py", "tests/conftest.py", "tests/data.csv", "testing.R"]
    assert count_tests(tests + others) == len(tests)


@pytest.mark.parametrize(
    ("sign", "path"),
    [
        ({"path": "x", "says": "("}, "area[0].step[0].signs[0].says"),
        ({"fact": "luck"}, "area[0].step[0].signs[0].fact"),
        ({"path": "x", "fact": "test_files"}, "area[0].step[0].signs[0]"),
        ({"glob": "x"}, "area[0].step[0].signs[0]"),
    ],
)
def test_a_fault_in_the_rules_is_told_with_its_place(sign: dict[str, object], path: str) -> None:
    step = {"id": "one", "title": "One", "next": "Do.", "signs": [sign]}
    with pytest.raises(InvalidInput) as told:
        load_rules({"area": [{"id": "x", "title": "X", "step": [step]}]})
    assert told.value.errors[0].path == path


def test_the_rules_that_travel_with_the_product_name_the_six_areas_with_four_steps_each() -> None:
    areas = rules()
    assert [area.id for area in areas] == [
        "infrastructure_as_code", "continuous_integration", "continuous_delivery", "release_management",
        "performance_monitoring", "load_testing",
    ]  # fmt: skip
    assert {len(area.steps) for area in areas} == {4}
    names = [step.id for area in areas for step in area.steps]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("step", "path", "text"),
    [
        ("pipeline_tests", ".github/workflows/test.yaml", "run: |\n  pixi run unit-tests"),
        ("pipeline_tests", ".github/workflows/ci.yml", "run: pixi run -e dev test"),
        ("pipeline_tests", ".github/actions/nf-test/action.yml", "run: nf-test test --ci"),
        ("pipeline_tests", ".github/workflows/CI.yml", "uses: julia-actions/julia-runtest@v1"),
        ("declared_environment", "Project.toml", '[deps]\nFlux = "587475ba"'),
        ("pinned_environment", "Manifest.toml", ""),
        ("pinned_environment", "modules/fastqc/main.nf", '    container "${ workflow.x }"'),
        ("one_command_build", "nextflow.config", ""),
    ],
)
def test_pipelines_of_pixi_nextflow_and_julia_are_known(step: str, path: str, text: str) -> None:
    """Each is how a public repository does it; what only speaks of tests beside the pipelines is no sign."""
    assert found(step, path, text) == (path,)
    assert found(step, ".github/CONTRIBUTING.md", text) == ()
    assert found(step, ".github/ISSUE_TEMPLATE/release.md", text) == ()


def found(step: str, path: str, text: str) -> tuple[str, ...]:
    verdicts = judge(rules(), Snapshot((path,), {path: text}, {}))
    return next(each.evidence for area in verdicts for each in area.steps if each.step.id == step)


def test_no_rule_is_slow_on_a_long_line() -> None:
    """Every regular expression is tried on hostile text; catastrophic backtracking would hang this test."""
    texts = [
        "a" * 50_000,
        "npm run " + "-" * 50_000,
        "pixi run -e " * 5_000,
        " " * 50_000 + "x",
        "resources:\n" * 5_000,
        "- alert\n" * 5_000,
        "kind: " * 20_000,
    ]
    for area in rules():
        for step in area.steps:
            for sign in step.signs:
                for text in texts:
                    if sign.says is not None:
                        assert isinstance(sign.says.search(text), re.Match | None)
