"""setup.cfg: the declarative options of setuptools."""

from __future__ import annotations

import configparser
import re

from release_mgmt.core.evidence.bounded import Unreadable, decode
from release_mgmt.core.evidence.dependencies.model import Group, Include, Manifest, Requirement
from release_mgmt.core.evidence.dependencies.pep508 import PLATFORM, parse
from release_mgmt.core.evidence.dependencies.scope import beside, group_of_name

_FILE = re.compile(r"^\s*file:\s*(.+)$", re.DOTALL)


def read(path: str, data: bytes) -> Manifest:
    """What a setup.cfg declares. Raises ``Unreadable`` when it is no INI file."""
    text = decode(data, 1_000_000)
    parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Unreadable(f"not INI: {' '.join(str(error).split())[:120]}") from None
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        lines.setdefault(line.split("=", 1)[-1].strip() if line[:1].strip() else line.strip(), number)
    found: list[Requirement] = []
    includes: list[Include] = []
    options = dict(parser["options"]) if parser.has_section("options") else {}
    for key, group in (
        ("install_requires", Group.RUNTIME),
        ("setup_requires", Group.BUILD),
        ("tests_require", Group.DEVELOPMENT),
    ):
        found += _listed(options.get(key, ""), group, None, lines)
        file = _FILE.match(options.get(key, ""))
        if file and group is Group.RUNTIME:
            includes += [Include(beside(path, one.strip())) for one in re.split(r"[,\n]", file.group(1)) if one.strip()]
    if parser.has_section("options.extras_require"):
        for extra, value in parser["options.extras_require"].items():
            found += _listed(value, group_of_name(extra), extra, lines)
    name = parser.get("metadata", "name", fallback=None)
    return Manifest(path, "pypi", tuple(found), tuple(includes), provides=name)


def _listed(value: str, group: Group, extra: str | None, lines: dict[str, int]) -> list[Requirement]:
    found = []
    if _FILE.match(value):
        return []
    for row in value.split("\n"):
        one = parse(row.partition(" #")[0], group, extra=extra, line=lines.get(row.strip()))
        if one and one.key not in PLATFORM and not row.lstrip().startswith("#"):
            found.append(one)
    return found
