"""The command line: one module a command, loaded only when it is called, so that each starts quickly."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from importlib import import_module

import click

from release_mgmt import clock
from release_mgmt.core.errors import BrokenInvariant, InvalidInput, ReleaseMgmtError

# command -> (module, one line of help); the function in the module is named as the command with "_" for "-".
COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("release_mgmt.cli.start", "Try it: one repository, from nothing to a served calendar."),
    "classify": ("release_mgmt.cli.classify", "Tell minor from major changes of a repository, with the evidence."),
    "changelog": ("release_mgmt.cli.changelog", "What each release of a repository holds."),
    "plan": ("release_mgmt.cli.plan", "Which release window each change of a repository goes to, and why."),
    "publish": ("release_mgmt.cli.publish", "A static site: changelogs in every form, coming windows, a calendar."),
    "maturity": ("release_mgmt.cli.maturity", "Tell how far a repository has come, why, and the next small step."),
    "metrics": (
        "release_mgmt.cli.metrics",
        "Delivery and predictability, with their definitions, as table, JSON or CSV.",
    ),
    "adopt": ("release_mgmt.cli.adopt", "Take over an old changelog, a forge's release texts or a calendar."),
    "init": ("release_mgmt.cli.init", "Make an installation that can be used."),
    "serve": ("release_mgmt.cli.serve", "Serve web, API and feeds."),
    "worker": ("release_mgmt.cli.worker", "Run jobs, nothing else."),
    "repo": ("release_mgmt.cli.repo", "Register, sync and list repositories."),
    "webhooks": ("release_mgmt.cli.webhooks", "List and replay what forges sent."),
    "messages": ("release_mgmt.cli.messages", "What was told to whom; send again, test, add a webhook or a chat."),
    "calendar": ("release_mgmt.cli.calendar", "Apply, list and show release calendars."),
    "freeze": ("release_mgmt.cli.freeze", "Stop releases for a time, with a preview of what it hits."),
    "gate": ("release_mgmt.cli.gate", "May this change be released now? The exit code is the answer."),
    "approve": ("release_mgmt.cli.approve", "Approve or reject a change, or a whole window, as a person."),
    "override": ("release_mgmt.cli.override", "Correct the level of a change, with a reason."),
    "reclassify": (
        "release_mgmt.cli.reclassify",
        "Judge stored changes by the rules of today, or show what would change.",
    ),
    "user": ("release_mgmt.cli.user", "People: add, list, give roles, link identities, reset passwords."),
    "token": ("release_mgmt.cli.token", "API tokens: create, list, revoke."),
    "audit": ("release_mgmt.cli.audit", "Check the chain of the audit log, export it."),
    "db": ("release_mgmt.cli.db", "The database's schema."),
    "settings": ("release_mgmt.cli.settings", "Show every setting and where it came from."),
    "doctor": ("release_mgmt.cli.doctor", "Look at what usually goes wrong and say what to do."),
    "backup": ("release_mgmt.cli.backup", "Write everything to a compressed file."),
    "restore": ("release_mgmt.cli.backup", "Load a backup into an empty installation."),
    "export": ("release_mgmt.cli.backup", "Write everything as JSON Lines."),
    "import": ("release_mgmt.cli.backup", "Load an export into an empty installation."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the base class gives it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name][0])
        name = cmd_name.replace("-", "_")
        command = getattr(module, name, None) or getattr(module, f"{name}_")  # import is a word of the language
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="release-mgmt")
def cli() -> None:
    """Release calendar and changelog for teams whose software carries data science."""


def report(error: ReleaseMgmtError) -> int:
    """Tell standard error what was wrong and what to do; return the exit code: 2 for input, 1 for a fault of ours."""
    click.echo(f"release-mgmt: {error.message}", err=True)
    if isinstance(error, InvalidInput) and len(error.errors) > 1:
        for fault in error.errors:
            allowed = f" ({fault.allowed})" if fault.allowed else ""
            click.echo(f"  {fault.path}: {fault.message}{allowed}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    return 1 if isinstance(error, BrokenInvariant) else 2


def main() -> None:
    """Run the command line; errors of ours become a sentence and an exit code, never a traceback."""
    clock.use_packaged_zones()
    if sys.stdout is None:  # closed by who called; what is said goes nowhere, and what is done is done
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    atexit.register(gc.freeze)  # the interpreter's last look for garbage takes a second of processor and frees nothing
    try:
        cli()
    except ReleaseMgmtError as error:
        sys.exit(report(error))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        click.echo(f"release-mgmt: nothing more can be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more at its end
        sys.exit(1)
