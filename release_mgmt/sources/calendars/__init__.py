"""Release calendars from outside: YAML files, JSON documents, .ics files and the package ``holidays``."""

from __future__ import annotations

from pathlib import Path

from release_mgmt.core.windows import ReleaseCalendar
from release_mgmt.sources.calendars.document import read
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.sources.calendars.holiday import HolidaySource
from release_mgmt.sources.calendars.identities import keep_identities
from release_mgmt.sources.calendars.stops import Known

__all__ = ["HolidaySource", "Known", "keep_identities", "load_file", "load_yaml", "read", "read_document", "read_file"]


def read_document(
    data: object, year: int, known: Known | None = None, language: str = "en", *, stored: bool = False
) -> ReleaseCalendar:
    """The calendar of a document already loaded; ``year`` is about when holidays are wanted, and ``language`` the one
    that they are named in. ``stored``: it was saved before, and stays readable."""
    return read(data, HolidaySource(year, language), known, stored=stored)


def load_file(path: Path, year: int, known: Known | None = None) -> list[ReleaseCalendar]:
    """Every calendar in a YAML file."""
    return [read_document(each, year, known) for each in load_yaml(read_file(path))]
