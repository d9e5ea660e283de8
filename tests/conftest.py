"""Fixtures that all tests share: a store on SQLite and on a real PostgreSQL, git repositories, an application."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.settings import Settings
from release_mgmt.store import migrate
from release_mgmt.store.session import Store
from tests.support.ports import free_port
from tests.support.steady import steady
from tests.support.waiting import LIMIT

# An example that was found once is found always, and a busy machine fails nothing; to look for new ones:
# pytest --hypothesis-profile=default --hypothesis-seed=N.
hypothesis.settings.load_profile("ci")

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MISSING_POSTGRES = "NOT RUN: no PostgreSQL server programs found (Debian: apt-get install postgresql)"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--on-postgres``: the tests that otherwise run on SQLite only run on PostgreSQL, and no others."""
    parser.addoption("--on-postgres", action="store_true", help="run on PostgreSQL what otherwise runs on SQLite only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With ``--on-postgres``, leave out what asks for no one database, what runs on both, and what is about SQLite."""
    if not config.getoption("on_postgres"):
        return

    def meant(item: pytest.Item) -> bool:
        asked = getattr(item, "fixturenames", ())
        return "one_url" in asked and "database_url" not in asked and item.get_closest_marker("sqlite") is None

    config.hook.pytest_deselected(items=[item for item in items if not meant(item)])
    items[:] = [item for item in items if meant(item)]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of the machine, of git or of a pager leaks into a test, no cache of other code, no proxy before us."""
    for name in list(os.environ):
        if name.startswith(("RELEASE_MGMT_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, ",".join(filter(None, ["127.0.0.1,localhost,::1", os.environ.get(name)])))


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """Log lines as JSON; structlog's own default draws boxes with all local variables, for seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )


@pytest.fixture
def now() -> datetime:
    """The instant at which tests happen."""
    return NOW


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this process begins at noon of the day of ``now``: for what is read of fixed dates by today's."""
    monkeypatch.setattr(clock, "now", steady(time.monotonic()))


# --- databases ---------------------------------------------------------------------------------------------------


def _programs() -> Path | None:
    """The newest PostgreSQL's folder of programs: Debian keeps them out of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def _open_to(user: str | None) -> str:
    """A folder for temporary files that another user can reach too: a run's own may lie in a home that is closed."""
    usual = tempfile.gettempdir()
    reached = all(one.stat().st_mode & 0o001 for one in [Path(usual), *Path(usual).parents])
    return usual if user is None or reached else "/tmp"


@dataclass
class PostgresCluster:
    """A PostgreSQL server on a folder and a port of its own; ``stop`` and ``start`` it as often as you like.

    ``initdb --no-sync`` on a temporary folder takes about a second; the server refuses root, so root runs it as the
    user ``postgres``.
    """

    programs: Path
    user: str | None
    folder: Path
    port: int

    @classmethod
    def make(cls) -> PostgresCluster:
        """A cluster that was initialised and does not run yet; skips the test where there is no PostgreSQL."""
        programs = _programs()
        if programs is None:
            pytest.skip(MISSING_POSTGRES)
        user: str | None = None
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam("postgres").pw_name
            except KeyError:
                pytest.skip(MISSING_POSTGRES + " (there is no user postgres to run it as)")
        folder = Path(tempfile.mkdtemp(prefix="release-mgmt-pg-", dir=_open_to(user)))
        if user:
            shutil.chown(folder, user)
        made = cls(programs, user, folder, free_port())
        made._run("initdb", "--no-sync", "-U", "tester", "-A", "trust", "-E", "UTF8", "-D", str(folder / "data"))
        return made

    @property
    def url(self) -> str:
        """The URL without a database's name."""
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}"

    def _run(self, program: str, *arguments: str) -> None:
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        done = subprocess.run(
            [str(self.programs / program), *arguments], user=self.user, group=self.user,
            extra_groups=[] if self.user else None, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout

    def start(self, more: str = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off") -> None:
        """Start the server and wait until it answers."""
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories= "
            f"-c max_connections=200 {more}"
        )
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self._run("pg_ctl", "-D", data, "-w", "-t", "180", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; ``immediate`` is a crash: every connection breaks, nothing is tidied up."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "stop")

    def remove(self) -> None:
        """Stop it if it runs, and delete its folder."""
        with suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL (without a database's name) of a PostgreSQL started for this run only."""
    cluster = PostgresCluster.make()
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.remove()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """A migrated database that tests copy: a copy takes 50 ms, migrating takes more."""
    _execute(postgres_server, "CREATE DATABASE template_migrated")
    migrate.upgrade(f"{postgres_server}/template_migrated")
    return postgres_server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


def _execute(server: str, statement: str) -> None:
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


_COUNT = iter(range(1_000_000))


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database of the test's own."""
    name = f"empty_{next(_COUNT)}"
    _execute(postgres_server, f"CREATE DATABASE {name}")
    yield f"{postgres_server}/{name}"
    _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A migrated SQLite file of the test's own."""
    path = tmp_path / "store" / "release-mgmt.db"
    path.parent.mkdir()
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    name = f"test_{next(_COUNT)}"
    _execute(postgres_template, f"CREATE DATABASE {name} TEMPLATE template_migrated")
    yield f"{postgres_template}/{name}"
    _execute(postgres_template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, once on each engine."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "migrated_postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url = request.getfixturevalue("postgres_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A migrated store, once on SQLite and once on PostgreSQL."""
    made = Store(database_url, lock_timeout=LIMIT, statement_timeout=LIMIT, pool_size=10)
    yield made
    made.close()


@pytest.fixture
def one_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database on one engine: SQLite, or PostgreSQL with ``--on-postgres``."""
    on_postgres = request.config.getoption("on_postgres")
    url = request.getfixturevalue("migrated_postgres_url" if on_postgres else "sqlite_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def one_store(one_url: str) -> Iterator[Store]:
    """A migrated store on one engine: SQLite, or PostgreSQL with ``--on-postgres``."""
    made = Store(one_url, lock_timeout=LIMIT)
    yield made
    made.close()


# --- application -------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path, one_url: str) -> Settings:
    """Settings of an installation below ``tmp_path``, on the database of ``one_url``, without a rate limit."""
    return Settings(
        data_dir=str(tmp_path / "store"),
        database_url=one_url,
        secret_key="a key for tests only",
        lock_timeout=LIMIT,
        rate_limit="",
        repository_roots=(str(tmp_path),),
    )


@pytest.fixture
def app(settings: Settings, one_store: Store) -> Flask:
    """The application over a migrated store on one engine."""
    made = create_app(settings, one_store)
    made.testing = True
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of ``app`` that is nobody in particular."""
    return app.test_client()


# --- git ---------------------------------------------------------------------------------------------------------


@dataclass
class GitRepo:
    """A real repository made by the git program, with a clock of its own: each commit is one hour after the last."""

    path: Path
    clock: datetime = field(default=datetime(2026, 1, 1, 12, 0, tzinfo=UTC))

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """Run git here and return what it printed."""
        stamp = self.clock.strftime("%Y-%m-%dT%H:%M:%S+00:00")
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.path.parent), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp,
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def write(self, files: dict[str, str | bytes | None]) -> None:
        """Write (or, with None, delete) files and stage them."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")

    def commit(self, message: str, files: dict[str, str | bytes | None] | None = None, *, author: str = "Ada") -> str:
        """Commit ``files`` (one invented file when None) and return the sha."""
        self.clock += timedelta(hours=1)
        self.write({f"file-{self.clock:%j%H}.txt": message} if files is None else files)
        who = f"{author} <{author.lower().replace(' ', '.')}@example.org>"
        self.git("commit", "-q", "--allow-empty", "-m", message, f"--author={who}")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Make a branch at ``start`` and switch to it."""
        self.git("switch", "-q", "-c", name, start)

    def switch(self, name: str) -> None:
        """Switch to a branch."""
        self.git("switch", "-q", name)

    def merge(self, name: str, message: str) -> str:
        """Merge a branch with a merge commit and return its sha."""
        self.clock += timedelta(hours=1)
        self.git("merge", "-q", "--no-ff", "-m", message, name)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, at: str = "HEAD", *, message: str | None = None) -> None:
        """Tag a revision, annotated when there is a ``message``."""
        self.git("tag", *(["-a", "-m", message] if message is not None else []), name, at)


@pytest.fixture
def make_git_repo(tmp_path: Path) -> Callable[[str], GitRepo]:
    """A function that makes an empty repository named so, on the branch ``main``."""

    def make(name: str = "repo") -> GitRepo:
        path = tmp_path / name
        path.mkdir(parents=True, exist_ok=True)
        made = GitRepo(path)
        made.git("init", "-q", "-b", "main")
        return made

    return make


@pytest.fixture
def git_repo(make_git_repo: Callable[[str], GitRepo]) -> GitRepo:
    """An empty repository on the branch ``main``."""
    return make_git_repo("repo")


# --- what was not run --------------------------------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, just before the last line, what this machine could not run and whether the linters were content."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason] = reasons.get(reason, 0) + 1
    failed = os.environ.get("CHECKS_FAILED") == "1"
    if not reasons and not failed:
        return
    terminalreporter.section("NOT RUN, NOT CONTENT", sep="!", red=True, bold=True)
    if failed:
        terminalreporter.line("The linters or another Python failed; see above.", red=True, bold=True)
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} not run: {reason.removeprefix('Skipped: ')}", red=True, bold=True)
