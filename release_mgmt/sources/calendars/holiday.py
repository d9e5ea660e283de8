"""Holidays of a country or market from the package ``holidays`` (imported late: it costs 0.3 s)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from release_mgmt.core.errors import InvalidInput, did_you_mean


class HolidaySource:
    """Holidays of the years around a plan: the year before ``year`` to five years after it.

    They are named in ``language`` where the package knows it for the country, else in English: never by the machine's
    own locale, so that the same calendar is the same everywhere.
    """

    def __init__(self, year: int, language: str = "en") -> None:
        self.years = tuple(range(year - 1, year + 6))
        self.language = language

    def __call__(self, code: str, subdivision: str | None = None) -> Mapping[date, str]:
        """The days off by date. Raises InvalidInput for a country, market or subdivision that nobody knows."""
        return _load(code.strip().upper(), subdivision, self.years, self.language)


@lru_cache(maxsize=256)
def _load(code: str, subdivision: str | None, years: tuple[int, ...], language: str) -> Mapping[date, str]:
    import holidays

    countries = holidays.list_supported_countries()
    markets = holidays.list_supported_financial()
    if code not in countries and code not in markets:
        hint = did_you_mean(code, [*countries, *markets], "an ISO 3166 code such as DE, or a market such as XNYS")
        raise InvalidInput.at("holidays", f"no holidays are known for {code[:20]!r}", hint)
    if code in countries and subdivision is not None and subdivision not in countries[code]:
        hint = "one of " + ", ".join(countries[code]) if countries[code] else "no subdivision"
        error = InvalidInput.at("holidays", f"{code} has no subdivision {subdivision[:20]!r}", hint)
        error.code = "unknown_subdivision"
        raise error
    if code in countries:
        spoken = _spoken(holidays.country_holidays(code).supported_languages, language)
        found = holidays.country_holidays(code, subdiv=subdivision, years=list(years), language=spoken)
    else:
        spoken = _spoken(holidays.financial_holidays(code).supported_languages, language)
        found = holidays.financial_holidays(code, years=list(years), language=spoken)
    return dict(sorted(found.items()))


def _spoken(known: Iterable[str], language: str) -> str:
    return next((one for one in sorted(known) if one.split("_")[0] == language), "en_US")
