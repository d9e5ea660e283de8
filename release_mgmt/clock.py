"""The one place that reads the clock; only the edges (web, jobs, cli) call it and pass ``now`` in."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime


def now() -> datetime:
    """This instant, aware, in UTC, whole seconds (no format we publish tells less)."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - the one allowed reading


def use_packaged_zones() -> None:
    """Read time zones from the package tzdata: a stale system folder would win otherwise, and differ by machine."""
    zoneinfo.reset_tzpath(to=())
