"""Lists that shrink and shift while they are read: Bitbucket Server and Azure DevOps, which page by a number."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from release_mgmt.sources.forge import forge
from tests.integration.test_forge_transport import Clock
from tests.loopback import Reply, Server


class Lists:
    """Pull requests, newest first, of two forges; after each answer the list may change."""

    def __init__(self, count: int, after: Callable[[list[int], int], None], most: int = 100) -> None:
        self.numbers, self.after, self.most = list(range(count, 0, -1)), after, most
        self.server = Server(self.reply)

    def reply(self, _method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        status = asked.get("searchCriteria.status")
        start = int(asked.get("$skip" if status else "start", "0"))
        numbers = self.numbers if status in {None, "completed"} else []
        rows = numbers[start : start + self.most]
        last = start + self.most >= len(numbers)
        self.after(numbers, len(self.server.seen))
        if status:
            return 200, {}, {"value": [{"pullRequestId": one, "status": "completed", "title": "x"} for one in rows]}
        values = [{"id": one, "state": "MERGED", "title": "x"} for one in rows]
        return 200, {}, {"values": values, "isLastPage": last, "nextPageStart": None if last else start + len(rows)}

    def read(self, provider: str) -> list[int]:
        name = "o/p/r" if provider == "azure" else "PRC/models"
        return [one.number for one in forge(provider).changed(Clock().client(self.server.url), name, None)]


Lay = Callable[..., Lists]
BOTH = pytest.mark.parametrize("provider", ["bitbucket_server", "azure"])


@pytest.fixture
def lay() -> Iterator[Lay]:
    made: list[Lists] = []

    def start(*given: object, **more: object) -> Lists:
        made.append(Lists(*given, **more))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.server.stop()


@BOTH
@pytest.mark.parametrize("gone", [1, 2, 100, 130])
def test_what_moves_up_past_us_is_not_lost(lay: Lay, provider: str, gone: int) -> None:
    """Entries go from the front after the second page; those that follow them are all still there."""

    def after(numbers: list[int], answers: int) -> None:
        if answers == 2:
            del numbers[:gone]

    lists = lay(350, after)
    assert set(lists.read(provider)) >= set(lists.numbers)


@BOTH
@pytest.mark.parametrize("count", [101, 102, 200, 201])
def test_a_list_that_becomes_shorter_than_what_was_asked_for_is_read_to_its_end(
    lay: Lay, provider: str, count: int
) -> None:
    def after(numbers: list[int], answers: int) -> None:
        if answers == 1:
            del numbers[:50]

    lists = lay(count, after)
    assert set(lists.read(provider)) >= set(lists.numbers)


@BOTH
def test_what_comes_in_at_the_front_costs_no_way_back(lay: Lay, provider: str) -> None:
    """New entries move the others down: some are told twice, none is lost, and nothing is read again for it."""

    def after(numbers: list[int], answers: int) -> None:
        numbers.insert(0, 1000 + answers)

    lists = lay(350, after)
    assert set(lists.read(provider)) >= set(range(1, 351))
    assert len(lists.server.seen) <= 4 + (2 if provider == "azure" else 0)


@BOTH
@pytest.mark.parametrize("seed", range(8))
def test_entries_come_and_go_anywhere(lay: Lay, provider: str, seed: int) -> None:
    chance = random.Random(seed)

    def after(numbers: list[int], answers: int) -> None:
        if answers < 12:
            for _ in range(chance.randrange(40)):
                if numbers and chance.random() < 0.7:
                    numbers.pop(chance.randrange(len(numbers)))
            numbers.insert(0, 1000 + answers)

    lists = lay(900, after)
    assert set(lists.read(provider)) >= {one for one in lists.numbers if one <= 900}


@pytest.mark.parametrize("most", [1, 2])
def test_a_server_with_tiny_pages_comes_to_an_end(lay: Lay, most: int) -> None:
    assert set(lay(7, lambda *_: None, most).read("bitbucket_server")) == set(range(1, 8))


@BOTH
def test_a_list_that_never_rests_ends_all_the_same(lay: Lay, provider: str) -> None:
    """Every answer is of other entries: no endless reading."""

    def after(numbers: list[int], answers: int) -> None:
        numbers[:] = range(1000 * answers, 1000 * answers + 250)

    lists = lay(250, after)
    lists.read(provider)
    assert len(lists.server.seen) < 200
