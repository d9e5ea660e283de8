"""``release-mgmt token``: API tokens, for the operator at the machine."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.permissions import Scope
from release_mgmt.services import tokens


@click.group()
def token() -> None:
    """API tokens: create, list, revoke."""


@token.command()
@config_option
@click.option("--user", "login", required=True, help="Whose: a login, best of a service account.")
@click.option("--name", required=True, help="What it is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([one.value for one in Scope]),
    help="What it may.",
)
@click.option("--days", default=90, show_default=True, help="How long it lasts.")
def create(config: Path | None, login: str, name: str, scopes: tuple[str, ...], days: int) -> None:
    """Make a token and print it; it is never shown again."""
    installation = opened(config)
    made = tokens.create(
        installation.store, installation.actor, installation.now, name=name, scopes=scopes, days=days, person=login
    )
    click.echo(made.secret)


@token.command(name="list")
@config_option
@click.option("--user", "login", help="Only those of this login.")
def list_(config: Path | None, login: str | None) -> None:
    """List tokens, newest first."""
    installation = opened(config)
    for one in tokens.of(installation.store, installation.actor, login):
        ended = one.expires_at <= installation.now
        state = "revoked" if one.revoked_at else f"{'expired' if ended else 'until'} {one.expires_at:%Y-%m-%d}"
        used = f"last used {one.used_at:%Y-%m-%d}" if one.used_at else "never used"
        click.echo(f"{one.id}  …{one.hint}  {one.name}  {one.person}  [{' '.join(one.scopes)}]  {state}, {used}")


@token.command()
@config_option
@click.argument("token_id")
def revoke(config: Path | None, token_id: str) -> None:
    """Revoke a token by its id."""
    installation = opened(config)
    tokens.revoke(installation.store, installation.actor, installation.now, token_id)
    click.echo("The token no longer works.")
