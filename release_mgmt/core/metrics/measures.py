"""One function a definition: facts and a span in, a result out. The value None means: there was nothing to measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from release_mgmt.core.metrics.deployments import Deployment, Facts, Failure
from release_mgmt.core.metrics.facts import DateFact
from release_mgmt.core.metrics.numbers import median, percent, percentile
from release_mgmt.core.metrics.spans import Span

HOUR, DAY, WEEK = 3600.0, 86400.0, 7
NINETY = 0.9


@dataclass(frozen=True, slots=True)
class Result:
    """A value over a ``population``, ``counted`` of which made it (None where nothing is parted).

    ``left_out`` could not be measured. ``changes`` are those of the population, ``against`` those that speak against.
    """

    value: float | None
    population: int
    counted: int | None = None
    left_out: int = 0
    p90: float | None = None
    split: tuple[tuple[str, int], ...] = ()
    changes: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


Measure = Callable[[Facts, Span], Result]


def _ids(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(found)))


def _share(good: Iterable[str], bad: Iterable[str], left_out: int = 0) -> Result:
    kept, against = list(good), list(bad)
    whole = len(kept) + len(against)
    return Result(
        percent(len(kept), whole), whole, len(kept), left_out, changes=_ids([*kept, *against]), against=_ids(against)
    )


def _times(taken: list[tuple[str, float]], unit: float, left_out: int) -> Result:
    values = [seconds / unit for _, seconds in taken]
    return Result(
        median(values), len(values), left_out=left_out, p90=percentile(values, NINETY),
        changes=_ids(change for change, _ in taken),
    )  # fmt: skip


def _deployed(facts: Facts, span: Span) -> list[Deployment]:
    return [one for one in facts.deployments if span.holds(one.at)]


def deployment_frequency(facts: Facts, span: Span) -> Result:
    done = [one for one in _deployed(facts, span) if not one.failed]
    value = len(done) * WEEK / span.days if facts.reporting else None
    return Result(value, len(done), changes=_ids(change for one in done for change in one.changes))


def lead_time(facts: Facts, span: Span) -> Result:
    return _lead((one.change, one.committed_at, one.at) for one in facts.shipped if span.holds(one.at) and not one.flag)


def _lead(found: Iterable[tuple[str, datetime | None, datetime]]) -> Result:
    rows = list(found)
    taken = [(change, (end - begin).total_seconds()) for change, begin, end in rows if begin is not None]
    right = [one for one in taken if one[1] >= 0]  # a commit dated after its deployment: a wrong clock
    return _times(right, HOUR, len(rows) - len(right))


def _failures(facts: Facts, span: Span) -> list[Failure]:
    return [one for one in facts.failures if span.holds(one.deployment.at)]


def change_failure_rate(facts: Facts, span: Span) -> Result:
    every, failed = _deployed(facts, span), _failures(facts, span)
    unlinked = sum(not one.changes and span.holds(one.opened_at) for one in facts.incidents)
    return Result(
        percent(len(failed), len(every)), len(every), len(failed), unlinked,
        changes=_ids(change for one in every for change in one.changes),
        against=_ids(change for one in failed for change in one.deployment.changes),
    )  # fmt: skip


def recovery_time(facts: Facts, span: Span) -> Result:
    failed = _failures(facts, span)
    values = [(one.restored - one.began).total_seconds() / HOUR for one in failed if one.restored is not None]
    return Result(
        median(values), len(values), left_out=len(failed) - len(values), p90=percentile(values, NINETY),
        changes=_ids(change for one in failed for change in one.deployment.changes),
    )  # fmt: skip


def release_frequency(facts: Facts, span: Span) -> Result:
    tags = [one for one in facts.tags if span.holds(one.at)]
    value = len(tags) * WEEK / span.days if facts.tagging else None
    return Result(value, len(tags), changes=_ids(change for one in tags for change, _ in one.changes))


def lead_time_to_release(facts: Facts, span: Span) -> Result:
    tags = [one for one in facts.tags if span.holds(one.at)]
    return _lead((change, began, one.at) for one in tags for change, began in one.changes)


def _dated(facts: Facts, span: Span) -> list[DateFact]:
    return [one for one in facts.dates if not one.lane and one.announced_at is not None and span.holds(one.start)]


def dates_kept(facts: Facts, span: Span) -> Result:
    good: list[str] = []
    bad: list[str] = []
    unknown = 0
    for one in facts.dates:
        if one.lane or not span.holds(one.first_start):
            continue
        if one.shipped_at is None and not one.moved:
            unknown += 1
            continue
        inside = one.shipped_at and one.first_end and one.first_start <= one.shipped_at < one.first_end
        (good if inside else bad).append(one.change)
    return _share(good, bad, unknown)


def notice_given(facts: Facts, span: Span) -> Result:
    rows = [(one.change, one.start - one.announced_at) for one in _dated(facts, span) if one.announced_at]
    return _times([(change, notice.total_seconds()) for change, notice in rows], DAY, 0)


def _met(one: DateFact) -> bool:
    return one.notice_from is not None and one.notice_from <= one.start


def notice_met(facts: Facts, span: Span) -> Result:
    rows = _dated(facts, span)
    met = {one.change for one in rows if _met(one)}
    return _share(met, {one.change for one in rows} - met)


def moves(facts: Facts, span: Span) -> Result:
    rows = [one for one in facts.moves if span.holds(one.at)]
    split = Counter(one.codes[0] if one.codes else "unknown" for one in rows)
    value = float(len(rows)) if facts.dates or facts.moves else None
    ordered = tuple(sorted(split.items(), key=lambda pair: (-pair[1], pair[0])))
    return Result(value, len(rows), split=ordered, changes=_ids(one.change for one in rows))


def majors_coordinated(facts: Facts, span: Span) -> Result:
    rows = [one for one in _dated(facts, span) if one.level == "major"]
    good = {one.change for one in rows if _met(one) and one.agreed is not False}
    return _share(good, {one.change for one in rows} - good)


def freezes_respected(facts: Facts, span: Span) -> Result:
    rows = [one for one in facts.shipped if span.holds(one.at)]
    return _share((one.change for one in rows if not one.frozen), (one.change for one in rows if one.frozen))


def gate_respected(facts: Facts, span: Span) -> Result:
    rows = [one for one in facts.gates if span.holds(one.at)]
    denied = [one.change for one in rows if one.decision == "deny"]
    shipped = {one.change for one in facts.shipped if span.holds(one.at)}
    silent = len(shipped - {one.change for one in rows})
    return _share((one.change for one in rows if one.decision != "deny"), denied, silent)


def break_glass(facts: Facts, span: Span) -> Result:
    rows = [one.change for one in facts.glasses if span.holds(one.at)]
    return Result(float(len(rows)), len(rows), changes=_ids(rows))


def level_overrides(facts: Facts, span: Span) -> Result:
    rows = [one for one in facts.levels if span.holds(one.at)]
    corrected = [one for one in rows if one.override in {"raised", "lowered"}]
    split = Counter(one.override or "" for one in corrected)
    return Result(
        percent(len(corrected), len(rows)), len(rows), len(corrected), split=tuple(sorted(split.items())),
        changes=_ids(one.change for one in rows), against=_ids(one.change for one in corrected),
    )  # fmt: skip


MEASURES: dict[str, Measure] = {
    each.__name__: each
    for each in (
        deployment_frequency, lead_time, change_failure_rate, recovery_time, release_frequency, lead_time_to_release,
        dates_kept, notice_given, notice_met, moves, majors_coordinated, freezes_respected, gate_respected, break_glass,
        level_overrides,
    )
}  # fmt: skip
"""By the id of the definition; a test holds both lists together."""
