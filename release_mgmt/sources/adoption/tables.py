"""A calendar that a team keeps as a table, as spreadsheets write it: commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime

from release_mgmt.core.errors import FieldError, InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.sources.adoption.document import Adopted, Document, bounded

COLUMNS = ("title", "start", "end")
KNOWN = (*COLUMNS, "kind", "reason")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?=$|[ T,])")


def from_csv(text: str, *, name: str, time_zone: str) -> Adopted:
    """From a table with the columns title, start and end (and kind: window or freeze; reason), in local time.

    Days are 2026-11-24 or 24.11.2026. Raises InvalidInput naming each row that cannot be read.
    """
    bounded(len(text))
    text = re.sub(r"\r\r?\n?", "\n", text.removeprefix("\ufeff"))
    skipped = len(text) - len(text.lstrip("\n"))
    told = re.match(r"sep=(.)\n", text := text.lstrip("\n"))  # what Excel writes and reads
    text, skipped = (text[told.end() :], skipped + 1) if told else (text, skipped)
    delimiter = told[1] if told else _delimiter(text.partition("\n")[0])
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True, delimiter=delimiter)
    try:
        names = [_name(column) for column in rows.fieldnames or ()]
        rows.fieldnames = names
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            seen = one_line(", ".join(names), 200)
            raise InvalidInput.at(
                "file", f"these columns are missing: {', '.join(missing)} (there are: {seen})", ", ".join(COLUMNS)
            )
        twice = sorted({column for column in KNOWN if names.count(column) > 1})
        if twice:
            raise InvalidInput.at("file", f"these columns are there twice: {', '.join(twice)}", "each once")
        made = Document(name, time_zone)
        made.notes += [f"column {one_line(column, 60)!r} was left out" for column in names if column not in KNOWN]
        faults = _fill(made, rows, skipped)
    except csv.Error as error:
        raise InvalidInput.at("file", f"this is not a table: {error}") from error
    if faults:
        raise InvalidInput(f"{len(faults):,} row{'s' * (len(faults) > 1)} cannot be read.", faults[:50])
    return made.done()


def _fill(made: Document, rows: csv.DictReader[str], skipped: int) -> list[FieldError]:
    """Take the rows into the document; returns what is wrong with those that cannot be taken."""
    faults: list[FieldError] = []
    for row in rows:
        more = row.pop(None, None)
        if not more and not any(value.strip() for value in row.values() if isinstance(value, str)):
            continue
        try:
            if more and any(value.strip() for value in more):
                raise InvalidInput.at(
                    "row", "has more cells than there are columns", "quotes around a cell with a comma"
                )
            start, end = _when(row.get("start") or ""), _when(row.get("end") or "")
            made.add(row.get("title") or "", start, end, kind=row.get("kind"), reason=row.get("reason"))
        except InvalidInput as error:
            faults.append(FieldError(f"line {rows.line_num + skipped}", error.message))
    return faults


def _name(column: object) -> str:
    return str(column).strip().lower()


def _delimiter(head: str) -> str:
    """The one that divides the columns asked for, else the most frequent."""

    def fits(one: str) -> tuple[int, int]:
        names = [_name(each.strip(' "')) for each in head.split(one)]
        return sum(column in names for column in COLUMNS), head.count(one)

    return max(",;\t|", key=fits)


def _when(text: str) -> date:
    dotted = _DOTTED.match(text.strip())
    told = text.strip()
    if dotted:
        told = f"{dotted[3]}-{dotted[2]:0>2}-{dotted[1]:0>2}{told[dotted.end() :].replace(',', '')}"
    told = re.sub(r"\s+", "T", told, count=1)
    if re.search(r"T\d:", told):
        told = told.replace("T", "T0", 1)
    try:
        if len(told) == 10:
            return date.fromisoformat(told)
        found = datetime.fromisoformat(told)
    except ValueError:
        raise InvalidInput.at("time", f"{text[:40]!r} is not a day or a local time", "2026-11-24T18:00") from None
    if found.tzinfo is not None:
        raise InvalidInput.at("time", f"{text[:40]!r} has an offset", "a local time without one")
    return found
