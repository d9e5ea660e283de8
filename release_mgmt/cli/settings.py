"""``release-mgmt settings``: every setting, its value and where it came from."""

from __future__ import annotations

import json
from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, read_settings
from release_mgmt.settings import PREFIX, settings_fields


@click.command()
@config_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table")
def settings(config: Path | None, form: str) -> None:
    """Show every setting, its value (secrets hidden) and where it came from."""
    chosen = read_settings(config)
    rows = []
    for one in settings_fields():
        value = getattr(chosen, one.name)
        shown = "(set)" if one.metadata["secret"] and value else value
        rows.append(
            {
                "name": one.name,
                "value": list(shown) if isinstance(shown, tuple) else shown,
                "origin": chosen.origin(one.name),
                "variable": PREFIX + one.name.upper(),
                "help": one.metadata["help"],
            }
        )
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        value = row["value"]
        told = ", ".join(value) if isinstance(value, list) else json.dumps(value)
        click.echo(f"{row['name']} = {told}  [{row['origin']}]\n    {row['help']}")
