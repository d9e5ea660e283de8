"""Business requests: the list, and one request from the question to production."""

from __future__ import annotations

from typing import Any

from flask import request as http
from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import directory, requests, teams
from release_mgmt.services.requests import Journey
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.parts import Person, Problem
from release_mgmt.web.pages.site import blueprint, draw

_FIELDS = ("title", "text", "link", "owner", "team", "metric", "expected_from", "expected_to")


@blueprint.get("/requests", endpoint="requests")
@needs(Action.READ_CHANGE)
def every_request() -> str:
    """What the business asked for, newest first, and the form for a new one."""
    return _list()


def _list(problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    store, actor = context.store, context.actor
    found = requests.search(store, actor, cursor=http.args.get("cursor"), change=http.args.get("change"))
    names = directory.look_up(store, actor, [one.owner for one in found.items])
    number = len(found.items)
    sentence = many("{count} request.", "{count} requests.", number) if number else say("Nothing was asked for yet.")
    return draw(
        "requests", sentence=sentence, found=found.items, names=names, next=addresses.next_page(found.next),
        teams=[(one.slug, one.name) for one in teams.every(store, actor)], form=_given(), problem=problem,
        errors=forms.errors_of(error),
    )  # fmt: skip


def _given() -> dict[str, str]:
    return {name: forms.text(name, 10_000) for name in _FIELDS}


def _wanted() -> dict[str, Any]:
    return {name: value or None for name, value in _given().items() if name in http.form} | {
        "title": forms.text("title")
    }


@blueprint.post("/requests")
@needs(Action.WRITE_REQUEST)
def write_request() -> tuple[str, int] | Response:
    """A new request."""
    given = {name: value for name, value in _wanted().items() if value is not None or name == "title"}
    try:
        made = requests.create(context.store, context.actor, context.now, **given)
    except ReleaseMgmtError as error:
        return _list(forms.problem_of(error, refilled=True), error), forms.status(error)
    return forms.done(say("The request is kept."), url_for("pages.request", key=made.id))


@blueprint.get("/requests/<key>")
@needs(Action.READ_CHANGE)
def request(key: str) -> str:
    """One request: what was asked, its changes on their way, and what was measured."""
    return _page(requests.get(context.store, context.actor, key))


def _page(journey: Journey, problem: Problem | None = None, error: ReleaseMgmtError | None = None) -> str:
    asked = journey.request
    names = directory.look_up(context.store, context.actor, [asked.owner, asked.made_by])
    owner = names.person(asked.owner)
    return draw(
        "request", asked=asked, steps=journey.steps, effects=journey.effects, sentence=_sentence(journey),
        owner=Person(owner) if owner else None, by=names.person(asked.made_by) or asked.made_by, problem=problem,
        teams=[(one.slug, one.name) for one in teams.every(context.store, context.actor)],
        typed=_given() if _refills(error) else None, errors=forms.errors_of(error),
    )  # fmt: skip


def _refills(error: ReleaseMgmtError | None) -> bool:
    """Whether the form of an edit is shown as it was typed: not over what somebody else saved in the meantime."""
    return isinstance(error, InvalidInput) and not forms.text("do")


def _sentence(journey: Journey) -> str:
    steps, asked = journey.steps, journey.request
    shipped = sum(one.state == "released" for one in steps)
    if journey.measured and asked.metric:
        return say(
            "Promised: {metric} from {old} to {new}. Measured: {value}.", metric=asked.metric,
            old=asked.expected_from or "?", new=asked.expected_to or "?", value=journey.measured,
        )  # fmt: skip
    if not steps:
        return say("No change answers it yet.")
    return say("{shipped} of {all} changes are released.", shipped=shipped, all=len(steps))


@blueprint.post("/requests/<key>")
@needs(Action.WRITE_REQUEST)
def edit_request(key: str) -> tuple[str, int] | Response:
    """Edit it, close it, or link a change."""
    store, actor, now = context.store, context.actor, context.now
    do = forms.text("do")
    try:
        if do in {"link", "unlink"}:
            change = forms.text("answer").rstrip("/").rpartition("/")[2]
            requests.link(store, actor, now, key, change, linked=do == "link")
        elif do in {"close", "open"}:
            requests.edit(store, actor, now, key, closed=do == "close")
        else:
            requests.edit(store, actor, now, key, version=forms.number("version"), **_wanted())
    except ReleaseMgmtError as error:
        problem = forms.problem_of(error, refilled=_refills(error))
        return _page(requests.get(store, actor, key), problem, error), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.request", key=key))
