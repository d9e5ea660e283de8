"""Windows of a whole year, expanded in one go, are those whose ends are resolved one by one, in zones of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release_mgmt.core.windows import expand, resolve, zone
from tests.unit.windows.builders import calendar, series

# Half-hour changes, changes at midnight, a negative summer time, a month without it, a day left out, none at all.
ZONES = (
    "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "America/Havana", "Europe/Dublin",
    "Africa/Casablanca", "Pacific/Apia", "Antarctica/Troll", "Asia/Tehran", "America/St_Johns", "Asia/Kolkata",
)  # fmt: skip


@pytest.mark.acceptance("SCH-W7")
@pytest.mark.acceptance("SCH-W9")
@settings(deadline=None)
@given(
    st.sampled_from(ZONES), st.sampled_from([2011, 2018, 2026, 2027]), st.integers(0, 1439), st.integers(1, 1439),
    st.booleans(),
)  # fmt: skip
def test_a_year_at_once_is_a_year_day_by_day(name, year, minute, length, exact):
    rules, lasting = zone(name), timedelta(minutes=length)
    first = datetime(year, 1, 1) + timedelta(minutes=minute)  # noqa: DTZ001 - a wall time
    end = {"duration": lasting} if exact else {"end": (first + lasting).isoformat()}
    cal = calendar(series(first.isoformat(), rule="FREQ=DAILY", zone_name=name, **end), zone_name=name)
    found = expand(cal, datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    told = {each.original_start: (each.start, each.end) for each in found.windows}
    dropped = {each.original_start for each in found.skipped}
    for number in range(1, (date(year + 1, 1, 1) - date(year, 1, 1)).days - 2):
        start = first + timedelta(days=number)
        begin = resolve(start, rules).instant
        finish = begin + lasting if exact else resolve(start + lasting, rules).instant
        if finish > begin:
            assert told[start] == (begin, finish)
        else:
            assert start in dropped
