"""``release-mgmt freeze``: stop releases for a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.errors import InvalidInput


@click.command()
@config_option
@click.argument("calendar")
@click.argument("identity")
@click.option("--days", nargs=2, metavar="FIRST LAST", help="Whole local days, both included.")
@click.option("--start", help="Local wall time, for instance 2026-12-18T18:00.")
@click.option("--end", help="Local wall time.")
@click.option("--soft", is_flag=True, help="Warn only: releases need an acknowledgement.")
@click.option("--repository", "repositories", multiple=True, help="Only this repository (may be repeated).")
@click.option("--team", "teams", multiple=True, help="Only this team (may be repeated).")
@click.option("--environment", "environments", multiple=True, help="Only this environment (may be repeated).")
@click.option("--level", "levels", multiple=True, type=click.Choice(["minor", "major"]), help="Only this level.")
@click.option("--reason", help="What people read; needed unless the freeze is taken away.")
@click.option("--remove", is_flag=True, help="Take the freeze away; nothing moves back by itself.")
@click.option("--dry-run", is_flag=True, help="Only tell which changes it would hit.")
def freeze(
    config: Path | None,
    calendar: str,
    identity: str,
    days: tuple[str, str] | None,
    start: str | None,
    end: str | None,
    repositories: tuple[str, ...],
    teams: tuple[str, ...],
    environments: tuple[str, ...],
    levels: tuple[str, ...],
    reason: str | None,
    *,
    soft: bool,
    remove: bool,
    dry_run: bool,
) -> None:
    """Add, change or take away the freeze IDENTITY of CALENDAR."""
    from release_mgmt.cli.tables import print_applied
    from release_mgmt.services import calendars

    item: dict[str, Any] | None = None
    if not remove:
        if not reason:
            raise InvalidInput.at("--reason", "is missing", "what people read about the freeze")
        scope = {"repositories": repositories, "teams": teams, "environments": environments, "levels": levels}
        item = {
            **({"days": list(days)} if days else {}),
            **({"start": start} if start else {}),
            **({"end": end} if end else {}),
            "hard": not soft,
            "reason": reason,
            "scope": {name: list(values) for name, values in scope.items() if values},
        }
    installation = opened(config)
    applied = calendars.edit(
        installation.store, installation.actor, installation.now, calendar, "freezes", item, identity=identity,
        reason=reason, dry_run=dry_run,
    )  # fmt: skip
    print_applied(applied)
