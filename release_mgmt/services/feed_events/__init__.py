"""What feeds show moves on with the plan and in its transaction; other services call ``refresh`` and ``rejoin``."""

from release_mgmt.services.feed_events.events import refresh, rejoin

__all__ = ["refresh", "rejoin"]
