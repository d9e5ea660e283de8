"""The changelog as JSON, schema ``release-mgmt/changelog/1``: the same record gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

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


_CHUNK = 500  # entries; what is held as bytes at a time


class _Writer:
    """Writes sections; keeps the bytes of entries where packages share them, as those of one history do."""

    def __init__(self, *, shared: bool) -> None:
        self._kept: dict[int, bytes] | None = {} if shared else None

    def section(self, section: Section) -> Iterator[bytes]:
        yield orjson.dumps(section_json(section))[:-1] + b',"entries":['
        for start in range(0, len(section.entries), _CHUNK):
            chunk = section.entries[start : start + _CHUNK]
            text = orjson.dumps([entry_json(one) for one in chunk])[1:-1] if self._kept is None else self._joined(chunk)
            yield b"," + text if start else text
        yield b"]}"

    def _joined(self, entries: Sequence[Entry]) -> bytes:
        kept = self._kept
        assert kept is not None
        found = [kept.get(id(entry)) for entry in entries]
        if not all(found):
            for at, entry in enumerate(entries):
                if found[at] is None:
                    data = bytes(memoryview(orjson.dumps(entry_json(entry))))  # a copy of just its size
                    found[at] = data
                    if not entry.also_in:  # those are made for one section each
                        kept[id(entry)] = data
        return b",".join(cast("list[bytes]", found))


def pieces(record: Changelog) -> Iterator[bytes]:
    """The document piece by piece, on one line with a line end."""
    writer = _Writer(shared=len({section.package for section in record.releases}) > 1)
    yield b'{"schema":%s,"repository":%s,"releases":[' % (orjson.dumps(SCHEMA), orjson.dumps(record.repository))
    for count, section in enumerate(record.releases):
        if count:
            yield b","
        yield from writer.section(section)
    yield b'],"unreleased":'
    yield from writer.section(record.unreleased)
    yield b',"diagnostics":%s}\n' % orjson.dumps(record.diagnostics)


def render(record: Changelog) -> bytes:
    """The whole document."""
    return b"".join(pieces(record))
