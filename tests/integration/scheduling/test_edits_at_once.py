"""Several people edit one calendar at the same time, and none of them named the version that they saw."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from release_mgmt.core.errors import StaleVersion
from release_mgmt.services import calendars, imports
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, freeze, seed

HOLIDAY = (
    b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Closed\r\n"
    b"DTSTAMP:20260101T000000Z\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def at_once(*works: Callable[[], object]) -> list[object]:
    """What all of them answer, begun together; raises what one of them raised."""
    ready = Barrier(len(works))

    def begin(work: Callable[[], object]) -> object:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return [done.result() for done in [threads.submit(begin, work) for work in works]]


def freezes(store: Store) -> list[str]:
    return sorted(each["reason"] for each in calendars.get(store, OPERATOR, "releases").document["freezes"])


def add(store: Store, name: str, version: int | None = None) -> calendars.Applied:
    item = freeze(name, "2026-12-24")
    return calendars.edit(store, OPERATOR, NOW, "releases", "freezes", item, identity=name, version=version)


def test_freezes_imports_and_holidays_that_come_together_are_all_kept(store: Store) -> None:
    """Who names no version asked for no check of it; who does is refused once it is an older one."""
    seed(store)
    apply(store)
    seen = calendars.get(store, OPERATOR, "releases").version
    at_once(
        *(lambda name=name: add(store, name) for name in "abcd"),
        *[lambda: imports.import_ics(store, OPERATOR, NOW, "releases", HOLIDAY, source="bank.ics")] * 2,
        lambda: imports.import_holidays(store, OPERATOR, NOW, "releases", "DE"),
    )
    assert freezes(store) == ["Closed", *(f"because of {name}" for name in "abcd")]
    assert calendars.get(store, OPERATOR, "releases").document["business_days"]["days_off"]
    with pytest.raises(StaleVersion):
        add(store, "e", version=seen)


def test_an_import_that_breaks_off_can_be_made_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it brought is written down together with the freezes: otherwise the next import would bring them twice."""
    seed(store)
    apply(store)
    with monkeypatch.context() as broken:
        broken.setattr(imports, "_keep", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            imports.import_ics(store, OPERATOR, NOW, "releases", HOLIDAY, source="bank.ics")
    assert freezes(store) == []
    imports.import_ics(store, OPERATOR, NOW, "releases", HOLIDAY, source="bank.ics")
    assert freezes(store) == ["Closed"]
