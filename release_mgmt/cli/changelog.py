"""``release-mgmt changelog``: what each release of a repository holds."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import click

from release_mgmt.cli.notes import tell
from release_mgmt.core.changelog import Changelog
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import InvalidInput
from release_mgmt.services.history import Request, forge_of, read_changelog, repository_name
from release_mgmt.sources.git import open_repository

Form = Literal["markdown", "html", "json", "atom"]


@click.command()
@click.option("--repo", required=True, help="A checkout or a bare repository.")
@click.option("--from", "start", help="Compare with this tag, branch or commit instead of the previous release.")
@click.option("--to", "end", help="The release, branch or commit to look from; HEAD by default.")
@click.option("--all", "every", is_flag=True, help="All releases, newest version first; with --to those it contains.")
@click.option("--package", help="Only the releases of one package of a monorepo.")
@click.option("--path", "paths", multiple=True, metavar="PACKAGE=FOLDER", help="A folder that is a package's own.")
@click.option("--prereleases", type=click.Choice(["fold", "separate"]), default="fold", show_default=True)
@click.option("--pull-requests", "pulls_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="What the forge knows of pull requests, one JSON object a line.")  # fmt: skip
@click.option("--name", help="What the repository is called; its folder's name by default.")
@click.option("--no-levels", is_flag=True, help="Do not tell minor from major changes (much quicker).")
@click.option("--audience", type=click.Choice(["business", "engineering", "release-manager"]), default="engineering",
              show_default=True)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["markdown", "html", "json", "atom"]), default="markdown",
              show_default=True)  # fmt: skip
@click.option("--language", default="en", show_default=True, help="Language of the fixed words.")
@click.option("--write", "target", type=click.Path(path_type=Path, dir_okay=False),
              help="Write into this file; in Markdown only between our two marks.")  # fmt: skip
def changelog(
    repo: str,
    start: str | None,
    end: str | None,
    every: bool,
    package: str | None,
    paths: tuple[str, ...],
    prereleases: Literal["fold", "separate"],
    pulls_file: Path | None,
    name: str | None,
    no_levels: bool,
    audience: str,
    form: Form,
    language: str,
    target: Path | None,
) -> None:
    """What each release of a repository holds: every commit accounted for, in the release that first contained it.

    Without --all: the newest release and what is not released yet; with --from or --to, that range.
    """
    gc.disable()  # nothing of a history is a cycle, and looking for some costs a third of the time
    atexit.register(gc.freeze)  # nor is there anything to find at the end, when Python looks once more
    repository = open_repository(repo)
    origin = repository.origin()
    pulls: tuple[PullRequest, ...] = ()
    if pulls_file is not None:
        from release_mgmt.sources.pull_requests import read_lines

        pulls = read_lines(pulls_file.read_bytes())
    request = Request(
        name or repository_name(repository.path),
        start,
        end,
        every,
        package,
        prereleases,
        pulls,
        forge_of(origin),
        _paths(paths),
    )
    verdicts: dict[str, Any] = {}
    with _progress() as advance:
        record = read_changelog(repository, request, progress=advance)
        if not no_levels:
            from release_mgmt.services.levels import with_levels

            record, verdicts = with_levels(repository, record)
    pieces = _rendered(record, form, audience, language, origin, verdicts, pulls)
    _give(pieces, form, target)
    if form != "json":  # which has them itself
        tell(record.diagnostics)


def _paths(given: Iterable[str]) -> dict[str, tuple[str, ...]] | None:
    found: dict[str, tuple[str, ...]] = {}
    for text in given:
        package, sign, folder = text.partition("=")
        if not sign or not package:
            raise InvalidInput.at("--path", f"{text!r} names no package and folder", "PACKAGE=FOLDER")
        found[package] = (*found.get(package, ()), folder.replace("\\", "/"))
    return found or None


def _progress() -> Any:
    """Counts commits on a terminal, says nothing in a pipe."""
    if not sys.stderr.isatty():
        return nullcontext(None)
    from contextlib import contextmanager

    from rich.console import Console

    @contextmanager
    def shown() -> Any:
        with Console(stderr=True).status("Reading history") as status:
            yield lambda count: status.update(f"Reading history: {count:,} commits")

    return shown()


def _rendered(
    record: Changelog,
    form: Form,
    audience: str,
    language: str,
    origin: str | None,
    verdicts: dict[str, Any],
    pulls: tuple[PullRequest, ...],
) -> Iterable[bytes]:
    if form == "json" and audience == "engineering":  # the record itself; the other forms take a while to load
        from release_mgmt.formats import changelog_json

        return changelog_json.pieces(record)
    from release_mgmt.core.audience import Audience
    from release_mgmt.services.documents import Style, document

    return document(record, Style(form, Audience(audience), language, origin), verdicts, pulls)


def _give(pieces: Iterable[bytes], form: Form, target: Path | None) -> None:
    if target is not None:
        data = b"".join(pieces)
        if form == "markdown":
            from release_mgmt.formats.markdown import write_between

            data = write_between(_existing(target), data.decode()).encode()
        try:
            target.write_bytes(data)
        except OSError as error:
            raise InvalidInput.at("--write", f"{target} cannot be written: {error.strerror}") from error
        return
    out = sys.stdout.buffer
    for piece in pieces:
        out.write(piece)
    out.flush()


def _existing(target: Path) -> str | None:
    """The file as it is, its line ends too; None when there is none."""
    try:
        return target.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput.at("--write", f"{target} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput.at("--write", f"{target} is not UTF-8: {error.reason} at byte {error.start}") from error
