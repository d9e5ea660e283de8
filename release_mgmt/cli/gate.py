"""``release-mgmt gate``: may this change be released now? For pipelines: the exit code is the answer.

0 allow (and warn without --strict), 1 deny, 2 warn with --strict, 3 cannot tell: every usage error, every error of
the network or the server. A pipeline that cannot be told must not go on.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from release_mgmt import resources
from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError, Unavailable

ALLOW, DENY, WARN, CANNOT_TELL = 0, 1, 2, 3
_TIMEOUT = (10, 30)
_LARGEST = 1024 * 1024


class GateCommand(click.Command):
    """A command of which every failure ends with exit code 3."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse; a usage error is "cannot tell"."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            error.show()
            sys.exit(CANNOT_TELL)

    def invoke(self, ctx: click.Context) -> Any:
        """Run; an error of ours is "cannot tell"."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.show()
        except ReleaseMgmtError as error:
            click.echo(f"release-mgmt: cannot tell: {error.message}", err=True)
            if error.hint:
                click.echo(f"  {error.hint}", err=True)
        sys.exit(CANNOT_TELL)


@click.command(cls=GateCommand)
@click.option("--server", required=True, help="Address of the release-mgmt server.")
@click.option("--repository", required=True, help="The repository as the server calls it.")
@click.option("--change", "changes", multiple=True, help="A change by its id (may be repeated: all must be allowed).")
@click.option("--sha", help="A commit: the change that holds it, or all changes of the release tagged there.")
@click.option("--environment", required=True, help="Where it shall be released.")
@click.option("--at", "instant", help="Another instant than now, with an offset.")
@click.option("--strict", is_flag=True, help="Exit 2 when the gate warns (a soft freeze).")
@click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False),
              help="A file with the API token; else RELEASE_MGMT_TOKEN is read.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def gate(
    server: str,
    repository: str,
    changes: tuple[str, ...],
    sha: str | None,
    environment: str,
    instant: str | None,
    token_file: Path | None,
    form: str,
    *,
    strict: bool,
) -> None:
    """Ask whether a change may be released. Exit 0 allow, 1 deny, 2 warn (--strict), 3 cannot tell."""
    if not changes and not sha:
        raise InvalidInput.at("--change", "is missing", "--change ID or --sha SHA")
    query: list[tuple[str, str]] = [("repository", repository), ("environment", environment)]
    query += [("change", change) for change in changes]
    query += [(name, value) for name, value in (("sha", sha), ("at", instant)) if value is not None]
    found = _ask(server.rstrip("/") + "/api/v1/gate", query, _token(token_file))
    decision = found.get("decision")
    if form == "json":
        click.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if decision not in {"allow", "warn", "deny"}:
        raise Unavailable("The server's answer is not one of a gate.")
    sys.exit({"allow": ALLOW, "deny": DENY, "warn": WARN if strict else ALLOW}[str(decision)])


def _token(file: Path | None) -> str:
    """The token, from a file or the environment; never from an argument, where other processes could read it."""
    if file is None:
        token = os.environ.get("RELEASE_MGMT_TOKEN", "")
    else:
        try:
            token = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput.at("--token-file", "cannot be read") from error
    token = token.strip()
    if not token or any(letter.isspace() or not letter.isprintable() for letter in token):
        raise InvalidInput.at("token", "is missing", "set RELEASE_MGMT_TOKEN or pass --token-file")
    return token


def _ask(address: str, query: list[tuple[str, str]], token: str) -> dict[str, Any]:
    import requests

    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    try:
        with requests.get(
            address,
            params=query,
            headers=headers,
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
            verify=resources.authorities() or True,
        ) as answer:
            body = answer.raw.read(_LARGEST, decode_content=True)
            status = answer.status_code
    except (requests.RequestException, OSError, ValueError) as error:
        raise Unavailable(f"The server cannot be asked: {type(error).__name__}.") from error
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if status != 200 or not isinstance(found, dict):
        said = found.get("detail") or found.get("title") if isinstance(found, dict) else None
        hint = found.get("hint") if isinstance(found, dict) else None
        raise Unavailable(f"The server answered {status}: {said or 'nothing that can be read'}", hint=hint)
    return found


def _print(found: dict[str, Any]) -> None:
    click.echo(str(found.get("decision")))
    for reason in found.get("reasons") or ():
        until = f" (until {reason['until']})" if reason.get("until") else ""
        click.echo(f"  {reason.get('code')}: {reason.get('message')}{until}")
    if found.get("decision") == "deny":
        slot = found.get("next_allow") or found.get("next_slot")
        click.echo(f"  may go: {slot}" if slot else "  no time is known at which it may go")
