"""``release-mgmt audit``: check the chain of the audit log, and export it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.text import counted
from release_mgmt.formats import audit as rendered
from release_mgmt.services import audit as service


@click.group()
def audit() -> None:
    """The audit log: verify, export."""


@audit.command()
@config_option
def verify(config: Path | None) -> None:
    """Check that no row was changed, removed or inserted; exit 1 when the chain is broken."""
    installation = opened(config)
    found = service.verify_chain(installation.store, installation.actor)
    if found.fault is not None:
        click.echo(f"The chain is broken: {found.fault.message} ({found.checked} rows before it are sound.)", err=True)
        sys.exit(1)
    click.echo(f"The chain is sound: {counted(found.checked, 'row')}, the last is {found.last} with hash {found.hash}.")


@audit.command()
@config_option
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def export(config: Path | None, form: str) -> None:
    """Write the whole log to standard output, newest first."""
    installation = opened(config)
    found = service.everything(installation.store, installation.actor, service.Query())
    rows = ((one.entry, one.hash, one.name) for one in found)
    for text in (rendered.comma_separated if form == "csv" else rendered.json_lines)(rows):
        sys.stdout.write(text)
