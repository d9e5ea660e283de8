"""What a change does to its files, libraries aside: documents, parameters, texts, logic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from posixpath import basename

from release_mgmt.core.classification.change import ChangedFile, ChangeInput
from release_mgmt.core.classification.fact import Fact
from release_mgmt.core.classification.facts import language_in, language_of
from release_mgmt.core.classification.scope import Purpose, is_prose, purpose
from release_mgmt.core.evidence import artefacts, cells, edits, metrics, notebooks, r
from release_mgmt.core.evidence.bounded import Unreadable, decode
from release_mgmt.core.evidence.dependencies import docker, glue, manifest_kind, read
from release_mgmt.core.evidence.edits import Edit, Weight
from release_mgmt.core.evidence.parameters import ParameterChange, configuration_changes, configuration_format
from release_mgmt.core.evidence.words import is_change_log

SHOWN = 40
"""Parameters of one file that are listed."""

LEXED_BYTES = 1_000_000
"""Source above this size is not compared statement by statement."""


def is_read(path: str) -> bool:
    """Whether a verdict asks for the content of the file at ``path``."""
    return (
        language_of(path) is not None
        or manifest_kind(path) is not None
        or configuration_format(path) is not None
        or _ending(path) in _OTHER
        or is_change_log(path)
    )


def _ending(path: str) -> str:
    return basename(path).rpartition(".")[2].lower()


def follow_moves(change: ChangeInput, facts: Iterable[Fact]) -> Iterator[Fact]:
    """The facts of a change's files; a parameter that names a file which the change moves only follows the move, one
    that names the version of the project only follows its bump."""
    moves = [(one.old_path, one.new_path) for one in change.files if one.same and one.old_path and one.new_path]
    listed = list(facts)
    bumps = {(_bare(one.old), _bare(one.new)) for one in listed if one.fact == "version" and one.old and one.new}
    for fact in listed:
        if fact.fact != "parameter":
            yield fact
        elif any(_names(fact, old, new) for old, new in moves[:200]):
            yield replace(fact, fact="moved")
        elif _follows(fact.old or "", fact.new or "", bumps):
            yield replace(fact, fact="version")
        else:
            yield fact


def _follows(before: str, after: str, bumps: Iterable[tuple[str, str]]) -> bool:
    """Whether a value differs by the version of the project alone."""
    return any(old in before and before.replace(old, new) == after for old, new in islice(bumps, 20))


def _names(fact: Fact, old: str, new: str) -> bool:
    """Whether a value that changed names a file that moved, before and after: it follows the move."""
    was, now = old.split("/"), new.split("/")
    before, after = fact.old or "", fact.new or ""
    return any(part in before and part not in after for part in was if part not in now and len(part) > 2) or any(
        part in after and part not in before for part in now if part not in was and len(part) > 2
    )


def facts(one: ChangedFile) -> Iterator[Fact]:
    """What one file of a change says."""
    path, found = one.path, purpose(one.path)
    if one.same and one.old_path != one.new_path:
        yield Fact("moved", path, None, path, one.old_path, one.new_path, "file")
    elif found is Purpose.VENDORED:
        yield Fact("vendored", path, None, path, kind="file")
    elif found is Purpose.CI:
        yield Fact("ci", path, None, path, kind="file")
    elif one.unreadable:
        yield Fact("unreadable", path, None, path, None, one.unreadable, "unreadable")
    elif _HOUSEHOLD.search(path):
        yield Fact("household", path, None, path, kind="file")
    elif one.link:
        yield Fact("logic", path, None, path, kind="file")
    elif _is_documentation(one, found):
        yield Fact("documentation", path, None, path, kind="file")
    elif manifest_kind(path) and _bears_requirements(one):
        yield from _manifest(one)
    else:
        yield from _content(one)


def _bears_requirements(one: ChangedFile) -> bool:
    """Whether a file is the manifest that its name promises, and nothing else: ``envs/dev.yaml`` may hold settings, and
    the definition of a job or a script holds much beside what it installs."""
    if manifest_kind(one.path) in _MORE:
        return False
    if not one.path.endswith(_PERHAPS):
        return True
    sides = ((one.old_path, one.old), (one.new_path, one.new))
    return any(path and data is not None and read(path, data) is not None for path, data in sides)


_MORE = (glue.read, docker.read_r_script, docker.read_script)
_PERHAPS = (".yaml", ".yml", ".txt", ".in", "DESCRIPTION")


# Files that keep the house: what git, builders and editors leave aside, words for a spell checker.
_HOUSEHOLD = re.compile(
    r"(?:^|/)(?:\.\w*ignore|\.gitattributes|\.gitmodules|\.mailmap|\.DS_Store|WORDLIST|\.gitkeep|[^/]+\.Rproj"
    r"|\.vscode/[^/]+|\.idea/.+|\.all-contributorsrc|CRAN-SUBMISSION|cran-comments\.md)\Z"
)


def _is_documentation(one: ChangedFile, found: Purpose) -> bool:
    path = one.path
    if found is Purpose.DOCUMENTATION:
        # What Sphinx builds pages with is a part of the pages.
        return (
            basename(path) == "conf.py"
            or not re.search(r"\.(?:py|[rR])\Z", path)
            or "/man/" in path
            or path.startswith("man/")
        )
    return is_prose(path) and language_in(path, one.new, one.old) is None and not manifest_kind(path)


_VERSION = re.compile(
    r"^[ \t]*(?:__version__|version|date|current_version|release|date-released)[ \t]*[=:][ \t]*\S*\d",
    re.IGNORECASE,
)


def _manifest(one: ChangedFile) -> Iterator[Fact]:
    """What a manifest says beside its requirements: the project's version, its tools' settings."""
    old, new = _lines(one.old), _lines(one.new)
    changed = [line for line in [*(old - new), *(new - old)] if line.strip() and not line.lstrip().startswith("#")]
    if not changed:
        yield Fact("documentation", one.path, None, one.path, kind="file")
    elif (
        one.old is not None
        and one.new is not None
        and not _LOCK.search(one.path)
        and all(_VERSION.match(line) for line in changed)
    ):
        yield Fact("version", one.path, None, one.path, _stated(old - new), _stated(new - old), kind="version")
    elif one.path.endswith((".txt", ".in", ".yml", ".yaml")):
        yield Fact("library_moved", one.path, None, one.path, kind="file")
    else:
        yield Fact("household", one.path, None, one.path, kind="file")


# What a lock calls a version is that of a library.
_LOCK = re.compile(r"(?:\.lock|[-.]lock\.(?:json|ya?ml|toml)|(?:^|/)(?:pylock[^/]*|(?:Julia)?Manifest)\.toml)\Z")


def _stated(lines: set[str]) -> str | None:
    """The version that the only line which states one gives."""
    found = {match.group() for line in lines if (match := re.search(r"\d[\w.+!-]*", line)) and "." in match.group()}
    return found.pop() if len(found) == 1 else None


def _lines(data: bytes | None) -> set[str]:
    return set((data or b"")[:2_000_000].decode("utf-8", "replace").splitlines())


def _content(one: ChangedFile) -> Iterator[Fact]:
    path, language = one.path, language_in(one.path, one.new, one.old)
    try:
        if language == "notebook":
            yield from _told(one, _notebook(one))
        elif language == "cells":
            yield from _told(one, _cells(_text(one.old), _text(one.new), language_of(path) or ""))
        elif language is not None:
            yield from _told(one, _source(one, language))
        elif form := configuration_format(path):
            if not (metrics.is_metrics(path) and metrics.changes(path, one.old, one.new)):
                yield from _configuration(one, form)
        elif artefacts.is_artefacts(path, one.new) or artefacts.is_artefacts(path, one.old):
            return  # told by what it stands for
        elif other := _OTHER.get(_ending(path)):
            yield from _told(one, _source(one, other))
        else:
            yield Fact("logic", path, None, path, kind="file")
    except Unreadable as error:
        yield Fact("unreadable", path, None, path, None, error.message, "unreadable")


_OTHER = {
    "sql": "sql", "sh": "shell", "bash": "shell", "zsh": "shell", "stan": "c", "cpp": "c", "c": "c", "h": "c",
    "hpp": "c", "js": "c", "ts": "c", "java": "c", "scala": "c", "go": "c", "rs": "c", "jl": "shell",
    "pyi": "python",
}  # fmt: skip


def _text(data: bytes | None) -> str:
    return decode(data, LEXED_BYTES) if data else ""


def _source(one: ChangedFile, language: str) -> Edit:
    return _compare(_text(one.old), _text(one.new), language, one)


def _compare(old: str, new: str, language: str, one: ChangedFile) -> Edit:
    if one.old is None or one.new is None:
        lasting = edits.statements(new or old, language, most=1)
        return Edit(Weight.LOGIC if lasting else Weight.DOCUMENTATION)
    return edits.compare(old, new, language)


def _notebook(one: ChangedFile) -> Edit:
    old = notebooks.read_notebook(one.old) if one.old is not None else None
    new = notebooks.read_notebook(one.new) if one.new is not None else None
    if old is None or new is None:
        return Edit(Weight.LOGIC)
    if old.cells == new.cells:
        return Edit(Weight.NONE)
    edit = Edit(Weight.DOCUMENTATION)
    for language in ("python", "r"):
        code = notebooks.code(new, language)
        found = edits.compare(notebooks.code(old, language), code, language)
        edit = _heavier(edit, _in_file(found, notebooks.Places(one.new or b"", code)))
    if _rest(old) != _rest(new):
        edit = _heavier(edit, Edit(Weight.LOGIC))
    return edit


def _in_file(edit: Edit, places: notebooks.Places) -> Edit:
    """An edit of a notebook's code with the lines on which it stands in the file."""
    moved = tuple(replace(item, line=places.line(item.line)) for item in edit.parameters[:SHOWN])
    return replace(edit, parameters=moved + edit.parameters[SHOWN:], line=places.line(edit.line))


def _rest(notebook: notebooks.Notebook) -> list[str]:
    """The code that is neither Python nor R, and the magics."""
    return [
        line.strip()
        for cell in notebook.cells
        if cell.kind == "code"
        for line in cell.source.splitlines()
        if (cell.language not in ("python", "r") or line.lstrip().startswith(("%", "!"))) and line.strip()
    ]


_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_RUNNING = re.compile(
    r"^(?:params|execute|output|format|knitr|jupyter|runtime|server|engine|editor_options|rmd_files)\b"
)


def _cells(old: str, new: str, written: str) -> Edit:
    if not old or not new:
        return Edit(Weight.LOGIC)
    edit = Edit(Weight.DOCUMENTATION)
    front_old, front_new = _FRONT.match(old), _FRONT.match(new)
    if written == "document" and front_old and front_new and front_old.group(1) != front_new.group(1):
        moved = configuration_changes(
            "front.yaml", front_old.group(1).encode("utf-8", "replace"), front_new.group(1).encode("utf-8", "replace")
        )
        kept = tuple(replace(one, line=one.line and one.line + 1) for one in moved if _RUNNING.match(one.key))
        if kept:
            edit = Edit(Weight.PARAMETERS, kept)
    olds, news = cells.cells(old, written), cells.cells(new, written)
    beside = [[(one.language, one.code.strip()) for one in side if one.language in cells.RUN] for side in (olds, news)]
    if beside[0] != beside[1]:
        edit = _heavier(edit, Edit(Weight.LOGIC))
    for language in ("r", "python"):
        edit = _heavier(edit, edits.compare(r.in_place(olds, language), r.in_place(news, language), language))
    if len(olds) == len(news):
        pairs = ((a.header.strip(), b.header.strip(), b.line) for a, b in zip(olds, news, strict=True))
        changed = tuple(ParameterChange("chunk options", a, b, line - 1) for a, b, line in pairs if a != b)
        if changed:
            edit = _heavier(edit, Edit(Weight.PARAMETERS, changed))
    return edit


def _heavier(a: Edit, b: Edit) -> Edit:
    return Edit(max(a.weight, b.weight), a.parameters + b.parameters, a.added or b.added, a.removed or b.removed,
                a.line if a.added else b.line)  # fmt: skip


_FACT_OF = {Weight.DOCUMENTATION: "documentation", Weight.TEXT: "text", Weight.LOGIC: "logic"}


def _told(one: ChangedFile, edit: Edit) -> Iterator[Fact]:
    path = one.path
    if edit.weight is Weight.NONE:
        yield Fact("outputs" if path.endswith(".ipynb") else "documentation", path, None, path, kind="file")
    if edit.weight in _FACT_OF:
        subject = edit.added if edit.added and edit.weight is not Weight.DOCUMENTATION else path
        yield Fact(
            _FACT_OF[edit.weight], path, edit.line, subject[:120], edit.removed, edit.added, "code",
        )  # fmt: skip
    version = [item for item in edit.parameters if _is_version(item, path)]
    for item in edit.parameters[:SHOWN]:
        yield _parameter(path, item, "version" if item in version else "parameter")


def _bare(value: str) -> str:
    """A value without its quotes."""
    return re.sub(r"\A[uUrbf]?(?=[\"'])", "", value).strip("\"'")


def _is_version(item: ParameterChange, path: str) -> bool:
    values = [_bare(value) for value in (item.old, item.new) if value]
    return (
        len(values) == 2
        and all(re.fullmatch(r"v?\d+(?:\.\d+)+(?:[.\-+]?[a-z]*\.?\d*)*", value) for value in values)
        and bool(re.search(r"version|release\b", item.key + " " + basename(path), re.IGNORECASE))
    ) or (
        len(values) == 2
        and item.key == "assertEqual()"
        and all(re.fullmatch(r"\d+(?:\.\d+)+", value) for value in values)
    )


def _parameter(path: str, item: ParameterChange, fact: str = "parameter") -> Fact:
    return Fact(
        fact, path, item.line, item.key[:200], item.old, item.new, "parameter" if fact == "parameter" else "version"
    )


# Files of configuration formats that describe a program rather than set its values.
_PROGRAM = re.compile(
    r"(?:^|/)(?:docker-compose[^/]*|dvc|compose|Chart|values|serverless|template|kustomization|mkdocs|openapi[^/]*|swagger[^/]*"
    r"|package-lock|composer|tsconfig|dbt_project|schema|manifest|apigw[^/]*|skaffold|helmfile|playbook)\.(?:ya?ml|json)\Z"
    r"|(?:^|/)MLproject\Z"
)


def _configuration(one: ChangedFile, form: str) -> Iterator[Fact]:
    path = one.path
    try:
        changes = configuration_changes(path, one.old, one.new)
    except Unreadable as error:
        old, new = _lines(one.old), _lines(one.new)
        if form in ("yaml", "ini", "env") and error.message.startswith("not "):
            yield Fact("logic", path, None, path, None, error.message, "file")
        elif old != new or error.message:
            yield Fact("unreadable", path, None, path, None, error.message, "unreadable")
        return
    if not changes:
        yield Fact("documentation", path, None, path, kind="file")
        return
    if form == "yaml" and _is_pipeline(one):
        yield Fact("ci", path, changes[0].line, changes[0].key, changes[0].old, changes[0].new, "configuration")
        return
    if all(_is_version(item, path) for item in changes):
        yield from (_parameter(path, item, "version") for item in changes[:SHOWN])
        return
    if _PROGRAM.search(path) and any(_structural(item) for item in changes):
        yield Fact("logic", path, changes[0].line, changes[0].key, changes[0].old, changes[0].new, "configuration")
    yield from (_parameter(path, item) for item in changes[:SHOWN])


_PIPELINE = re.compile(rb"^(trigger|pr|pool|steps|jobs|stages|on|workflow|before_script|resources):", re.MULTILINE)


def _is_pipeline(one: ChangedFile) -> bool:
    """Whether a YAML file has the outline of a build pipeline, whatever its folder."""
    words = {bytes(word) for data in (one.old, one.new) if data for word in _PIPELINE.findall(data)}
    return len(words) > 1 and bool(words & {b"steps", b"jobs", b"stages"})


def _structural(item: ParameterChange) -> bool:
    return (item.old is None or item.new is None) and ".params" not in item.key
