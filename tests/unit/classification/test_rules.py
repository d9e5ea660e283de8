"""Rules as data: the shipped ones load, documented examples hold, a repository's own come first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release_mgmt.core.classification import (
    ChangedFile,
    ChangeInput,
    Classification,
    Rules,
    Tree,
    classify,
    load_rules,
    read_blob,
)
from release_mgmt.core.classification.rules import FACTS, KINDS, POLICIES
from release_mgmt.core.errors import InvalidInput
from release_mgmt.services.classify import default_rules

ROOT = Path(__file__).parents[3]


def judge(rules: Rules, path: str, old: str, new: str, message: str = "") -> Classification:
    change = ChangeInput((ChangedFile(path, path, old.encode(), new.encode()),), message)
    tree = Tree()
    tree.put(path, read_blob(path, old.encode()))
    return classify(change, tree, rules)


def test_every_fact_kind_and_switch_of_the_shipped_rules_is_used() -> None:
    rules = default_rules()
    assert {one.kind for one in rules.rules} <= set(KINDS)
    assert {one.fact for one in rules.rules} <= set(FACTS)
    assert set(rules.policy) == set(POLICIES)


def test_the_example_of_the_guide_holds() -> None:
    text = (ROOT / "docs" / "classification.md").read_text("utf-8")
    found = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert found
    rules = default_rules(found.group(1))
    assert judge(rules, "a.py", "", "import seaborn\n").level == "minor"
    assert judge(rules, "a.py", "", "import torch\n").level == "major"
    assert judge(rules, "conf/prices/a.yaml", "a: 1\n", "a: 2\n").level == "major"
    assert judge(rules, "conf/other/a.yaml", "a: 1\n", "a: 2\n").level == "minor"
    assert judge(rules, "requirements.txt", "a==1.0\n", "a==1.1\n").needs_review


@pytest.mark.parametrize(
    ("switch", "value", "old", "new", "level", "review"),
    [
        ("library_major_bump", "minor", "a==1.0\n", "a==2.0\n", "minor", False),
        ("library_major_bump", "review", "a==1.0\n", "a==2.0\n", "minor", True),
        ("library_minor_bump", "major", "a==1.0\n", "a==1.1\n", "major", False),
        ("library_new", "minor", "", "a\n", "minor", False),
    ],
)
def test_switches_of_the_policy(switch: str, value: str, old: str, new: str, level: str, review: bool) -> None:
    verdict = judge(default_rules(f"[policy]\n{switch} = '{value}'\n"), "requirements.txt", old, new)
    assert (verdict.level, verdict.needs_review) == (level, review)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a = [", "line 1", "TOML"),
        ("[policy]\ncolour = 'red'\n", "line 2", "colour"),
        ("\ndisable = ['nothing-of-the-kind']\n", "line 2", "nothing-of-the-kind"),
        ("[[rules]]\nname = 'a'\nfact = 'logic'\nkind = 'code_logic'\n", "line 1", "level"),
        ("[[rules]]\nname = 'a'\nfact = 'logic'\nkind = 'code_logic'\nlevel = 'huge'\n", "line 5", "huge"),
        ("[[rules]]\nname = 'Bad Name'\nfact = 'logic'\nkind = 'code_logic'\nlevel = 'minor'\n", "line 2", "name"),
        ("[families]\na = 'b'\n", "line 2", "list"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, line: str, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        default_rules(text)
    told = [(fault.path, fault.message) for fault in caught.value.errors]
    assert any(line in path and word in message for path, message in told), told


def test_rules_alone_decide_and_nothing_fits_means_nothing() -> None:
    verdict = judge(load_rules(""), "a.py", "", "import torch\n")
    assert (verdict.level, verdict.evidence) == ("minor", ())
