"""``release-mgmt init``: make an installation that can be used."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt import clock
from release_mgmt.cli.installation import Installation, config_option, opened, prepare, read_settings


@click.command()
@config_option
def init(config: Path | None) -> None:
    """Make the data folder, the secret key and the database; print a one-time link for the first administrator."""
    from release_mgmt.services.opening import secret_key

    settings = read_settings(config)
    if settings.database_url:
        from release_mgmt.store import migrate

        migrate.upgrade(settings.database)
    prepare(settings)
    secret_key(settings)
    click.echo(f"The installation in {settings.data_path} is ready.")
    show_first_link(opened(config))


def show_first_link(installation: Installation) -> None:
    """Print the link by which the first administrator signs up, if there is none yet."""
    from release_mgmt.services.signin import first_administrator_link

    link = first_administrator_link(installation.store, installation.actor, clock.now())
    if link is None:
        click.echo("There is an administrator already; `release-mgmt user add` adds people.")
    else:
        click.echo(
            f"Sign in once as the first administrator (within a day): {installation.settings.site}/welcome/{link}"
        )
