"""What a process keeps of feeds is bounded by bytes, whatever people ask for."""

from __future__ import annotations

import pytest

from release_mgmt.services.feeds.shelf import Shelf


@pytest.mark.acceptance("FEED-12")
def test_the_oldest_gives_way_and_the_bytes_are_counted_right() -> None:
    shelf: Shelf[str, str] = Shelf(100)
    for name, size in (("a", 40), ("b", 40), ("a", 50)):
        shelf.put(name, name.upper(), size)
    assert (shelf.get("a"), shelf.get("b"), shelf.used) == ("A", "B", 90)
    shelf.put("c", "C", 60)  # a was put again after b, so b goes first, and a too
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c"), shelf.used) == (None, None, "C", 60)
    assert shelf.take("c") == "C"
    assert (shelf.take("c"), shelf.used, len(shelf)) == (None, 0, 0)


def test_what_is_larger_than_all_room_is_not_kept_and_leaves_nothing_old_behind() -> None:
    shelf: Shelf[str, str] = Shelf(100)
    shelf.put("a", "old", 10)
    shelf.put("b", "other", 20)
    shelf.put("a", "new", 101)
    assert (shelf.get("a"), shelf.get("b"), shelf.used) == (None, "other", 20)
