"""The changelog of a release calendar or of one of its windows: what went out, and what is coming.

A window is a section; its changes are those that were announced, in their order of release. Nothing is called released
before its window is over, whatever the state of the change says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from release_mgmt.core.audience import Annotation, Audience, ChangelogView, SectionView, for_audience, view
from release_mgmt.core.changelog import Accounting, Changelog, Entry, PullRequestRef, Section
from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.evidence.model import Evidence
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.formats import atom, audience_json, markdown
from release_mgmt.formats import html as pages
from release_mgmt.formats.html import Style
from release_mgmt.formats.words import Words
from release_mgmt.services import calendars, directory, outcomes, publicity, visibility, windows
from release_mgmt.services.audiences import require_audience
from release_mgmt.services.publications.notes import notes_of
from release_mgmt.services.windows import PlacedChange, WindowView
from release_mgmt.store.models.publishing import FeedEventRow
from release_mgmt.store.models.repositories import Change, ChangeCommit, ClassificationRow
from release_mgmt.store.session import Store

Which = Literal["all", "coming", "shipped"]
WHICH: tuple[Which, ...] = ("all", "coming", "shipped")
FORMS = ("json", "markdown", "html", "atom")
BACK, AHEAD = timedelta(days=365), timedelta(days=365)
_HIDDEN = frozenset({"draft", "withdrawn"})
_OUT = frozenset({"released", "rolled_back"})
_CHUNK = 500
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which windows of a calendar, and whose changes: one window by its key, one team, one repository."""

    calendar: str
    window: str | None = None
    team: str | None = None
    repository: str | None = None
    which: Which = "all"


def of_calendar(
    store: Store,
    actor: Actor,
    now: datetime,
    scope: Scope,
    *,
    say: Words,
    site: str,
    audience: Audience,
    form: str,
    page: int = 1,
) -> bytes:
    """The changelog of a calendar in a form: json, markdown, html or atom; newest window first.

    Of a public calendar everybody may read what the business does, without what is kept from it.
    Raises NotFound for an unknown calendar, window, team or repository, InvalidInput for an unknown form.
    """
    if actor.signed_in or audience is not Audience.BUSINESS:
        require_audience(actor, audience)
    name = next((one.name for one in calendars.every(store, actor) if one.slug == scope.calendar), None)
    if name is None:
        require(actor, Action.READ_CHANGELOG)  # private or not there: who is not signed in is asked to, either way
        raise NotFound("There is no such calendar.")
    _require_named(store, actor, scope)
    found = _chosen(store, actor, now, scope)
    record, known, changed = _record(store, actor, now, name, found, audience)
    zones = {one.key: one for one, _ in found}
    shown = _titled(view(record, audience, say, known), zones, say)
    if form == "json":
        return audience_json.render(for_audience(record, audience, known), shown)
    if form == "markdown":
        return markdown.render(shown, say).encode()
    if form == "html":
        return pages.page(shown, say, style=Style(found[0][0].time_zone if found else "UTC")).encode()
    if form == "atom":
        return _atom(shown, say, site, scope, changed, page)
    raise InvalidInput.at("format", "is not known", ", ".join(FORMS))


def _require_named(store: Store, actor: Actor, scope: Scope) -> None:
    """Raise NotFound for a team or repository that is not there: no window would read as nothing released."""
    if actor.signed_in:  # the public knows no teams
        windows.require_named(store, actor, calendar=None, team=scope.team)
    if scope.repository is not None:
        with store.read() as session:
            visibility.require_there(session, actor, scope.repository)


def _chosen(
    store: Store, actor: Actor, now: datetime, scope: Scope
) -> list[tuple[WindowView, tuple[PlacedChange, ...]]]:
    """Windows with what of them is told, newest first."""
    if scope.window is not None:
        found = [windows.detail(store, actor, scope.calendar, scope.window)]
    else:
        found = windows.between(store, actor, now - BACK, now + AHEAD, calendar=scope.calendar)
    # A change that still has a window to come is not called released anywhere.
    ahead = {change.id for one in found if one.end > now and one.state != "cancelled" for change in one.changes}
    chosen = []
    for one in found:
        over = one.end <= now
        if (scope.which == "coming" and over) or (scope.which == "shipped" and not over):
            continue
        told = [_early(change) if change.id in ahead else change for change in one.changes]
        told = list({change.id: change for change in told if _is_told(change, scope)}.values())
        if told and one.state != "cancelled":
            chosen.append((one, tuple(told)))
    return sorted(chosen, key=lambda pair: (pair[0].start, pair[0].key), reverse=True)


def _early(change: PlacedChange) -> PlacedChange:
    return replace(change, state="approved") if change.state == "released" else change


def _is_told(change: PlacedChange, scope: Scope) -> bool:
    if change.announced_at is None or change.state in _HIDDEN:
        return False
    if scope.which == "shipped" and change.state not in _OUT:
        return False
    return (scope.team is None or scope.team in change.teams) and scope.repository in (None, change.repository)


def _record(
    store: Store,
    actor: Actor,
    now: datetime,
    name: str,
    found: Sequence[tuple[WindowView, tuple[PlacedChange, ...]]],
    audience: Audience,
) -> tuple[Changelog, dict[str, Annotation], dict[str, datetime]]:
    """The record, what is known of its changes, and when the text of each window last changed for the audience."""
    placed = {change.id: change for _, changes in found for change in changes}
    names = directory.look_up(store, actor, [change.owner for change in placed.values()])
    with store.read() as session:
        rows = _by_id(session, placed)
        commits = _commits(session, placed)
        verdicts = _verdicts(session, rows)
        notes, marks = notes_of(session, placed), publicity.marks(session, placed)
        promised = outcomes.promises(session, set(placed))
        touched = session.execute(
            select(FeedEventRow.key, FeedEventRow.last_modified).where(
                FeedEventRow.audience == audience.value,
                FeedEventRow.kind == "window",
                FeedEventRow.calendar.in_({one.calendar for one, _ in found}),
            )
        )
        changed = {key: at for key, at in touched}  # noqa: C416 - rows are not plain pairs
    for one, changes in found:  # what must be done is in no event
        read = (key.id for key in changes if audience is not Audience.BUSINESS or not marks.get(key.id))
        written = [note.updated_at for key in read for note in notes.get(key, ())]
        if one.end <= now:  # from then on it is told as released
            written.append(one.end)
        changed[one.key] = max((changed.get(one.key, _EPOCH), *written))
    known = {
        key: Annotation(
            internal=marks.get(key, False),
            notes={note.language: note.text for note in notes.get(key, ())},
            actions={note.language: note.action for note in notes.get(key, ()) if note.action},
            owner=names.person(change.owner) if actor.signed_in else None,  # names are not public
            teams=tuple(names.team(team) for team in change.teams),
            classification=verdicts.get(key),
            promises=promised.get(key, ()),
        )
        for key, change in placed.items()
    }
    sections = tuple(
        _section(one, [_entry(rows[change.id], commits.get(change.id, ()), change.state) for change in changes])
        for one, changes in found
    )
    nothing = Section(None, None, None, (), None, None, None, None, False, Accounting(0, 0, 0, 0, 0, 0), ())
    return Changelog(name, sections, nothing), known, changed


def _section(window: WindowView, entries: list[Entry]) -> Section:
    commits = sum(len(entry.commits) for entry in entries)
    shown = sum(bool(entry.commits) for entry in entries)
    counted = Accounting(commits, shown, commits - shown, 0, 0, 0)
    start = window.start.astimezone(UTC).isoformat()
    return Section(window.key, None, None, (), None, None, None, start, False, counted, tuple(entries))


def _entry(change: Change, commits: tuple[str, ...], state: str) -> Entry:
    provider, number = change.provider, change.number
    return Entry(
        id=change.id,
        title=change.title,
        details=(),
        level=change.level,
        kind=change.kind,
        state=state,
        first_in=None,
        pull_request=PullRequestRef(provider, number) if provider and number else None,  # type: ignore[arg-type]
        commits=commits,
        authors=(change.author,) if change.author else (),
    )


def _by_id(session: Session, changes: Iterable[str]) -> dict[str, Change]:
    ids, found = sorted(changes), {}
    for at in range(0, len(ids), _CHUNK):
        for row in session.scalars(select(Change).where(Change.id.in_(ids[at : at + _CHUNK]))):
            session.expunge(row)
            found[row.id] = row
    return found


def _commits(session: Session, changes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    ids, found = sorted(changes), dict[str, tuple[str, ...]]()
    for at in range(0, len(ids), _CHUNK):
        statement = select(ChangeCommit.change_id, ChangeCommit.sha).where(
            ChangeCommit.change_id.in_(ids[at : at + _CHUNK])
        )
        for change, sha in session.execute(statement.order_by(ChangeCommit.position, ChangeCommit.sha)):
            found[change] = (*found.get(change, ()), sha)
    return found


def _verdicts(session: Session, rows: dict[str, Change]) -> dict[str, Classification]:
    """What the rules say of each change, at the level in force."""
    ids, found = sorted(rows), {}
    for at in range(0, len(ids), _CHUNK):
        statement = select(ClassificationRow).where(ClassificationRow.change_id.in_(ids[at : at + _CHUNK]))
        for one in session.scalars(statement):
            change = rows[one.change_id]
            found[one.change_id] = Classification(
                Level(change.level or one.level),
                change.kind or one.kind,
                change.needs_review,
                one.rule,
                tuple(NewLibrary(**library) for library in one.new_libraries or ()),
                tuple(Evidence(**fact) for fact in one.evidence or ()),
            )
    return found


def _titled(shown: ChangelogView, found: dict[str, WindowView], say: Words) -> ChangelogView:
    """Windows are called by their title and local time, not by their key; one without anything to see is left out."""
    sections = []
    for section in shown.sections:
        window = found.get(section.version or "")
        if window is None or not section.entries:
            continue
        local = window.start.astimezone(ZoneInfo(window.time_zone))
        title = f"{window.title or say('Release window')} {local:%Y-%m-%d %H:%M} ({window.time_zone})"
        sections.append(replace(section, title=title))
    return replace(shown, sections=tuple(sections))


def _atom(shown: ChangelogView, say: Words, site: str, scope: Scope, changed: dict[str, datetime], page: int) -> bytes:
    if page > 1 and (page - 1) * atom.PAGE_SIZE >= len(shown.sections):
        raise NotFound("There is no such page.")
    slug = quote(scope.calendar, safe="")
    asked = {"audience": shown.audience.value, "which": scope.which, "window": scope.window, "team": scope.team}
    asked |= {"repository": scope.repository, "language": shown.language}
    query = "".join(f"&{name}={quote(value, safe='')}" for name, value in asked.items() if value)
    base = f"{site}/api/v1/calendars/{slug}/changelog?format=atom{query}"

    def place(section: SectionView) -> str:
        return f"{site}/windows/{slug}/{quote(section.version or '', safe='@:-')}"

    names = (scope.calendar, scope.which, scope.window or "", scope.team or "", scope.repository or "")
    return atom.render(
        shown,
        say,
        atom.Address(lambda number: f"{base}&page={number}", f"{site}/calendar", place),
        identity="/".join(("calendar", *names)),
        updated=lambda section: changed.get(section.version or "", _EPOCH),
        number=page,
        entry_names=lambda section: ("calendar", scope.calendar, section.version or ""),
    )
