"""The one order in which changes are placed: priority, then readiness, then id, and never before what they need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import NoReturn

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.planning.model import Candidate

_NEVER = datetime.max.replace(tzinfo=UTC)


def in_order(candidates: Sequence[Candidate], *, accepted: bool = False) -> list[Candidate]:
    """The candidates in the order of placing. A prerequisite inherits the highest priority of what needs it.

    ``accepted``: a change is ready when it was accepted, not when it was merged. Raises InvalidInput naming the members
    of a cycle, and apart from them what leans on it.
    """
    by_id = {each.id: each for each in candidates}
    if len(by_id) != len(candidates):
        counts = Counter(each.id for each in candidates)
        twice = min(change for change, count in counts.items() if count > 1)
        raise InvalidInput.at("changes", f"the change {twice!r} is there twice")
    needs = {
        each.id: [d for d in dict.fromkeys(each.depends_on) if d in by_id] for each in candidates if each.depends_on
    }
    priority = _inherited(by_id, needs)
    ranked = sorted(candidates, key=lambda c: (-priority.get(c.id, c.priority), c.ready(accepted) or _NEVER, c.id))
    rank = {each.id: index for index, each in enumerate(ranked)} if needs else {}
    waiting = {change: len(required) for change, required in needs.items() if required}
    if not waiting:
        return ranked
    needed_by: dict[str, list[str]] = {}
    for change, required in needs.items():
        for each in required:
            needed_by.setdefault(each, []).append(change)
    heap = [index for index, each in enumerate(ranked) if each.id not in waiting]
    heapify(heap)
    found: list[Candidate] = []
    while heap:
        candidate = ranked[heappop(heap)]
        found.append(candidate)
        for change in needed_by.get(candidate.id, ()):
            waiting[change] -= 1
            if not waiting[change]:
                heappush(heap, rank[change])
    if len(found) < len(ranked):
        _refuse({change: required for change, required in needs.items() if waiting.get(change)}, waiting)
    return found


def _inherited(by_id: Mapping[str, Candidate], needs: Mapping[str, list[str]]) -> dict[str, int]:
    """The priority of every prerequisite that something more urgent needs."""
    priority: dict[str, int] = {}
    todo = list(needs)
    while todo:
        change = todo.pop()
        own = priority.get(change, by_id[change].priority)
        for each in needs.get(change, ()):
            if priority.get(each, by_id[each].priority) < own:
                priority[each] = own
                todo.append(each)
    return priority


def refuse_circles(needs: Mapping[str, Sequence[str]]) -> None:
    """Raise InvalidInput naming the changes that need each other in a circle, whatever calendar plans them."""
    members = _on_cycles({change: list(required) for change, required in needs.items()})
    leaning: set[str] = set()
    while found := {change for change in needs if {*members, *leaning} & set(needs[change])} - members - leaning:
        leaning |= found
    if members:
        _raise(sorted(members), sorted(leaning))


def _refuse(needs: Mapping[str, list[str]], waiting: Mapping[str, int]) -> None:
    members = sorted(
        _on_cycles({change: [d for d in required if waiting.get(d)] for change, required in needs.items()})
    )
    _raise(members, sorted(change for change, left in waiting.items() if left and change not in members))


def _raise(members: list[str], leaning: list[str]) -> NoReturn:
    raise InvalidInput(
        f"The changes {', '.join(members)} need each other in a circle.",
        code="dependency_cycle",
        hint="take one of the dependencies away",
        details={"cycle": members, "leaning_on_it": leaning},
    )


def _on_cycles(needs: Mapping[str, list[str]]) -> set[str]:
    """The nodes on a cycle: strongly connected components of more than one node, or with an edge to itself."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: set[str] = set()
    for root in sorted(needs):
        if root in index:
            continue
        work = [(root, iter(needs[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, edges = work[-1]
            for target in edges:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(needs.get(target, []))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    cut = stack.index(node)
                    component = stack[cut:]
                    del stack[cut:]
                    on_stack.difference_update(component)
                    if len(component) > 1 or node in needs.get(node, []):
                        found.update(component)
    return found
