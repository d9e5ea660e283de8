"""What would become of an open pull request were it merged now: its level, its window, what it would need.

The verdict is that of its net difference to where it left its base; the window comes from the same planner as every
other, with the pull request as one more candidate. Nothing is written.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from release_mgmt.core.changes import PullRequest
from release_mgmt.core.classification import Classification, Level
from release_mgmt.core.classification.advised import advise
from release_mgmt.core.planning import Candidate, Reason, Settings, plan
from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.formats.answer import Outlook
from release_mgmt.services import calendar_rows, candidates, teams
from release_mgmt.services.advisories import Known
from release_mgmt.services.classification import rules_of
from release_mgmt.services.proposals import approval_policy
from release_mgmt.services.tree_walk import TreeWalk
from release_mgmt.sources.git import Repository as GitRepository
from release_mgmt.sources.git.pairs import merge_base, net_change
from release_mgmt.store.models.people import Team
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.models.scheduling import CalendarRow


def judge(
    row: Repository, source: GitRepository, pull: PullRequest, known: Known | None = None
) -> tuple[Classification, tuple[str, ...]] | None:
    """The verdict on an open pull request and the paths it touches; None when its commits are not here."""
    refs = source.refs()
    base = refs.branches.get(f"refs/heads/{pull.base_ref}") if pull.base_ref else refs.head.sha
    if base is None or pull.head_sha is None or source.missing([pull.head_sha]):
        return None
    parted = merge_base(source, base, pull.head_sha)
    if parted is None:
        return None
    change = net_change(source, parted, pull.head_sha)
    # A squash merge will carry the title and text of the pull request, so its words count as the message.
    change = change._replace(message=f"{pull.title}\n\n{pull.body or ''}")
    with source.blobs(limit=TreeWalk.BLOB_LIMIT) as blobs:
        verdict = TreeWalk(source, blobs).classify(change, rules_of(row), pull.labels or ())
    if known:
        verdict = advise(verdict, known.advisories)
    return verdict, tuple(one.path for one in change.files)


def calendar_of(session: Session, row: Repository) -> CalendarRow | None:
    """The calendar that takes a repository's changes: the one it names, else the only one there is."""
    if row.calendar is not None:
        return session.scalar(select(CalendarRow).where(CalendarRow.slug == row.calendar))
    if session.scalar(select(func.count()).select_from(CalendarRow)) == 1:
        return session.scalar(select(CalendarRow))
    return None


def outlook(
    session: Session,
    now: datetime,
    row: Repository,
    pull: PullRequest,
    verdict: Classification,
    paths: tuple[str, ...],
    url: str | None,
) -> Outlook:
    """Where an open pull request would go, and what it would need there."""
    calendar_row = calendar_of(session, row)
    if calendar_row is None:
        return Outlook(verdict, "UTC", None, None, "The repository is in no release calendar.", (), url=url)
    calendar = calendar_rows.value(calendar_row, now)
    affected = teams.affected_by(
        session, repository=row.name, owner_team=row.owner_team, paths=paths, labels=pull.labels or ()
    )
    loaded = candidates.load(session, now, calendar_row, calendar)
    mine = Candidate(
        id=f"preview-{pull.number}",
        title=pull.title,
        repository=row.name,
        level=verdict.level,
        ready_at=now,
        accepted_at=now,
        teams=frozenset(affected),
        environment=candidates.environment_of(calendar),
    )
    made = plan(calendar, [*loaded.candidates, mine], now, Settings(external=loaded.external, gone=loaded.gone))
    placed = made.placement_of(mine.id)
    if placed is None:
        why = next((one.reasons for one in made.deferrals if one.change == mine.id), ())
        return Outlook(verdict, calendar.time_zone, None, None, _because(why), (), url=url)
    window = next(one.window for one in made.windows if one.window.key == placed.window)
    needs = needed(session, calendar, placed.window, verdict.level, affected)
    return Outlook(verdict, calendar.time_zone, window.start, window.end, _because(placed.reasons), needs, url=url)


def needed(
    session: Session, calendar: ReleaseCalendar, window: str, level: Level, affected: list[str]
) -> tuple[str, ...]:
    """What the calendar's policy asks for at a level, in words."""
    policy = approval_policy(calendar, window, level)
    count = policy.release_managers
    found = [f"{count} release manager{'s' if count > 1 else ''}"] if count else []
    if policy.each_affected_team and affected:
        names = dict(session.execute(select(Team.slug, Team.name).where(Team.slug.in_(affected))).tuples().all())
        found += [f"{names.get(slug, slug)}'s sign-off" for slug in affected]
    return tuple(found)


def _because(reasons: tuple[Reason, ...]) -> str | None:
    return " ".join(reason.message for reason in reasons[:3]) or None
