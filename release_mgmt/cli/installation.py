"""What commands that need an installation share: its settings, its store and the operator at the machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from release_mgmt import clock
from release_mgmt.core.errors import Unavailable
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.settings import Settings
from release_mgmt.store import migrate
from release_mgmt.store.session import Store

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation as the command line sees it; the operator at the machine may do everything but vote."""

    settings: Settings
    store: Store
    actor: Actor

    @property
    def now(self) -> datetime:
        """This instant."""
        return clock.now()


def config_option(command: F) -> F:
    """``--config FILE``, the same for every command."""
    return click.option(
        "--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file (default: release-mgmt.toml)."
    )(command)


def read_settings(config: Path | None) -> Settings:
    """The settings; wrong ones are told one by one."""
    from release_mgmt.services.opening import load_settings

    return load_settings(config)


def prepare(settings: Settings) -> migrate.Standing:
    """Make the data folder, and bring the embedded database to this version.

    A database that ``database_url`` names is never migrated in passing: several processes may use it.

    :raises ReleaseMgmtError: when it is newer, not reachable or not writable, with what to do.
    """
    try:
        settings.data_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The folder {settings.data_path} cannot be made: {error.strerror}.",
            hint="Choose another with RELEASE_MGMT_DATA_DIR, or mend its permissions.",
        ) from error
    if not settings.database_url:
        return migrate.upgrade(settings.database)
    migrate.require_current(settings.database)
    return migrate.standing(settings.database)


def operator() -> Actor:
    """Whoever runs a command on this machine."""
    return trusted("operator", Via.CLI)


def opened(config: Path | None) -> Installation:
    """The installation, its database at the schema of this version; its connections end with the command.

    :raises ReleaseMgmtError: when it cannot be used, with what to do.
    """
    from release_mgmt.services.opening import make_store

    settings = read_settings(config)
    migrate.require_current(settings.database)
    store = make_store(settings)
    click.get_current_context().call_on_close(store.close)
    return Installation(settings, store, operator())
