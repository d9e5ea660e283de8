"""Lists that are paged by a number of entries to pass over, and that may lose entries while they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from release_mgmt.sources.forge import fields
from release_mgmt.sources.forge.fields import Json

MOST_RETURNS = 50  # to what was passed over; a list that shrinks more often than that is read again by the next poll


class Counted:
    """How to go on after a page, for ``Transport.body_pages``.

    Where an entry goes from the front, all that follow move up past the place that is asked for next. So each page
    begins with the last entry of the one before; when it begins with one that was never read, we go back until it
    does not. Entries keep their order, so whatever stands before one that counts as read was read as well. Some are
    told twice.
    """

    def __init__(self, name: str, entries: str, key: str, more: Callable[[Json, int], int | None]) -> None:
        """``name`` of the query's number; ``more`` is the number for the next page, None at the end."""
        self.name, self.entries, self.key, self.more = name, entries, key, more
        self.start, self.step, self.returns = 0, 0, 0
        self.overlaps = False
        self.seen = set[object]()

    def __call__(self, page: Json) -> Mapping[str, str] | None:
        keys = [fields.whole(entry, self.key) for entry in fields.children(page, self.entries) or ()]
        missed = self.overlaps and (not keys or keys[0] not in self.seen)
        if missed and self.returns < MOST_RETURNS:  # what it tells is not counted as read: a gap lies before it
            self.returns += 1
            self.start = max(0, self.start - self.step)
            self.overlaps = self.start > 0
            return {self.name: str(self.start)}
        self.seen.update(keys)
        after = self.more(page, self.start)
        if after is None or after <= self.start:
            return None
        self.step = after - self.start
        self.overlaps = self.step > 1
        self.start = after - 1 if self.overlaps else after
        return {self.name: str(self.start)}
