"""Old changelogs and forges' release texts are read as people and programs write them, and what is lost is told."""

from __future__ import annotations

import contextlib
import json
from datetime import date

import pytest

from release_mgmt.core.audience import Audience, view
from release_mgmt.core.errors import InvalidInput, TooLarge
from release_mgmt.formats import markdown
from release_mgmt.formats.words import Words
from release_mgmt.sources.adoption import forge_releases, keep_a_changelog
from tests.unit.publishing.samples import record

CHANGELOG = """\
# Changelog

All notable changes.

## [Unreleased]
### Added
- Not yet.

## [1.1.0] - 2026-11-03 [YANKED]
### Added
- **Fraud model** on [LightGBM](https://example.org) (#12),
  which is quicker.
  - a detail
- `code` and \\*stars\\*
### Fixed
* Rounding <script>alert(1)</script>

## 1.0.0 (2026-01-05)
- First

[1.1.0]: https://example.org/compare
"""


def test_a_keep_a_changelog_file() -> None:
    newest, oldest = keep_a_changelog(CHANGELOG).releases
    assert (newest.version, newest.date, newest.yanked) == ("1.1.0", date(2026, 11, 3), True)
    assert newest.changes == (
        ("Added", "Fraud model on LightGBM (#12), which is quicker.; a detail"),
        ("Added", "code and *stars*"),
        ("Fixed", "Rounding alert(1)"),
    )
    assert (oldest.version, oldest.date, oldest.changes) == ("1.0.0", date(2026, 1, 5), (("", "First"),))
    for nothing in ("", "# Title\n\ntext", "## Contributing\n- x"):
        with pytest.raises(InvalidInput):
            keep_a_changelog(nothing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ufeff## [1.0] - 2026-01-05\r\n- a\r\n", [("1.0", date(2026, 1, 5), [("", "a")])]),
        (
            "# [2.0](https://x/a(b)) (2026-01-05)\n### New\n* **api:** one ([c](y))\n### [1.9.1] (2025-01-05)\n* two",
            [
                ("2.0", date(2026, 1, 5), [("New", "api: one (c)")]),
                ("1.9.1", date(2025, 1, 5), [("", "two")]),
            ],
        ),
        (
            "## Version 1.2, January 5th, 2026\n- a\n## v1.1 / 5.1.2025\n1. b\n2) c\n## [0.9] (unreleased)\n- d\n",
            [
                ("1.2", date(2026, 1, 5), [("", "a")]),
                ("v1.1", date(2025, 1, 5), [("", "b"), ("", "c")]),
            ],
        ),
        (
            "1.2.0 (2026-01-05)\n------------------\n  * a\n    - part\n  * b\n\n1.1.0\n=====\nOnly,\nprose.\n",
            [
                ("1.2.0", date(2026, 1, 5), [("", "a; part"), ("", "b")]),
                ("1.1.0", None, [("", "Only, prose.")]),
            ],
        ),
        (
            "## [1.0] - 2026-13-45\n- `List<int>`, `__init__`\n```\n## [9.9]\n- no\n```\n<!--\n- gone\n-->\n- z\n",
            [("1.0", None, [("", "List<int>, __init__ ## [9.9] - no"), ("", "z")])],
        ),
        (
            "## \\[1.0\\] - 2026-01-05 [yanked] ##\n- [x](javascript:alert(1))\n",
            [("1.0", date(2026, 1, 5), [("", "x")])],
        ),
        ("## [1.0]\n- a\n## Upgrading\n- no\n# Python 3.9\n- no\n", [("1.0", None, [("", "a")])]),
    ],
)
def test_changelogs_as_people_and_programs_write_them(
    text: str, expected: list[tuple[str, date | None, list[tuple[str, str]]]]
) -> None:
    found = keep_a_changelog(text).releases
    assert [(one.version, one.date, list(one.changes)) for one in found] == expected
    assert [one.yanked for one in found] == ["yanked" in text] * len(found)


def test_what_we_write_is_read_back() -> None:
    made = view(
        record(r"a [b](c) `d` *e* <f> \ & #1 @g 1. h_i"), Audience.ENGINEERING, Words("en"), yanked={("", "1.0"): "x"}
    )
    found = keep_a_changelog(markdown.render(made, Words("en")))
    newest, oldest = found.releases
    assert found.notes[0] == "this file was written by us: its summaries were left out, its lists are taken in"
    assert (newest.version, newest.date, newest.yanked, oldest.yanked) == ("1.1", date(2026, 11, 3), False, True)
    assert [kind for kind, _ in newest.changes[:4]] == ["Changed"] * 4
    assert newest.changes[0][1].startswith(r"Major: a [b](c) `d` *e* <f> \ & #1 @g 1. h_i (#12)")


NAMED = """\
# pricing (development version)

- not yet

# pricing 1.2.0

Words before the list.

## Removed

- The old `price()`.

**Bug fixes**

* Rounding

Highlights:

* Quicker

# pricing v1.1 (on CRAN 5th January 2026)

- b

# pricng 1.0.1

- c

## Python 3.9

- d

# pricing 1.0.0 - first on CRAN

- e

# Contributing

- left out
"""


def test_headings_may_carry_the_name_of_the_project() -> None:
    found = keep_a_changelog(NAMED)
    assert [(one.version, one.date, list(one.changes)) for one in found.releases] == [
        (
            "1.2.0",
            None,
            [
                ("", "Words before the list."),
                ("Removed", "The old price()."),
                ("Bug fixes", "Rounding"),
                ("Highlights", "Quicker"),
            ],
        ),
        ("v1.1", date(2026, 1, 5), [("", "b")]),
        ("1.0.1", None, [("", "c"), ("Python 3.9", "d")]),
        ("1.0.0", None, [("", "e")]),
    ]
    assert found.notes == (
        "line 1: 'pricing (development version)' is not released yet; its line was left out",
        "line 33: beside the version, 'first on CRAN' was left out",
        "line 37: 'Contributing' is not a release; its line was left out",
    )


@pytest.mark.parametrize(
    ("text", "expected", "notes"),
    [
        ("## MyProject 1.2.0 (2024-01-05)\n- a\n", [("1.2.0", "2024-01-05", ["a"])], []),
        ("# name v1.2\n- a\n# name v1.1\n- b\n", [("v1.2", "", ["a"]), ("v1.1", "", ["b"])], []),
        ('<a name="1.2.0"></a>\n## <a id="x"></a>[1.2.0](u) (2024-01-05)\n- a\n', [("1.2.0", "2024-01-05", ["a"])], []),
        ("## [[1.2.0](https://x/1.2.0)] - 2024-01-05\n- a\n", [("1.2.0", "2024-01-05", ["a"])], []),
        ("#### 1.2.0 - 2024-01-05\n##### New\n- a\n", [("1.2.0", "2024-01-05", ["a"])], []),
        ("My Project 1.2\n==============\n- a\n\nMy Project 1.1\n==============\n\nFixes\n~~~~~\n- b\n",
         [("1.2", "", ["a"]), ("1.1", "", ["b"])], []),
        ("=====\n1.2.0\n=====\n\nReleased 2024-01-05\n\n- a\n\nVersion 1.1.0\n-------------\n\nUnreleased\n\n- b\n",
         [("1.2.0", "2024-01-05", ["a"])], ["line 9: 1.1.0 is not released and was left out"]),
        ("## [v1.2 - Blue](u) - [2024-01-05]\n- a\n", [("v1.2", "2024-01-05", ["a"])],
         ["line 1: beside the version, 'Blue' was left out"]),
        ("v1.2\n* a\n\nv1.1\n* b\n", [("v1.2", "", ["a"]), ("v1.1", "", ["b"])], []),
        ("Changes in 1.2 (2024-01-05)\n+ a\n", [("1.2", "2024-01-05", ["a"])], []),
        ("**1.2.0** (5. März 2024)\n\n- a\n", [("1.2.0", "2024-03-05", ["a"])], []),
        ("## 16th Aug 2024\nProse.\n## Update May 2, 2024\n- b\n",
         [("2024-08-16", "2024-08-16", ["Prose."]), ("2024-05-02", "2024-05-02", ["b"])], []),
        ("## Version 1.5\n### 1.5.1 (2024-01-05)\n- a\n### 1.5.0\n- b\n",
         [("1.5.1", "2024-01-05", ["a"]), ("1.5.0", "", ["b"])],
         ["line 1: 1.5 only holds the versions below it and was left out"]),
        ("# p 0.5.1 to 0.6.0\n- a\n# p 0.5.1\n- b\n", [("0.6.0", "", ["a"]), ("0.5.1", "", ["b"])], []),
        ("## 1.2.0\n### 2024-01-05\n- a\n## What's Changed\n- b\n", [("1.2.0", "2024-01-05", ["a", "b"])], []),
        ("## 1.2\n- a\n## 1.2\n- b\n", [("1.2", "", ["a"])],
         ["line 3: 1.2 was told on line 1 already; this one was left out"]),
        ("## 1.2\n- `<!--` ends with\n- `-->`\n<!-- no\nno -->\n- c\n",
         [("1.2", "", ["<!-- ends with", "-->", "c"])], []),
        ("## 1.2\n```\nnever ends\n## 1.1\n- b\n", [("1.2", "", ["never ends"]), ("1.1", "", ["b"])],
         ["line 2: the example that begins here never ends; what follows was read as text"]),
        ("## 1.2\n- " + "long " * 500 + "\n", None,
         ["line 2: the change has more than 2,000 characters and was shortened"]),
        ("## 1.2\n## 3D plots\n- a\n## 1. Step\n- b\n", [("1.2", "", [])],
         ["line 2: '3D plots' is not a release; its line was left out",
          "line 4: '1. Step' is not a release; its line was left out"]),
    ],
)  # fmt: skip
def test_what_of_a_changelog_is_not_kept_is_told_with_its_line(
    text: str, expected: list[tuple[str, str, list[str]]] | None, notes: list[str]
) -> None:
    found = keep_a_changelog(text)
    told = [(one.version, str(one.date or ""), [change for _, change in one.changes]) for one in found.releases]
    assert expected is None or told == expected
    assert list(found.notes) == notes


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("worked around <https://x.org/a_b/340> (#1)", "worked around https://x.org/a_b/340 (#1)"),
        ("`a=<b,c>`, break=<min,max>, <my_type>, <br/>, <i>x</i>", "a=<b,c>, break=<min,max>, <my_type>, , x"),
        ("_internal_ *as is*, a__b, f(*args, *kwargs), _private", "internal as is, a__b, f(*args, *kwargs), _private"),
        ("`#788 <https://x.org/788>`__ and `the docs <https://x.org>`_", "#788 and the docs"),
    ],
)  # fmt: skip
def test_marks_of_a_text_are_taken_off_and_nothing_else(told: str, kept: str) -> None:
    assert keep_a_changelog(f"## 1.2\n- {told}\n").releases[0].changes == (("", kept),)


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ("### Breaking changes\n#### A\n- x\n#### B\n- y\n### Fixed\n- z\n",
         ["Breaking changes: A", "Breaking changes: B", "Fixed"]),
        ("### What's Changed\n#### Features\n- x\n", ["Features"]),
        ("### New\n\n**Forecasts**\n\n- x\n\n**Others**\n\n- y\n", ["New: Forecasts", "New: Others"]),
        ("### New\n- x\n\n**Fixes**\n\n- y\n\nHighlights:\n\n- z\n", ["New", "Fixes", "Highlights"]),
        ("### " + "Long " * 20 + "\n- x\n", [("Long " * 20).strip()]),
        ("**A sentence is a change.**\n\n### Fixed\n- x\n", ["", "Fixed"]),
        ("### Fixed\n\n.. _fixed-1:\n\n- x\n", ["Fixed"]),
    ],
)  # fmt: skip
def test_no_heading_above_a_change_is_lost(told: str, kinds: list[str]) -> None:
    found = keep_a_changelog(f"## 1.2.0\n{told}")
    assert [kind for kind, _ in found.releases[0].changes] == kinds
    assert found.notes == ()


def test_underlined_headings_have_the_levels_of_their_marks() -> None:
    text = "p 1.2\n-----\n\np 1.2.1\n~~~~~~~\n\nWhy\n^^^\n\n- a\n\np 1.1\n-----\n\n- b\n"
    found = keep_a_changelog(text)
    assert [(one.version, one.changes) for one in found.releases] == [
        ("1.2.1", (("Why", "a"),)),
        ("1.1", (("", "b"),)),
    ]


def test_a_file_without_releases_is_refused_with_the_headings_it_has() -> None:
    with pytest.raises(InvalidInput, match="no releases were found; its headings: line 1 'Steps', line 3 'Old way'"):
        keep_a_changelog("# Steps\n\n## Old way\n- x\n")


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "<a",
        "<!--",
        "`",
        "[a](",
        "# ",
        "``x`",
        "- ",
        "**",
        "\\[",
        "```a\n",
        "1.2\n===\n",
        "\n## [[[",
        "\n# p 1.2 (",
    ],
)
def test_no_text_takes_long_to_read(piece: str) -> None:
    """Two million characters of one thing: read at once, or within minutes and the test run ends."""
    for text in (
        f"## [1.0]\n- {piece * (2_000_000 // len(piece))}\n",
        f"## [1.0] {piece * 400_000}\n- x\n## [1.1]\n- y\n",
    ):
        with contextlib.suppress(TooLarge, InvalidInput):
            keep_a_changelog(text)


def test_the_releases_of_forges() -> None:
    github = [
        {
            "tag_name": "v1.1",
            "published_at": "2026-11-03T10:00:00Z",
            "draft": False,
            "body": "## Changes\r\n* One by @ada\r\n* Two",
        },
        {"tag_name": "v1.2", "draft": True, "body": "* Secret"},
        {"tag_name": "v1.0", "published_at": None, "body": None},
    ]
    read = forge_releases(json.dumps(github))
    newest, oldest = read.releases
    assert read.notes == ("v1.2: is not released yet and was left out",)
    assert (newest.version, newest.date) == ("v1.1", date(2026, 11, 3))
    assert newest.changes == (("Changes", "One by @ada"), ("Changes", "Two"))
    assert oldest.changes == ()
    (gitlab,) = forge_releases(
        json.dumps([{"tag_name": "v2", "released_at": "2026-01-01T00:00:00.000Z", "description": "Plain words"}])
    ).releases
    assert gitlab.changes == (("", "Plain words"),)
    pages = '[{"tag_name": "v2", "name": "Version 2"}]\n[{"tag_name": "v1", "name": "Spring"}]'
    for form in (pages, pages.replace("\n", ""), f"[{pages.replace(chr(10), ',')}]"):
        read = forge_releases(form)
        assert [one.version for one in read.releases] == ["v2", "v1"]
        assert read.notes == ("v1: its title 'Spring' was left out",)
    for wrong in ("[] {", "[][", "{", "{}", "[1]", '[{"tag_name": 1}]', "[" * 100_000):
        with pytest.raises(InvalidInput):
            forge_releases(wrong)
