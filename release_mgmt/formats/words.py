"""Fixed words, dates and times in the reader's language: one catalogue file a language in ``config/locale``.

A catalogue is a gettext ``.po`` file whose messages are the English sentences; adding a language is adding its file.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, format_time
from babel.lists import format_list
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from release_mgmt import resources
from release_mgmt.core.errors import InvalidInput

DEFAULT_LANGUAGE = "en"
_NAME = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages that have a catalogue, as tags (``de``, ``pt-BR``, whose file may be ``pt_BR.po``), sorted."""
    return tuple(sorted({file.stem.replace("_", "-") for file in (resources.folder("config") / "locale").glob("*.po")}))


@lru_cache(maxsize=32)
def catalogue(language: str) -> Catalog:
    """The catalogue of one language."""
    folder = resources.folder("config") / "locale"
    names = (f"{language}.po", f"{language.replace('-', '_')}.po")
    with next(folder / name for name in names if (folder / name).is_file()).open("rb") as file:
        return read_po(file, locale=_locale(language) or language)


@lru_cache(maxsize=32)
def own_name(language: str) -> str:
    """What a language calls itself; its tag where nobody has told us."""
    known = _locale(language)
    return (known.get_display_name() if known is not None else None) or language


def _locale(language: str) -> Locale | None:
    """The customs of a language; None where Babel has none."""
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return None


def negotiate(wanted: str | None) -> str:
    """The best language for an ``Accept-Language`` header (RFC 9110 12.5.4) or a plain tag; English when none fits.

    A tag is shortened from its end (RFC 4647 3.4); a bare language takes that of any country.
    """
    known = {language.lower(): language for language in languages()}
    asked: list[tuple[float, int, str]] = []
    for place, part in enumerate((wanted or "").split(",")[:20]):
        tag, _, rest = part.strip().partition(";")
        try:
            weight = float(rest.partition("=")[2]) if rest.strip() else 1.0
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            asked.append((-weight, place, tag.strip().lower()))
    for _, _, tag in sorted(asked):
        parts = tag.split("-")[:8]
        shorter = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
        kin = (one for one in known if one.startswith(f"{parts[0]}-"))
        for candidate in (*shorter, *kin):
            if candidate in known:
                return known[candidate]
    return DEFAULT_LANGUAGE


class Words:
    """The words of one language (:class:`release_mgmt.core.audience.Say`), and its dates and times."""

    __slots__ = ("_catalogue", "_locale", "language")

    def __init__(self, language: str = DEFAULT_LANGUAGE) -> None:
        if language not in languages():
            raise InvalidInput.at("language", f"no words for {language!r}", ", ".join(languages()))
        self.language = language
        self._catalogue = catalogue(language)
        self._locale = _locale(language) or Locale.parse(DEFAULT_LANGUAGE)

    def __call__(self, message: str, /, **values: object) -> str:
        """The message in this language with its values filled in."""
        found = self._catalogue.get(message)
        text = found.string if found is not None and isinstance(found.string, str) and found.string else message
        return _filled(text, values) if values else text

    def many(self, one: str, several: str, count: int, /, **values: object) -> str:
        """The form of the message for ``count``."""
        return _filled(self.form(one, several, count), {"count": count, **values})

    def form(self, one: str, several: str, count: int) -> str:
        """As :meth:`many`, before its values are filled in."""
        found = self._catalogue.get(one)
        text = one if count == 1 else several
        if found is not None and isinstance(found.string, (tuple, list)):
            form = int(_plural(self._catalogue.plural_expr)(count))
            if form < len(found.string) and found.string[form]:
                text = found.string[form]
        return text

    def number(self, value: float) -> str:
        """A number with the thousands apart: ``12,345``, ``12.345``."""
        return format_decimal(value, locale=self._locale)

    def listing(self, items: Iterable[str]) -> str:
        """Names one after another, the last with "and"."""
        return format_list(list(items), locale=self._locale)

    def choice(self, items: Iterable[str]) -> str:
        """Names of which one suffices, the last with "or"."""
        return format_list(list(items), style="or", locale=self._locale)

    def short_day(self, value: date, *, year: bool = False) -> str:
        """A date for tables, the year only when asked: ``Tue 24 Nov``, ``Di., 24. Nov.``."""
        return _short_day(value, year, self._locale)

    def month(self, value: date) -> str:
        """A month with its year: ``November 2026``."""
        return format_skeleton("yMMMM", value, locale=self._locale)

    def month_name(self, value: date) -> str:
        """A month, short: ``Nov``."""
        return format_date(value, "LLL", locale=self._locale)

    def weekdays(self) -> list[tuple[str, str]]:
        """The names of the days, whole and short, Monday first."""
        names = self._locale.days["stand-alone"]
        return [(names["wide"][day], names["abbreviated"][day]) for day in range(7)]

    def day(self, value: date) -> str:
        """A date with its weekday: ``Tue, Nov 24, 2026``, ``Di., 24. Nov. 2026``."""
        if self._locale.language == DEFAULT_LANGUAGE:
            return format_date(value, "EEE, d MMM y", locale=self._locale)
        return format_skeleton("yMMMEd", value, locale=self._locale)

    def instant(self, value: datetime, zone: str = "UTC") -> str:
        """An instant in the reader's zone, the zone named."""
        local = value.astimezone(ZoneInfo(zone))
        return f"{self.day(local.date())}, {self._hour(local)} {self._zone(local)}"

    def span(self, start: datetime, end: datetime, zone: str = "UTC") -> str:
        """From one instant to another; the day once when it is the same, the zone when the clock stays."""
        first, last = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
        if first.date() != last.date():
            return f"{self.instant(start, zone)} - {self.instant(end, zone)}"
        begin = self._hour(first)
        if first.utcoffset() != last.utcoffset():
            begin += f" {self._zone(first)}"
        return f"{self.day(first.date())}, {begin}-{self._hour(last)} {self._zone(last)}"

    def _hour(self, local: datetime) -> str:
        return format_time(local, "HH:mm", locale=self._locale)

    def _zone(self, local: datetime) -> str:
        """What the clock is called: as the language has it (``MEZ``), else as it calls itself, else by its offset."""
        said = format_datetime(local, "zzz", locale=self._locale, tzinfo=local.tzinfo)
        for name in (said, local.tzname() or ""):
            if name[:1].isalpha():
                return name
        return format_datetime(local, "'UTC'xxx", locale=self._locale, tzinfo=local.tzinfo)


def _filled(text: str, values: Mapping[str, object]) -> str:
    """``text`` with its ``{names}`` filled in. Names alone: a format's attributes and items would let a template that
    may say words reach whatever the values hang on."""
    return _NAME.sub(lambda found: str(values[found[1]]), text)


@lru_cache(maxsize=32)
def _plural(expression: str) -> Callable[[int], int]:
    """The rule that gives the plural form of a count, from the catalogue's gettext expression."""
    return gettext.c2py(expression)


@lru_cache(maxsize=4_096)
def _short_day(value: date, year: bool, locale: Locale) -> str:
    if locale.language == DEFAULT_LANGUAGE:  # the order that the world reads, not that of the locale's home
        return format_date(value, "EEE d MMM y" if year else "EEE d MMM", locale=locale)
    return format_skeleton("yMMMEd" if year else "MMMEd", value, locale=locale)
