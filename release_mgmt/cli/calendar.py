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


@calendar.command(name="import")
@config_option
@click.argument("slug")
@click.argument("source")
@click.option("--soft", is_flag=True, help="The events warn only.")
@click.option("--dry-run", is_flag=True, help="Only tell what would come in.")
def import_(config: Path | None, slug: str, source: str, *, soft: bool, dry_run: bool) -> None:
    """Take the events of an .ics file or https address SOURCE into the calendar SLUG as freezes."""
    from release_mgmt.cli.tables import print_effects
    from release_mgmt.services import imports, repositories

    installation = opened(config)
    chosen = installation.settings
    if source.lower().startswith(("https:", "http:", "webcal:")):
        allowed = repositories.policy((), chosen.repository_hosts, allow_http=chosen.allow_plain_http)
        found = imports.import_url(
            installation.store, installation.actor, installation.now, slug, source, allowed=allowed, hard=not soft,
            dry_run=dry_run,
        )  # fmt: skip
    else:
        found = imports.import_ics(
            installation.store, installation.actor, installation.now, slug, _content(source), source=source,
            hard=not soft, dry_run=dry_run,
        )  # fmt: skip
    told = f"{len(found.added)} new, {len(found.changed)} changed, {len(found.cancelled)} called off"
    click.echo(f"{slug}: {told}, {found.unchanged} as before{' (nothing was written)' * dry_run}")
    for one in found.left_out:
        click.echo(f"left out: {one.path}: {one.message}")
    print_effects(found.effects)


def _content(source: str) -> bytes:
    from release_mgmt.core.errors import InvalidInput
    from release_mgmt.sources.calendars.ics import MOST_BYTES

    try:
        with Path(source).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput.at("SOURCE", f"cannot be read: {error.strerror}", "a file or https address") from error


@calendar.command()
@config_option
@click.argument("slug")
@click.argument("country")
@click.option("--subdivision", help="A state or province, for instance BE.")
@click.option("--dry-run", is_flag=True, help="Only tell which days would come in.")
def holidays(config: Path | None, slug: str, country: str, subdivision: str | None, *, dry_run: bool) -> None:
    """Write the holidays of COUNTRY (or a market such as XNYS) into the days off of the calendar SLUG."""
    from release_mgmt.services import imports

    installation = opened(config)
    found = imports.import_holidays(
        installation.store, installation.actor, installation.now, slug, country, subdivision=subdivision,
        dry_run=dry_run,
    )  # fmt: skip
    click.echo(f"{slug}: {len(found.added)} new days off{' (nothing was written)' * dry_run}")
