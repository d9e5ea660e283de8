"""``release-mgmt repo``: repositories of an installation."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release_mgmt import clock
from release_mgmt.cli.installation import Installation, config_option, opened
from release_mgmt.core import pipeline
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import counted

if TYPE_CHECKING:
    from release_mgmt.services.jobs import JobView


@click.group()
def repo() -> None:
    """Register, sync and list repositories."""


def instant(text: str | None, name: str) -> datetime | None:
    """An ISO 8601 instant with its offset (or ``Z``), in UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput.at(name, "this is not an instant with an offset", "for example 2026-11-20T18:00:00Z")
    return found.astimezone(UTC)


@repo.command()
@config_option
@click.argument("location")
@click.option("--name", help="How it is called in addresses (default: the last part of LOCATION).")
@click.option("--calendar", help="The calendar whose windows its changes go to.")
@click.option("--owner-team", help="The team that answers for it.")
@click.option("--tag-pattern", help="Which tags are releases.")
@click.option("--adopted-at", help="Tags older than this are shipped history (default: now).")
@click.option("--if-missing", is_flag=True, help="Do nothing when a repository of this address is there.")
def add(
    config: Path | None,
    location: str,
    name: str | None,
    calendar: str | None,
    owner_team: str | None,
    tag_pattern: str | None,
    adopted_at: str | None,
    *,
    if_missing: bool,
) -> None:
    """Register the repository at LOCATION, a folder or an https address."""
    from release_mgmt.core.errors import Conflict
    from release_mgmt.services import repositories

    installation = opened(config)
    chosen = installation.settings
    allowed = repositories.policy(chosen.repository_roots, chosen.repository_hosts, allow_http=chosen.allow_plain_http)
    try:
        added = repositories.register(
            installation.store,
            installation.actor,
            installation.now,
            location=location,
            allowed=allowed,
            name=name,
            calendar=calendar,
            owner_team=owner_team,
            tag_pattern=tag_pattern,
            adopted_at=instant(adopted_at, "--adopted-at"),
        )
    except Conflict as error:
        if not if_missing or error.code != "already_registered":
            raise
        click.echo(error.message)
        return
    click.echo(f"{added.name}: {added.location}")


@repo.command(name="list")
@config_option
@click.option("--archived", is_flag=True, help="Show archived ones instead.")
def list_(config: Path | None, *, archived: bool) -> None:
    """List the repositories with their last sync."""
    from release_mgmt.services import repositories

    installation = opened(config)
    cursor = None
    while True:
        found = repositories.search(installation.store, installation.actor, archived=archived, cursor=cursor, limit=500)
        for one in found.items:
            synced = one.synced_at.isoformat().replace("+00:00", "Z") if one.synced_at else "never synced"
            fault = f"  ! {one.sync_error}" if one.sync_error else ""
            held = f"{counted(one.releases, 'release')}\t{counted(one.changes, 'change')}"
            click.echo(f"{one.name}\t{held}\t{synced}\t{one.location}{fault}")
        cursor = found.next
        if cursor is None:
            return


@repo.command()
@config_option
@click.argument("names", nargs=-1)
def sync(config: Path | None, names: tuple[str, ...]) -> None:
    """Sync, classify, plan and publish the repositories NAMES (default: all), by the worker if one lives, else here."""
    from release_mgmt import logs
    from release_mgmt.services import jobs, repositories

    logs.configure("error", "console")  # the sentences below tell people what happened
    installation = opened(config)
    store, actor = installation.store, installation.actor
    chosen = names or tuple(one.name for one in repositories.search(store, actor, limit=500).items)
    failed = False
    for name in chosen:
        repository = repositories.get(store, actor, name)
        job = jobs.enqueue(store, actor, installation.now, pipeline.REFRESH, repository.id)
        ended = _carry_out(installation, job)
        told = f"{name}: {ended.state}" + (f" ({ended.message})" if ended.message else "")
        click.echo(told, err=ended.state != "done")
        failed = failed or ended.state != "done"
    if failed:
        raise SystemExit(2)


def _carry_out(installation: Installation, job: str) -> JobView:
    """Wait for a living worker to do the job, or do it in this process."""
    from release_mgmt.jobs.worker import run_here
    from release_mgmt.services import jobs

    store, actor = installation.store, installation.actor
    says = {step.name: step.says for steps in pipeline.STEPS.values() for step in steps}
    if not jobs.a_worker_lives(store, clock.now()):
        run_here(store, installation.settings, job, lambda step: _tell(says.get(step, step)))
        return jobs.get(store, actor, job)
    seen = None
    while (found := jobs.get(store, actor, job)).state in jobs.ACTIVE:
        if found.step != seen and found.step:
            seen = found.step
            _tell(says.get(seen, seen))
        time.sleep(0.3)
    return found


def _tell(text: str) -> None:
    """Progress for a person at a terminal; a pipe gets none."""
    if sys.stderr.isatty():
        click.echo(f"  {text} ...", err=True)
