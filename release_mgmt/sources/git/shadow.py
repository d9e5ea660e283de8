"""Partial clones read without their remote.

Git 2.39 knows no switch against fetching what a partial clone lacks: it asks the remote and dies when it may not. A
git directory of ours that borrows the objects and has no remote gives the plain answer "missing".
"""

from __future__ import annotations

import re
import weakref
from pathlib import Path

_PROMISES = re.compile(r"^\s*(?:promisor\s*(?:=\s*(?:true|1|yes|on)\s*)?$|partialclone)", re.IGNORECASE | re.MULTILINE)
_SHA256 = re.compile(r"^\s*objectformat\s*=\s*sha256\s*$", re.IGNORECASE | re.MULTILINE)


def configuration(common: Path) -> str:
    """The text of a repository's own configuration; empty when there is none."""
    path = common / "config"
    return path.read_text("utf-8", "replace") if path.is_file() else ""


def is_partial(common: Path) -> bool:
    """Whether the repository may lack objects that its remote promises."""
    return bool(_PROMISES.search(configuration(common)))


class Shadow:
    """An empty git directory that borrows the objects of another; it goes when the last reader is gone."""

    def __init__(self, common: Path) -> None:
        import shutil  # slow to load, and few repositories are partial
        import tempfile

        self.folder = Path(tempfile.mkdtemp(prefix="release-mgmt-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "objects").mkdir()
        (self.folder / "refs").mkdir()
        self.look_from(None)
        sha256 = bool(_SHA256.search(configuration(common)))
        extension = "[extensions]\n\tobjectFormat = sha256\n" if sha256 else ""
        (self.folder / "config").write_text(
            f"[core]\n\trepositoryFormatVersion = {int(sha256)}\n\tbare = true\n{extension}"
        )
        self.env = {"GIT_OBJECT_DIRECTORY": str(common / "objects")}

    def look_from(self, head: str | None) -> None:
        """Let HEAD be where that of the repository is: git looks there for the mailmap."""
        (self.folder / "HEAD").write_text(f"{head}\n" if head else "ref: refs/heads/none\n")
