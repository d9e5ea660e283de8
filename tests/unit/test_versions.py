"""Tag names and their order."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as Pep440

from release_mgmt.core.versions import name_tags, newest_first, parse_version, split_tag

ORDERED = [
    # Semantic Versioning 2.0, section 11
    "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.1.0",
    # PEP 440
    "1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 1.0b2.post345",
    "1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0.post456.dev34 1.0.post456 1.1.dev1 1!0.1",
    # calendar versions
    "20.04 20.4.1 20.10 22.04 24.4 24.10",
    "2025.12.31 2026.01.05 2026.1.5.1 2026.01.10 2026.2 2026.10.01",
    "2025-12-31 2026-01-05 2026-01-05-1 2026-01-05-2 2026-02-01",
    "1.2.3 1.2.3.4 1.2.3.10 1.2.4",
    "20251231 20260105",
    "20260105 20260105a 20260105b 20260106",
    "2026-01-05 2026-01-05a 2026-01-05b 2026-01-06",
    "2025w52 2026-W2 2026.w12 2027W01",
    "2025Q4 2026-Q1 2026Q2",
    "20251231T2359 20260105T0900Z 2026-01-05T09-30",
    # what comes after a version in the words of several projects
    "1.2.3-rc.1 1.2.3 1.2.3-hotfix 1.2.3-hotfix.2 1.2.4",
    "9.6rc1 9.6 9.6p1 9.6p2 9.7",
    "1_9_3 1_9_3_p194 2_0_0",
    "1-2-3-rc1 1-2-3 1-2-10 1-10-0",
]


@pytest.mark.acceptance("CHG-A6")
@pytest.mark.parametrize("line", ORDERED)
def test_each_scheme_is_ordered_as_its_specification_says(line: str) -> None:
    """Every pair of the examples, in both directions."""
    for low, high in itertools.combinations(line.split(), 2):
        one, other = parse_version(low), parse_version(high)
        assert one is not None
        assert other is not None
        assert one.key < other.key, (low, high)


@pytest.mark.acceptance("CHG-A6")
def test_versions_of_pep_440_are_ordered_as_packaging_orders_them() -> None:
    """1,000 random ones in all spellings."""
    chance = random.Random(1)
    texts = set()
    while len(texts) < 1000:
        text = ".".join(str(chance.randint(0, 12)) for _ in range(chance.randint(1, 4)))
        text += chance.choice(
            ["", "", f"a{chance.randint(0, 3)}", f".b{chance.randint(0, 3)}", f"rc{chance.randint(0, 12)}"]
        )
        text += chance.choice(["", "", "", f".post{chance.randint(0, 3)}"])
        text += chance.choice(["", "", f".dev{chance.randint(0, 3)}"])
        texts.add(text)
    ours = sorted(texts, key=lambda text: (parse_version(text).key, text))  # type: ignore[union-attr]  # all parse
    assert [Pep440(text) for text in ours] == sorted(Pep440(text) for text in texts)
    for text in texts:
        version = parse_version(text)
        assert version is not None
        assert version.prerelease == Pep440(text).is_prerelease


@pytest.mark.acceptance("CHG-A6")
@pytest.mark.parametrize(
    ("tag", "prefix", "version"),
    [
        ("v1.2", "", "1.2"), ("V1.2", "", "1.2"), ("1.2", "", "1.2"), ("release-1.2", "release-", "1.2"),
        ("release/v1.2", "release/", "1.2"), ("release1.2", "release", "1.2"), ("rel_1_2_3", "rel_", "1_2_3"),
        ("pkg-1.2", "pkg-", "1.2"), ("pkg/v1.2", "pkg/", "1.2"), ("@scope/pkg@1.2.3", "@scope/pkg@", "1.2.3"),
        ("pkg2-1.0", "pkg2-", "1.0"), ("py3.11-1.0", "py3.11-", "1.0"), ("pkg-2026-01-05", "pkg-", "2026-01-05"),
        ("pkg-1.0.0-rc.1", "pkg-", "1.0.0-rc.1"), ("v1.0.0-SNAPSHOT", "", "1.0.0-SNAPSHOT"), ("v1", "", "1"),
        ("2026w12", "", "2026w12"), ("release-1-2-3", "release-", "1-2-3"), ("pkg-2026Q1", "pkg-", "2026Q1"),
        ("V_9_6_P1", "V_", "9_6_P1"),
    ],
)  # fmt: skip
def test_a_tag_is_cut_before_its_version(tag: str, prefix: str, version: str) -> None:
    """What stands before it is kept for the package."""
    found = split_tag(tag)
    assert found is not None
    assert (found[0], found[1].text) == (prefix, version)


@pytest.mark.acceptance("CHG-A6")
@given(st.text(max_size=300))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    """Anything is a version or is not."""
    name_tags([text, "v" + text, text + "1.0"], text)


@pytest.mark.parametrize("tag", ["latest", "list", "1.2.x", "v", "", "v" + "1" * 40, "deadbeef", "1.0.", "\uff11.0",
                                 "1.0x5", "20260105x2"])  # fmt: skip
def test_what_names_no_version_is_told(tag: str) -> None:
    """A sentence for each."""
    named, diagnostics = name_tags([tag], "project")
    assert (named, len(diagnostics)) == ([], 1)


@pytest.mark.acceptance("CHG-A4")
def test_a_prefix_is_a_package_when_two_versions_carry_it_and_it_is_no_decoration() -> None:
    """``v``, ``release-`` and the repository's own name are decoration; one version alone makes no package."""
    tags = ["v1.0", "v1.1", "release-1.2", "release-1.3", "my-project-1.4", "My_Project/v1.5", "lib-1.0", "lib-1.1",
            "lone-0.1", "app/v2.0", "app/v2.0", "other/v1", "other-v2"]  # fmt: skip
    named, _ = name_tags(tags, "my-project")
    assert {one.tag: one.package for one in named} == {
        **dict.fromkeys(tags), "lib-1.0": "lib", "lib-1.1": "lib", "other/v1": "other", "other-v2": "other",
    }  # fmt: skip


@pytest.mark.acceptance("CHG-A6")
def test_a_package_is_named_without_what_leads_to_the_version() -> None:
    """Also with the equals signs of requirements; one language beside others is a package, ``r1.2`` a release."""
    tags = ["core==1.0", "core==1.1", "core==v2.0", "py-1.0", "py-1.1", "r-1.0", "r-1.1", "R/1.2", "R/1.3", "r5"]
    named, _ = name_tags(tags, "project")
    assert [one.package for one in named] == ["core", "core", "core", "py", "py", "r", "r", "R", "R", None]
    alone, _ = name_tags(["r-1.0", "r-1.1"], "project")
    assert [one.package for one in alone] == [None, None]


@pytest.mark.acceptance("CHG-A6")
def test_a_hash_is_no_version() -> None:
    """Builds are tagged so; digits of an id look like numbers, an ``a`` after them like an alpha release."""
    hashes = ["c-444467d0a", "c-abcdef5", "c-0004ac084", "1234567a", "c-010365002",
              "0292cafaa94babab3d481e7efb04f7c160b9f31f1cf0685d7623df23c272cf81"]  # fmt: skip
    versions = ["20240105a", "v20230401b2", "1.0.0+5114f85", "v1.1-abcdef1", "build-1234567", "2024.1", "20240105"]
    named, diagnostics = name_tags([*hashes, *versions], "project")
    assert [one.tag for one in named] == versions
    assert diagnostics == [f"tag {tag!r} names no version and was left out" for tag in hashes]


def test_newest_first_goes_by_package_then_version() -> None:
    """Those without a package come first."""
    named, _ = name_tags(["b-1.0", "b-2.0", "v1.0", "v10.0", "v9.0", "a-1", "a-2"], "x")
    assert [one.tag for one in newest_first(named)] == ["v10.0", "v9.0", "v1.0", "a-2", "a-1", "b-2.0", "b-1.0"]
