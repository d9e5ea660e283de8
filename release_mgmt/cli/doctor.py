"""``release-mgmt doctor``: look at everything that usually goes wrong and say what to do."""

from __future__ import annotations

import shutil
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import click
from sqlalchemy import text

from release_mgmt import clock
from release_mgmt.cli.installation import config_option, read_settings
from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.text import counted
from release_mgmt.services import health
from release_mgmt.services.advisories import known_advisories
from release_mgmt.services.messages import posting
from release_mgmt.settings import Settings
from release_mgmt.sources.channels.mail import Mailer
from release_mgmt.sources.git.process import git_version
from release_mgmt.store import migrate
from release_mgmt.store.session import Store

LEAST_GIT = (2, 39)
LEAST_FREE = 500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, what to do."""

    subject: str
    well: bool
    seen: str
    advice: str = ""


@click.command()
@config_option
def doctor(config: Path | None) -> None:
    """Look at git, zone data, settings, data folder, mail, advisories, database, clock, worker, repositories, messages.

    What is wrong is told with what to do, and the exit code is 1.
    """
    found = list(_look(config))
    for one in found:
        click.echo(f"{'ok  ' if one.well else 'FAIL'} {one.subject}: {one.seen}")
        if not one.well and one.advice:
            click.echo(f"     {one.advice}")
    if not all(one.well for one in found):
        raise SystemExit(1)


def _look(config: Path | None) -> Iterator[Finding]:
    least = sys.version_info >= (3, 11)
    yield Finding("python", least, sys.version.split()[0], "Install Python 3.11 or later.")
    yield git()
    yield zones()
    try:
        settings = read_settings(config)
    except ReleaseMgmtError as error:
        yield Finding("settings", False, error.message, error.hint or "")
        return
    yield Finding("settings", True, f"read; data_dir is {settings.data_path}")
    yield data_folder(settings)
    yield mail(settings)
    yield advisories(settings)
    yield from database(settings)


def git() -> Finding:
    """Whether git is there and new enough for the protections that are used."""
    advice = f"Install git {'.'.join(map(str, LEAST_GIT))} or later."
    if shutil.which("git") is None:
        return Finding("git", False, "not found", advice)
    said = git_version()
    numbers = said.removeprefix("git version ").split(".")
    well = len(numbers) >= 2 and all(one.isdigit() for one in numbers[:2])
    return Finding("git", well and (int(numbers[0]), int(numbers[1])) >= LEAST_GIT, said, advice)


def zones() -> Finding:
    """Whether time zones are known, with their rules of this year, and which version of them."""
    advice = "Upgrade the package tzdata."
    try:
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        return Finding("zone data", False, "none", "Install the package tzdata.")
    well = berlin.utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)  # noqa: DTZ001 - a wall time is meant
    return Finding(
        "zone data", well, f"tzdata {version('tzdata')}, {len(zoneinfo.available_timezones())} zones", advice
    )


def data_folder(settings: Settings) -> Finding:
    """Whether the data folder can be written and has room."""
    path = settings.data_path
    probe = path / ".doctor"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding("data folder", False, f"{path}: {error.strerror}", "Make it writable, or set data_dir.")
    free = shutil.disk_usage(path).free
    return Finding("data folder", free >= LEAST_FREE, f"{path}, {free // 1_000_000} MB free", "Free some space.")


def mail(settings: Settings) -> Finding:
    """Whether the mail server takes us; well when none is set: then no mail is sent."""
    try:
        server = posting.server_of(settings)
        if server is None:
            return Finding("mail", True, "off (smtp_host is not set)")
        with Mailer(server) as mailer:
            outcome = mailer.check()
    except ReleaseMgmtError as error:
        return Finding("mail", False, error.message, "Set mail_from to `Name <address>`.")
    seen = f"{server.host}:{server.port} ({server.security})"
    advice = "Look at smtp_host, smtp_port, smtp_security, smtp_user and smtp_password."
    return Finding("mail", outcome.taken, seen if outcome.taken else f"{seen}: {outcome.error}", advice)


def advisories(settings: Settings) -> Finding:
    """Whether the operator's files of advisories can be read; well when none are set: then none are told."""
    found = known_advisories(settings.advisories)
    if found is None:
        return Finding("advisories", True, "off (advisories is not set)")
    if not found.faults:
        libraries = counted(len(found.advisories.affected), "library", "libraries")
        return Finding("advisories", True, f"{counted(found.files, 'file')}, {libraries}")
    path, reason = found.faults[0]
    told = f"{counted(len(found.faults), 'file')} cannot be read, the first is {path}: {reason}"
    return Finding("advisories", False, told, "Mend or remove these files; the others are told all the same.")


def _messages(store: Store) -> Finding:
    found = health.gauges(store, clock.now())
    failing = int(found["release_mgmt_message_targets_failing"][1][()])
    lag = int(found["release_mgmt_message_lag_seconds"][1][()])
    told = counted(failing, "place fails", "places fail") + (f", the oldest waits {lag} s" if lag else "")
    return Finding("messages", failing == 0, told, "`release-mgmt messages list --state failed` shows which.")


def database(settings: Settings) -> Iterator[Finding]:
    """The database: reachable, writable, at this schema, its clock like ours, and what the rows tell of the work."""
    try:
        found = migrate.standing(settings.database)
    except ReleaseMgmtError as error:
        yield Finding("database", False, error.message, error.hint or "")
        return
    newer = "Install the version that migrated it." if found.state == "newer" else "Run `release-mgmt db upgrade`."
    yield Finding("database", found.state == "current", f"{found.revision or 'empty'} ({found.state})", newer)
    if found.state != "current":
        return
    store = Store(settings.database, lock_timeout=settings.lock_timeout)
    checks: tuple[Callable[[Store], Finding], ...] = (_writable, _database_clock, _worker, _sources, _messages)
    for check in checks:
        try:
            yield check(store)
        except ReleaseMgmtError as error:
            yield Finding(check.__name__.strip("_").replace("_", " "), False, error.message, error.hint or "")
    store.close()


def _writable(store: Store) -> Finding:
    with store.write():
        return Finding("database writes", True, "possible")


def _database_clock(store: Store) -> Finding:
    now = clock.now()
    if store.sqlite:
        return Finding("clock", now.year >= 2026, now.isoformat(), "Set the machine's clock.")
    with store.read() as session:
        theirs = session.execute(text("SELECT now()")).scalar_one().astimezone(UTC)
    apart = abs((theirs - now).total_seconds())
    return Finding("clock", apart < 5, f"{apart:.0f} s from the database's", "Let both machines keep time by NTP.")


def _worker(store: Store) -> Finding:
    beats = health.gauges(store, clock.now())["release_mgmt_worker_silence_seconds"][1]
    living = [dict(labels)["worker"] for labels, silence in beats.items() if silence < 30]
    advice = "Run `release-mgmt worker` (or `serve` with the embedded database)."
    return Finding("worker", bool(living), ", ".join(living) or "none lives", advice)


def _sources(store: Store) -> Finding:
    found = health.gauges(store, clock.now())
    failing = int(found["release_mgmt_repositories_failing"][1][()])
    all_of_them = int(found["release_mgmt_repositories"][1][()])
    advice = "`release-mgmt repo list` shows why."
    return Finding("repositories", failing == 0, f"{all_of_them}, {failing} failing", advice)
