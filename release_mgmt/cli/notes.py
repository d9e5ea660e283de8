"""What was noticed of a history, told beside documents that have no place for it."""

from __future__ import annotations

from collections.abc import Sequence

import click

SHOWN = 10
"""Notes that are told at once: repositories with thousands of tags that name no version have as many of them."""


def tell(diagnostics: Sequence[str]) -> None:
    """Write the first diagnostics to standard error, and how many more there are."""
    for line in diagnostics[:SHOWN]:
        click.echo(f"release-mgmt: note: {line}", err=True)
    if len(diagnostics) > SHOWN:
        more = len(diagnostics) - SHOWN
        click.echo(f"release-mgmt: note: and {more} more; changelog --format json lists all of them", err=True)
