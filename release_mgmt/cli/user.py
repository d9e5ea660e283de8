"""``release-mgmt user``: people of an installation, for the operator at the machine."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import Installation, config_option, opened
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.permissions import Role
from release_mgmt.services import people


@click.group()
def user() -> None:
    """People: add, list, give roles, link identities, reset passwords."""


def grants_of(words: tuple[str, ...]) -> tuple[people.Grant, ...]:
    """Roles as the command line takes them: ``engineer``, ``release_manager:pricing``, ``release_manager:*``."""
    found = []
    for word in words:
        role, _, calendar = word.partition(":")
        found.append({"role": role.replace("-", "_"), **({"calendar": calendar} if calendar else {})})
    return people.grants_from(list(found))


def _link(installation: Installation, person: str) -> None:
    from release_mgmt.services.signin import make_link

    link = make_link(installation.store, installation.actor, installation.now, person)
    click.echo(f"To set a password (once, within a day): {installation.settings.site}/welcome/{link}")


@user.command()
@config_option
@click.argument("login")
@click.option("--name", help="What the person is called (default: the login).")
@click.option(
    "--role", "roles", multiple=True, default=("reader",), show_default=True,
    help=f"{', '.join(Role)}; a release manager's with the calendar: release_manager:pricing, or :* for all.",
)  # fmt: skip
@click.option("--service", is_flag=True, help="An account for machines: no password, no vote, only tokens.")
def add(config: Path | None, login: str, name: str | None, roles: tuple[str, ...], *, service: bool) -> None:
    """Add somebody and print the link by which they set a password."""
    installation = opened(config)
    made = people.add(
        installation.store, installation.actor, installation.now, name=name or login, login=login,
        grants=grants_of(roles), kind="service" if service else "person",
    )  # fmt: skip
    click.echo(f"{made.id}  {made.login}")
    if not service:
        _link(installation, made.id)


@user.command(name="list")
@config_option
def list_(config: Path | None) -> None:
    """List people with their roles and teams."""
    installation = opened(config)
    after = None
    while True:
        found, after = people.search(installation.store, installation.actor, after=after, limit=500)
        for one in found:
            roles = " ".join(
                grant.role.value + (f":{grant.calendar}" if grant.role is Role.RELEASE_MANAGER else "")
                for grant in one.grants
            )
            state = "" if one.active else "  disabled"
            click.echo(f"{one.id}  {one.login}  {one.name}  [{roles or 'no role'}]  {' '.join(one.teams)}{state}")
        if after is None:
            return


@user.command()
@config_option
@click.argument("login")
@click.option("--role", "roles", multiple=True, help="Replace the roles by these; give it once for each role.")
@click.option("--disable/--enable", default=None, help="Disable or enable the account.")
@click.option("--reason", help="Why, for the audit log.")
def change(
    config: Path | None, login: str, roles: tuple[str, ...], reason: str | None, *, disable: bool | None
) -> None:
    """Give other roles, disable or enable."""
    installation = opened(config)
    if not roles and disable is None:
        raise InvalidInput.at("--role", "nothing to change was given", "--role, --disable or --enable")
    people.change(
        installation.store, installation.actor, installation.now, login, grants=grants_of(roles) if roles else None,
        active=None if disable is None else not disable, reason=reason,
    )  # fmt: skip
    click.echo(f"{login} was changed.")


@user.command()
@config_option
@click.argument("login")
@click.argument("identity")
@click.option("--remove", is_flag=True, help="Unlink it.")
def link(config: Path | None, login: str, identity: str, *, remove: bool) -> None:
    """Say that IDENTITY (email:ada@example.org, github:ada) is LOGIN's, so that their changes are recognised."""
    kind, _, value = identity.partition(":")
    installation = opened(config)
    act = people.unlink if remove else people.link
    act(installation.store, installation.actor, installation.now, login, kind=kind, value=value)
    click.echo(f"{identity} {'is no longer' if remove else 'is'} {login}'s.")


@user.command()
@config_option
@click.argument("login")
def reset(config: Path | None, login: str) -> None:
    """Print a one-time link by which LOGIN sets a new password."""
    _link(opened(config), login)
