"""``release-mgmt start``: from nothing to a served calendar of one repository, in one command."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release_mgmt.core.text import counted

if TYPE_CHECKING:
    from release_mgmt.cli.installation import Installation
    from release_mgmt.settings import Settings
    from release_mgmt.sources.addresses import AddressPolicy

PATIENCE = 90.0


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file.")
@click.option("--repo", required=True, help="A folder or an https address.")
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8000).")
def start(config: Path | None, repo: str, host: str | None, port: int | None) -> None:
    """Make an installation in `var/`, register REPO, sync, classify, plan by the example calendar, and serve."""
    from release_mgmt.cli.serve import Supervisor, make_server, require_free, require_writable, shared_counts

    with shared_counts():
        from release_mgmt.cli.installation import opened, operator, prepare, read_settings
        from release_mgmt.services import repositories
        from release_mgmt.settings import DEFAULT

        settings = read_settings(config)
        settings = replace(settings, host=host or settings.host, port=settings.port if port is None else port)
        if settings.origin("log_level") == DEFAULT:  # whoever tries it reads the addresses, not a line for each request
            settings = replace(settings, log_level="warning")
        os.environ["RELEASE_MGMT_HOST"], os.environ["RELEASE_MGMT_PORT"] = settings.host, str(settings.port)
        require_free(settings.host, settings.port)
        repositories.readable(operator(), repo, _allowed(settings))  # refused before anything is made
        prepare(settings)
        require_writable(settings)
        installation = opened(config)
        _calendar(installation)
        name = _register(installation, repo)
        supervisor = Supervisor(settings, config, log_level="warning")
        try:
            supervisor.start()
            _carry_out(installation, name)
            _addresses(installation, name)
            installation.store.close()
            make_server(settings).run()
        finally:
            supervisor.stop()


def _calendar(installation: Installation) -> None:
    """The example calendar, when there is no calendar yet."""
    from release_mgmt import resources
    from release_mgmt.services import calendars
    from release_mgmt.sources.calendars.files import load_yaml, read_file

    if calendars.every(installation.store, installation.actor):
        return
    example = resources.folder("config") / "calendar.example.yaml"
    for document in load_yaml(read_file(example)):
        calendars.apply(
            installation.store, installation.actor, installation.now, document, reason="The example to begin with."
        )


def _allowed(settings: Settings) -> AddressPolicy:
    """Which addresses may be read, by the settings."""
    from release_mgmt.services import repositories

    return repositories.policy(
        settings.repository_roots, settings.repository_hosts, allow_http=settings.allow_plain_http
    )


def _register(installation: Installation, location: str) -> str:
    """The name of the repository at ``location``, registered now or before."""
    from release_mgmt.core.errors import Conflict
    from release_mgmt.services import repositories

    allowed = _allowed(installation.settings)
    try:
        made = repositories.register(
            installation.store, installation.actor, installation.now, location=location, allowed=allowed
        )
    except Conflict as error:
        if error.code != "already_registered":
            raise
        return str(error.details["name"])
    return made.name


def _carry_out(installation: Installation, name: str) -> None:
    """Wait until the first job is done, telling its steps; a long one goes on while the pages are served."""
    from release_mgmt.core import pipeline
    from release_mgmt.services import jobs, repositories

    store, actor = installation.store, installation.actor
    found = repositories.get(store, actor, name)
    job = jobs.enqueue(store, actor, installation.now, pipeline.REFRESH, found.id)
    says = {step.name: step.says for step in pipeline.STEPS[pipeline.REFRESH]}
    seen, limit = None, time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        view = jobs.get(store, actor, job)
        if view.step and view.step != seen:
            seen = view.step
            click.echo(f"{name}: {says.get(seen, seen)} ...", err=True)
        if view.state not in jobs.ACTIVE:
            break
        time.sleep(0.2)
    else:
        click.echo(f"{name}: still working; the pages show how far it is.", err=True)
        return
    if view.state != "done":
        click.echo(f"{name}: {view.state}. {view.message or ''}", err=True)
        return
    done = repositories.get(store, actor, name)
    click.echo(f"{name}: {counted(done.releases, 'release')}, {counted(done.changes, 'change')}.", err=True)


def _feed_token(installation: Installation) -> str:
    """The token of one feed for whoever tries it, the same at every start: only its hash is in the database."""
    from release_mgmt.services import calendars
    from release_mgmt.services.feeds import subscriptions
    from release_mgmt.services.opening import kept_once

    def make() -> str:
        named = [calendar.name for calendar in calendars.every(installation.store, installation.actor)]
        name = named[0] if len(named) == 1 else "Releases"  # subscribers read it in their calendar program
        made = subscriptions.create(installation.store, installation.actor, installation.now, name=name)
        assert made.token is not None
        return made.token

    return kept_once(installation.settings.data_path / "start-feed.token", make)


def _addresses(installation: Installation, name: str) -> None:
    """Print where everything is, with a subscription link and the first administrator's one-time link."""
    from release_mgmt.services.signin import first_administrator_link

    site = installation.settings.site
    token = _feed_token(installation)
    link = first_administrator_link(installation.store, installation.actor, installation.now)
    rows = [
        ("Calendar", f"{site}/"),
        ("Repository", f"{site}/repositories/{name}"),
        ("API", f"{site}/api/v1/docs"),
        ("Subscribe", f"{site}/feeds/{token}/calendar.ics"),
        ("Changelog feed", f"{site}/feeds/{token}/changelog.atom"),
    ]
    if link:
        rows.append(("Sign in once as administrator", f"{site}/welcome/{link}"))
    else:
        rows.append(("Sign in", f"{site}/sign-in"))
    click.echo("")
    for title, address in rows:
        click.echo(f"  {title:30} {address}")
    click.echo("\nStop with Ctrl-C.")
    sys.stdout.flush()
