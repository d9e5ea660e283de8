"""Structured logs: one JSON object a line on standard error, with the request's or the job's id.

Secrets never reach them: addresses are logged as route rules (feed and sign-in tokens stand in addresses), values
under telling names are replaced, and tokens in addresses that a library wrote into a text.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import structlog

_STEM, _SUFFIX = "release-mgmt-", ".log"
_SECRET = re.compile(r"(?i)(secret|password|token|authorization|cookie)")
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_IN_ADDRESSES = re.compile(r"(/feeds/|/welcome/|/messages/unsubscribe/|/sign-in/single/callback\?)[^/\s?'\"<>]+")


def without_tokens(text: str) -> str:
    """A text in which addresses of ours tell no token, and those of others no name and password."""
    return _IN_ADDRESSES.sub(r"\1***", _USERINFO.sub("***@", text))


def redact_record(record: logging.LogRecord) -> bool:
    """A filter for handlers of loggers that are not ours; it lets every record pass."""
    record.msg, record.args = without_tokens(record.getMessage()), None
    return True


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ARG001
    """Replace what must not be logged: values under telling names, and names and passwords in addresses."""
    for name, value in event.items():
        if _SECRET.search(name):
            event[name] = "***"
        elif isinstance(value, str):
            event[name] = without_tokens(value)
    return event


class DailyFile(logging.Handler):
    """A file a day (UTC) in a folder, to which any number of processes append whole lines."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line; a folder that cannot be written is told on standard error, once a line."""
        try:
            day = datetime.fromtimestamp(record.created, UTC).date()
            with (self.folder / f"{_STEM}{day}{_SUFFIX}").open("a", encoding="utf-8") as file:
                file.write(self.format(record) + "\n")
        except OSError:
            self.handleError(record)


def drop_before(folder: Path, day: date) -> int:
    """Retention: delete the files of days before ``day``; how many."""
    old = [one for one in folder.glob(f"{_STEM}*{_SUFFIX}") if one.name < f"{_STEM}{day}{_SUFFIX}"]
    for one in old:
        one.unlink(missing_ok=True)
    return len(old)


def configure(level: str = "info", form: str = "json", folder: Path | None = None) -> None:
    """Log from ``level`` up, as JSON lines or (``console``) for people; the standard library's loggers join in.

    To standard error, and with ``folder`` also to a file a day there.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Any] = (
        [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            redact,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,  # the other one prints local variables: secrets
            ),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if folder is not None:
        handlers.append(DailyFile(folder))
    for handler in handlers:
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            )
        )
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level.upper())
    for chatty in ("alembic", "dbos", "httpx", "urllib3", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
