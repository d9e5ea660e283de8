"""Where messages go and how: everybody's own preferences, and the webhooks, chats and team addresses of a house."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.errors import FieldError, InvalidInput, NotFound, StaleVersion
from release_mgmt.core.messages import KINDS, MODES, Kind
from release_mgmt.core.permissions import Action, Actor, allows, require
from release_mgmt.core.text import one_line
from release_mgmt.core.windows import zone
from release_mgmt.formats.words import languages
from release_mgmt.services import Store, audit, secret
from release_mgmt.services.messages.assembly import Office
from release_mgmt.services.messages.readers import fresh_mail_target, mail_target
from release_mgmt.services.messages.sealing import Sealer
from release_mgmt.sources.channels import chat, hooks
from release_mgmt.sources.channels.mail import address_of
from release_mgmt.store.models.messages import MessageTarget
from release_mgmt.store.models.people import Person, Team
from release_mgmt.store.models.scheduling import CalendarRow

CHANNELS = ("email", "webhook", "chat")
ROTATION = timedelta(hours=24)
"""How long the secret before still signs, so that a receiver can change without losing one."""
_WALL = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_CHOICES = ("events", "calendars", "mode", "digest_at", "digest_day", "quiet_from", "quiet_until", "zone", "language")


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target as shown. ``events`` None: those that concern the reader by their kind. ``secret`` only when made.

    ``person`` and ``team`` say whose it is, neither: the installation's. ``failing_since`` is UTC.
    """

    id: str
    person: str | None
    team: str | None
    channel: str
    name: str
    address: str | None
    events: tuple[str, ...] | None
    calendars: tuple[str, ...]
    mode: str
    digest_at: str
    digest_day: int
    quiet_from: str | None
    quiet_until: str | None
    zone: str | None
    language: str
    failing_since: datetime | None
    last_error: str | None
    version: int
    secret: str | None = None


def view(row: MessageTarget, shown: str | None = None) -> TargetView:
    """A row as shown."""
    return TargetView(
        row.id, row.person_id, row.team, row.channel, row.name, row.address,
        tuple(row.events) if row.events is not None else None, tuple(row.calendars or ()), row.mode, row.digest_at,
        row.digest_day, row.quiet_from, row.quiet_until, row.zone, row.language, row.failing_since, row.last_error,
        row.version, shown,
    )  # fmt: skip


def mine(store: Store, actor: Actor, now: datetime) -> list[TargetView]:
    """My targets: mail, as it is or would be, and what an administrator made for me."""
    require(actor, Action.MANAGE_SELF)
    if actor.person is None:
        raise NotFound("Only a person has preferences.")
    with store.read() as session:
        rows = session.scalars(
            select(MessageTarget).where(MessageTarget.person_id == actor.person).order_by(MessageTarget.id)
        ).all()
    found = [view(row) for row in rows]
    if not any(one.channel == "email" for one in found):
        found.insert(0, view(fresh_mail_target(actor.person, now)))
    return found


def every(store: Store, actor: Actor) -> list[TargetView]:
    """The targets of teams and of the installation, and the chats of people."""
    require(actor, Action.MANAGE_MESSAGES)
    query = select(MessageTarget).where((MessageTarget.person_id.is_(None)) | (MessageTarget.channel != "email"))
    with store.read() as session:
        return [view(row) for row in session.scalars(query.order_by(MessageTarget.name, MessageTarget.id))]


def get(store: Store, actor: Actor, key: str) -> TargetView:
    """One target: one's own, or any for administrators."""
    require(actor, Action.MANAGE_SELF)
    with store.read() as session:
        return view(_find(session, actor, key))


def _find(session: Session, actor: Actor, key: str) -> MessageTarget:
    row = session.get(MessageTarget, key)
    own = row is not None and row.person_id is not None and row.person_id == actor.person
    if row is None or not own:
        require(actor, Action.MANAGE_MESSAGES)
    if row is None:
        raise NotFound("There is no such place for messages.")
    return row


def require_there(session: Session, actor: Actor, key: str) -> None:
    """Raise NotFound for a target that is not there, and alike for one that is not the actor's own, unless they manage
    all. One's mail is there from the start."""
    row = session.get(MessageTarget, key)
    own = actor.person is not None and (key == mail_target(actor.person) or (row and row.person_id == actor.person))
    if not own and (row is None or not allows(actor, Action.MANAGE_MESSAGES)):
        raise NotFound("There is no such place for messages.")


def choose(
    store: Store, actor: Actor, now: datetime, key: str, values: Mapping[str, Any], *, version: int | None = None
) -> TargetView:
    """Set preferences of one's own target (made when it is one's mail), or of any as an administrator.

    ``values``: events (None: by their kind), calendars, mode, digest_at, digest_day, quiet_from, quiet_until, zone,
    language; what is left out stays. Raises InvalidInput naming every fault.
    """
    require(actor, Action.MANAGE_SELF)
    with store.write() as session:
        if actor.person is not None and key == mail_target(actor.person) and session.get(MessageTarget, key) is None:
            session.add(fresh_mail_target(actor.person, now))
            session.flush()
        row = _find(session, actor, key)
        if version is not None and version != row.version:
            raise StaleVersion("Somebody else changed this in the meantime.")
        _checked(session, row, values)
        before = {name: getattr(row, name) for name in _CHOICES}
        for name in _CHOICES:
            if name in values:
                setattr(row, name, values[name])
        row.updated_at = now
        session.flush()
        after = {name: getattr(row, name) for name in _CHOICES}
        audit.record(
            session, actor, now, action="message.choose", subject=f"messages:{row.id}", before=before, after=after
        )
        return view(row)


def _checked(session: Session, row: MessageTarget, values: Mapping[str, Any]) -> None:
    calendars = set(session.scalars(select(CalendarRow.slug))) if values.get("calendars") else set()
    faults = _unknown("events", values, set(Kind)) + _unknown("calendars", values, calendars)
    for name, known in (("mode", MODES), ("language", languages())):
        if name in values and values[name] not in known:
            faults.append(FieldError(name, "is not known", ", ".join(known)))
    for name in ("digest_at", "quiet_from", "quiet_until"):
        given = values.get(name)
        if given is not None and not _WALL.fullmatch(str(given)):
            faults.append(FieldError(name, "is no time of day", "HH:MM"))
    if not 0 <= values.get("digest_day", 0) <= 6:
        faults.append(FieldError("digest_day", "is no weekday", "0 (Monday) to 6"))
    if values.get("zone"):
        try:
            zone(values["zone"])
        except InvalidInput as error:
            faults.append(FieldError("zone", error.errors[0].message, error.errors[0].allowed))
    first, last = (values.get(name, getattr(row, name)) for name in ("quiet_from", "quiet_until"))
    if (first is None) != (last is None) or (first is not None and first == last):
        faults.append(FieldError("quiet_until", "goes with quiet_from, and is another time", "HH:MM"))
    if faults:
        raise InvalidInput("These preferences cannot be kept.", faults)


def _unknown(name: str, values: Mapping[str, Any], known: set[Any]) -> list[FieldError]:
    allowed = ", ".join(sorted(str(one) for one in known))
    given = enumerate(values.get(name) or ())
    return [FieldError(f"{name}[{index}]", "is not known", allowed) for index, one in given if one not in known]


def add(
    store: Store, actor: Actor, now: datetime, *, channel: str, name: str, address: str, office: Office,
    hosts: Sequence[str] = (), team: str | None = None, person: str | None = None,
) -> TargetView:  # fmt: skip
    """Make a webhook, a chat, or a mail address of a team. A webhook's secret is in this answer and nowhere else."""
    require(actor, Action.MANAGE_MESSAGES)
    sealer, sealed, shown = Sealer(office.secret_key), None, None
    if channel not in CHANNELS:
        raise InvalidInput.at("channel", "is not known", ", ".join(CHANNELS))
    if not one_line(name):
        raise InvalidInput.at("name", "must not be empty")
    if channel == "webhook":
        hooks.judged(address, hosts)
        shown = hooks.make_secret()
        sealed = sealer.seal(shown)
    elif channel == "chat":
        sealed, address = sealer.seal(address), chat.masked(address, hosts)
    elif team is None:
        raise InvalidInput.at("team", "is needed: people's mail goes to their own verified address")
    else:
        address = address_of(address).addr_spec
    with store.write() as session:
        if team is not None and session.get(Team, team) is None:
            raise InvalidInput.at("team", "is no team")
        if person is not None and (channel != "chat" or session.get(Person, person) is None):
            raise InvalidInput.at("person", "is nobody, or not for this channel", "chats only")
        row = MessageTarget(
            id=secret.identifier("mt"), channel=channel, name=one_line(name, 100), address=address, sealed=sealed,
            team=team, person_id=person, calendars=[], mode="immediate", digest_at="08:00", digest_day=0,
            language="en", created_at=now, updated_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        audit.record(
            session, actor, now, action=Action.MANAGE_MESSAGES, subject=f"messages:{row.id}",
            after={"channel": channel, "name": row.name, "team": team, "person": person},
        )  # fmt: skip
        return view(row, shown)


def rotate(store: Store, actor: Actor, now: datetime, key: str, office: Office) -> TargetView:
    """Give a webhook a new secret; the one before signs too for a day. The new one is in the answer only."""
    require(actor, Action.MANAGE_MESSAGES)
    with store.write() as session:
        row = _find(session, actor, key)
        if row.channel != "webhook":
            raise InvalidInput.at("channel", "has no secret of ours", "webhook")
        fresh = hooks.make_secret()
        row.sealed_before, row.before_until = row.sealed, now + ROTATION
        row.sealed, row.updated_at = Sealer(office.secret_key).seal(fresh), now
        session.flush()
        audit.record(
            session, actor, now, action=Action.MANAGE_MESSAGES, subject=f"messages:{row.id}",
            after={"rotated": True, "before_until": row.before_until},
        )  # fmt: skip
        return view(row, fresh)


def remove(store: Store, actor: Actor, now: datetime, key: str) -> None:
    """Take a target away with its deliveries. A person's mail stays: it is switched off, not taken away."""
    require(actor, Action.MANAGE_MESSAGES)
    with store.write() as session:
        row = _find(session, actor, key)
        if row.person_id is not None and row.channel == "email":
            raise InvalidInput.at("channel", "is a person's mail", "switch it off instead")
        before = {"channel": row.channel, "name": row.name, "team": row.team}
        session.delete(row)
        audit.record(
            session, actor, now, action=Action.MANAGE_MESSAGES, subject=f"messages:{key}", before=before,
            after={"removed": True},
        )  # fmt: skip


def unsubscribe(store: Store, actor: Actor, now: datetime, office: Office, token: str) -> bool:
    """Switch the target of a signed link off, as often as it is asked; False when the link is none of ours.

    A mail program sends no cookie, so ``actor`` is nobody known: the audit log has the address that asked.
    """
    key = office.unsubscribed(token)
    if key is None:
        return False
    with store.write() as session:
        row = session.get(MessageTarget, key, with_for_update=True)
        if row is not None and row.mode != "off":
            before, row.mode, row.updated_at = row.mode, "off", now
            audit.record(
                session, actor, now, action=Action.UNSUBSCRIBE, subject=f"messages:{key}",
                before={"mode": before}, after={"mode": "off"},
            )  # fmt: skip
    return True


def chosen(one: TargetView) -> frozenset[str]:
    """The kinds that a target hears of: its own choice, else all (each by its own rule of who is told)."""
    return frozenset(one.events) if one.events is not None else frozenset(kind.value for kind in KINDS)
