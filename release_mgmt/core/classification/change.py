"""What a verdict is made from: the files of a change with both their contents, and what people say of it."""

from __future__ import annotations

from dataclasses import dataclass

from release_mgmt.core.classification.fact import Fact


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file before and after. A path is None where there was or is no file; its bytes are None too.

    Bytes may also be None because they could not be had: then ``unreadable`` says why. ``same`` is true when both
    contents are one blob (a pure move); ``copied`` when the old file is still there.
    """

    old_path: str | None
    new_path: str | None
    old: bytes | None
    new: bytes | None
    same: bool = False
    copied: bool = False
    unreadable: str | None = None
    link: bool = False
    """A symbolic link or a submodule: its bytes are no source."""
    told: tuple[Fact, ...] | None = None
    """What the pair of contents says (`pair_facts`) where that is known already; the bytes are then left out."""

    @property
    def path(self) -> str:
        """Where the file is now, or was."""
        return self.new_path or self.old_path or ""


@dataclass(frozen=True, slots=True)
class ChangeInput:
    """A change: the net difference of its files, its message (title and text), and its labels."""

    files: tuple[ChangedFile, ...]
    message: str = ""
    labels: tuple[str, ...] = ()
