"""What somebody may learn of: conditions that every list, count, search and page of changes puts into its query.

A repository whose settings say ``{"teams_only": true}`` is kept for its owner team, the teams that a change of it
affects (that change only), the release managers of its calendar, administrators and our own jobs. To everybody else it
does not exist: the conditions stand in the queries, so counts, pages and searches cannot tell of it either. All other
repositories are open to everybody who is signed in. Who is not sees what the business sees of a public calendar: no
change that is kept from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, String, and_, cast, exists, false, func, literal, not_, or_, select, true
from sqlalchemy.orm import Session

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import ANONYMOUS, EVERYWHERE, Actor, Role
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.jobs import Job
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.publishing import PublicationRow, PublicityRow
from release_mgmt.store.models.repositories import Change, PullRequestRow, Repository
from release_mgmt.store.session import Store

KEPT = "teams_only"


def _open(actor: Actor) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [~func.coalesce(Repository.settings[KEPT].as_boolean(), false())]
    if actor.teams:
        found.append(Repository.owner_team.in_(sorted(actor.teams)))
    if Role.RELEASE_MANAGER in actor.roles and actor.calendars:
        found.append(Repository.calendar.in_(sorted(actor.calendars)))
    return found


def _sees_all(actor: Actor) -> bool:
    everything = Role.RELEASE_MANAGER in actor.roles and EVERYWHERE in actor.calendars
    return Role.ADMINISTRATOR in actor.roles or everything


def repositories(actor: Actor) -> ColumnElement[bool]:
    """The repositories that ``actor`` may know of, for queries over ``Repository``."""
    return true() if _sees_all(actor) else or_(*_open(actor))


def changes(actor: Actor) -> ColumnElement[bool]:
    """The changes that ``actor`` may know of, for queries over ``Change`` joined to its ``Repository``."""
    if _sees_all(actor):
        return true()
    theirs = [
        cast(Change.affected_teams, String).contains(f'"{team}"', autoescape=True) for team in sorted(actor.teams)
    ]
    own = [Change.owner == actor.person] if actor.person else []
    known = or_(*_open(actor), *theirs, *own)
    return known if actor.signed_in else and_(known, ~_internal())


def _internal() -> ColumnElement[bool]:
    """What is kept from the business, and so from the public: by a person's mark, else by a label of its pull request
    (:mod:`release_mgmt.services.publicity`; here every label that holds the word counts)."""
    said = select(PublicityRow.change_id)
    same = and_(PullRequestRow.repository_id == Change.repository_id, PullRequestRow.number == Change.number)
    labels = PullRequestRow.record["labels"].as_string()
    labelled = exists().where(same, labels.ilike("%internal%")).correlate(Change)
    return or_(
        Change.id.in_(said.where(PublicityRow.internal.is_(True))),
        and_(Change.id.not_in(said.where(PublicityRow.internal.is_(False))), labelled),
    )


def kept(session: Session) -> dict[str, str | None]:
    """The repositories kept for their teams by name, with the team that owns each: feeds show them to teams alone."""
    query = select(Repository.name, Repository.owner_team).where(~_open(ANONYMOUS)[0])
    return {row.name: row.owner_team for row in session.execute(query)}


def audited(session: Session, actor: Actor) -> ColumnElement[bool]:
    """The audit rows that ``actor`` may know of: neither their subject nor their content is of what is hidden.

    A change or repository that is gone is told only to those who see everything: nobody knows any more whose it was.
    """
    if _sees_all(actor):
        return true()
    subject, shown = AuditRow.subject, _is_shown(repositories(actor))
    absent = session.execute(select(Repository.id, Repository.name, Repository.forge_slug).where(~shown)).all()
    known = select(literal("change:") + Change.id).join(Repository, Repository.id == Change.repository_id)
    here = select(Repository.id).where(repositories(actor)).union(select(Repository.name).where(repositories(actor)))
    rules = [
        or_(subject.not_like("change:%"), subject.in_(known.where(changes(actor)))),
        or_(subject.not_like("repository:%"), func.replace(subject, "repository:", "").in_(here)),
    ]
    if absent:
        ids, names = [row.id for row in absent], [row.name for row in absent]
        slugs = [row.forge_slug.lower() for row in absent if row.forge_slug]
        theirs = (
            select(literal("publication:") + PublicationRow.id).where(PublicationRow.repository.in_(names)),
            select(literal("job:") + Job.id).where(Job.subject.in_(ids)),
            select(literal("delivery:") + WebhookDelivery.id).where(func.lower(WebhookDelivery.forge_slug).in_(slugs)),
        )
        rules += [subject.not_in(one) for one in theirs]
        marks = [mark for key in ids for mark in (f'"{key}', f'"{key.removeprefix("r_")[:8]}-')]
        told = [
            func.coalesce(column, "").contains(mark, autoescape=True)
            for column in (AuditRow.before, AuditRow.after)
            for mark in marks
        ]
        concerned = subject.in_(known.where(changes(actor), ~shown))  # its own rows name it
        rules.append(or_(concerned, not_(or_(*told))))
    return and_(*rules)


def _is_shown(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition, false where a column that it looks at is NULL."""
    return func.coalesce(condition, false())


def hidden(session: Session, actor: Actor) -> frozenset[str]:
    """Ids of the changes that ``actor`` may not know of: for taking them out of counts and stored documents."""
    if _sees_all(actor):
        return frozenset()
    joined = select(Change.id).join(Repository, Repository.id == Change.repository_id)
    if not actor.signed_in:
        return frozenset(session.scalars(joined.where(~_is_shown(changes(actor)))))
    everywhere = joined.where(~_open(ANONYMOUS)[0])
    return frozenset(session.scalars(everywhere)) - set(session.scalars(everywhere.where(changes(actor))))


def seen_of(session: Session, actor: Actor, ids: Iterable[str]) -> set[str]:
    """Those of these changes that ``actor`` may know of."""
    query = select(Change.id).join(Repository, Repository.id == Change.repository_id)
    return set(session.scalars(query.where(Change.id.in_(set(ids)), changes(actor))))


def require_seen(store: Store, actor: Actor, *, changes_of: Sequence[str] = (), named: Sequence[str] = ()) -> None:
    """Raise NotFound when one of these changes (ids) or repositories (names) is hidden from ``actor``.

    A change that is not there at all is answered alike, a repository that is not there is left to the service.
    """
    if _sees_all(actor) or not (changes_of or named):
        return
    with store.read() as session:
        require_seen_in(session, actor, changes_of=changes_of, named=named)


def require_there(session: Session, actor: Actor, repository: str) -> None:
    """As :func:`require_seen_in` for one repository's name, and NotFound alike when there never was such a one.

    What was published of a repository outlives its registration, so a publication is enough to be there.
    """
    require_seen_in(session, actor, named=[repository])
    registered = select(Repository.id).where(Repository.name == repository)
    published = select(PublicationRow.id).where(PublicationRow.repository == repository)
    if session.scalar(registered.limit(1)) is None and session.scalar(published.limit(1)) is None:
        raise NotFound("There is no such repository.")


def require_seen_in(
    session: Session, actor: Actor, *, changes_of: Sequence[str] = (), named: Sequence[str] = ()
) -> None:
    """As :func:`require_seen`, in a session that is open already."""
    if _sees_all(actor):
        return
    # Asked positively and compared: a condition over columns that are NULL is neither true nor false.
    if changes_of:
        joined = select(Change.id).join(Repository, Repository.id == Change.repository_id)
        if set(changes_of) - set(session.scalars(joined.where(Change.id.in_(changes_of), changes(actor)))):
            raise NotFound("There is no such change.")
    if named:
        by_name = select(Repository.id).where(Repository.name.in_(named))
        if set(session.scalars(by_name)) - set(session.scalars(by_name.where(repositories(actor)))):
            raise NotFound("There is no such repository.")
