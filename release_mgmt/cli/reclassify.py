"""``release-mgmt reclassify``: judge the stored changes of a repository by the rules of today."""

from __future__ import annotations

import os
from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.core.errors import NotFound
from release_mgmt.core.text import one_line


@click.command()
@config_option
@click.argument("name")
@click.option("--repo", type=click.Path(path_type=Path), help="The repository on disk (default: our own mirror of it).")
@click.option(
    "--rules", "rules_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Rules to try."
)
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
def reclassify(config: Path | None, name: str, repo: Path | None, rules_file: Path | None, *, dry_run: bool) -> None:
    """Judge the changes of repository NAME again where content, rules or code are new; overrides stay.

    Rules are new to a change when they are about what it holds.
    """
    from release_mgmt.services import classification, mirrored, repositories
    from release_mgmt.services.advisories import known_advisories
    from release_mgmt.services.classify import default_rules
    from release_mgmt.sources.git import open_repository

    installation = opened(config)
    if repo is None:
        mirrors = mirrored.mirrors_of(installation.settings.data_path)
        repo = mirrors / f"{repositories.get(installation.store, installation.actor, name).id}.git"
        if not repo.exists():
            raise NotFound(f"{name} is not mirrored yet.", hint=f"release-mgmt repo sync {name}, or give --repo PATH")
    done = classification.classify_repository(
        installation.store,
        installation.actor,
        installation.now,
        name,
        open_repository(repo),
        rules=default_rules(rules_file.read_text("utf-8")) if rules_file else None,
        dry_run=dry_run,
        processes=len(os.sched_getaffinity(0)),
        known=known_advisories(installation.settings.advisories),
    )
    for one in done.moved:
        kept = f" (stays {one.in_force}: a person decided)" if one.in_force != one.after else ""
        click.echo(f"{one.change}  {one.before or '-'} -> {one.after}{kept}  {one.rule}  {one_line(one.title, 80)}")
    verb = "would move" if dry_run else "moved"
    click.echo(f"{len(done.moved)} of {done.judged} judged changes {verb}, {done.retold} more only in kind or review.")
