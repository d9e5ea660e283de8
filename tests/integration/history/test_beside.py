"""One title by one person on two branches that stand in releases of their own: one change, or two."""

from __future__ import annotations

from typing import Any

import pytest

from release_mgmt.core.changes import beside
from tests.integration.history.conftest import Read, by_version
from tests.support.gitrepo import Builder

SAME = {"settings.txt": "one\n"}
OTHER = {"settings.txt": "two\n"}


def _met(made: Builder, *patches: dict[str, Any]) -> None:
    """ "Update" on a branch that 1.0.1 was released from, on one more for 1.0.2 and so on, and last on main, which
    takes them all in."""
    base = made.commit("base")
    made.tag("v1.0", base)
    line = base
    for count, patch in enumerate(patches[:-1], 1):
        side = made.commit("Update", base, files=patch)
        line = made.commit("Merge branch 'x'", line, side, files=patch) if count > 1 else side
        made.tag(f"v1.0.{count}", line)
    main = made.commit("Update", base, files=patches[-1])
    made.commit("Merge branch '1.0'", main, line, branch="main", files=patches[-1])


@pytest.mark.acceptance("CHG-B5")
@pytest.mark.parametrize("released", [True, False])
def test_a_pick_is_joined_when_its_branch_was_merged_back(made: Builder, read: Read, released: bool) -> None:
    """Without a trailer: the contents tell. It is marked in both releases, or where it is not released yet."""
    _met(made, SAME, SAME)
    if released:
        made.tag("v1.1", made.marks[-1])
    sections = by_version(read(made))
    (picked,) = sections["1.0.1"]["entries"]
    (original,) = sections["1.1" if released else None]["entries"]
    assert (picked["also_in"], original["also_in"]) == (["1.1"] if released else [], ["1.0.1"])
    assert picked["id"] == original["id"]


@pytest.mark.acceptance("CHG-B5")
def test_what_changes_something_else_is_a_change_of_its_own(made: Builder, read: Read) -> None:
    """What is new must not count as shipped; the first release that holds the title keeps the id it had."""
    _met(made, SAME, OTHER, SAME, {"other.txt": "x\n"})
    sections = by_version(read(made))
    one, two, again = [sections[version]["entries"][0] for version in ("1.0.1", "1.0.2", "1.0.3")]
    (new,) = sections[None]["entries"]
    assert len({entry["id"] for entry in (one, two, new)}) == 3
    assert (one["also_in"], two["also_in"], again["also_in"], new["also_in"]) == (["1.0.3"], [], ["1.0.1"], [])
    assert one["id"] == again["id"]
    alone = Builder(made.path.with_name("alone.git"))
    _met(alone, SAME, {"x": "y\n"})
    assert by_version(read(alone))["1.0.1"]["entries"][0]["id"] == one["id"]


@pytest.mark.acceptance("CHG-B5")
def test_of_too_many_the_oldest_are_compared_and_the_rest_is_told(
    made: Builder, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not compared is listed as a change of its own."""
    monkeypatch.setattr(beside, "BESIDE_LIMIT", 2)
    _met(made, SAME, SAME, SAME)
    document = read(made)
    sections = by_version(document)
    one, two = [sections[version]["entries"][0] for version in ("1.0.1", "1.0.2")]
    (new,) = sections[None]["entries"]
    joined = [entry for entry in (one, two, new) if entry["also_in"]]
    assert 0 < len(joined) < 3
    assert len({entry["id"] for entry in (one, two, new)}) == 2
    assert any("the contents of 1 changes were not compared" in line for line in document["diagnostics"])


@pytest.mark.acceptance("CHG-B5")
def test_an_id_stands_once_in_a_section(made: Builder, read: Read) -> None:
    """Also where a change is called as its twin on another line, and that as another change beside the first."""
    base = made.commit("Update")
    made.tag("v1.0", base)
    undone = made.commit("Update", base)
    main = made.commit("Update", made.commit('Revert "Update"', undone), branch="main")
    made.tag("v2.0", main)
    one = made.commit("Update", base)
    made.tag("v1.0.1", made.commit("Update", one))
    sections = by_version(read(made))
    second, first = sections["1.0.1"]["entries"]
    (twin,) = sections["2.0"]["entries"]
    assert (first["also_in"], twin["also_in"], second["also_in"]) == (["2.0"], ["1.0.1"], [])
    assert first["id"] == twin["id"] != second["id"]
