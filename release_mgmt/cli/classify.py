"""``release-mgmt classify``: the level of revisions, with the evidence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from release_mgmt.core.classification import Classification
from release_mgmt.core.classification.advised import advise
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.services.advisories import read_advisories
from release_mgmt.services.classify import classify_revisions, default_rules
from release_mgmt.services.evidence_cache import FileCache
from release_mgmt.services.verdicts import as_json
from release_mgmt.sources.git import Repository, open_repository


@click.command()
@click.option("--repo", required=True, type=click.Path(path_type=Path), help="A checkout or a bare repository.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read one revision a line from standard input.")
@click.option("--explain", is_flag=True, help="Show every piece of evidence with the rule that judged it.")
@click.option("--format", "form", type=click.Choice(["table", "jsonl"]), default="table", show_default=True)
@click.option(
    "--rules",
    "rules_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rules tried before ours.",
)
@click.option(
    "--processes", type=click.IntRange(1, 64), default=None, help="Processes to use; as many as the machine allows."
)
@click.option(
    "--advisories",
    "advisories_place",
    type=click.Path(path_type=Path, exists=True),
    help="A folder or file of OSV documents: known advisories on new and updated libraries are told.",
)
@click.option("--no-cache", is_flag=True, help="Neither take what was read before from the cache nor keep it.")
@click.argument("revisions", nargs=-1, metavar="[REV | A..B ...]")
def classify(
    repo: Path,
    from_stdin: bool,
    explain: bool,
    form: str,
    rules_file: Path | None,
    processes: int | None,
    advisories_place: Path | None,
    no_cache: bool,
    revisions: tuple[str, ...],
) -> None:
    """Tell minor from major changes by what they contain; HEAD where no revision is given.

    A..B stands for the commits of B that A does not have, newest first.
    """
    repository = open_repository(repo)
    rules = default_rules(rules_file.read_text("utf-8") if rules_file else None)
    given: Iterable[str] = (line.strip() for line in sys.stdin) if from_stdin else revisions or ("HEAD",)
    shas = list(_resolved(repository, (one for one in given if one)))
    advisories = read_advisories(advisories_place) if advisories_place else None
    cache = None if no_cache else FileCache()
    count = processes or len(os.sched_getaffinity(0))
    with _progress(len(shas)) as bar:
        task = bar.add_task("Classifying", total=len(shas))
        results = classify_revisions(
            repository, shas, rules, cache, processes=count, progress=lambda more: bar.advance(task, more)
        )
        if advisories:
            results = ((sha, advise(verdict, advisories)) for sha, verdict in results)
        if form == "jsonl":
            _print_lines(results, explain)
        else:
            found = list(results)
    if form == "table":
        _print_table(found, explain)


def _resolved(repository: Repository, revisions: Iterable[str]) -> Iterator[str]:
    for revision in revisions:
        begin, dots, end = revision.partition("..")
        if not dots:
            yield repository.resolve(revision)
        elif end.startswith("."):
            raise InvalidInput.at(revision[:100], "a range has two dots", "A..B")
        else:
            excluded = [repository.resolve(begin or "HEAD")]
            yield from (commit.sha for commit in repository.log([repository.resolve(end or "HEAD")], excluded))


def _progress(count: int) -> Progress:
    shown = sys.stderr.isatty() and count > 20
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True)


def _print_lines(results: Iterable[tuple[str, Classification]], explain: bool) -> None:
    out = sys.stdout.buffer
    for sha, verdict in results:
        line = as_json(sha, verdict)
        if explain:
            line["explanation"] = _sentences(verdict)
        out.write(orjson.dumps(line) + b"\n")
    out.flush()


def _sentences(verdict: Classification) -> list[str]:
    """The reasons, one sentence each, the weightiest first."""
    found = []
    for one in verdict.evidence:
        place = one.path + (f":{one.line}" if one.line else "")
        moved = f"{one.old or '(none)'} -> {one.new or '(none)'} " if one.old or one.new else ""
        subject = "" if (one.new or "").startswith(one.subject) else f"{one.subject} "  # a statement is its own
        found.append(one_line(f"{one.level} by rule {one.rule}: {subject}{moved}({place})", 400))
    return found


def _print_table(results: list[tuple[str, Classification]], explain: bool) -> None:
    console = Console()
    if explain:
        for sha, verdict in results:
            review = ", needs review" if verdict.needs_review else ""
            console.print(f"[bold]{sha[:12]}[/] [bold]{verdict.level.value}[/] {verdict.kind}{review}")
            for sentence in _sentences(verdict):
                console.print(f"    {escape(sentence)}", highlight=False)
        return
    table = Table("revision", "level", "kind", "review", "because")
    for sha, verdict in results:
        libraries = ", ".join(one.name for one in verdict.new_libraries)
        reason = libraries or (_sentences(verdict)[0] if verdict.evidence else "nothing changed")
        table.add_row(
            sha[:12], verdict.level.value, verdict.kind, "yes" if verdict.needs_review else "", escape(reason[:120])
        )
    console.print(table)
