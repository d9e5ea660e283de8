"""A calendar that a team keeps as a table, as spreadsheets write it: commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, datetime

from release_mgmt.core.errors import FieldError, InvalidInput
from release_mgmt.sources.adoption.document import Adopted, Document, bounded

COLUMNS = ("title", "start", "end")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?=$|[ T,])")


def from_csv(text: str, *, name: str, time_zone: str) -> Adopted:
    """From a table with the columns title, start and end (and kind: window or freeze; reason), in local time.

    Days are 2026-11-24 or 24.11.2026. Raises InvalidInput naming each row that cannot be read.
    """
    bounded(len(text))
    lines = io.StringIO(text.removeprefix("\ufeff"), newline=None)
    first = lines.readline()
    told = re.match(r"sep=(.)\r?\n?\Z", first)  # what Excel writes and reads
    if told is None:
        lines.seek(0)
    delimiter = told[1] if told else max(",;\t", key=first.count)
    rows = csv.DictReader(lines, skipinitialspace=True, strict=True, delimiter=delimiter)
    try:
        names = [str(column).strip().lower() for column in rows.fieldnames or ()]
        rows.fieldnames = names
        missing = [column for column in COLUMNS if column not in names]
        if missing:
            raise InvalidInput.at("file", f"these columns are missing: {', '.join(missing)}", ", ".join(COLUMNS))
        made = Document(name, time_zone)
        faults: list[FieldError] = []
        for row in rows:
            if not any(value.strip() for value in row.values() if isinstance(value, str)):
                continue
            try:
                start, end = _when(row.get("start") or ""), _when(row.get("end") or "")
                made.add(row.get("title") or "", start, end, kind=row.get("kind"), reason=row.get("reason"))
            except InvalidInput as error:
                faults.append(FieldError(f"line {rows.line_num + bool(told)}", error.message))
    except csv.Error as error:
        raise InvalidInput.at("file", f"this is not a table: {error}") from error
    if faults:
        raise InvalidInput(f"{len(faults)} rows cannot be read.", faults[:50])
    return made.done()


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
