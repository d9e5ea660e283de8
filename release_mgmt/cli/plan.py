"""``release-mgmt plan``: which release window each change of a repository goes to, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from release_mgmt.cli.repo import instant


@click.command()
@click.option("--repo", required=True, help="A checkout or a bare repository.")
@click.option("--calendar", type=click.Path(path_type=Path), help="A calendar file; the example calendar by default.")
@click.option("--now", "at", help="The instant to plan at, with an offset; releases before it are shipped.")
@click.option("--pull-requests", "pulls_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="What the forge knows of pull requests, one JSON object a line.")  # fmt: skip
@click.option("--name", help="What the repository is called; its folder's name by default.")
@click.option("--no-levels", is_flag=True, help="Take every change as minor (much quicker).")
@click.option("--format", "form", type=click.Choice(["table", "json", "ical"]), default="table", show_default=True)
def plan(
    repo: str,
    calendar: Path | None,
    at: str | None,
    pulls_file: Path | None,
    name: str | None,
    no_levels: bool,
    form: Literal["table", "json", "ical"],
) -> None:
    """Place what is not released yet in the windows of a calendar, and say why each change goes where it goes."""
    from release_mgmt import clock, resources
    from release_mgmt.core.changes import PullRequest
    from release_mgmt.services import offline, site
    from release_mgmt.services.history import Request, forge_of, read_changelog, repository_name
    from release_mgmt.sources.calendars import load_file
    from release_mgmt.sources.git import open_repository

    now = instant(at, "--now") or clock.now()
    calendars = load_file(calendar or resources.folder("config") / "calendar.example.yaml", now.year)
    repository = open_repository(repo)
    pulls: tuple[PullRequest, ...] = ()
    if pulls_file is not None:
        from release_mgmt.sources.pull_requests import read_lines

        pulls = read_lines(pulls_file.read_bytes())
    called = name or repository_name(repository.path)
    record = read_changelog(
        repository, Request(called, every=True, pulls=pulls, forge=forge_of(repository.origin())), progress=None
    )  # fmt: skip
    chosen = site.calendar_for(calendars, called)
    if not no_levels:
        from dataclasses import replace

        from release_mgmt.services.levels import with_levels

        # Only what is still to be placed needs a verdict.
        coming = {entry.id for entry in site.to_place(record, now)}
        kept = tuple(section for section in record.releases if any(entry.id in coming for entry in section.entries))
        record, _ = with_levels(repository, replace(record, releases=kept))
    made = site.plan_of(record, chosen, now)
    if form == "json":
        from release_mgmt.formats import plan_json

        click.echo(plan_json.dumps(made).decode(), nl=False)
    elif form == "ical":
        sys.stdout.buffer.write(offline.calendar_file(record, chosen, made))
    else:
        from release_mgmt.cli.tables import print_plan

        print_plan(made, chosen)
