"""``release-mgmt backup`` and ``restore`` (compressed files), ``export`` and ``import`` (JSON Lines)."""

from __future__ import annotations

import gzip
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import click

from release_mgmt.cli.installation import Installation, config_option, opened
from release_mgmt.core.errors import Conflict, InvalidInput, Unavailable
from release_mgmt.core.text import counted
from release_mgmt.services import audit
from release_mgmt.store import transfer


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def backup(config: Path | None, file: Path, *, overwrite: bool) -> None:
    """Write everything that is stored to FILE (.jsonl.gz), consistent while the installation runs.

    Mirrors of repositories are not in it (they are fetched again), nor are browser sessions and the secret key.
    """
    if file.exists() and not overwrite:
        raise Conflict(f"{file} is there already.", hint="Choose another name, or --overwrite.")
    installation = opened(config)
    lines = _write(file, transfer.dump(installation.store))
    click.echo(f"{file}: {counted(lines - 2, 'row')}, {file.stat().st_size} bytes.")


def _write(file: Path, lines: Iterable[bytes]) -> int:
    """All or nothing: a name of its own first, on the disk, then into place; readable by its owner only."""
    count = 0
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise Unavailable(f"{file.parent} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
                for line in lines:
                    packed.write(line)
                    count += 1
            raw.flush()
            os.fsync(raw.fileno())
        Path(temporary).replace(file)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}.", hint="Nothing was changed.") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return count


@click.command()
@config_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(config: Path | None, file: Path) -> None:
    """Load the backup FILE into an installation that holds nothing yet; whole or not at all."""
    try:
        with gzip.open(file, "rb") as lines:
            rows = _load(opened(config), lines, f"backup {file.name}")
    except (gzip.BadGzipFile, EOFError) as error:
        raise InvalidInput.at("file", "this is no whole backup. Nothing was changed.") from error
    click.echo(f"{counted(rows, 'row')} restored.")


@click.command()
@config_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write (default: standard output)."
)
def export(config: Path | None, out: Path | None) -> None:
    """Write everything that is stored as JSON Lines, one row a line: the way to another database."""
    installation = opened(config)
    if out is None:
        sys.stdout.buffer.writelines(transfer.dump(installation.store))
        return
    try:
        file = out.open("wb")
    except OSError as error:
        raise Unavailable(f"{out} cannot be written: {error.strerror}.") from error
    with file:
        file.writelines(transfer.dump(installation.store))


@click.command(name="import")
@config_option
@click.argument("file", type=click.File("rb"))
def import_(config: Path | None, file: IO[bytes]) -> None:
    """Load an export FILE (`-`: standard input) into an installation that holds nothing yet."""
    click.echo(f"{counted(_load(opened(config), file, 'export'), 'row')} imported.")


def _load(installation: Installation, lines: Iterable[bytes], what: str) -> int:
    with installation.store.write() as session:
        rows = transfer.load(session, lines)
        audit.record(
            session, installation.actor, installation.now, action="installation.load", subject="installation:all",
            after={"from": what, "rows": rows},
        )  # fmt: skip
        return rows
