"""What a commit's message says, in the forms that programs and people write."""

from __future__ import annotations

import pytest

from release_mgmt.core.changes import read_message


@pytest.mark.acceptance("CHG-B4")
@pytest.mark.parametrize(
    ("message", "merge", "title", "number"),
    [
        ("Fix it (#12)\r\n\r\nWhy it was wrong.\r\n", False, "Fix it", ("#", 12)),
        ("Merge pull request #20 from x/y\r\n\r\nFix it\r\n", True, "Fix it", ("#", 20)),
        (
            "Merge branch 'x' into 'main'\r\n\r\nFix it\r\n\r\nSee merge request g/p!3\r\n",
            True,
            "Fix it",
            ("gitlab", 3),
        ),
        ("Fix it (#12)\n \t\nWhy it was wrong.", False, "Fix it", ("#", 12)),
        ("Fix it\nin two lines (#12)\n\t\nWhy.", False, "Fix it in two lines", ("#", 12)),
        (
            "Merge pull request #9 in PROJ/repo from fix to main\n\n* commit '0123abcdef':\n  Fix it\n  Test it",
            True,
            "Fix it",
            ("#", 9),
        ),
    ],
)
def test_a_title_and_a_number_stand_whatever_ends_the_lines(
    message: str, merge: bool, title: str, number: tuple[str, int]
) -> None:
    """A line of white space ends a subject as an empty one does, as in git; lists of commits have a heading."""
    facts = read_message(message, merge=merge)
    assert (facts.title, facts.number) == (title, number)


@pytest.mark.acceptance("CHG-B3")
def test_bullets_are_details_whatever_ends_the_lines() -> None:
    """Without the carriage returns."""
    assert read_message("Add it (#4)\r\n\r\n* one\r\n\r\n* two\r\n", merge=False).details == ("one", "two")


@pytest.mark.acceptance("CHG-B4")
def test_a_subject_that_is_too_long_to_show_keeps_its_numbers() -> None:
    """Cut before them; the whole is no longer than any title."""
    facts = read_message(f"{'many words ' * 60}(#3) (#12)", merge=False)
    assert (facts.number, facts.others) == (("#", 12), (3,))
    assert facts.title.endswith("… (#3)")
    assert len(facts.title) <= 300


@pytest.mark.acceptance("CHG-B1")
def test_a_squash_that_lists_a_revert_among_its_commits_is_no_revert() -> None:
    """Somebody tried something on the branch, or took back what a merge of main had brought to it."""
    listed = 'Add it (#4)\n\n* first try\n\n* Revert "first try"\n\nThis reverts commit 0123456789.\n\n* second try'
    assert read_message(listed, merge=False).undo is None
    for told in (
        'Out (#4)\n\n* Revert "b"\n\nThis reverts commit 0123456789.\n\n* Revert "a"\n\nThis reverts commit abc1234.',
        "Back out (#4)\n\nThis reverts commit 0123456789, for:\n\n* one\n* two",
        'Revert "it" (#4)\n\n* Revert "it"\n\nThis reverts commit 0123456789.\n\n* Adapt tests',
        "Back out\n\nReasons:\n* one\n* two\n\nThis reverts commit 0123456789.",
    ):
        undo = read_message(told, merge=False).undo
        assert undo is not None
        assert undo.shas[0] == "0123456789"
