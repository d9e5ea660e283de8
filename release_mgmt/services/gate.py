"""The gate: what the core decides over what is stored, every decision kept for a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from release_mgmt.core.approvals import Status
from release_mgmt.core.classification import Level
from release_mgmt.core.errors import Conflict, FieldError, InvalidInput, NotFound
from release_mgmt.core.gate import Decision, GateReason, Question, Subject, decide
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Action, Actor, require
from release_mgmt.core.windows import Policy, ReleaseCalendar, Target, around, matches
from release_mgmt.services import Store, approvals, breakglass, calendar_rows, outbox, ownership, secret, visibility
from release_mgmt.services.candidates import DONE, GONE
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Change, ChangeCommit, Release, Repository
from release_mgmt.store.models.scheduling import (
    CalendarRow,
    ChangeTerms,
    DependencyRow,
    GateDecisionRow,
    PlacementRow,
    StageRow,
    WindowRow,
)

MOST_TARGETS = 50
_EARLIEST, _LATEST = 1971, 2199


@dataclass(frozen=True, slots=True)
class Asked:
    """One target: a repository and environment, with a change (by id or by a commit of it), or without one."""

    repository: str
    environment: str
    change: str | None = None
    sha: str | None = None
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision with what it was made from; ``targets`` name what each of ``decision.answers`` is about."""

    decision: Decision
    id: str
    plan_version: int | None
    targets: tuple[Asked, ...]


def ask(store: Store, actor: Actor, now: datetime, asked: Sequence[Asked], *, at: datetime | None = None) -> Answer:
    """May all of these be released at ``at`` (now)? The decision is kept; asking never changes a plan."""
    require(actor, Action.ASK_GATE)
    if not 1 <= len(asked) <= MOST_TARGETS:
        raise InvalidInput("Ask for 1 to 50 targets.", [FieldError("change", "must be 1 to 50", str(MOST_TARGETS))])
    with store.read() as session:  # one state of the database decides
        weighed = _weigh(session, actor, now, asked, at)
    with store.write() as session:
        _record(session, actor, now, weighed, told=at is None)
    return weighed.answer


def keep(
    session: Session, actor: Actor, now: datetime, asked: Sequence[Asked], *, at: datetime | None = None
) -> Answer:
    """As :func:`ask`, in the caller's transaction, for what was done already."""
    weighed = _weigh(session, actor, now, asked, at)
    _record(session, actor, now, weighed, told=at is None)
    return weighed.answer


@dataclass(frozen=True, slots=True)
class _Weighed:
    """An answer as the asker sees it, the whole decision behind it, and the calendar that decided on each target."""

    answer: Answer
    found: Decision
    calendars: Sequence[CalendarRow]


def _weigh(session: Session, actor: Actor, now: datetime, asked: Sequence[Asked], at: datetime | None) -> _Weighed:
    instant = _bounded(at) or now
    targets = tuple(target for each in asked for target in _resolved(session, each))
    loaded = [_question(session, each, instant, now) for each in targets]
    found = decide([question for question, _ in loaded], instant, now)
    rows = [row for _, row in loaded]
    version = max((row.plan_version for row in rows), default=None)
    return _Weighed(Answer(_for(session, actor, found), secret.identifier("gd"), version, targets), found, rows)


def _record(session: Session, actor: Actor, now: datetime, weighed: _Weighed, *, told: bool) -> None:
    """Keep the decision on every target; with ``told`` tell the Owner of what is denied."""
    found, answer = weighed.found, weighed.answer
    for target, row, one in zip(answer.targets, weighed.calendars, found.answers or (found,), strict=True):
        session.add(
            GateDecisionRow(
                id=answer.id if len(answer.targets) == 1 else secret.identifier("gd"), calendar_id=row.id,
                repository=target.repository, change_id=target.change, environment=target.environment, at=one.at,
                evaluated_at=now, decision=one.decision, reasons=[_plain(reason) for reason in one.reasons],
                plan_version=row.plan_version, asked_by=actor.person or actor.name,
            )
        )  # fmt: skip
        if told and one.decision == "deny" and target.change is not None:
            _tell_denied(session, actor, now, target, row.slug, one)


def _bounded(at: datetime | None) -> datetime | None:
    """In UTC. Calendars reach no further; beyond, instants cannot be reckoned with."""
    if at is not None and not _EARLIEST <= at.year <= _LATEST:
        raise InvalidInput.at("at", "is too far away", f"an instant of the years {_EARLIEST} to {_LATEST}")
    return at.astimezone(UTC) if at is not None else None


def _tell_denied(
    session: Session, actor: Actor, now: datetime, target: Asked, calendar: str, decision: Decision
) -> None:
    """Tell the Owner, once a day for the same reasons: a pipeline may ask every minute."""
    codes = sorted({f"{one.code}:{one.ref}" for one in decision.reasons})
    outbox.tell(
        session, now, Kind.GATE_DENIED, fold=f"gate:{target.change}:{target.environment}", actor=actor,
        facts={"environment": target.environment, "reasons": [_plain(one) for one in decision.reasons[:20]],
               "next": outbox.iso(decision.next_allow)},
        calendar=calendar, change=target.change,
        once=f"gate {target.change} {target.environment} {now:%Y-%m-%d} {codes}",
    )  # fmt: skip


def peek(
    store: Store,
    actor: Actor,
    now: datetime,
    asked: Asked,
    *,
    at: datetime | None = None,
    votes: Status | None = None,
) -> Answer:
    """As :func:`ask` for a page: nothing is kept. ``votes``: what they come to, where the page knows it already."""
    require(actor, Action.READ_PLAN)
    with store.read() as session:
        instant = _bounded(at) or now
        question, row = _question(session, asked, instant, now, votes)
        found = decide([question], instant, now)
        return Answer(_for(session, actor, found), "", row.plan_version, (asked,))


def _for(session: Session, actor: Actor, found: Decision) -> Decision:
    """The decision without what the actor may not know of: a change that is needed first may be kept for its teams."""
    needed = {one.ref for one in found.reasons if one.code == "dependency_not_done"}
    seen = visibility.seen_of(session, actor, needed) if needed else needed
    return _without(found, needed - seen) if needed - seen else found


def _without(found: Decision, hidden: set[str]) -> Decision:
    reasons = (
        replace(one, ref="", message="It needs another change first.") if one.ref in hidden else one
        for one in found.reasons
    )
    return replace(
        found,
        reasons=tuple(dict.fromkeys(reasons)),
        blocked_by=tuple(one for one in found.blocked_by if one not in hidden),
        answers=tuple(_without(each, hidden) for each in found.answers),
    )


def decide_in(session: Session, asked: Asked, at: datetime, now: datetime) -> Decision:
    """The decision inside the caller's transaction."""
    question, _ = _question(session, asked, at, now)
    return decide([question], at, now)


def forget_before(session: Session, instant: datetime) -> int:
    """Retention: drop decisions made before ``instant``; how many."""
    gone = session.execute(delete(GateDecisionRow).where(GateDecisionRow.evaluated_at < instant))
    return int(gone.rowcount)  # type: ignore[attr-defined] # a DELETE's result is a CursorResult


def _plain(reason: GateReason) -> dict[str, object]:
    until = reason.until.isoformat() if reason.until else None
    return {"code": reason.code, "ref": reason.ref, "message": reason.message, "until": until}


def _resolved(session: Session, asked: Asked) -> list[Asked]:
    """The target, or the changes that a commit stands for: its own, or all of the release that was tagged there."""
    repository = _repository(session, asked.repository)
    if asked.change is not None or asked.sha is None:
        return [asked]
    sha = asked.sha.strip().lower()
    if not 7 <= len(sha) <= 64 or not all(letter in "0123456789abcdef" for letter in sha):
        raise InvalidInput.at("sha", "is not a commit", "7 to 64 hexadecimal digits")
    tagged = _tagged(session, repository, sha)
    if tagged:
        inside = session.execute(
            select(Change.id, Change.state).where(Change.release_id.in_(tagged)).order_by(Change.id)
        ).all()
        # What shipped before, by the lane or alone, is not asked about again, save when a whole release is repeated.
        found = [each.id for each in inside if each.state not in DONE] or [each.id for each in inside]
    else:
        found = list(
            session.scalars(
                select(Change.id)
                .outerjoin(ChangeCommit, ChangeCommit.change_id == Change.id)
                .where(
                    Change.repository_id == repository.id,
                    or_(Change.head_sha.startswith(sha), ChangeCommit.sha.startswith(sha)),
                )
                .distinct()
                .order_by(Change.id)
            )
        )
    if not found:
        raise NotFound("No change of this repository holds that commit.", hint="Is the repository synced?")
    return [Asked(asked.repository, asked.environment, change) for change in found]


def _tagged(session: Session, repository: Repository, sha: str) -> list[str]:
    """The releases tagged at a commit: several where packages of a repository are released together."""
    rows = session.execute(
        select(Release.id, Release.sha).where(Release.repository_id == repository.id, Release.sha.startswith(sha))
    ).all()
    if len({each.sha for each in rows}) > 1:
        raise InvalidInput.at("sha", "is the beginning of several releases", "the whole commit id")
    return [each.id for each in rows]


def _repository(session: Session, name: str) -> Repository:
    found = session.scalar(select(Repository).where(Repository.name == name))
    if found is None:
        raise NotFound("There is no such repository.")
    return found


def _question(
    session: Session, asked: Asked, at: datetime, now: datetime, votes: Status | None = None
) -> tuple[Question, CalendarRow]:
    repository = _repository(session, asked.repository)
    change = session.get(Change, asked.change) if asked.change is not None else None
    if asked.change is not None and (change is None or change.repository_id != repository.id):
        raise NotFound("There is no such change in this repository.")
    placement = session.get(PlacementRow, (asked.change, asked.environment)) if change is not None else None
    row = calendar_rows.deciding(session, repository, placement)
    if row is None:
        raise Conflict(
            "No calendar decides about this repository.", code="no_calendar", hint="Set the repository's calendar."
        )
    calendar = calendar_rows.value(row, now)
    known = calendar.known_environments()
    if known and asked.environment not in known:
        raise InvalidInput.at("environment", "is not known in this calendar", ", ".join(sorted(known)))
    own = placement.starts_at if placement is not None and placement.window else None
    asked_days = [each.astimezone(UTC).date() for each in (at, own) if each is not None]
    windows, freezes = around(calendar, min(asked_days), max(asked_days))
    level = Level(change.level) if change is not None and change.level else asked.level
    if change is not None and level is None:
        level = Level.MAJOR  # nobody judged it yet: fail closed
    teams, perhaps = frozenset(change.affected_teams or ()) if change is not None else frozenset(), frozenset[str]()
    if change is None and any(each.freeze.scope.teams or each.freeze.scope.exceptions.teams for each in freezes):
        teams, perhaps = ownership.concerned(session, repository)
    target = Target(asked.repository, asked.environment, teams, level, perhaps)
    scheduled = any(
        asked.environment in each.environments and matches(each.repositories, asked.repository)
        for each in calendar.series
    )
    subject = None
    if change is not None:
        assert level is not None
        subject = _subject(session, asked, change, target, calendar, placement, now, votes)
    return Question(target, calendar.outside(target), windows, freezes, scheduled, subject), row


def _subject(
    session: Session,
    asked: Asked,
    change: Change,
    target: Target,
    calendar: ReleaseCalendar,
    placement: PlacementRow | None,
    now: datetime,
    votes: Status | None,
) -> Subject:
    terms = session.get(ChangeTerms, change.id)
    window = placement.window if placement is not None else None
    stored = session.get(WindowRow, (placement.calendar_id, window)) if placement is not None and window else None
    level = target.level or Level.MAJOR
    lane = level is Level.MINOR and calendar.outside(target).minor_lane
    # Its own window decides what it must have passed; without one every series that it could go to.
    entry = calendar.policies_for(target) if window is None else (calendar.policy_of(window),)
    standing = _unready(session, change, entry, asked.environment) + _dependencies(session, change, asked.environment)
    if asked.sha is not None and not _holds(session, change, asked.sha):
        message = "The commit is not the one that was looked at."
        standing.append(GateReason("stale_approval", change.id, message))
    if placement is not None and window is not None and not lane:
        told = votes or approvals.status(session, change.id, asked.environment, now)
        since: datetime | None = None
        while told.given and told.expires_at is not None and placement.ends_at and told.expires_at < placement.ends_at:
            since = told.expires_at  # a vote that is left may fill the place
            told = approvals.status(session, change.id, asked.environment, since)
        names = _team_names(session, [one.team for one in told.teams if one.person is None])
        standing += [
            GateReason(lack.code, lack.ref, _with_name(lack.message, lack.ref, names), since=since)
            for lack in told.lacks
        ]
    return Subject(
        id=change.id,
        level=level,
        window=window,
        cancelled=stored is not None and stored.state == "cancelled",
        duration=timedelta(minutes=terms.minutes) if terms and terms.minutes else None,
        withdrawn=change.state in GONE,
        standing=tuple(standing),
        break_glass=breakglass.for_gate(session, change.id, asked.environment),
    )


def _team_names(session: Session, slugs: Sequence[str]) -> dict[str, str]:
    """Slug -> name, for sentences; nothing is asked when no team is missing."""
    if not slugs:
        return {}
    return {row.slug: row.name for row in session.execute(select(Team.slug, Team.name).where(Team.slug.in_(slugs)))}


def _with_name(message: str, ref: str, names: Mapping[str, str]) -> str:
    """The sentence about a team with the team's name in place of its slug."""
    slug = ref.removeprefix("team:")
    return message.replace(f"The sign-off of {slug} ", f"The sign-off of {names[slug]} ") if slug in names else message


def _holds(session: Session, change: Change, sha: str) -> bool:
    given = sha.strip().lower()
    if change.head_sha and change.head_sha.startswith(given):
        return True
    commits = session.scalars(select(ChangeCommit.sha).where(ChangeCommit.change_id == change.id))
    return any(each.startswith(given) for each in commits)


def _unready(session: Session, change: Change, entry: Sequence[Policy], environment: str) -> list[GateReason]:
    found: list[GateReason] = []
    if change.merged_at is None:
        found.append(GateReason("not_ready", change.id, "The change is not merged."))
    rules = dict.fromkeys(rule for policy in entry for rule in policy.promotions_to(environment))
    for rule in rules:
        passed = _passed(session, change.id, rule.after)
        if passed is None:
            found.append(GateReason("not_ready", rule.after, f"The change has not passed {rule.after}."))
        elif rule.soak:
            message = f"The change passed {rule.after}, and its time to soak there is not over."
            found.append(GateReason("not_ready", rule.after, message, passed + rule.soak))
    if any(policy.needs_accepted for policy in entry) and _passed(session, change.id, None) is None:
        found.append(GateReason("not_ready", "accept", "The change was not accepted by its users."))
    return found


def _passed(session: Session, change: str, environment: str | None) -> datetime | None:
    """When the latest report on an environment (None: on acceptance) said that it is done; None: it does not."""
    statement = select(StageRow.state, StageRow.at).where(StageRow.change_id == change)
    if environment is None:
        statement = statement.where(StageRow.stage == "accept")
    else:
        statement = statement.where(StageRow.environment == environment, StageRow.stage.in_(("stage", "deploy")))
    last = session.execute(statement.order_by(StageRow.position.desc()).limit(1)).first()
    return last.at if last is not None and last.state == "done" else None


def _dependencies(session: Session, change: Change, environment: str) -> list[GateReason]:
    needs = session.execute(
        select(DependencyRow.needs_id, Change.state, Change.title)
        .join(Change, and_(Change.id == DependencyRow.needs_id))
        .where(DependencyRow.change_id == change.id)
        .order_by(DependencyRow.needs_id)
    )
    return [
        GateReason("dependency_not_done", other, f"It needs “{title}” first.")
        for other, state, title in needs
        if state != "released" and _passed(session, other, environment) is None
    ]
