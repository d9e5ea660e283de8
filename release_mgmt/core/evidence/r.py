"""What R code uses, by a small lexer: scripts, and the chunks of R Markdown, Quarto and Sweave documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from release_mgmt.core.evidence.imports import Guard


@dataclass(frozen=True, slots=True)
class Use:
    """One package that R code attaches, loads or reaches into; ``line`` counts from 1."""

    package: str
    line: int
    guard: Guard


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of code in a document: its language, code, first line, and the options of its header."""

    language: str
    code: str
    line: int
    header: str


_OPAQUE = re.compile(
    r"#[^\n]*+"
    r"|[rR]\"(-*)\((?:(?!\)\1\")[\s\S])*+(?:\)\1\")?|[rR]'(-*)\((?:(?!\)\2')[\s\S])*+(?:\)\2')?"
    r"|\"(?:[^\"\\]|\\[\s\S])*+\"?|'(?:[^'\\]|\\[\s\S])*+'?"
)
_NAME = r"[A-Za-z][A-Za-z0-9.]*+"
_ATTACH = re.compile(
    r"(?<![\w.$@])(library|require|requireNamespace|loadNamespace|attachNamespace|check_installed|is_installed"
    r"|local_mocked_bindings|pkg_attach2?|pkg_load2?|libraries|packages|p_load|p_load_gh|shelf|groundhog\.library"
    r"|tar_option_set|use|from|here|into)\s*\("
)
_REACH = re.compile(r"(?<![\w.:$@])(" + _NAME + r"):::?(?=[A-Za-z.`\"'_%])")
_VECTOR = re.compile(r"(?<![\w.])(" + r"[A-Za-z.][\w.]*+" + r")\s*(?:<-|=)\s*c\(")
_SCALAR = re.compile(r"(?<![\w.])([A-Za-z.][\w.]*+)\s*(?:<-|=)\s*(?=[\"'])")
_STRING = re.compile(r"\"([^\"\\\n]*)\"|'([^'\\\n]*)'")
_GONE_OVER = re.compile(r"(?:(?:apply|walk|map)\w*\s*\(\s*(?:X\s*=\s*)?|\bfor\s*\(\s*[\w.]+\s+in\s+)c\(")
_ARGUMENT = re.compile(r"\s*(?:(\w[\w.]*)\s*=(?!=)\s*)?(.*)\Z", re.DOTALL)
_PACKAGE = re.compile(_NAME + r"\Z")
_SINGLE = frozenset(("library", "require", "requireNamespace", "loadNamespace", "attachNamespace"))
_ASKING = frozenset(("requireNamespace", "check_installed", "is_installed"))
_MANY = frozenset(
    ("pkg_attach", "pkg_attach2", "pkg_load", "pkg_load2", "libraries", "packages", "p_load", "p_load_gh", "shelf")
)
CALLS = 5_000
"""Calls of one file that are read."""

_HINTS = ("::", "library", "require", "amespace", "p_load", "shelf", "pkg_", "tar_option", "groundhog", "use(")


def find_uses(text: str, first_line: int = 1) -> tuple[Use, ...]:
    """The packages that R source uses, in the order they are written, each use once a line."""
    if not any(hint in text for hint in _HINTS):
        return ()
    masked = masked_code(text)
    found: list[tuple[int, str, Guard]] = []
    for count, match in enumerate(_ATTACH.finditer(masked)):
        if count < CALLS:
            found.extend((match.start(), name, guard) for name, guard in _attached(text, masked, match))
    found.extend((match.start(), match.group(1), Guard.NONE) for match in _REACH.finditer(masked))
    if "character.only" in masked:
        found.extend(_vectors(text, masked))
    found.sort(key=lambda one: one[0])
    asked = {name for _, name, guard in found if guard is Guard.OPTIONAL}
    uses: dict[Use, None] = {}
    line, counted = first_line, 0
    for at, name, guard in found:
        line += text.count("\n", counted, at)
        counted = at
        uses[Use(name, line, Guard.OPTIONAL if name in asked else guard)] = None
    return tuple(uses)


_PYTHON = re.compile(r"(?<![\w.:$@])(reticulate\s*::\s*)?import\s*\(")
_MODULE = re.compile(r"\s*(?:module\s*=\s*)?(?:\"([A-Za-z_][\w.]*)\"|'([A-Za-z_][\w.]*)')")


def python_uses(text: str) -> tuple[Use, ...]:
    """The Python modules that R code imports through reticulate. A bare ``import`` counts where reticulate is attached
    and rio, whose ``import`` reads a file, is not."""
    if "reticulate" not in text or "import" not in text:
        return ()
    masked = masked_code(text)
    attached = "rio" not in masked and re.search(r"\b(?:library|require)\s*\(\s*[\"']?reticulate\b", text) is not None
    found = []
    line, counted = 1, 0
    for call in islice(_PYTHON.finditer(masked), CALLS):
        module = _MODULE.match(text, call.end())
        if module and (call.group(1) or attached):
            line += text.count("\n", counted, call.start())
            counted = call.start()
            found.append(Use(module.group(1) or module.group(2), line, Guard.NONE))
    return tuple(dict.fromkeys(found))


def masked_code(text: str) -> str:
    """R source of the same length with its strings and comments blanked."""
    return _OPAQUE.sub(_blank, text)


_FUNCTION = re.compile(r"(?:\bfunction|\\)\s*\((?:[^(){}]|\([^(){}]*\)){0,2000}+\)\s*\{")


def without_functions(masked: str) -> str:
    """`masked_code` with the bodies of its functions blanked: what is left runs when the script does."""
    parts: list[str] = []
    at = 0
    for opened in _FUNCTION.finditer(masked):
        if opened.start() >= at:
            end = _closed(masked, opened.end())
            parts += (masked[at : opened.end()], re.sub(r"[^\n]", " ", masked[opened.end() : end]))
            at = end
    return "".join((*parts, masked[at:]))


def _closed(masked: str, start: int) -> int:
    """Where the brace closes that opens before ``start``."""
    depth = 1
    for brace in re.compile(r"[{}]").finditer(masked, start):
        depth += 1 if brace.group() == "{" else -1
        if not depth:
            return brace.start()
    return len(masked)


def _blank(match: re.Match[str]) -> str:
    """The same length without its letters; line ends stay, and a string keeps its quotes."""
    text = match.group()
    inner = re.sub(r"[^\n]", " ", text)
    return inner if text[0] == "#" else text[0] + inner[1:-1] + text[-1] if len(text) > 1 else text


def _attached(text: str, masked: str, match: re.Match[str]) -> Iterator[tuple[str, Guard]]:
    call = match.group(1)
    qualified = masked[max(0, match.start() - 30) : match.start()]
    alone = call in _SINGLE or call in _ASKING
    arguments = list(arguments_of(text, masked, match.end(), 500 if alone else 5_000))
    if alone:
        yield from _single(call, arguments)
    elif call in _MANY:
        for key, value in arguments:
            if key in (None, "char"):
                yield from _listed(value if value.startswith(("c(", '"', "'")) else f'"{value}"')
    elif call in ("tar_option_set", "groundhog.library"):
        wanted = ("packages",) if call == "tar_option_set" else (None, "pkg")
        yield from _listed(next((value for key, value in arguments if key in wanted), ""))
    elif call == "use" and qualified.endswith("box::"):
        for _, value in arguments:
            if not value.startswith(("./", "../")) and "/" not in value.partition("[")[0]:
                yield from _named(value.partition("[")[0].strip())
    elif call == "use" and not qualified.endswith(":"):  # base R 4.4
        yield from _listed(next((value for key, value in arguments if key in (None, "package")), ""))
    elif call in ("from", "here", "into") and qualified.endswith("import::"):
        positional = [value for key, value in arguments if key in (None, ".from")]
        yield from _named(positional[0].strip("\"'") if positional else "")


def _listed(text: str) -> Iterator[tuple[str, Guard]]:
    """The names quoted in ``text``; of ``owner/name@revision`` the name."""
    for double, single in _STRING.findall(text):
        yield from _named((double or single).rpartition("/")[2].partition("@")[0])


def _single(call: str, arguments: list[tuple[str | None, str]]) -> Iterator[tuple[str, Guard]]:
    variable = any(key == "character.only" and value.strip().startswith("T") for key, value in arguments)
    guard = Guard.OPTIONAL if call in _ASKING else Guard.NONE
    for key, value in arguments[:1] if arguments and arguments[0][0] is None else arguments:
        if key not in (None, "package", "pkg", "x"):
            continue
        quoted = _STRING.match(value)
        if quoted:
            yield from _named(quoted.group(1) or quoted.group(2) or "", guard)
        elif variable:
            return
        elif call in ("library", "require"):
            yield from _named(value.strip(), guard)
        elif call in _ASKING and value.startswith("c("):
            for one in _STRING.findall(value):
                yield from _named(one[0] or one[1], guard)
        return


def _named(name: str, guard: Guard = Guard.NONE) -> Iterator[tuple[str, Guard]]:
    name = name.strip("`\"' \n\t")
    if _PACKAGE.match(name) and len(name) < 100:
        yield name, guard


def arguments_of(text: str, masked: str, start: int, limit: int = 5_000) -> Iterator[tuple[str | None, str]]:
    """(name or None, text) of each argument of the call whose bracket opens before ``start``; ``masked`` is ``text``
    with its strings and comments blanked."""
    depth, begin = 0, start
    for match in re.compile(r"[()\[\]{},]").finditer(masked, start, min(len(masked), start + limit)):
        sign = match.group()
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if depth < 0 or (sign == "," and depth == 0):
            part = text[begin : match.start()]
            if "#" in part:
                part = "".join(
                    char
                    for char, shown in zip(part, masked[begin : match.start()], strict=True)
                    if shown != " " or char == " " or '"' in part or "'" in part
                )
                part = re.sub(r"(?m)^\s*#[^\n]*", "", part)
            named = _ARGUMENT.match(part)
            if named and named.group(2).strip():
                yield named.group(1), named.group(2).strip()
            begin = match.end()
        if depth < 0:
            return


def _vectors(text: str, masked: str) -> Iterator[tuple[int, str, Guard]]:
    """``pkgs <- c("a", "b")`` or ``pkg <- "a"`` that is later given to ``library(..., character.only = TRUE)``, and
    such a list that a loop or a function goes over at once."""
    for match in islice(_SCALAR.finditer(masked), CALLS):
        name = re.escape(match.group(1))
        attach = rf"\b(?:library|require)\s*\(\s*(?:package\s*=\s*)?{name}\s*,[^()\n]*character\.only\s*=\s*T"
        quoted = _STRING.match(text, match.end())
        if quoted and re.search(attach, masked[match.end() : match.end() + 2_000]):
            for package, guard in _named(quoted.group(1) or quoted.group(2) or ""):
                yield match.start(), package, guard
    for match in _VECTOR.finditer(masked):
        name = match.group(1)
        users = rf"(?:apply|walk|map|for|Map)\w*\s*\(\s*(?:\w+\s+in\s+)?{re.escape(name)}\b"
        if re.search(users, masked[match.end() : match.end() + 20_000]):
            yield from _quoted(text, masked, match)
    for match in _GONE_OVER.finditer(masked):
        if re.search(r"\b(?:library|require)\b", masked[match.end() : match.end() + 5_000].partition("\n\n")[0]):
            yield from _quoted(text, masked, match)


def _quoted(text: str, masked: str, opened: re.Match[str]) -> Iterator[tuple[int, str, Guard]]:
    """The names quoted in the list that ``opened`` opens."""
    for _, value in arguments_of(text, masked, opened.end()):
        quoted = _STRING.fullmatch(value)
        if quoted:
            for package, guard in _named(quoted.group(1) or quoted.group(2) or ""):
                yield opened.start(), package, guard


_FENCE = re.compile(
    r"^[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*\{[ \t]*(?P<language>[A-Za-z]+)(?P<header>[^}\n]*(?:\}[^}\n]*)*)\}[ \t]*\n"
    r"(?P<code>(?:(?![ \t]*(?P=fence)[ \t]*$)[^\n]*\n?)*)",
    re.MULTILINE,
)
_SWEAVE = re.compile(r"^<<(?P<header>[^\n]*)>>=[ \t]*\n(?P<code>(?:(?!@)[^\n]*\n?)*)", re.MULTILINE)
_INLINE = re.compile(r"`r[ ]+([^`\n]+)`")


def chunks(text: str) -> tuple[Chunk, ...]:
    """The code of an R Markdown, Quarto or Sweave document; what stands in the running text is a chunk of its own."""
    found: list[Chunk] = []
    line, counted = 1, 0
    for match in (_FENCE if "<<" not in text or "```{" in text else _SWEAVE).finditer(text):
        groups = match.groupdict()
        start = match.start("code")
        line += text.count("\n", counted, start)
        counted = start
        header, code = groups["header"] or "", groups["code"] or ""
        found.append(Chunk((groups.get("language") or "r").lower(), code, line, header))
    line, counted = 1, 0
    for match in _INLINE.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        found.append(Chunk("r", match.group(1), line, ""))
    return tuple(found)


def in_place(found: Iterable[Chunk], language: str) -> str:
    """The code of ``language`` as one source in which each chunk stands on the line that it has in the document (one
    that begins where another ends: on the next)."""
    parts: list[str] = []
    line = 1
    for one in sorted((one for one in found if one.language == language), key=lambda one: one.line):
        gap = "\n" * max(one.line - line, 1 if parts else 0)
        parts += (gap, one.code)
        line += len(gap) + one.code.count("\n")
    return "".join(parts)
