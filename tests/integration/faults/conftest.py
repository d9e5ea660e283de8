"""What the tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import PostgresCluster


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL of the test's own, to be started and crashed."""
    made = PostgresCluster.make()
    try:
        yield made
    finally:
        made.remove()
