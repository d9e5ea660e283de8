"""The changelog as JSON, schema ``release-mgmt/changelog/1``: the same record gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from release_mgmt.core.changelog import SCHEMA, Changelog, Entry, Section


def entry_json(entry: Entry) -> dict[str, Any]:
    """One entry as plain values."""
    pull = entry.pull_request
    return {
        "id": entry.id,
        "title": entry.title,
        "details": entry.details,
        "level": entry.level,
        "kind": entry.kind,
        "state": entry.state,
        "first_in": entry.first_in,
        "pull_request": None if pull is None else {"provider": pull.provider, "number": pull.number},
        "commits": entry.commits,
        "authors": entry.authors,
        "also_in": entry.also_in,
        "reverts": entry.reverts,
    }


def section_json(section: Section) -> dict[str, Any]:
    """One section as plain values, without its entries."""
    previous, counts = section.previous, section.accounting
    return {
        "version": section.version,
        "package": section.package,
        "tag": section.tag,
        "tags": section.tags,
        "sha": section.sha,
        "previous": None if previous is None else {"version": previous.version, "sha": previous.sha},
        "range": section.range,
        "date": section.date,
        "prerelease": section.prerelease,
        "accounting": {
            "commits": counts.commits,
            "shown": counts.shown,
            "folded": counts.folded,
            "cancelled": counts.cancelled,
            "already_shipped": counts.already_shipped,
            "excluded": counts.excluded,
        },
        "cancelled": section.cancelled,
        "first_time_contributors": section.first_time_contributors,
    }


class _Writer:
    """Keeps the bytes of entries that several sections share, as packages of one history do."""

    def __init__(self) -> None:
        self._kept: dict[int, bytes] = {}

    def section(self, section: Section) -> bytes:
        head = orjson.dumps(section_json(section))
        kept = self._kept
        parts = []
        for entry in section.entries:
            data = kept.get(id(entry))
            if data is None:
                data = kept[id(entry)] = orjson.dumps(entry_json(entry))
            parts.append(data)
        return b'%s,"entries":[%s]}' % (head[:-1], b",".join(parts))


def pieces(record: Changelog) -> Iterator[bytes]:
    """The document piece by piece, a section at a time, on one line with a line end."""
    writer = _Writer()
    yield b'{"schema":%s,"repository":%s,"releases":[' % (orjson.dumps(SCHEMA), orjson.dumps(record.repository))
    for count, section in enumerate(record.releases):
        yield (b"," if count else b"") + writer.section(section)
    yield b'],"unreleased":%s,"diagnostics":%s}\n' % (
        writer.section(record.unreleased),
        orjson.dumps(record.diagnostics),
    )


def render(record: Changelog) -> bytes:
    """The whole document."""
    return b"".join(pieces(record))
