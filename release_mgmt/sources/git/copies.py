"""A mirror by copying objects, for folders that a fetch cannot read.

Filtered copies and interrupted clones may lack blobs; reading their history needs none of those, yet git's own transfer
stops at the first one that is missing. So the files that hold objects are linked (or copied) and the refs written.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from release_mgmt.core.errors import RepositoryRefused, TooLarge
from release_mgmt.sources.git.process import environment, run

# Only files that hold objects, by their exact names: no configuration, no hooks, no alternates.
_OBJECTS = re.compile(r"(?:[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62})|pack/pack-[0-9a-f]{40,64}\.(?:pack|idx|rev))\Z")


def copy_objects(source: Path, mirror: Path, limit: int) -> None:
    """Put the object files below ``source`` (a folder ``objects``) into a bare mirror.

    Raises:
        TooLarge: they have more than ``limit`` bytes.
        RepositoryRefused: the objects lie in yet another repository (alternates), which is not followed.
    """
    alternates = source / "info" / "alternates"
    if alternates.is_file() and alternates.stat().st_size:
        raise RepositoryRefused(
            "the repository borrows objects from another folder",
            code="repository_incomplete",
            hint="git repack -a -d && rm .git/objects/info/alternates   (makes it whole)",
        )
    total = 0
    for folder, _, names in os.walk(source):  # does not follow links
        for name in sorted(names):
            file = Path(folder) / name
            inside = file.relative_to(source).as_posix()
            if not _OBJECTS.match(inside) or file.is_symlink():
                continue
            total += file.stat().st_size
            if total > limit:
                raise TooLarge(f"the repository is larger than {limit // 2**20} MB", code="repository_too_large")
            _place(file, mirror / "objects" / inside)


def _place(file: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)


def write_refs(mirror: Path, present: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """Make the mirror's heads and tags those of ``wanted``, all at once."""
    lines = [f"delete {name}\n" for name in present if name not in wanted]
    lines += [f"update {name} {sha}\n" for name, sha in wanted.items() if present.get(name) != sha]
    if lines:
        run(mirror, ["update-ref", "--stdin"], environment(), feed="".join(lines).encode())
