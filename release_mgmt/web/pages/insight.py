"""Insight: how often and how well changes reach production, and how far announced dates can be relied on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from flask import request, url_for

from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.metrics import DEFINITIONS, Definition, Figure, find
from release_mgmt.core.permissions import Action
from release_mgmt.services import calendars, changes, metrics, repositories, teams
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, charts
from release_mgmt.web.pages.charts import Chart
from release_mgmt.web.pages.language import many, mark, plural, say, term, words
from release_mgmt.web.pages.parts import ChipGroup
from release_mgmt.web.pages.site import blueprint, draw

MOST_CHANGES = 500
_PERIODS = (("28", mark("4 weeks")), ("91", mark("13 weeks")), ("182", mark("26 weeks")), ("364", mark("52 weeks")))
_GROUPS = (("delivery", mark("Delivery")), ("predictability", mark("Predictability")))
_SCOPES = (mark("repository {name}"), mark("team {name}"), mark("calendar {name}"), mark("environment {name}"))
_PARTS = (mark("raised"), mark("lowered"))
_SCOPE = ("repository", "team", "calendar", "environment")


@dataclass(frozen=True, slots=True)
class FigureView:
    """A figure as it is shown: never without what it is over and since when."""

    title: str
    meaning: str
    unit: str
    over: str
    source: str
    value: str
    basis: str
    missing: bool
    chart: Chart | None
    rows: tuple[tuple[str, str, int], ...]
    href: str


@dataclass(frozen=True, slots=True)
class InsightPage:
    """All figures over one scope."""

    sentence: str
    scope: str
    groups: tuple[tuple[str, tuple[FigureView, ...]], ...]
    filters: tuple[ChipGroup, ...]
    csv: str
    json: str
    empty: bool


@dataclass(frozen=True, slots=True)
class BehindPage:
    """One figure and the changes behind it: those that speak against it first."""

    figure: FigureView
    scope: str
    against: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    left_out: int
    back: str


@blueprint.get("/insight")
@needs(Action.READ_METRICS)
def insight() -> str:
    """Every figure with its course."""
    asked = _asked()
    found = metrics.measure(context.store, context.actor, context.now, asked)
    shown = {one.definition.id: _view(one) for one in found.figures}
    query = _query(found.asked)
    view = InsightPage(
        sentence=_sentence(found.figures),
        scope=_scope_words(asked),
        groups=tuple(
            (say(title), tuple(shown[one.id] for one in DEFINITIONS if one.group == group)) for group, title in _GROUPS
        ),
        filters=_filters(),
        csv=url_for("api_metrics.Export", **query),
        json=url_for("api_metrics.Metrics", **query),
        empty=all(one.result.population == 0 for one in found.figures),
    )
    return draw("insight", view)


@blueprint.get("/insight/<figure>")
@needs(Action.READ_METRICS)
def insight_figure(figure: str) -> str:
    """One figure: its definition, its course, and the changes behind it."""
    asked = _asked()
    found = metrics.measure(context.store, context.actor, context.now, asked, [find(figure)]).figures[0]
    against = found.result.against
    behind = (*against, *(one for one in found.result.changes if one not in set(against)))[:MOST_CHANGES]
    titles = changes.titles(context.store, context.actor, behind)
    lines = [(url_for("pages.change", change_id=one), titles[one]) for one in behind if one in titles]
    speak = {url_for("pages.change", change_id=one) for one in against}
    view = BehindPage(
        figure=_view(found),
        scope=_scope_words(asked),
        against=tuple(line for line in lines if line[0] in speak),
        others=tuple(line for line in lines if line[0] not in speak),
        left_out=max(len(found.result.changes) - MOST_CHANGES, 0),
        back=url_for("pages.insight", **_here()),
    )
    return draw("insight_figure", view)


def _day(name: str) -> date | None:
    given = request.args.get(name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise InvalidInput.at(name, "is not a day", "YYYY-MM-DD") from None


def _asked() -> metrics.Asked:
    repository, team, calendar, environment = (request.args.get(name) or None for name in _SCOPE)
    asked = metrics.Asked(
        repository=repository, team=team, calendar=calendar, environment=environment, since=_day("since"),
        until=_day("until"),
    )  # fmt: skip
    days = request.args.get("days")
    if days and asked.since is None:
        if not days.isascii() or not days.isdigit() or not 1 <= int(days) <= 400:
            raise InvalidInput.at("days", "is not a number of days", "1 to 400")
        return replace(asked, days=int(days))
    return asked


def _here() -> dict[str, Any]:
    """The scope and period of this page's address."""
    return {name: value for name in (*_SCOPE, "since", "until", "days") if (value := request.args.get(name))}


def _query(asked: metrics.Asked) -> dict[str, Any]:
    given = {name: getattr(asked, name) for name in (*_SCOPE, "since", "until")}
    return {name: str(value) for name, value in given.items() if value is not None}


def _filters() -> tuple[ChipGroup, ...]:
    store, actor = context.store, context.actor
    every = repositories.search(store, actor, limit=50)
    return (
        addresses.group(say("Period"), "days", [(days, say(words)) for days, words in _PERIODS]),
        addresses.group(say("Calendar"), "calendar", [(one.slug, one.name) for one in calendars.every(store, actor)]),
        addresses.group(say("Team"), "team", [(one.slug, one.name) for one in teams.every(store, actor)]),
        addresses.group(say("Source"), "repository", [(one.name, one.name) for one in every.items]),
    )


def _scope_words(asked: metrics.Asked) -> str:
    given = [(words, getattr(asked, name)) for name, words in zip(_SCOPE, _SCOPES, strict=True)]
    return ", ".join(say(words, name=value) for words, value in given if value) or say("everything that you may see")


def _sentence(figures: tuple[Figure, ...]) -> str:
    found = {one.definition.id: one for one in figures}
    deployments, rate, kept = (found[one] for one in ("deployment_frequency", "change_failure_rate", "dates_kept"))
    days = _days(deployments.span.first, deployments.span.last)
    if deployments.result.value is None:
        return say("{days}: no deployment was ever reported.", days=days)
    parts = [plural(deployments.result.population, "deployment")]
    if rate.result.value is not None:
        parts.append(say("{failed} of {all} failed", failed=rate.result.counted, all=rate.result.population))
    if kept.result.value is not None:
        words = say("{kept} of {all} announced dates kept", kept=kept.result.counted, all=kept.result.population)
        parts.append(words)
    return say("{days}: {what}.", days=days, what=", ".join(parts))


def _view(figure: Figure) -> FigureView:
    one = figure.definition
    rows = tuple(
        (_days(each.span.first, each.span.last), _value(one, each.value), each.population) for each in figure.course
    )
    points = [(row[0], each.value, row[1]) for row, each in zip(rows, figure.course, strict=True)]
    values = [value for _, value, _ in points if value is not None]
    most = 100.0 if one.unit == "percent" else max(values, default=0.0)
    ends = (_day_words(figure.course[0].span.first), _day_words(figure.course[-1].span.last)) if points else ("", "")
    chart = charts.columns(say(one.title), points, _value(one, most), ends, ceiling=most or None)
    href = url_for("pages.insight_figure", figure=one.id, **_here())
    return FigureView(
        say(one.title), say(one.meaning), say(one.unit), say(one.over), one.source, _value(one, figure.result.value),
        _basis(figure), figure.missing is not None, chart, rows, href,
    )  # fmt: skip


def _value(one: Definition, value: float | None) -> str:
    """A value with its unit in the reader's language."""
    if value is None:
        return say("not measured")
    rounded = round(value, 1) if value < 100 and value != int(value) else round(value)
    number, count = words().number(rounded), 1 if rounded == 1 else 2
    if one.unit == "percent":
        return f"{number} %"
    forms = {
        "hours": many("{number} hour", "{number} hours", count, number=number),
        "days": many("{number} day", "{number} days", count, number=number),
    }
    return {**forms, "per week": say("{number} per week", number=number)}.get(one.unit, number)


def _basis(figure: Figure) -> str:
    """Over what, since when and until when: no figure is shown without it."""
    one, result, span = figure.definition, figure.result, figure.span
    over = {"what": say(one.over), "days": _days(span.first, span.last), "zone": span.zone}
    if figure.missing is not None:
        send = " ".join(say(sentence) for sentence in one.send)
        return say("Nothing to measure, {days} ({zone}). {send}", days=over["days"], zone=span.zone, send=send)
    if result.counted is not None:
        parts = [
            say("Over {part} of {whole} {what}, {days} ({zone}).", part=result.counted, whole=result.population, **over)
        ]
    else:
        parts = [say("Over {whole} {what}, {days} ({zone}).", whole=result.population, **over)]
    if result.p90 is not None:
        parts.append(say("Nine in ten within {value}.", value=_value(one, result.p90)))
    if result.split:
        parts.append(", ".join(f"{term(label)} {count}" for label, count in result.split) + ".")
    if result.left_out:
        parts.append(many("{count} could not be measured.", "{count} could not be measured.", result.left_out))
    return " ".join(parts)


def _days(first: date, last: date) -> str:
    return say("{first} to {last}", first=_day_words(first), last=_day_words(last))


def _day_words(day: date) -> str:
    return words().short_day(day, year=True)
