"""SQL: statements that define tables, in migrations and schema files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release_mgmt.core.evidence.bounded import decode
from release_mgmt.core.evidence.schemas.model import SchemaChange, bounded

_LIMIT = 2_000_000
_NOISE = re.compile(r"--[^\n]*|/\*.*?\*/|('(?:[^']|'')*')", re.DOTALL)
_NAME = r"((?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\])(?:\s*\.\s*(?:[\w$]+|\"[^\"]+\"|`[^`]+`|\[[^\]]+\]))*)"
_CREATE = re.compile(
    rf"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|EXTERNAL|UNLOGGED|TRANSIENT)\s+)*TABLE\s+"
    rf"(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}\s*\((.*)",
    re.IGNORECASE | re.DOTALL,
)
_DROP = re.compile(
    rf"\s*DROP\s+(TABLE|(?:MATERIALIZED\s+)?VIEW|SCHEMA|TYPE|FUNCTION|COLUMN)\s+(?:IF\s+EXISTS\s+)?{_NAME}",
    re.IGNORECASE,
)
_ALTER = re.compile(rf"\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?{_NAME}\s+(.*)", re.IGNORECASE | re.DOTALL)
_RENAME = re.compile(r"\s*(?:EXEC\s+)?sp_rename\b|\s*RENAME\s+TABLE\b", re.IGNORECASE)
_NOT_COLUMN = re.compile(
    r"(?:CONSTRAINT|PRIMARY|FOREIGN|UNIQUE|CHECK|INDEX|KEY|EXCLUDE|LIKE|PARTITION)\b", re.IGNORECASE
)

_COLUMN = rf"(?:COLUMN\s+)?{_NAME}"
_EXISTS = r"(?:COLUMN\s+)?(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"
_NO_CONSTRAINT = r"(?!CONSTRAINT|INDEX|PRIMARY|FOREIGN|UNIQUE|KEY|CHECK|DEFAULT)"

# What a clause of ALTER TABLE looks like, what it does, whether it breaks.
_CLAUSES: tuple[tuple[re.Pattern[str], str, bool], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), what, breaks)
    for pattern, what, breaks in (
        (rf"DROP\s+{_EXISTS}{_NO_CONSTRAINT}{_NAME}", "column removed", True),
        (rf"RENAME\s+COLUMN\s+{_NAME}", "column renamed", True),
        (rf"RENAME\s+TO\s+{_NAME}", "table renamed", True),
        (rf"(?:ALTER|MODIFY)\s+{_COLUMN}\s+(?:SET\s+DATA\s+)?TYPE\b", "column type changed", True),
        (rf"(?:ALTER|MODIFY)\s+{_COLUMN}\s+SET\s+NOT\s+NULL", "column must be filled", True),
        (rf"(?:ALTER|MODIFY)\s+{_COLUMN}\s+(?:DROP\s+NOT\s+NULL|(?:SET|DROP)\s+DEFAULT)", "column loosened", False),
        (rf"(?:ALTER|MODIFY|CHANGE)\s+{_COLUMN}\s+\w+", "column changed", True),
        (rf"ADD\s+{_EXISTS}{_NO_CONSTRAINT}{_NAME}", "column added", False),
        (r"ADD\s+(?:CONSTRAINT\s+\S+\s+)?(?:UNIQUE|CHECK|FOREIGN|PRIMARY)()", "constraint added", True),
    )
)


def changes(old: bytes | None, new: bytes | None) -> Iterator[SchemaChange]:
    """What the statements of the new file do that were not in the old one; tables that both define column by column."""
    before = _statements(decode(old, _LIMIT)) if old is not None else []
    after = _statements(decode(new, _LIMIT)) if new is not None else []
    tables_before, tables_after = _tables(before), _tables(after)
    known = {text for _, text in before}
    for line, text in after:
        if text not in known:
            yield from _statement(line, text, tables_before)
    for name, (line, columns) in tables_before.items():
        if name in tables_after:
            yield from _columns(name, columns, tables_after[name])
        elif new is not None:
            yield SchemaChange(name, "table removed", True, line)


def _statements(text: str) -> list[tuple[int, str]]:
    """(line, statement) with comments blanked and white space folded."""
    text = _NOISE.sub(lambda match: match.group(1) or "\n" * match.group().count("\n"), text)
    found, line = [], 1
    for piece in text.split(";"):
        start = line + piece[: len(piece) - len(piece.lstrip())].count("\n")
        line += piece.count("\n")
        folded = " ".join(piece.split())
        if folded:
            found.append((start, folded))
    return found


def _plain(name: str) -> str:
    return bounded(re.sub(r"[\"`\[\]\s]", "", name)).lower()


def _statement(line: int, text: str, tables: dict[str, tuple[int, dict[str, str]]]) -> Iterator[SchemaChange]:
    drop, alter, create = _DROP.match(text), _ALTER.match(text), _CREATE.match(text)
    if drop:
        yield SchemaChange(_plain(drop.group(2)), f"{drop.group(1).lower()} removed", True, line)
    elif create:
        name = _plain(create.group(1))
        if name not in tables:
            yield SchemaChange(name, "table added", False, line)
    elif _RENAME.match(text):
        yield SchemaChange(bounded(text, 80), "renamed", True, line)
    elif alter:
        table = _plain(alter.group(1))
        for clause in _split(alter.group(2)):
            yield from _clause(table, clause.strip(), line)


def _clause(table: str, clause: str, line: int) -> Iterator[SchemaChange]:
    for pattern, what, breaks in _CLAUSES:
        match = pattern.match(clause)
        if match:
            subject = f"{table}.{_plain(match.group(1))}" if match.group(1) else table
            upper = clause.upper()
            must = what == "column added" and "NOT NULL" in upper and "DEFAULT" not in upper
            told = "column added that must be filled" if must else what
            yield SchemaChange(subject, told, breaks or must, line, None, bounded(clause))
            return


def _split(text: str) -> list[str]:
    """The parts of a list at its outer commas."""
    parts: list[str] = []
    depth = start = 0
    for at, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth < 0:
                return [*parts, text[start:at]]
        elif character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _tables(statements: list[tuple[int, str]]) -> dict[str, tuple[int, dict[str, str]]]:
    found: dict[str, tuple[int, dict[str, str]]] = {}
    for line, text in statements:
        match = _CREATE.match(text)
        if match:
            columns = {}
            for part in _split(match.group(2)):
                words = part.strip().split(None, 1)
                if words and not _NOT_COLUMN.match(words[0]):
                    columns[_plain(words[0])] = bounded(words[1] if len(words) > 1 else "").upper()
            found[_plain(match.group(1))] = (line, columns)
    return found


def _columns(table: str, before: dict[str, str], later: tuple[int, dict[str, str]]) -> Iterator[SchemaChange]:
    line, after = later
    for name, form in before.items():
        if name not in after:
            yield SchemaChange(f"{table}.{name}", "column removed", True, line, form, None)
        elif after[name] != form:
            yield SchemaChange(f"{table}.{name}", "column changed", True, line, form, after[name])
    for name, form in after.items():
        if name not in before:
            must = "NOT NULL" in form and "DEFAULT" not in form
            what = "column added that must be filled" if must else "column added"
            yield SchemaChange(f"{table}.{name}", what, must, line, None, form)
