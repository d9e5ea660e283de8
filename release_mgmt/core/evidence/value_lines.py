"""On which line of a configuration file each of its values stands, by the keys that `parameters` gives them."""

from __future__ import annotations

import re

Lines = dict[str, int]

_JSON = re.compile(r'"(?:[^"\\\n]++|\\.)*+"?|//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|[{}\[\],:]|[^\s"{}\[\],:/]++|/')


def json_lines(text: str) -> Lines:
    """The first line of each value of a JSON document, comments allowed."""
    found: Lines = {}
    keys: list[str] = [""]  # the key of each value that is open, the innermost last
    counts: list[int | None] = []  # for each open list the place in it, None for a table
    waiting: str | None = None  # a text that may prove to be a key
    line, counted = 1, 0
    for match in _JSON.finditer(text):
        sign, at = match.group(), match.start()
        line += text.count("\n", counted, at)
        counted = at
        if sign.startswith(("//", "/*")):
            continue
        if sign == ":" and waiting is not None and counts and counts[-1] is None:
            keys[-1] = f"{keys[-2]}.{waiting}"
            found[keys[-1].removeprefix(".")] = line
        elif sign in ("{", "["):
            listed = sign == "["
            counts.append(0 if listed else None)
            keys.append(f"{keys[-1]}[0]" if listed else keys[-1])
            if listed:
                found.setdefault(keys[-1].removeprefix("."), line)
        elif sign in ("}", "]") and counts:
            counts.pop()
            keys.pop()
        elif sign == "," and counts and (index := counts[-1]) is not None:
            counts[-1] = index + 1
            keys[-1] = f"{keys[-2]}[{index + 1}]"
        elif counts and counts[-1] is not None:
            found[keys[-1].removeprefix(".")] = line
        waiting = sign[1:-1] if sign.startswith('"') else None
        if len(counts) > _DEEP:
            break
    return found


_DEEP = 200
_HEADER = re.compile(r"\s*(\[{1,2})\s*([^\[\]#]+?)\s*\]{1,2}\s*(?:#.*)?\Z")
_SETS = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def toml_lines(text: str) -> Lines:
    """The line on which each key of a TOML document is set."""
    found: Lines = {}
    rows: dict[str, int] = {}
    table, inside = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        if inside:
            inside = "" if line.count(inside) % 2 else inside
            continue
        header = _HEADER.match(line[:1_000])
        if header:
            table = _dotted(header.group(2))
            if header.group(1) == "[[":
                rows[table] = rows.get(table, -1) + 1
                table = f"{table}[{rows[table]}]"
            continue
        key = _SETS.match(line[:1_000])
        if key:
            found.setdefault(f"{table}.{_dotted(key.group(1))}".removeprefix("."), number)
        inside = next((quotes for quotes in ('"""', "'''") if line.count(quotes) % 2), "")
    return found


def _dotted(text: str) -> str:
    return ".".join(part.strip("\"'") for part in _PART.findall(text))


_SECTION = re.compile(r"\[([^\]]+)\]")
_ENDS = re.compile(r"[=:]")


def ini_lines(text: str) -> Lines:
    """The line on which each option of an INI file stands; options are written in any case."""
    found: Lines = {}
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = _SECTION.match(line)
        if header:
            section = header.group(1)
        elif line[:1] not in ("", " ", "\t", "#", ";"):
            found[f"{section}.{_ENDS.split(line[:1_000], maxsplit=1)[0].strip().lower()}"] = number
    return found


_INNER = re.compile(r"(?:\[\d+\]|\.[^.\[\]]*)\Z")


def line_of(lines: Lines, key: str) -> int | None:
    """The line of the value at ``key``, or of the nearest that holds it."""
    while key and key not in lines:
        shorter = _INNER.sub("", key)
        key = shorter if shorter != key else ""
    return lines.get(key)
