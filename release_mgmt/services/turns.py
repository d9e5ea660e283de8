"""When something whose turn is kept in a row is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute


def due(turn: InstrumentedAttribute[Any], now: datetime, longest: timedelta) -> ColumnElement[bool]:
    """Whether a turn has come. One further ahead than any is ever set (``longest``) was set before the clock went back:
    it is due too, and not only when that time comes again."""
    return or_(turn <= now, turn > now + longest)
