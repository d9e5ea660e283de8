"""A repository to build and its changelog, read through the same code path as the command line and the service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from release_mgmt.formats import changelog_json
from release_mgmt.services.history import Request, read_changelog
from release_mgmt.sources.git import open_repository
from tests.support.gitrepo import Builder

Read = Callable[..., dict[str, Any]]


@pytest.fixture
def made(tmp_path: Path) -> Builder:
    """An empty repository."""
    return Builder(tmp_path / "project.git")


@pytest.fixture
def read() -> Read:
    """Read the document of a built repository."""

    def of(path: Path | Builder, **wanted: Any) -> dict[str, Any]:
        where = path.build() if isinstance(path, Builder) and not path.shas else path
        folder = where.path if isinstance(where, Builder) else where
        request = Request(wanted.pop("name", "project"), every=wanted.pop("every", True), **wanted)
        document: dict[str, Any] = orjson.loads(changelog_json.render(read_changelog(open_repository(folder), request)))
        for section in [*document["releases"], document["unreleased"]]:
            counts = section["accounting"]
            parts = ("shown", "folded", "cancelled", "already_shipped", "excluded")
            assert sum(counts[part] for part in parts) == counts["commits"]
            assert counts["shown"] == len(section["entries"])
        return document

    return of


def titles(section: dict[str, Any]) -> list[str]:
    """The titles of a section, as listed."""
    return [entry["title"] for entry in section["entries"]]


def by_version(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Sections by version; ``None`` for what is not released."""
    return {section["version"]: section for section in [*document["releases"], document["unreleased"]]}
