"""``release-mgmt publish``: a static site of a repository's changelogs, coming windows and calendar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from release_mgmt.cli import notes
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.classification import Classification
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import counted


@click.command()
@click.option("--repo", required=True, help="A checkout or a bare repository.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False),
              help="The folder to write: empty, new, or of an earlier run.")  # fmt: skip
@click.option("--calendar", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A calendar file: what is not released yet is placed in its windows.")  # fmt: skip
@click.option("--now", "at", help="The instant to plan at, with an offset; the present by default.")
@click.option("--pull-requests", "pulls_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="What the forge knows of pull requests, one JSON object a line.")  # fmt: skip
@click.option("--name", help="What the repository is called; its folder's name by default.")
@click.option("--language", default="en", show_default=True, help="Language of the pages.")
@click.option("--base-url", help="The address that the site will have, for links in feeds.")
@click.option("--no-levels", is_flag=True, help="Do not tell minor from major changes (much quicker).")
def publish(
    repo: str,
    out: Path,
    calendar: Path | None,
    at: str | None,
    pulls_file: Path | None,
    name: str | None,
    language: str,
    base_url: str | None,
    no_levels: bool,
) -> None:
    """Write a complete static site: an index, a page for each release, changelogs for each audience in Markdown, HTML,
    JSON and Atom, the coming windows and calendar.ics. It works from a file: address and on any static host."""
    from release_mgmt import clock
    from release_mgmt.formats.words import Words
    from release_mgmt.services import site
    from release_mgmt.services.annotations import annotations_of
    from release_mgmt.services.history import Request, forge_of, read_changelog, repository_name
    from release_mgmt.sources.git import open_repository

    Words(language)  # an unknown language is told before anything is read
    now = _instant(at) if at else clock.now()
    base = _base(base_url)
    repository = open_repository(repo)
    origin = repository.origin()
    pulls: tuple[PullRequest, ...] = ()
    if pulls_file is not None:
        from release_mgmt.sources.pull_requests import read_lines

        pulls = read_lines(pulls_file.read_bytes())
    calendars = []
    if calendar is not None:
        from release_mgmt.sources.calendars import load_file

        calendars = load_file(calendar, now.year)
        if not calendars:
            raise InvalidInput.at("--calendar", "the file holds no calendar")
    request = Request(name or repository_name(repository.path), every=True, pulls=pulls, forge=forge_of(origin))
    with _progress() as tell:
        record = read_changelog(repository, request, progress=lambda count: tell(f"Reading history: {count:,} commits"))
        verdicts: dict[str, Classification] = {}
        if not no_levels:
            from release_mgmt.services.levels import with_levels

            tell("Telling minor from major changes")
            record, verdicts = with_levels(repository, record)
        known = annotations_of(record, verdicts, pulls)
        upcoming = None
        if calendars:
            tell("Placing what is coming")
            upcoming, known = site.coming(record, calendars, known, now)
        made = site.Site(record, known, upcoming, origin, language, base, site.read_state(out, site.STATE))
        count = site.write(out, site.build(made), progress=lambda file: tell(f"Writing {file}"))
    notes.tell(record.diagnostics)
    click.echo(f"{counted(count, 'file')} in {out}: open {out / 'index.html'}", err=True)


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput.at("--now", f"{text[:60]!r} is not an instant", "for example 2026-11-20T10:00:00Z")
    return found.astimezone(UTC).replace(microsecond=0)


def _base(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise InvalidInput.at(
            "--base-url", f"{text[:60]!r} is not an address", "for example https://example.org/changes"
        )
    return text.rstrip("/")


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """What is being done, on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda text: None  # noqa: ARG005 - nothing to show it on
        return
    from rich.console import Console

    with Console(stderr=True).status("Reading history") as status:
        yield status.update
