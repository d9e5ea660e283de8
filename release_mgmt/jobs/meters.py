"""Rate, errors and duration of what jobs do: steps named ``sync`` and ``poll`` are the sources, ``plan`` the planner.

The worker that ``serve`` starts shares its counts with the web processes (``PROMETHEUS_MULTIPROC_DIR``); one that runs
alone tells them itself, on ``worker_metrics_port``.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

REGISTRY = CollectorRegistry()

STEPS = Counter(
    "release_mgmt_job_steps_total", "Steps of jobs that ended, by how", ["kind", "step", "outcome"], registry=REGISTRY
)
STEP_SECONDS = Histogram(
    "release_mgmt_job_step_seconds",
    "Time that steps of jobs took",
    ["kind", "step"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
    registry=REGISTRY,
)


def ended(kind: str, step: str, outcome: str, seconds: float) -> None:
    """Count a step that ended: ``done``, ``failed`` or ``cancelled``."""
    STEPS.labels(kind, step, outcome).inc()
    STEP_SECONDS.labels(kind, step).observe(seconds)


def tell(host: str, port: int) -> None:
    """Answer ``GET /metrics`` at an address from now on."""
    start_http_server(port, host, registry=REGISTRY)
