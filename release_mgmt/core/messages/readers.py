"""Who is told: the ties between a reader and an event, and what the reader chose."""

from __future__ import annotations

from dataclasses import dataclass

from release_mgmt.core.messages.events import KINDS, Event, Kind, Relation
from release_mgmt.core.permissions import EVERYWHERE


@dataclass(frozen=True, slots=True)
class Concern:
    """Whom an event is about: people by id, teams by slug. ``calendar`` is that whose release managers may be told."""

    owners: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may be told: a person, a team (``person`` None, its own slug in ``teams``) or the installation.

    ``kinds`` are those chosen, None what the table says; ``calendars`` limits to those named, empty to none.
    ``everything`` hears all of the kinds chosen, whatever the ties (a webhook of the installation).
    """

    person: str | None = None
    teams: frozenset[str] = frozenset()
    manages: frozenset[str] = frozenset()
    administrator: bool = False
    kinds: frozenset[Kind] | None = None
    calendars: frozenset[str] = frozenset()
    everything: bool = False

    def ties(self, concern: Concern) -> frozenset[Relation]:
        """What ties this reader to an event."""
        found = {
            Relation.OWNER: self.person is not None and self.person in concern.owners,
            Relation.TEAM: bool(self.teams & concern.teams),
            Relation.MANAGER: concern.calendar is not None and bool(self.manages & {concern.calendar, EVERYWHERE}),
            Relation.ADMINISTRATOR: self.administrator,
            Relation.NAMED: self.person is not None and self.person in concern.named,
        }
        return frozenset(tie for tie, holds in found.items() if holds)


def wants(reader: Reader, event: Event, concern: Concern) -> bool:
    """Whether the reader is told of the event: tied to it, the kind chosen, and not the one who did it.

    Whether the reader may know of the change at all is asked of the database.
    """
    if reader.kinds is not None and event.kind not in reader.kinds:
        return False
    if reader.calendars and event.calendar is not None and event.calendar not in reader.calendars:
        return False
    if reader.everything:
        return True
    if reader.person is not None and reader.person == event.actor:
        return False
    ties = reader.ties(concern)
    if reader.kinds is None:
        return bool(ties & KINDS[event.kind].told)
    # Who chose a kind gets it for whatever ties there are; an administrator's role is a tie to jobs only.
    return bool(ties & (KINDS[event.kind].told | {Relation.OWNER, Relation.TEAM, Relation.MANAGER}))
