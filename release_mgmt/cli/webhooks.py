"""``release-mgmt webhooks``: what forges sent, and processing it once more."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened


@click.group()
def webhooks() -> None:
    """List and replay webhook deliveries."""


@webhooks.command("list")
@config_option
@click.option("--status", type=click.Choice(["waiting", "done", "ignored", "failed"]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
def list_deliveries(config: Path | None, status: str | None, limit: int) -> None:
    """The newest deliveries, newest first."""
    from release_mgmt.services import webhooks as services

    installation = opened(config)
    found = services.deliveries(installation.store, installation.actor, status=status, limit=limit)
    if not found.items:
        click.echo("No delivery has come in yet. The administration pages tell what to enter at the forge.")
    for one in found.items:
        what = f"{one.provider} {one.event}" + (f"/{one.action}" if one.action else "")
        told = f"  {one.error}" if one.error else ""
        click.echo(
            f"{one.id}  {one.received_at:%Y-%m-%d %H:%M:%S}Z  {one.status:8} {what}  {one.forge_slug or '-'}{told}"
        )


@webhooks.command()
@config_option
@click.argument("delivery")
def replay(config: Path | None, delivery: str) -> None:
    """Process DELIVERY (its id) once more; its effect is the same however often."""
    from release_mgmt.services import webhooks as services

    installation = opened(config)
    services.replay(installation.store, installation.actor, installation.now, delivery)
    done = services.process(installation.store, installation.now, delivery)
    click.echo("Done." if done else "It failed again; `release-mgmt webhooks list` shows why.")
