"""``release-mgmt calendar``: release calendars of an installation."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened


@click.group()
def calendar() -> None:
    """Apply, list and show release calendars; import holidays and .ics files."""


@calendar.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only tell what would change, in the calendar and in the plan.")
@click.option("--reason", help="Why, for the audit log.")
def apply(config: Path | None, file: Path, reason: str | None, *, dry_run: bool) -> None:
    """Make or replace the calendars in FILE (one YAML document each)."""
    from release_mgmt.cli.tables import print_applied
    from release_mgmt.services import calendars
    from release_mgmt.sources.calendars import load_yaml, read_file

    documents = load_yaml(read_file(file))
    installation = opened(config)
    for document in documents:
        applied = calendars.apply(
            installation.store, installation.actor, installation.now, document, reason=reason, dry_run=dry_run
        )
        print_applied(applied)


@calendar.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """The calendars and the version of their plans."""
    from release_mgmt.services import calendars

    installation = opened(config)
    for each in calendars.every(installation.store, installation.actor):
        public = "  public" if each.public else ""
        click.echo(f"{each.slug}  {each.name}  {each.time_zone}  plan {each.plan_version}{public}")


@calendar.command()
@config_option
@click.argument("slug")
def show(config: Path | None, slug: str) -> None:
    """The calendar SLUG as a file that `calendar apply` takes."""
    import yaml

    from release_mgmt.services import calendars

    installation = opened(config)
    found = calendars.get(installation.store, installation.actor, slug)
    click.echo(yaml.safe_dump(dict(found.document), sort_keys=False, allow_unicode=True), nl=False)


@calendar.command()
@config_option
@click.argument("slug")
@click.option("--reason", help="Why, for the audit log.")
def replan(config: Path | None, slug: str, reason: str | None) -> None:
    """Plan the calendar SLUG again."""
    from release_mgmt.cli.tables import print_effects
    from release_mgmt.services import plans

    installation = opened(config)
    told = plans.replan(installation.store, installation.actor, installation.now, slug, reason=reason)
    click.echo(f"{slug}: plan {told.version}")
    print_effects(told)
