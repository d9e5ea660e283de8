"""``release-mgmt db``: the database's schema."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, read_settings
from release_mgmt.store import migrate


@click.group()
def db() -> None:
    """Bring the database to this version's schema, back, or tell where it stands."""


@db.command()
@config_option
@click.argument("revision", default="head")
def upgrade(config: Path | None, revision: str) -> None:
    """Migrate up to REVISION (default: the newest), all or nothing."""
    settings = read_settings(config)
    before = migrate.standing(settings.database)
    after = migrate.upgrade(settings.database, revision)
    click.echo(f"{before.revision or 'empty'} -> {after.revision}" if before != after else f"{after.revision} already")


@db.command()
@config_option
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask: what the newer tables hold is lost.")
def downgrade(config: Path | None, revision: str, *, yes: bool) -> None:
    """Migrate down to REVISION (or `base`); what the newer tables hold is lost."""
    settings = read_settings(config)
    if not yes:
        click.confirm("What the newer tables hold is lost. Go on?", abort=True)
    click.echo(migrate.downgrade(settings.database, revision).revision or "empty")


@db.command()
@config_option
def current(config: Path | None) -> None:
    """Tell the database's revision; exit code 1 unless it is this version's."""
    found = migrate.standing(read_settings(config).database)
    click.echo(f"{found.revision or 'empty'} ({found.state}; this version has {found.newest})")
    if found.state != "current":
        raise SystemExit(1)
