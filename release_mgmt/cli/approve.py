"""``release-mgmt approve``: vote as a person, from the machine; the audit log says that it came this way."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.approvals import Verdict
from release_mgmt.core.errors import InvalidInput


@click.command()
@config_option
@click.option("--as", "login", required=True, help="The login of the person who votes.")
@click.option("--window", help="CALENDAR/KEY: approve everything in it that this person may approve.")
@click.option("--change", help="One change by its id.")
@click.option("--environment", default="prod", show_default=True, help="Where the change is to go.")
@click.option("--reject", is_flag=True, help="Reject instead; needs --reason.")
@click.option("--reason", help="Why.")
def approve(
    config: Path | None,
    login: str,
    window: str | None,
    change: str | None,
    environment: str,
    reason: str | None,
    *,
    reject: bool,
) -> None:
    """Approve (or reject) a change, or every change in a window."""
    from release_mgmt.services import actors, approvals, window_votes

    if (window is None) == (change is None) or (window and reject):
        raise InvalidInput.at("--change", "give a change or a window (a window cannot be rejected)", "one of the two")
    installation = opened(config)
    actor = actors.by_login(installation.store, login, installation.now)
    if change is not None:
        verdict = Verdict.REJECT if reject else Verdict.APPROVE
        approvals.vote(installation.store, actor, installation.now, change, environment, verdict, reason=reason)
        click.echo(f"{change}: {verdict.value}")
        return
    calendar, _, key = (window or "").partition("/")
    for one in window_votes.vote(installation.store, actor, installation.now, calendar, key, reason=reason):
        click.echo(f"{one.change}: {'approve' if one.vote else f'{one.code}: {one.message}'}")
