"""Prometheus metrics: rate, errors and duration of requests, and the state of what jobs do.

With several web processes prometheus_client shares counts through the folder ``PROMETHEUS_MULTIPROC_DIR``, which
``release-mgmt serve`` sets.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector  # type: ignore[no-untyped-call,unused-ignore]

_HERE = CollectorRegistry()

REQUESTS = Counter("release_mgmt_requests_total", "Requests answered", ["method", "route", "status"], registry=_HERE)
DELIVERIES = Counter(
    "release_mgmt_webhook_accepted_total",
    "Webhook deliveries accepted",
    ["forge", "event", "again"],
    registry=_HERE,
)
REQUEST_SECONDS = Histogram(
    "release_mgmt_request_seconds",
    "Time to answer a request",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_HERE,
)


def exposition(gauges: dict[str, tuple[str, dict[tuple[tuple[str, str], ...], float]]]) -> bytes:
    """All metrics in Prometheus' text format; ``gauges`` (name -> help, labels -> value) are read from the database."""
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        counted = generate_latest(shared)
    else:
        counted = generate_latest(_HERE)
    lines = []
    for name, (doc, series) in sorted(gauges.items()):
        lines += [f"# HELP {name} {doc}", f"# TYPE {name} gauge"]
        for labels, value in sorted(series.items()):
            told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
            lines.append(f"{name}{{{told}}} {float(value)}" if told else f"{name} {float(value)}")
    return counted + "".join(line + "\n" for line in lines).encode()


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
