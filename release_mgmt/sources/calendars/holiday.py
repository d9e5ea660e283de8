"""Holidays of a country or market from the package ``holidays`` (imported late: it costs 0.3 s)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from functools import lru_cache

from release_mgmt.core.errors import InvalidInput


class HolidaySource:
    """Holidays of the years around a plan: the year before ``year`` to five years after it."""

    def __init__(self, year: int) -> None:
        self.years = tuple(range(year - 1, year + 6))

    def __call__(self, code: str, subdivision: str | None = None) -> Mapping[date, str]:
        """The days off by date. Raises InvalidInput for a country, market or subdivision that nobody knows."""
        return _load(code.strip().upper(), subdivision, self.years)


@lru_cache(maxsize=256)
def _load(code: str, subdivision: str | None, years: tuple[int, ...]) -> Mapping[date, str]:
    import holidays

    countries = holidays.list_supported_countries()
    markets = holidays.list_supported_financial()
    if code not in countries and code not in markets:
        near = get_close_matches(code, [*countries, *markets], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "an ISO 3166 code such as DE, or a market such as XNYS"
        raise InvalidInput.at("holidays", f"no holidays are known for {code[:20]!r}", hint)
    if code in countries and subdivision is not None and subdivision not in countries[code]:
        hint = "one of " + ", ".join(countries[code]) if countries[code] else "no subdivision"
        error = InvalidInput.at("holidays", f"{code} has no subdivision {subdivision[:20]!r}", hint)
        error.code = "unknown_subdivision"
        raise error
    if code in countries:
        found = holidays.country_holidays(code, subdiv=subdivision, years=list(years))
    else:
        found = holidays.financial_holidays(code, years=list(years))
    return dict(sorted(found.items()))
