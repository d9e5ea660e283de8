"""``release-mgmt worker``: run jobs, nothing else."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import click

from release_mgmt.cli.installation import config_option, opened
from release_mgmt.cli.serve import require_free


@click.command()
@config_option
@click.option("--id", "name", help="The worker's name; each that lives at the same time needs its own.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when the process that started this one is gone.")
def worker(config: Path | None, name: str | None, *, with_parent: bool) -> None:
    """Run jobs until told to stop (SIGTERM or Ctrl-C: what runs is finished first, within 20 seconds)."""
    from dataclasses import replace

    from release_mgmt import logs
    from release_mgmt.jobs.worker import leave, work
    from release_mgmt.services.opening import require_log_folder

    installation = opened(config)
    require_log_folder(installation.settings)
    if port := installation.settings.worker_metrics_port:
        require_free(installation.settings.host, port, "RELEASE_MGMT_WORKER_METRICS_PORT")
    settings = replace(installation.settings, worker_id=name) if name else installation.settings
    logs.configure(settings.log_level, settings.log_format, settings.log_path)
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):  # by a thread: this one may hold the event's lock when it is told
        signal.signal(one, lambda *_: threading.Thread(target=stop.set).start())
    if with_parent:
        threading.Thread(target=_watch, args=(os.getppid(), stop), daemon=True).start()
    if settings.traces_endpoint:
        from release_mgmt import traces

        traces.start(settings.traces_endpoint, "worker")
    if settings.worker_metrics_port:
        from release_mgmt.jobs import meters

        meters.tell(settings.host, settings.worker_metrics_port)
    left = work(settings, installation.store, stop)
    if left:
        leave(left)


def _watch(parent: int, stop: threading.Event) -> None:
    """Set ``stop`` once the parent is gone (then init is the parent): a killed `serve` leaves no worker behind."""
    while not stop.wait(1.0):
        if os.getppid() != parent:
            stop.set()
