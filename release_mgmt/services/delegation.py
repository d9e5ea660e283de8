"""Standing in for each other: somebody absent names who votes instead, for a time; every such vote says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from release_mgmt.core.errors import FieldError, InvalidInput, NotFound
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.services import audit, people
from release_mgmt.store.models.people import Person
from release_mgmt.store.session import Store

LONGEST = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Delegation:
    """Who votes for ``person`` from ``since`` (inclusive) to ``until`` (exclusive); people are ids."""

    person: str
    deputy: str | None
    since: datetime | None
    until: datetime | None


def _view(person: Person) -> Delegation:
    return Delegation(person.id, person.delegate, person.delegate_from, person.delegate_until)


def of(store: Store, actor: Actor, person: str) -> Delegation:
    """Who stands in for ``person``: open to everybody, so that a vote by a deputy surprises nobody."""
    require(actor, Action.READ_APPROVALS)
    with store.read() as session:
        return _view(people.find(session, person))


def name_deputy(
    store: Store, actor: Actor, now: datetime, *, deputy: str, since: datetime, until: datetime
) -> Delegation:
    """Let ``deputy`` vote in one's place from ``since`` to ``until`` (three months at most)."""
    require(actor, Action.DELEGATE)
    if not timedelta(0) < until - since <= LONGEST or until <= now:
        faults = [FieldError("until", "must be later than since and now", f"at most {LONGEST.days} days after since")]
        raise InvalidInput("This time cannot be used.", faults)
    with store.write() as session:
        person = _me(session.get(Person, actor.person) if actor.person else None)
        chosen = people.find(session, deputy, active=True)
        if chosen.id == person.id or chosen.kind != "person":
            raise InvalidInput.at("deputy", "must be another person")
        before = _view(person)
        person.delegate, person.delegate_from, person.delegate_until = chosen.id, since, until
        person.updated_at = now
        audit.record(
            session, actor, now, action=Action.DELEGATE, subject=f"person:{person.id}",
            before={"deputy": before.deputy}, after={"deputy": chosen.id, "since": since, "until": until},
        )  # fmt: skip
        return _view(person)


def end(store: Store, actor: Actor, now: datetime) -> None:
    """Be back: nobody stands in any more; votes cast meanwhile stand."""
    require(actor, Action.DELEGATE)
    with store.write() as session:
        person = _me(session.get(Person, actor.person) if actor.person else None)
        if person.delegate is None:
            return
        before = person.delegate
        person.delegate = person.delegate_from = person.delegate_until = None
        person.updated_at = now
        audit.record(
            session, actor, now, action=Action.DELEGATE, subject=f"person:{person.id}", before={"deputy": before}
        )


def _me(person: Person | None) -> Person:
    if person is None:
        raise NotFound("Only a person can be stood in for.")
    return person
