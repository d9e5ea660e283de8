"""Every commit of a range is accounted for, or there is no changelog."""

from __future__ import annotations

import pytest

from release_mgmt.core.changes.groups import ChangeBook
from release_mgmt.core.errors import BrokenInvariant
from tests.integration.history.conftest import Read
from tests.support.gitrepo import Builder


@pytest.mark.acceptance("CHG-B6")
@pytest.mark.parametrize("plain", [0, 2])
def test_a_commit_that_is_lost_or_counted_twice_stops_the_changelog(
    made: Builder, read: Read, monkeypatch: pytest.MonkeyPatch, plain: int
) -> None:
    """It is said of which release; nothing short is ever written."""
    made.tag("v1.0", made.commit("Add b", made.commit("Add a")))
    made.build()
    gather = ChangeBook.gather

    def faulty(*given: object) -> object:
        changes, _ = gather(*given)  # type: ignore[arg-type]
        return changes[:-1], plain

    assert read(made)["releases"][0]["accounting"]["shown"] == 2
    monkeypatch.setattr(ChangeBook, "gather", faulty)
    with pytest.raises(BrokenInvariant, match=r"v1\.0 do not add up"):
        read(made)
