"""``release-mgmt maturity``: how far a repository has come, why, and the next small step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from release_mgmt.services.maturity import Maturity, Standing, judge_repository, rules
from release_mgmt.sources.git import open_repository

SCHEMA = "release-mgmt/maturity/1"


@click.command()
@click.option("--repo", required=True, type=click.Path(path_type=Path), help="A checkout or a bare repository.")
@click.option("--revision", default="HEAD", show_default=True, help="The commit to judge.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def maturity(repo: Path, revision: str, form: str) -> None:
    """Judge six areas of DevOps for data science by the evidence in a repository."""
    found = judge_repository(open_repository(repo), rules(), revision=revision)
    if form == "json":
        click.echo(orjson.dumps(document(found), option=orjson.OPT_INDENT_2).decode())
    else:
        _print(found)


def document(found: Maturity) -> dict[str, Any]:
    """The verdicts as JSON."""
    before = {verdict.area.id: verdict.level for verdict in found.before.verdicts} if found.before else {}
    return {
        "schema": SCHEMA,
        "sha": found.now.sha,
        "at": found.now.at.isoformat(),
        "compared_with": {"sha": found.before.sha, "at": found.before.at.isoformat()} if found.before else None,
        "notes": list(found.now.notes),
        "areas": [
            {
                "id": verdict.area.id,
                "title": verdict.area.title,
                "level": verdict.level,
                "of": len(verdict.steps),
                "a_year_before": before.get(verdict.area.id),
                "steps": [
                    {"id": step.step.id, "title": step.step.title, "holds": step.holds, "evidence": list(step.evidence)}
                    for step in verdict.steps
                ],
                "next": verdict.next.next if verdict.next else None,
            }
            for verdict in found.now.verdicts
        ],
    }


def _print(found: Maturity) -> None:
    console = Console()
    before = {verdict.area.id: verdict.level for verdict in found.before.verdicts} if found.before else {}
    console.print(f"Commit {found.now.sha[:12]} of {found.now.at:%Y-%m-%d}" + _compared(found.before))
    for verdict in found.now.verdicts:
        bar = "●" * verdict.level + "○" * (len(verdict.steps) - verdict.level)
        trend = verdict.level - before.get(verdict.area.id, verdict.level)
        moved = f"  [green]+{trend}[/]" if trend > 0 else f"  [red]{trend}[/]" if trend < 0 else ""
        console.print(f"\n[bold]{verdict.area.title}[/]  {bar}  {verdict.level} of {len(verdict.steps)}{moved}")
        table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
        for step in verdict.steps:
            evidence = escape(", ".join(step.evidence[:3])) or "[dim]no sign found[/]"
            table.add_row("✓" if step.holds else "-", step.step.title, evidence)
        console.print(table)
        if verdict.next:
            console.print(f"  Next: {escape(verdict.next.next)}")
    for note in found.now.notes:
        console.print(f"\nNote: {escape(note)}")


def _compared(before: Standing | None) -> str:
    return f", compared with {before.sha[:12]} of {before.at:%Y-%m-%d}" if before else ", less than a year old"
