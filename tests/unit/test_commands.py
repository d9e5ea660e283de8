"""Commands in comments are read strictly: a word in passing changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.services.commands import Command, read


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/release-mgmt major because a table changes", Command("major", "a table changes")),
        ("Thanks!\n\n  /release-mgmt MINOR: only a default moved\nbye", Command("minor", "only a default moved")),
        ("/release-mgmt major", Command("major", "")),
        ("/release-mgmt majority", None),
        ("please /release-mgmt major because x", None),
        ("> /release-mgmt major because x", None),
        ("`/release-mgmt major because x`", None),
        (
            "/release-mgmt\u00a0major\u2009because\u3000of spaces that were pasted",
            Command("major", "of spaces that were pasted"),
        ),
        ("```pip install x```\n/release-mgmt major because x", Command("major", "x")),
        ("- ```\n  /release-mgmt major because x\n  ```\n/release-mgmt minor: y", Command("minor", "y")),
        ("1. ~~~ text\n   /release-mgmt major because x", None),
        ("`" * 90_000 + "x", None),
        ("/release-mgmt delete because x", None),
        ("", None),
        ("Write this:\n```\n/release-mgmt major because x\n```\n", None),
        ("```text\n/release-mgmt major because x", None),
        ("~~~~\n~~~\n/release-mgmt major because x\n~~~~\n/release-mgmt minor because y", Command("minor", "y")),
        ("```\na\n```\n/release-mgmt major because x", Command("major", "x")),
        ("    /release-mgmt major because x", None),
        ("\t/release-mgmt major because x", None),
        ("<!-- template\n/release-mgmt major because x\n-->\nLooks good", None),
        ("Done\r\n/release-mgmt major - because x\r\n", Command("major", "x")),
    ],
)
def test_a_command_stands_at_the_start_of_a_line(text: str, command: Command | None) -> None:
    assert read(text) == command


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    found = read(text)
    assert found is None or found.level in {"major", "minor"}
