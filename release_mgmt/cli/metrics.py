"""``release-mgmt metrics``: delivery and predictability from the database of this installation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@config_option
@click.option("--repository", help="Only this repository.")
@click.option("--team", help="Only what this team owns or what affects it.")
@click.option("--calendar", help="Only this calendar; its time zone tells where days begin.")
@click.option("--environment", help="Deployments there instead of in production.")
@click.option("--since", type=_DAY, help="First day; the last 13 weeks by default.")
@click.option("--until", type=_DAY, help="Last day, included; today by default.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
def metrics(
    config: Path | None,
    repository: str | None,
    team: str | None,
    calendar: str | None,
    environment: str | None,
    since: datetime | None,
    until: datetime | None,
    form: str,
) -> None:
    """How often and how well changes reach production, and how far announced dates can be relied on."""
    import orjson
    from rich.console import Console

    from release_mgmt.formats import metrics as formats
    from release_mgmt.services.metrics import Asked, measure

    installation = opened(config)
    asked = Asked(
        repository=repository, team=team, calendar=calendar, environment=environment,
        since=since.date() if since else None, until=until.date() if until else None,
    )  # fmt: skip
    found = measure(installation.store, installation.actor, installation.now, asked)
    scope = {name: getattr(found.asked, name) for name in ("repository", "team", "calendar", "environment")}
    if form == "csv":
        click.echo(formats.table(found.figures, scope), nl=False)
        return
    if form == "json":
        body = {
            "schema": formats.SCHEMA, "scope": scope, "period": formats.period(found.span),
            "figures": [formats.figure(one) for one in found.figures],
        }  # fmt: skip
        click.echo(orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
        return
    console = Console(highlight=False)
    named = ", ".join(f"{name} {value}" for name, value in scope.items() if value) or "everything"
    span = found.span
    console.print(f"{span.first} to {span.last} ({span.zone}), {named}", markup=False)
    for one in found.figures:
        console.print(f"\n[bold]{one.definition.title}[/]  {formats.words(one)}")
        console.print(f"  {formats.basis(one)}", style="dim", markup=False)
