"""Windows and freezes as events of a calendar feed: what each audience sees, and when an event has moved on.

An event is first *shown* to an audience (facts without language; their digest tells whether anything visible changed),
then *kept* with its sequence, and only then *written* in a language. So the sequence of an event is the same in every
language, and an internal change moves nothing that the business can see.
"""

from release_mgmt.core.calendar.facts import (
    ChangeFact,
    FreezeFact,
    Shown,
    ShownChange,
    WindowFact,
    hidden_from,
    show_freeze,
    show_window,
)
from release_mgmt.core.calendar.revision import KEEP_CANCELLED, Kept, advance, is_due, uid_of
from release_mgmt.core.calendar.writing import CalendarEntry, FeedHead, write

__all__ = [
    "KEEP_CANCELLED",
    "CalendarEntry",
    "ChangeFact",
    "FeedHead",
    "FreezeFact",
    "Kept",
    "Shown",
    "ShownChange",
    "WindowFact",
    "advance",
    "hidden_from",
    "is_due",
    "show_freeze",
    "show_window",
    "uid_of",
    "write",
]
