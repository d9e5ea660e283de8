"""``release-mgmt override``: a person's correction of a level."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.errors import InvalidInput


@click.command()
@config_option
@click.argument("change")
@click.argument("level", type=click.Choice(["minor", "major"]), required=False)
@click.option("--withdraw", is_flag=True, help="Take the override back; the rules' verdict counts again.")
@click.option("--reason", required=True, help="Why; it is shown with the change and kept in the audit log.")
def override(config: Path | None, change: str, level: str | None, reason: str, *, withdraw: bool) -> None:
    """Set the level of CHANGE (its id) by hand, as the operator at the machine."""
    from release_mgmt.services import overrides

    if (level is None) != withdraw:
        raise InvalidInput.at("level", "give a level or --withdraw", "minor, major or --withdraw")
    installation = opened(config)
    store, actor, now = installation.store, installation.actor, installation.now
    if level is None:
        overrides.withdraw_override(store, actor, now, change, reason)
    else:
        overrides.override(store, actor, now, change, level, reason, source="command")
    click.echo(f"{change}: {level or 'the verdict of the rules counts again'}")
