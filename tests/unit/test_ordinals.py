"""Commits of one author under one title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_mgmt.core.changes import ordinals
from release_mgmt.core.changes.ordinals import Ordinals
from release_mgmt.core.history import Graph


@given(st.data())
def test_a_few_asked_one_by_one_or_all_ancestors_listed_count_the_same(data: st.DataObject) -> None:
    """Over made-up histories: how many commits under a title each was built on does not depend on how it is found."""
    size = data.draw(st.integers(2, 40))
    shas = [f"{number:040x}" for number in range(size)]
    parents = {
        sha: tuple(
            shas[one]
            for one in data.draw(st.lists(st.integers(max(0, at - 6), at - 1), min_size=1, max_size=2, unique=True))
        )
        if at
        else ()
        for at, sha in enumerate(shas)
    }
    graph = Graph(parents, data.draw(st.permutations(shas)), data.draw(st.sampled_from(shas)))
    authors = data.draw(st.lists(st.sampled_from(["ada", "bob"]), min_size=size, max_size=size))
    counts = []
    with pytest.MonkeyPatch.context() as patch:
        for limit in (0, 1, size):
            patch.setattr(ordinals, "ASKED_ONE_BY_ONE", limit)
            found = Ordinals(graph, authors, [range(size)])
            counts.append([found.of(commit) for commit in range(size)])
    assert counts[0] == counts[1] == counts[2]
