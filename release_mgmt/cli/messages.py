"""``release-mgmt messages``: where messages go, what was sent, and sending once more."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from release_mgmt.cli.installation import config_option, opened


@click.group()
def messages() -> None:
    """Messages: places, deliveries, tests."""


@messages.command("list")
@config_option
@click.option("--state", type=click.Choice(["waiting", "sending", "sent", "failed", "dropped"]), help="Only those.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
def list_messages(config: Path | None, state: str | None, limit: int) -> None:
    """The newest messages, newest first."""
    from release_mgmt.services.messages import log

    installation = opened(config)
    found = log.search(installation.store, installation.actor, state=state, limit=limit).items
    if not found:
        click.echo("No message yet.")
    for one in found:
        told = f"  {one.error}" if one.error else ""
        click.echo(
            f"{one.id}  {one.created_at:%Y-%m-%d %H:%M:%S}Z  {one.state:8} {one.channel:8} {one.target_name}  "
            f"{one.subject}{told}"
        )


@messages.command()
@config_option
@click.argument("message")
def replay(config: Path | None, message: str) -> None:
    """Send MESSAGE (its id) once more, under the same id; a worker does it."""
    from release_mgmt.services.messages import log

    installation = opened(config)
    log.replay(installation.store, installation.actor, installation.now, message)
    click.echo("It is on its way again.")


@messages.command()
@config_option
def targets(config: Path | None) -> None:
    """Webhooks, chats and mail addresses of teams."""
    from release_mgmt.services.messages import targets as services

    installation = opened(config)
    for one in services.every(installation.store, installation.actor):
        state = "off" if one.mode == "off" else f"fails: {one.last_error}" if one.failing_since else "on"
        click.echo(f"{one.id}  {one.channel:8} {one.name}  {one.address or '-'}  {one.team or '-'}  {state}")


@messages.command()
@config_option
@click.option("--channel", type=click.Choice(["webhook", "chat", "email"]), required=True)
@click.option("--name", required=True, help="What it is called here.")
@click.option("--team", help="Tell only what concerns this team.")
@click.option(
    "--address-file", type=click.File(), default="-", help="File with the address (- is standard input): it is secret."
)
def add(config: Path | None, channel: str, name: str, team: str | None, address_file: TextIO) -> None:
    """Add a place for messages. A webhook's secret is printed once."""
    from release_mgmt.services.messages import posting
    from release_mgmt.services.messages import targets as services

    installation = opened(config)
    post = posting.post_of(installation.settings)
    made = services.add(
        installation.store, installation.actor, installation.now, channel=channel, name=name,
        address=address_file.read().strip(), office=post.office, hosts=post.hosts, team=team,
    )  # fmt: skip
    click.echo(made.id)
    if made.secret:
        click.echo(made.secret)


@messages.command()
@config_option
@click.argument("target")
def test(config: Path | None, target: str) -> None:
    """Send a test to TARGET (its id); a worker does it."""
    from release_mgmt.services.messages import log, posting

    installation = opened(config)
    office = posting.post_of(installation.settings).office
    click.echo(log.test(installation.store, installation.actor, installation.now, target, office))
