"""What a change means for the libraries that the repository needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from release_mgmt.core.classification.change import ChangedFile, ChangeInput
from release_mgmt.core.classification.fact import Fact
from release_mgmt.core.classification.facts import Asked, FileFacts, language_of
from release_mgmt.core.classification.rules import Rules
from release_mgmt.core.classification.scope import Purpose, counts_at_run_time, purpose
from release_mgmt.core.classification.tree import BINDING, Blob, Tree, name_of, wanted
from release_mgmt.core.evidence.dependencies import NEEDED, DependencyChange, Group, Needed
from release_mgmt.core.evidence.dependencies.compare import compare
from release_mgmt.core.evidence.distributions import IMPORTS, Identity
from release_mgmt.core.evidence.imports import Guard

ReadBlob = Callable[[str, bytes], Blob]
Include = Callable[[str, Group], Blob | None]
"""The file of a path as it is to be, taken in by a manifest for a group; None when there is none, and the same value
for the same content."""


def facts(change: ChangeInput, tree: Tree, rules: Rules, read: ReadBlob, include: Include) -> Iterator[Fact]:
    """What the manifests and the code of a change say about libraries. ``tree`` is moved and moved back."""
    paths = [path for one in change.files if not one.link for path in (one.old_path, one.new_path) if path]
    if not any(wanted(path) or path in tree.included for path in paths):
        return
    before, used = tree.needed, tree.used
    had = {
        one.new_path: {(asked.how, asked.name): asked.guard for asked in tree.files[one.old_path].facts.asked}
        for one in change.files
        if one.new_path and one.old_path in tree.files
    }
    had_familiar = {
        one.new_path: tree.files[one.old_path].facts.familiar for one in change.files if one.old_path in tree.files
    }
    undo: list[tuple[str, Blob | None]] = []
    try:
        new = _move(change, tree, read, undo)
        follow(tree, include, undo)
        for path, found in new.items():
            if found.unreadable:
                yield Fact("unreadable", path, None, path, None, found.unreadable, "unreadable")
            yield from _familiar(path, found, had_familiar.get(path, ()))
        after = tree.needed
        yield from _manifests(before, after, used, rules)
        yield from _code(change, had, new, tree, before, after, used, rules)
    finally:
        for path, earlier in reversed(undo):
            _put(tree, path, earlier)


def _familiar(path: str, found: FileFacts, had: tuple[tuple[str, int], ...]) -> Iterator[Fact]:
    """What a file newly imports of the standard library and, relative to itself, of its own package."""
    known = {name for name, _ in had} | {"__future__", "typing"}
    for name, line in sorted(found.familiar):
        if name not in known:
            yield Fact(
                "import_own" if name.startswith(".") else "import_stdlib", path, line, name, None, name, "import"
            )


def _put(tree: Tree, path: str, blob: Blob | None) -> None:
    if blob is None:
        tree.remove(path)
    else:
        tree.put(path, blob)


def _move(change: ChangeInput, tree: Tree, read: ReadBlob, undo: list[tuple[str, Blob | None]]) -> dict[str, FileFacts]:
    """Move ``tree`` over ``change``, noting the way back; the facts of the code that is new, edited or newly run."""
    library = tree.is_library
    moves: list[tuple[str, Blob | None]] = []
    new: dict[str, FileFacts] = {}
    for one in change.files:
        if one.link:
            continue
        earlier = tree.files.get(one.old_path) if one.old_path else None
        if one.old_path and one.new_path != one.old_path and not one.copied:
            moves.append((one.old_path, None))
        if one.same and one.new_path and earlier is not None and earlier.manifest is None:
            moves.append((one.new_path, earlier))
            if _enters(one, library):
                new[one.new_path] = earlier.facts
        elif one.new_path and (one.new is not None or one.told is not None) and wanted(one.new_path):
            blob = read(one.new_path, one.new or b"")
            moves.append((one.new_path, blob))
            if not one.same or _enters(one, library):
                new[one.new_path] = blob.facts
    moves.sort(key=lambda move: move[1] is not None)  # first what goes, in case a path changes hands
    for path, after in moves:
        undo.append((path, tree.files.get(path)))
        _put(tree, path, after)
    return new


def _enters(one: ChangedFile, library: bool) -> bool:
    """Whether a file that moved becomes run-time code by its new path (a test, a document, a text that nobody ran)."""
    old, new = one.old_path, one.new_path
    if not old or not new or old == new or not counts_at_run_time(new, library):
        return False
    return not counts_at_run_time(old, library) or language_of(old) is None


def follow(tree: Tree, include: Include, undo: list[tuple[str, Blob | None]]) -> None:
    """Bring into ``tree`` what its manifests take in and it does not hold yet or as it was, and drop what none takes in
    any more."""
    if not tree.included and not tree.followed:
        return

    def move(path: str, after: Blob | None) -> None:
        before = tree.files.get(path)
        if after is not before:
            undo.append((path, before))
            _put(tree, path, after)

    done: set[str] = set()
    while todo := tree.included.keys() - done:
        path = min(todo)
        move(path, include(path, tree.included[path]))
        done.add(path)
    for path in sorted(tree.followed - tree.included.keys()):
        move(path, None)


def _manifests(before: Needed, after: Needed, used: frozenset[Identity], rules: Rules) -> Iterator[Fact]:
    if before is after:
        return
    changes = compare(before, after)
    for path, reason in changes.unreadable:
        yield Fact("unreadable", path, None, path, None, reason, "unreadable")
    lost = {path for path, _ in after.unreadable}
    for one in changes.changes:
        if one.status == "removed" and one.path in lost:
            continue  # what cannot be read any more may name it still
        yield Fact(
            _fact_of(one, before, used, rules),
            one.path,
            one.line,
            one.name,
            one.old,
            one.new,
            "dependency",
            one.ecosystem,
        )


def _fact_of(one: DependencyChange, before: Needed, used: frozenset[Identity], rules: Rules) -> str:
    group = one.group if one.status != "removed" else (one.before or one.group)
    tool = rules.is_development_tool(one.name)
    if one.ecosystem in ("platform", "docker", "apt"):
        return "platform"
    if one.status in ("added", "promoted") and group in NEEDED:
        if tool:
            return "library_development"
        if one.path in {path for path, _ in before.unreadable}:
            return "unreadable"  # it may have named it before
        if one.identity in used:
            # Declared for another purpose before, or only settled in a lock: nothing more is needed than was.
            return "library_moved" if one.before is not None or group is Group.LOCK_DIRECT else "library_late"
        if group is Group.LOCK_DIRECT and one.identity in before.locked:
            return "library_first_use"
        return "library_new"
    if group is Group.LOCK_TRANSITIVE:
        return "library_transitive"
    if group in (Group.DEVELOPMENT, Group.BUILD, Group.CONSTRAINT) or tool:
        return "library_development"
    if one.status in ("removed", "demoted"):
        return "library_removed"
    if group is Group.OPTIONAL:
        return "library_optional"
    return "library_major" if one.major else "library_minor"


def _gone_modules(change: ChangeInput) -> frozenset[str]:
    """The modules and packages that the change took from where they were."""
    found: set[str] = set()
    for one in change.files:
        if one.old_path and one.old_path != one.new_path and one.old_path.endswith(".py"):
            *folders, name = one.old_path.split("/")
            found.update((*folders, name.partition(".")[0]))
    return frozenset(found)


def _was_own(module: str, who: Identity, gone: frozenset[str], after: Needed) -> bool:
    """Whether ``module`` was the repository's own until this change moved it (an import was left behind)."""
    top = module.partition(".")[0]
    return top in gone and top not in IMPORTS and after.best(who) is None


def _code(
    change: ChangeInput,
    had: dict[str, dict[tuple[str, str], Guard]],
    new: dict[str, FileFacts],
    tree: Tree,
    before: Needed,
    after: Needed,
    used: frozenset[Identity],
    rules: Rules,
) -> Iterator[Fact]:
    told: set[Identity] = {who for who in after.runtime if who not in before.runtime}
    noted: set[tuple[str, Identity]] = set()
    gone = _gone_modules(change)
    entered = {one.new_path for one in change.files if _enters(one, tree.is_library)}
    for path, found in new.items():
        run_time = counts_at_run_time(path, tree.is_library)
        old = had.get(path, {})
        for asked in found.asked:
            earlier = old.get((asked.how, asked.name))
            name, ecosystem, who = name_of(asked)
            held = earlier is not None and (earlier in BINDING or asked.guard not in BINDING)
            if (held and path not in entered) or who in told:
                continue
            if tree.is_own(asked, path, who) or (asked.how == "python" and _was_own(asked.name, who, gone, after)):
                if held:
                    continue  # only its place is new
                fact = "import_own"
            elif who not in used and who not in before.runtime:
                fact = _import_fact(asked, path, run_time, who, tree, before, after, rules, name)
            else:
                continue
            if fact == "library_new":
                told.add(who)
            if (fact, who) not in noted:
                noted.add((fact, who))
                yield Fact(fact, path, asked.line, name, None, asked.name, "import", ecosystem)


# What an import says that needs nothing at run time, where the file is not code of the project.
_ASIDE = {Purpose.DOCUMENTATION: "documentation", Purpose.VENDORED: "vendored"}


def _import_fact(
    asked: Asked,
    path: str,
    run_time: bool,
    who: Identity,
    tree: Tree,
    before: Needed,
    after: Needed,
    rules: Rules,
    name: str,
) -> str:
    if asked.guard is Guard.TYPING or not run_time or rules.is_development_tool(name):
        return _ASIDE.get(purpose(path), "library_development")
    if asked.guard not in BINDING or after.best(who) is Group.OPTIONAL:
        return "library_optional"
    if asked.guard is Guard.LAZY and who in tree.commented:
        return "library_optional"
    if after.best(who) is Group.DEVELOPMENT and asked.guard is Guard.LAZY:
        return "library_development"
    if who in before.locked or rules.brought_by(name, {needed for one in (before, after) for _, needed in one.runtime}):
        return "library_first_use"
    return "library_new"
