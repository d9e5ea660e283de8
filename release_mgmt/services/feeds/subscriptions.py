"""Subscriptions: one's own feeds, each with a token that is shown once, filters, and an end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Audience
from release_mgmt.core.calendar import KEEP_CANCELLED, Shown
from release_mgmt.core.errors import FieldError, InvalidInput, NotFound, StaleVersion, did_you_mean
from release_mgmt.core.permissions import Action, Actor, allows, require
from release_mgmt.core.text import one_line
from release_mgmt.formats.words import languages
from release_mgmt.services import audiences, audit, calendar_rows, secret, visibility
from release_mgmt.services.feed_events.teams import readable
from release_mgmt.services.paging import Page, bounded, page, values
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.publishing import FeedEventRow, PublicationRow, SubscriptionRow
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow
from release_mgmt.store.session import Store

MOST_SUBSCRIPTIONS = 50
MOST_VALUES = 100
LISTS = ("calendars", "teams", "repositories", "packages", "levels", "environments")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which whole events a feed holds; an empty list means all. They never change an event's text.

    ``packages`` are for changelogs only, ``window`` is the key of one window; ``empty`` also shows windows without
    changes, ``cancelled`` what was called off. ``local_times`` writes times in the calendar's zone instead of UTC,
    ``alarm_minutes`` adds a reminder.
    """

    calendars: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    windows: bool = True
    freezes: bool = True
    empty: bool = False
    cancelled: bool = True
    window: str | None = None
    local_times: bool = False
    alarm_minutes: int | None = None

    @classmethod
    def of(cls, data: dict[str, Any]) -> Filters:
        """From what is stored or sent. Raises InvalidInput naming every wrong field."""
        faults: list[FieldError] = []
        known = {field.name for field in fields(cls)}
        faults += [
            FieldError(f"filters.{name}", "is not known", ", ".join(sorted(known)))
            for name in data
            if name not in known
        ]
        values = {name: value for name, value in data.items() if name in known}
        for name in LISTS:
            given = values.get(name, [])
            if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in given):
                faults.append(FieldError(f"filters.{name}", "must be a list of texts"))
            elif len(given) > MOST_VALUES:
                faults.append(FieldError(f"filters.{name}", "is too long", f"at most {MOST_VALUES}"))
            else:
                values[name] = tuple(sorted({one_line(item, 200) for item in given}))
        if set(values.get("levels") or ()) - {"minor", "major"}:
            faults.append(FieldError("filters.levels", "holds a level that is not known", "minor, major"))
        for name in ("windows", "freezes", "empty", "cancelled", "local_times"):
            if not isinstance(values.get(name, True), bool):
                faults.append(FieldError(f"filters.{name}", "must be true or false"))
        minutes = values.get("alarm_minutes")
        if minutes is not None and (
            not isinstance(minutes, int) or isinstance(minutes, bool) or not 0 < minutes <= 10_080
        ):
            faults.append(FieldError("filters.alarm_minutes", "is out of range", "1 to 10080"))
        if faults:
            raise InvalidInput(
                "The filters are wrong." if len(faults) > 1 else f"{faults[0].path}: {faults[0].message}", faults
            )
        return cls(**values)

    def take(self, shown: Shown) -> bool:
        """Does the feed hold this event? A freeze without a scope concerns everybody."""
        if self.window is not None:
            return shown.identity == self.window
        if not (self.freezes if shown.kind == "freeze" else self.windows):
            return False
        if (shown.empty and not self.empty) or (shown.status == "cancelled" and not self.cancelled):
            return False
        everybody = shown.kind == "freeze"
        for wanted, there in (
            (self.teams, shown.teams),
            (self.repositories, shown.repositories),
            (self.levels, shown.levels),
            (self.environments, shown.environments),
        ):
            if not wanted or (everybody and not there):
                continue
            if not any(
                fnmatchcase(name, pattern) if everybody else name == pattern for name in wanted for pattern in there
            ):
                return False
        return not self.calendars or shown.calendar in self.calendars


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """A subscription; ``person`` is whose it is (None: the operator's), ``token`` is there only in the answer that made
    or rotated it."""

    id: str
    person: str | None
    name: str
    audience: Audience
    language: str
    filters: Filters
    hint: str
    created_at: datetime
    rotated_at: datetime | None
    revoked_at: datetime | None
    version: int
    token: str | None = None


def create(
    store: Store,
    actor: Actor,
    now: datetime,
    *,
    name: str,
    audience: str = Audience.BUSINESS.value,
    language: str = "en",
    filters: dict[str, Any] | None = None,
) -> SubscriptionView:
    """A feed of one's own, with its token."""
    require(actor, Action.SUBSCRIBE)
    title, reader, chosen = _checked(actor, name, audience, language, filters or {})
    token = secret.make()
    with store.write() as session:
        _require_known(session, actor, now, chosen)
        held = session.scalars(
            select(SubscriptionRow.id).where(
                SubscriptionRow.person_id == actor.person, SubscriptionRow.revoked_at.is_(None)
            )
        ).all()
        if actor.person is not None and len(held) >= MOST_SUBSCRIPTIONS:
            raise InvalidInput.at(
                "name", f"there are {len(held)} feeds already", f"at most {MOST_SUBSCRIPTIONS}; revoke one"
            )
        row = SubscriptionRow(
            id=secret.identifier("s"), person_id=actor.person, token_hash=secret.digest(token), hint=token[-4:],
            name=title, audience=reader.value, language=language, filters=asdict(chosen), created_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        after = {"name": title, "audience": reader.value, "filters": asdict(chosen)}
        audit.record(session, actor, now, action="subscription.create", subject=f"subscription:{row.id}", after=after)
        return _view(row, token)


def change(
    store: Store,
    actor: Actor,
    now: datetime,
    key: str,
    *,
    name: str,
    audience: str,
    language: str,
    filters: dict[str, Any],
    version: int | None = None,
) -> SubscriptionView:
    """Edit a feed; its address stays."""
    require(actor, Action.SUBSCRIBE)
    title, reader, chosen = _checked(actor, name, audience, language, filters)
    with store.write() as session:
        row = _own(session.get(SubscriptionRow, key), actor)
        if version is not None and version != row.version:
            raise StaleVersion("Somebody else changed this in the meantime.", hint="Load it again and repeat the edit.")
        _require_known(session, actor, now, chosen, Filters.of(row.filters))
        before = {"name": row.name, "audience": row.audience, "filters": row.filters}
        row.name, row.audience, row.language, row.filters = title, reader.value, language, asdict(chosen)
        row.edited_at = now
        session.flush()
        after = {"name": title, "audience": reader.value, "filters": asdict(chosen)}
        audit.record(
            session,
            actor,
            now,
            action="subscription.change",
            subject=f"subscription:{row.id}",
            before=before,
            after=after,
        )
        return _view(row)


def rotate(store: Store, actor: Actor, now: datetime, key: str) -> SubscriptionView:
    """A new token for the feed; the old address stops at once."""
    require(actor, Action.SUBSCRIBE)
    token = secret.make()
    with store.write() as session:
        row = _own(session.get(SubscriptionRow, key), actor)
        row.token_hash, row.hint, row.rotated_at = secret.digest(token), token[-4:], now
        session.flush()
        audit.record(session, actor, now, action="subscription.rotate", subject=f"subscription:{row.id}")
        return _view(row, token)


def revoke(store: Store, actor: Actor, now: datetime, key: str, *, reason: str | None = None) -> None:
    """End a feed of one's own or, for administrators, anybody's; its address answers 404 from the next request on."""
    require(actor, Action.SUBSCRIBE)
    with store.write() as session:
        row = _seen(session.get(SubscriptionRow, key), actor)
        row.revoked_at = now
        audit.record(session, actor, now, action="subscription.revoke", subject=f"subscription:{row.id}", reason=reason)


def of(store: Store, actor: Actor) -> list[SubscriptionView]:
    """One's own feeds, newest first, without the revoked ones."""
    require(actor, Action.SUBSCRIBE)
    with store.read() as session:
        rows = session.scalars(
            select(SubscriptionRow)
            .where(SubscriptionRow.person_id == actor.person, SubscriptionRow.revoked_at.is_(None))
            .order_by(SubscriptionRow.created_at.desc(), SubscriptionRow.id)
        )
        return [_view(row) for row in rows]


def every(store: Store, actor: Actor, *, cursor: str | None = None, limit: int | None = None) -> Page[SubscriptionView]:
    """The feeds of everybody, newest first, without the revoked ones; for administrators."""
    require(actor, Action.MANAGE_PEOPLE)
    size, row = bounded(limit), SubscriptionRow
    query = select(row).where(row.revoked_at.is_(None)).order_by(row.created_at.desc(), row.id.desc()).limit(size + 1)
    if cursor is not None:
        at, key = values(cursor, datetime, str)
        query = query.where(or_(row.created_at < at, and_(row.created_at == at, row.id < key)))
    with store.read() as session:
        found = [_view(one) for one in session.scalars(query)]
    return page(found, size, lambda one: (one.created_at, one.id))


def get(store: Store, actor: Actor, key: str) -> SubscriptionView:
    """One of one's own feeds or, for administrators, anybody's."""
    require(actor, Action.SUBSCRIBE)
    with store.read() as session:
        return _view(_seen(session.get(SubscriptionRow, key), actor))


def preview(
    store: Store, actor: Actor, now: datetime, *, audience: str, filters: dict[str, Any], limit: int = 20
) -> tuple[int, tuple[Shown, ...]]:
    """What a feed with these filters would hold: how many events from now on, and the first of them."""
    require(actor, Action.SUBSCRIBE)
    _, reader, chosen = _checked(actor, "preview", audience, "en", filters)
    with store.read() as session:
        _require_known(session, actor, now, chosen)
        rows = session.scalars(
            select(FeedEventRow)
            .where(
                FeedEventRow.audience == reader.value,
                readable(FeedEventRow.calendar, actor.teams),
                FeedEventRow.ends_at > now,
                FeedEventRow.starts_at < now + timedelta(days=365),
                or_(FeedEventRow.cancelled_at.is_(None), FeedEventRow.cancelled_at > now - KEEP_CANCELLED),
            )
            .order_by(FeedEventRow.starts_at, FeedEventRow.uid)
        )
        found = [shown for row in rows if chosen.take(shown := Shown.of(row.shown))]
    return len(found), tuple(found[:limit])


def _checked(
    actor: Actor, name: str, audience: str, language: str, filters: dict[str, Any]
) -> tuple[str, Audience, Filters]:
    title = one_line(name, 100)
    if not title:
        raise InvalidInput.at("name", "must not be empty")
    reader = audiences.named(audience)
    audiences.require_audience(actor, reader, Action.SUBSCRIBE)
    if language not in languages():
        raise InvalidInput.at("language", "there are no words for it", ", ".join(languages()))
    return title, reader, Filters.of(filters)


def _require_known(
    session: Session, actor: Actor, now: datetime, chosen: Filters, before: Filters | None = None
) -> None:
    """Return if there is whatever the feed chooses by, or it chose by it before: a wrong name would choose nothing,
    which looks as if nothing were planned. Packages and windows may still come.

    :raises InvalidInput: with what was meant, perhaps. What the actor may not know of is not known.
    """
    faults = []
    for name in ("calendars", "teams", "repositories", "environments"):
        wanted: set[str] = set(getattr(chosen, name)) - set(getattr(before, name, ()))
        known = _known(session, actor, now, name) if wanted else frozenset()
        for one in sorted(wanted - known):
            if name == "environments" and not known:  # no calendar says which there are
                continue
            allowed = did_you_mean(one, sorted(known), ", ".join(sorted(known)[:20])) or None
            faults.append(FieldError(f"filters.{name}", f"{one[:60]!r} is not known", allowed))
    if faults:
        raise InvalidInput("Some values are wrong.", faults)


def _known(session: Session, actor: Actor, now: datetime, name: str) -> frozenset[str]:
    """The names that there are of one kind, which ``actor`` may know of."""
    if name == "teams":
        return frozenset(session.scalars(select(Team.slug)))
    if name == "repositories":  # what was published outlives its repository
        seen = set(session.scalars(select(Repository.name).where(visibility.repositories(actor))))
        hidden = set(session.scalars(select(Repository.name))) - seen
        return frozenset({*seen, *session.scalars(select(PublicationRow.repository).distinct())} - hidden)
    rows = session.scalars(select(CalendarRow)).all()
    if name == "calendars":
        return frozenset(row.slug for row in rows)
    return frozenset(one for row in rows for one in calendar_rows.value(row, now).known_environments())


def _own(row: SubscriptionRow | None, actor: Actor) -> SubscriptionRow:
    if row is None or row.revoked_at is not None or row.person_id != actor.person:
        raise NotFound("There is no such feed.")
    return row


def _seen(row: SubscriptionRow | None, actor: Actor) -> SubscriptionRow:
    if row is not None and row.revoked_at is None and allows(actor, Action.MANAGE_PEOPLE):
        return row
    return _own(row, actor)


def _view(row: SubscriptionRow, token: str | None = None) -> SubscriptionView:
    return SubscriptionView(
        row.id, row.person_id, row.name, Audience(row.audience), row.language, Filters.of(row.filters), row.hint,
        row.created_at, row.rotated_at, row.revoked_at, row.version, token,
    )  # fmt: skip
