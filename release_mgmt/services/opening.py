"""Open an installation: its settings, its store, its secret key. Kept apart so that commands start quickly."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from release_mgmt import settings
from release_mgmt.core.errors import FieldError, InvalidInput, Unavailable
from release_mgmt.services import Store
from release_mgmt.settings import Settings


def load_settings(path: Path | None = None) -> Settings:
    """The settings of this process.

    :raises InvalidInput: naming every wrong one.
    """
    try:
        return settings.load(path)
    except settings.SettingsError as error:
        faults = [FieldError("settings", problem) for problem in error.problems]
        told = error.problems[0] if len(faults) == 1 else f"{len(faults)} settings are wrong."
        raise InvalidInput(told, faults, hint="`release-mgmt settings` lists all of them.") from error


def make_store(chosen: Settings) -> Store:
    """The store that the settings name; its folder is made when missing."""
    return Store(
        chosen.database,
        lock_timeout=chosen.lock_timeout,
        statement_timeout=chosen.statement_timeout,
        pool_size=chosen.pool_size,
    )


def secret_key(chosen: Settings) -> str:
    """The key that signs sessions: from the settings, else made once and kept (mode 600) in ``data_dir``."""
    if chosen.secret_key:
        return chosen.secret_key
    path = chosen.data_path / "secret.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        key = kept_once(path, lambda: secrets.token_urlsafe(48))
    except OSError as error:
        raise Unavailable(
            f"The secret key {path} cannot be made or read: {error.strerror}.",
            hint="Mend the permissions of the file and its folder, or set RELEASE_MGMT_SECRET_KEY_FILE.",
        ) from error
    if len(key) < settings.SHORTEST_KEY:
        raise Unavailable(
            f"The secret key {path} is empty or has less than {settings.SHORTEST_KEY} characters.",
            hint="Remove the file, and a new key is made; whoever is signed in signs in again.",
        )
    return key


def require_log_folder(chosen: Settings) -> None:
    """Make the folder of the logs, if there is to be one, and try it.

    :raises Unavailable: when nothing can be written there, with what to do.
    """
    folder = chosen.log_path
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Unavailable(
            f"Logs cannot be written to {folder}: {error.strerror}.",
            hint="Mend its permissions, or choose another folder with RELEASE_MGMT_LOG_DIR.",
        ) from error


def kept_once(path: Path, make: Callable[[], str]) -> str:
    """The text of the file (mode 600) at ``path``; when there is none yet, what ``make`` gives is kept in it.

    Of several processes that come at once, the first decides and all get its text: a file appears whole or not at all.

    :raises OSError: when it cannot be read, or not be written beside ``path`` and linked to it.
    """
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=f".{path.name}-") as fresh:
            fresh.write(make())
            fresh.flush()
            os.fsync(fresh.fileno())
            with suppress(FileExistsError):
                os.link(fresh.name, path)
    return path.read_text(encoding="ascii").strip()
