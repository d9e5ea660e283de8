"""``release-mgmt serve``: web, API and feeds by gunicorn, and with the embedded default the worker beside it."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release_mgmt.core.errors import InvalidInput

if TYPE_CHECKING:
    from release_mgmt.settings import Settings

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Settings file.")
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: 8000).")
@click.option("--worker/--no-worker", "with_worker", default=None, help="Run jobs too (default: with SQLite).")
def serve(config: Path | None, host: str | None, port: int | None, *, with_worker: bool | None) -> None:
    """Serve web, API and feeds; with the embedded database also run the jobs."""
    with shared_counts():
        from release_mgmt.cli.installation import prepare, read_settings

        settings = read_settings(config)
        settings = replace(settings, host=host or settings.host, port=settings.port if port is None else port)
        require_free(settings.host, settings.port)
        prepare(settings)
        require_writable(settings)
        jobs = with_worker if with_worker is not None else settings.database.startswith("sqlite")
        supervisor = Supervisor(settings, config) if jobs else None
        try:
            if supervisor:
                supervisor.start()
            click.echo(f"release-mgmt listens on {settings.site} (API: {settings.site}/api/v1/docs). Stop with Ctrl-C.")
            make_server(settings).run()
        finally:
            if supervisor:
                supervisor.stop()


@contextmanager
def shared_counts() -> Iterator[None]:
    """A folder in which all processes count their metrics together, for as long as this process lives.

    prometheus_client reads the variable once, when it is first imported: enter the block before that. A web process
    is forked from this one and leaves the block too when it ends; the folder is not its to remove.
    """
    owner, folder = os.getpid(), tempfile.mkdtemp(prefix="release-mgmt-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)


def require_writable(settings: Settings) -> None:
    """Return if the web processes will find the secret key and can log; Unavailable with what to do otherwise.

    Each looks for both by itself, but what it says then stands among the traces of a server that ends.
    """
    from release_mgmt.services.opening import require_log_folder, secret_key

    secret_key(settings)
    require_log_folder(settings)


def require_free(host: str, port: int, named: str = "--port (RELEASE_MGMT_PORT)") -> None:
    """Return if the address can be listened on; InvalidInput with what to do otherwise. ``named`` sets the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            hint = f"Choose another port with {named}."
            if error.errno == errno.EADDRINUSE:
                hint = f"Stop what uses it, or choose another with {named}."
            elif error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                hint = "Choose an address of this machine with --host (RELEASE_MGMT_HOST)."
            raise InvalidInput(f"{host}:{port} cannot be listened on: {error.strerror}.", hint=hint) from error


class Supervisor:
    """Keeps one worker process alive under the same name, so that it takes up what it had begun."""

    def __init__(self, settings: Settings, config: Path | None, log_level: str | None = None) -> None:
        self._command = [sys.executable, "-m", "release_mgmt", "worker", "--with-parent", "--id", settings.worker_id]
        if config:
            self._command += ["--config", str(config)]
        self._environment = {**os.environ}  # with the folder of metrics: the worker's are told by the web processes
        if log_level:
            self._environment["RELEASE_MGMT_LOG_LEVEL"] = log_level
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the worker and watch over it."""
        self._thread.start()

    def _keep(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            self._process = subprocess.Popen(self._command, env=self._environment, start_new_session=True)
            code = self._process.wait()
            if self._stopping.is_set():
                return
            click.echo(f"release-mgmt: the worker ended ({code}); it is started again.", err=True)
            self._stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def stop(self) -> None:
        """Stop the worker; what it runs is finished first, for half a minute at most."""
        if os.getpid() != self._owner:  # a web process forked from this one: the worker is not its to stop
            return
        self._stopping.set()
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def make_server(settings: Settings) -> Any:
    """gunicorn with our application; ``run`` blocks until it is told to stop."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger
    from prometheus_client import multiprocess

    from release_mgmt import logs
    from release_mgmt.web import connections

    class Log(Logger):  # type: ignore[misc] # gunicorn has no types
        """gunicorn's own lines; what it tells of a request that failed names the whole address."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            for handler in self.error_log.handlers:
                handler.addFilter(logs.redact_record)

        def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
            if isinstance(sys.exc_info()[1], BlockingIOError):  # a client fell silent: nothing to look for in our code
                self.debug(msg, *args, **kwargs)
            else:
                super().exception(msg, *args, **kwargs)

    class Web(BaseApplication):  # type: ignore[misc] # gunicorn has no types
        """The application factory under gunicorn; each web process makes its own application and connections."""

        def load_config(self) -> None:
            shown = f"[{settings.host}]" if ":" in settings.host else settings.host
            options = {
                "bind": f"{shown}:{settings.port}",
                "workers": settings.web_processes,
                "worker_class": "sync",
                "timeout": 60,
                "graceful_timeout": 20,
                "loglevel": "warning",
                "logger_class": Log,
                "proc_name": "release-mgmt",
                "max_requests": 1_000_000,  # a new process takes seconds of processor to start
                "max_requests_jitter": 100_000,
                "when_ready": connections.when_ready,
                "post_request": connections.post_request,
                "control_socket_disable": True,  # a second way in, in the user's home, one for all instances
                "child_exit": lambda _, worker: multiprocess.mark_process_dead(worker.pid),  # type: ignore[no-untyped-call]
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from release_mgmt.bootstrap import create_app, settle

            logs.configure(settings.log_level, settings.log_format, settings.log_path)
            application = create_app(settings)
            settle()
            return application

    return Web()
