"""What one file's code asks for: imports, R packages and installs, whatever the file's language."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from posixpath import basename

from release_mgmt.core.classification.scope import Purpose, purpose
from release_mgmt.core.evidence import distributions, notebooks, r
from release_mgmt.core.evidence.bounded import PATHS, Unreadable, decode
from release_mgmt.core.evidence.called_installs import called_installs
from release_mgmt.core.evidence.cells import cells, is_databricks, is_notebook
from release_mgmt.core.evidence.dependencies import glue, manifest_kind, r_installs
from release_mgmt.core.evidence.dependencies.docker import instructions
from release_mgmt.core.evidence.imports import Guard, Import, find_calls, find_imports

CODE_BYTES = 4_000_000
"""A source file above this size is not read."""

# Modules of the standard library of other Python versions than ours: Python 2, and what 3.12 and later removed.
_OLDER = """
__builtin__ anydbm asynchat asyncore audioop Bastion BaseHTTPServer binhex bsddb CGIHTTPServer cgi cgitb chunk commands
compiler ConfigParser Cookie cookielib copy_reg cPickle crypt cStringIO dbhash dircache distutils DocXMLRPCServer
dumbdbm dummy_thread dummy_threading exceptions formatter fpformat future_builtins gdbm hotshot htmlentitydefs htmllib
HTMLParser httplib ihooks imageop imghdr imp imputil itertools lib2to3 macpath mailcap markupbase md5 mhlib mimetools
MimeWriter mimify msilib multifile mutex new nis nntplib os2emxpath ossaudiodev parser pipes popen2 posixfile Queue
repr rexec rfc822 rgbimg robotparser sets sgmllib sha SimpleHTTPServer SimpleXMLRPCServer smtpd sndhdr SocketServer
spwd sre statvfs StringIO strop sunau symbol telnetlib thread Tix Tkinter tkFileDialog tkFont tkMessageBox toaiff ttk
urllib2 urlparse user UserDict UserList UserString uu whichdb xdrlib xmllib xmlrpclib _winreg
annotationlib compression tomllib zoneinfo pathlib dataclasses contextvars graphlib
"""
STANDARD = frozenset(sys.stdlib_module_names) | frozenset(_OLDER.split()) | {"__main__", "__future__"}
"""Top-level modules of the standard library, of any Python version."""

TOOLING = frozenset(("setuptools", "pkg_resources", "pip", "wheel", "_distutils_hack", "ez_setup"))
"""Modules of the installer itself: there wherever Python code is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One library that a file asks for: ``name`` is a dotted Python module, an R package or an installed name.

    ``how`` is python, r, pypi or conda (the last two for installs).
    """

    how: str
    name: str
    line: int | None
    guard: Guard


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the code of one file asks for; ``unreadable`` says why nothing is known.

    ``familiar`` is what it imports that no library brings, each with its first line: modules of the standard library,
    and the project's own by relative imports, with their dots.
    """

    asked: tuple[Asked, ...] = ()
    familiar: tuple[tuple[str, int], ...] = ()
    unreadable: str | None = None


NOTHING = FileFacts()

_ENDINGS = {
    "py": "python", "pyw": "python", "pyx": "python", "smk": "python", "ipynb": "notebook", "r": "r", "rmd": "document",
    "qmd": "document", "rnw": "document", "rmarkdown": "document", "wsgi": "python", "xpy": "python", "md": "markdown",
}  # fmt: skip
_NAMES = {"Snakefile": "python", "SConstruct": "python", "SConscript": "python", "wscript": "python", ".Rprofile": "r"}


_SCRIPT = re.compile(r"(?:^|/)(?:bin|scripts?|tools)/(?:[^/]+/)*[a-z][^/.]*\Z")
_SHEBANG = re.compile(rb"#![^\n]{0,200}?\b(?:(python|pypy)[\d.]*|(Rscript|littler))\b")


@lru_cache(maxsize=PATHS)
def language_of(path: str) -> str | None:
    """python, notebook, r or document where code that asks for libraries may stand in ``path``; script and markdown
    where what it holds tells (`language_in`)."""
    name = basename(path)
    if "." in name:
        found = _NAMES.get(name) or _ENDINGS.get(name.rpartition(".")[2].lower())
        return None if found == "markdown" and purpose(path) is Purpose.DOCUMENTATION else found
    return _NAMES.get(name) or ("script" if _SCRIPT.search(path) else None)


def language_in(path: str, data: bytes | None, before: bytes | None = None) -> str | None:
    """The language of a file: of a script without an ending the one that its first line calls for (where it is gone,
    the line that it had ``before``), and ``cells`` of Markdown that is a notebook and of scripts of Databricks."""
    language = language_of(path)
    contents = [content for content in (data, before) if content]
    if language == "markdown":
        return "cells" if any(map(is_notebook, contents)) else None
    if language == "document" or (language in ("python", "r") and any(map(is_databricks, contents))):
        return "cells"
    if language == "script":
        called = next((found for content in contents if (found := _SHEBANG.match(content))), None)
        return None if called is None else "python" if called.group(1) else "r"
    return language


def file_facts(path: str, data: bytes) -> FileFacts:
    """What the file at ``path`` asks for. Never raises."""
    language = language_in(path, data)
    if language is None:
        return NOTHING
    if language != "notebook" and len(data) > CODE_BYTES:
        return FileFacts(unreadable=f"larger than {CODE_BYTES:,} bytes")
    try:
        familiar: tuple[tuple[str, int], ...] = ()
        if language == "python":
            imports = (*find_imports(data), *find_calls(data))
            familiar = _familiar(imports)
            found = [*_python(imports), *_called(data)]
            if glue.ARGUMENT.encode() in data:
                found.extend(_glue(decode(data)))
        elif language == "notebook":
            found = _notebook(data)
        elif language == "r":
            found = _r(decode(data), installing=manifest_kind(path) is None)
        else:
            found = _cells(decode(data), language_of(path) or "")
            familiar = _familiar(find_imports(data)) if language_of(path) == "python" else ()
    except Unreadable as error:
        return FileFacts(unreadable=error.message)
    return FileFacts(tuple(dict.fromkeys(found)), familiar)


# Modules whose parts are distributions of their own (`google.cloud`), so that `from google.cloud import storage`
# names one of them.
_SHARED = frozenset(
    ".".join(parts[:length])
    for parts in (name.split(".") for name in distributions.IMPORTS)
    for length in range(1, len(parts))
)


def _familiar(imports: tuple[Import, ...]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for one in imports:
        if one.level:
            dots = "." * one.level
            names = (f"{dots}{one.module}",) if one.module else tuple(f"{dots}{name}" for name in one.names)
        else:
            names = (one.top,) if one.top in STANDARD else ()
        for name in names:
            found.setdefault(sys.intern(name), one.line)
    return tuple(found.items())


def _python(imports: tuple[Import, ...]) -> list[Asked]:
    found: list[Asked] = []
    for one in imports:
        if one.level or one.top in STANDARD:
            continue
        shared = one.module in _SHARED
        if shared and not one.names and one.module not in distributions.IMPORTS:
            continue  # a namespace alone asks for none of its parts
        names = [f"{one.module}.{name}" for name in one.names if name != "*"] if shared else []
        found.extend(Asked("python", name, one.line, one.guard) for name in names or [one.module])
    return found


def _called(data: bytes) -> list[Asked]:
    return [Asked(one.ecosystem, one.name, line, guard) for one, line, guard in called_installs(data)]


def _glue(text: str) -> list[Asked]:
    return [Asked(one.ecosystem, one.name, one.line, Guard.NONE) for one in glue.modules(text)]


def _notebook(data: bytes) -> list[Asked]:
    notebook = notebooks.read_notebook(data)
    found: list[Asked] = []
    for language in ("python", "r"):
        text = notebooks.code(notebook, language)
        code = text.encode("utf-8", "replace")
        asked = _r(text) if language == "r" else [*_python((*find_imports(code), *find_calls(code))), *_called(code)]
        places = notebooks.Places(data, text)
        found.extend(Asked(one.how, one.name, places.line(one.line), one.guard) for one in asked)
    found.extend(Asked(one.ecosystem, one.name, None, Guard.NONE) for one in notebooks.installs(notebook))
    for cell in notebook.cells:
        if cell.kind == "code" and ("additional_python_modules" in cell.source or glue.ARGUMENT in cell.source):
            found.extend(Asked(one.ecosystem, one.name, None, Guard.NONE) for one in glue.modules(cell.source))
    return found


# What only installs others is none of what the code needs.
_INSTALLERS = frozenset(("BiocManager", "devtools", "packrat", "pacman", "pak", "remotes", "renv"))


def _r(text: str, *, installing: bool = True) -> list[Asked]:
    """What R code asks for, where it is ``installing`` also what it installs outside of functions: that is needed,
    though it be asked first whether it is there."""
    found = [Asked("r", use.package, use.line, use.guard) for use in r.find_uses(text)]
    found.extend(
        Asked("python", use.package, use.line, use.guard)
        for use in r.python_uses(text)
        if use.package.partition(".")[0] not in STANDARD
    )
    if installing and ("install" in text or "biocLite" in text):
        calls = r_installs(text, masked=r.without_functions(r.masked_code(text)))
        found.extend(Asked("r", one.name, one.line, Guard.NONE) for one in calls if one.name not in _INSTALLERS)
    return found


def _cells(text: str, written: str) -> list[Asked]:
    found: list[Asked] = []
    for cell in cells(text, written):
        asked: list[Asked] = []
        if cell.language == "r":
            asked = _r(cell.code, installing=written != "document")
        elif cell.language == "python":
            code = notebooks.without_commands(cell.code).encode("utf-8", "replace")
            asked = [*_python((*find_imports(code), *find_calls(code))), *_called(code)]
        if "install" in cell.code and not _NOT_RUN.search(cell.header + cell.code[:500]):
            asked += _installed(cell.language, cell.code)
        found.extend(Asked(one.how, one.name, (one.line or 1) + cell.line - 1, one.guard) for one in asked)
    return found


_NOT_RUN = re.compile(r"eval\s*[=:]\s*(?:FALSE|F\b|false)")


def _installed(language: str, code: str) -> list[Asked]:
    """What the shell lines of a cell install."""
    lines = instructions(code) if language == "shell" else notebooks.commands_of(code) if language == "python" else ()
    return [
        Asked(one.ecosystem, one.name, line, Guard.NONE)
        for line, command in lines
        for one in notebooks.shell_installs(command)
    ]
