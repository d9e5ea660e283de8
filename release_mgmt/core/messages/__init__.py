"""Messages: which event goes to whom, when it is due, and what many events about one thing come to."""

from release_mgmt.core.messages.events import KINDS, Event, Kind, Relation, Rule, folded, settled
from release_mgmt.core.messages.letter import MOST_LINES, Letter, Line, sorted_lines
from release_mgmt.core.messages.readers import Concern, Reader, wants
from release_mgmt.core.messages.timing import MODES, Preference, after_quiet, due, next_digest, retry_after

__all__ = [
    "KINDS",
    "MODES",
    "MOST_LINES",
    "Concern",
    "Event",
    "Kind",
    "Letter",
    "Line",
    "Preference",
    "Reader",
    "Relation",
    "Rule",
    "after_quiet",
    "due",
    "folded",
    "next_digest",
    "retry_after",
    "settled",
    "sorted_lines",
    "wants",
]
