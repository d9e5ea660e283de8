"""One window in plain words: what goes out, what it waits for, and the approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.approvals import State, Status, Verdict
from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action, allows, may_somewhere
from release_mgmt.services import approvals, window_votes
from release_mgmt.services import windows as service
from release_mgmt.services.directory import Directory
from release_mgmt.services.windows import WindowView
from release_mgmt.web.auth import needs, to_sign_in
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms, layout, schedule
from release_mgmt.web.pages.language import many, say
from release_mgmt.web.pages.parts import ChangeLine, FreezeBand, Quorum, WindowCard
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw
from release_mgmt.web.problems import wants_html

PAGE = 50


@dataclass(frozen=True, slots=True)
class WindowLine:
    """A change in the window, with its approvals and what the reader may do."""

    line: ChangeLine
    environment: str
    quorum: Quorum | None
    lacks: tuple[str, ...]
    can_vote: bool
    can_move: bool


@dataclass(frozen=True, slots=True)
class WindowPage:
    """One window."""

    card: WindowCard
    slug: str
    key: str
    sentence: str
    majors: tuple[WindowLine, ...]
    minors: tuple[WindowLine, ...]
    freezes: tuple[FreezeBand, ...]
    votable: int
    voted: bool
    can_edit: bool
    previous: str | None = None
    next: str | None = None


@blueprint.get("/windows/<calendar>/<path:key>")
@needs(Action.READ_PUBLIC)
def window(calendar: str, key: str) -> str | Response:
    """What goes out in one window; who may see it only after signing in, as calendar programs lead here, does that."""
    with context.store.together():
        try:
            found = service.detail(context.store, context.actor, calendar, key)
        except NotFound:
            if context.actor.signed_in or not wants_html():
                raise
            return to_sign_in()
        return draw("window", window_page(found))


def window_page(found: WindowView) -> WindowPage:
    """The values of a window's page."""
    actor, slug = context.actor, found.calendar
    names = schedule.names_of([found])
    whole = schedule.card(found, names)
    in_order = sorted(zip(found.changes, whole.changes, strict=True), key=lambda one: one[1].level != "major")
    first = addresses.first_of_page(len(in_order), PAGE)
    here = in_order[first : first + PAGE]
    card = schedule.with_facts([replace(whole, changes=tuple(line for _, line in here))], most=4)[0]
    coming = card.state in {"tentative", "confirmed"}
    can_move = coming and actor.signed_in and allows(actor, Action.MOVE_CHANGE, calendar=slug)
    can_edit = coming and actor.signed_in and allows(actor, Action.EDIT_WINDOW, calendar=slug)
    status, votable = approvals_of(found) if coming else ({}, frozenset())
    shown = []
    for (placed, _), line in zip(here, card.changes, strict=True):
        one = status.get(f"{placed.id}/{placed.environment}")
        shown.append(
            WindowLine(
                line,
                placed.environment,
                quorum(one, names),
                tuple(again(lack.message, names) for lack in one.lacks) if one else (),
                placed.id in votable,
                can_move,
            )
        )
    card = replace(whole, quorum=together(status, names))
    freezes = service.freezes_between(context.store, actor, context.now, found.start, found.end, calendar=slug)
    return WindowPage(
        card=card,
        slug=slug,
        key=found.key,
        sentence=sentence(card),
        majors=tuple(one for one in shown if one.line.level == "major"),
        minors=tuple(one for one in shown if one.line.level != "major"),
        freezes=tuple(schedule.band(one, names, {slug: found.calendar_name}) for one in freezes),
        votable=len(votable),
        voted=bool(status) and any(actor.person in one.counted for one in status.values()),
        can_edit=can_edit,
        previous=addresses.present(page=str(first // PAGE)) if first else None,
        next=addresses.present(page=str(first // PAGE + 2)) if first + PAGE < len(in_order) else None,
    )


def approvals_of(found: WindowView) -> tuple[Mapping[str, Status], frozenset[str]]:
    """What the votes in a window come to, and what the reader may approve; nothing for who may not read approvals."""
    if not context.actor.signed_in or not may_somewhere(context.actor, Action.READ_APPROVALS) or not found.changes:
        return {}, frozenset()
    return window_votes.view(context.store, context.actor, context.now, found.calendar, found.key)


def quorum(status: Status | None, names: Directory) -> Quorum | None:
    """Votes given and needed for one change."""
    if status is None or status.state is State.NOT_ASKED:
        return None
    missing = tuple(names.team(one.team) for one in status.teams if one.person is None)
    return Quorum(status.managers.have, status.managers.need, missing)


def together(status: Mapping[str, Status], names: Directory) -> Quorum | None:
    """How many of the changes in a window are approved, and for whom the others wait."""
    asked = [one for one in status.values() if one.state is not State.NOT_ASKED]
    if not asked:
        return None
    waiting: dict[str, None] = {}
    for one in asked:
        if one.managers.have < one.managers.need:
            waiting[say("release managers")] = None
        waiting.update({names.team(team.team): None for team in one.teams if team.person is None})
    return Quorum(sum(one.given for one in asked), len(asked), tuple(waiting))


def sentence(card: WindowCard) -> str:
    """What goes out, in one sentence or three."""
    if card.state == "cancelled":
        return say("This window is cancelled; what it held was placed again.")
    if not card.count:
        return say("Nothing goes out in this window so far.")
    when = layout.wall().span_words(card.start, card.end)
    if card.state == "released":
        told = many("{count} change went out on {when}.", "{count} changes went out on {when}.", card.count, when=when)
    else:
        told = many("{count} change goes out on {when}.", "{count} changes go out on {when}.", card.count, when=when)
    majors = [line for line in card.changes if line.level == "major"]
    if len(majors) == 1:
        told += " " + say("One is major: {title}.", title=majors[0].title)
    elif majors:
        told += " " + say("{count} are major.", count=len(majors))
    else:
        told += " " + say("None is major.")
    waiting = card.quorum.waiting_for if card.quorum else ()
    return f"{told} {say('Waiting for: {names}.', names=', '.join(waiting))}" if waiting else told


@blueprint.post("/windows/<calendar>/<path:key>/approve")
@needs(Action.SIGN_OFF)
def approve_window(calendar: str, key: str) -> Response:
    """One click: approve each change that one may vote on."""
    outcomes = window_votes.vote(context.store, context.actor, context.now, calendar, key)
    given = sum(one.vote is not None for one in outcomes)
    refused = [one for one in outcomes if one.vote is None]
    told = many("{count} change approved.", "{count} changes approved.", given)
    if refused:
        reasons = dict.fromkeys(again(one.message or one.code or "") for one in refused)
        told += " " + many("Not {count} other: {why}", "Not {count} others: {why}", len(refused), why=" ".join(reasons))
    twice = bool(outcomes) and all(one.code == "already_voted" for one in outcomes)  # a double click, most of all
    if twice:
        told = say("You have voted on everything here already.")
    flash(told, "message" if given or twice else "error")
    return redirect(url_for("pages.window", calendar=calendar, key=key), 303)


@blueprint.post("/changes/<change_id>/vote")
@needs(Action.SIGN_OFF)
def vote_change(change_id: str) -> Response:
    """Approve or reject one change in its window."""
    verdict = Verdict.REJECT if forms.text("verdict") == "reject" else Verdict.APPROVE
    approvals.vote(
        context.store,
        context.actor,
        context.now,
        change_id,
        forms.text("environment"),
        verdict,
        reason=forms.optional("reason"),
        digest=forms.optional("digest"),
    )
    told = say("Rejected; its owner hears of it.") if verdict is Verdict.REJECT else say("Approved.")
    return forms.done(told, layout.safe_next(request.form.get("next")))


@blueprint.post("/changes/<change_id>/vote/<vote>/withdraw")
@needs(Action.SIGN_OFF)
def withdraw_vote(change_id: str, vote: str) -> Response:
    """Take one's own vote back."""
    approvals.withdraw(context.store, context.actor, context.now, change_id, vote, reason=forms.optional("reason"))
    return forms.done(say("Your vote is taken back."), url_for("pages.change", change_id=change_id))
