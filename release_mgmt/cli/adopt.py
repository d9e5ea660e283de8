"""``release-mgmt adopt``: take over what a team had before, each with a preview."""

from __future__ import annotations

from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import counted


@click.group()
def adopt() -> None:
    """Take over an old changelog, a forge's release texts, or a calendar."""


@adopt.command("changelog")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--repository", required=True, help="The repository it belongs to, as registered here.")
@click.option("--form", type=click.Choice(["keep-a-changelog", "github", "gitlab"]), default="keep-a-changelog",
              show_default=True)  # fmt: skip
@click.option("--apply", is_flag=True, help="Take it in; without this it is only shown.")
@config_option
def changelog(file: Path, repository: str, form: str, config: Path | None, *, apply: bool) -> None:
    """Old releases from a CHANGELOG.md, or from the JSON of a forge's releases."""
    from release_mgmt.services.adoption import adopt_changelog

    here = opened(config)
    text = _text(file)
    found = adopt_changelog(here.store, here.actor, here.now, repository, text=text, form=form, apply=apply)
    for one in found.items:
        click.echo(f"{one.action:7} {one.version:20} {one.date or '-':10} {counted(one.changes, 'change'):>13}")
    for note in found.notes:
        click.echo(note, err=True)
    new = sum(one.action == "add" for one in found.items)
    click.echo(f"{new} of {len(found.items)} releases {'were taken in' if apply else 'would be taken in (--apply)'}.")


@adopt.command("calendar")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--name", required=True, help="What the calendar is to be called.")
@click.option("--time-zone", required=True, help="An IANA name such as Europe/Berlin.")
def calendar(file: Path, name: str, time_zone: str) -> None:
    """A calendar file (YAML, on standard output) from an .ics file or a CSV table: read it, correct it, apply it.

    A table has the columns title, start, end and, if you like, kind (window or freeze) and reason; times are local.
    """
    import yaml

    from release_mgmt.core.windows import zone
    from release_mgmt.sources.adoption import from_csv, from_ics

    zone(time_zone)
    if file.suffix.lower() == ".csv":
        made = from_csv(_text(file), name=name, time_zone=time_zone)
    else:
        made = from_ics(file.read_bytes(), name=name, time_zone=time_zone)
    click.echo(yaml.safe_dump(made.document, sort_keys=False, allow_unicode=True, width=110), nl=False)
    for note in made.notes:
        click.echo(note, err=True)
    told = f"{counted(made.windows, 'window')} and {counted(made.freezes, 'freeze')}"
    click.echo(f"{told}; next: release-mgmt calendar apply --dry-run", err=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput.at("file", f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error
