"""Delivery and predictability, read from what is stored and only from what the asking person may know of."""

from release_mgmt.services.metrics.reading import Measured, measure
from release_mgmt.services.metrics.scope import DAYS, Asked

__all__ = ["DAYS", "Asked", "Measured", "measure"]
