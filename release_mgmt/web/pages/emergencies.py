"""Break-glass: ask for it by the blockers it breaks, decide about somebody else's, and look back at each one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.approvals import Blocker
from release_mgmt.core.approvals.breakglass import LONGEST, UNBREAKABLE
from release_mgmt.core.errors import Conflict, InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action, allows
from release_mgmt.services import breakglass, changes, directory, gate, windows
from release_mgmt.services.breakglass import BreakGlassView
from release_mgmt.services.changes import ChangeView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import forms
from release_mgmt.web.pages.language import many, mark, say, term
from release_mgmt.web.pages.parts import Problem, Reason
from release_mgmt.web.pages.sentences import again
from release_mgmt.web.pages.site import blueprint, draw

MOST_MINUTES = int(LONGEST.total_seconds()) // 60
STATE_WORDS = {"requested": mark("asked for"), "void": mark("never decided"), "over": mark("over, not reviewed")}


@dataclass(frozen=True, slots=True)
class Emergency:
    """A permission as the page shows it; people by name."""

    seen: BreakGlassView
    title: str
    word: str
    asked_by: str
    decided_by: str | None
    reviewed_by: str | None
    can_decide: bool
    can_review: bool

    @property
    def breaks(self) -> tuple[str, ...]:
        """Each blocker as the gate names it."""
        return tuple(f"{one.code}: {one.ref}" if one.ref else one.code for one in self.seen.blockers)


@dataclass(frozen=True, slots=True)
class EmergenciesPage:
    """What waits for a decision, what holds now, what waits for its review, and the rest."""

    sentence: str
    overdue: int
    groups: tuple[tuple[str, tuple[Emergency, ...]], ...]
    problem: Problem | None = None


@blueprint.get("/emergencies")
@needs(Action.READ_APPROVALS)
def emergencies() -> str:
    """Every permission to break what the gate says."""
    return draw("emergencies", _page())


def _page(problem: Problem | None = None) -> EmergenciesPage:
    store, actor, now = context.store, context.actor, context.now
    known = {one.id: one for one in breakglass.search(store, actor, now, to_review=True)}
    known |= {one.id: one for one in breakglass.search(store, actor, now)}
    titles = changes.titles(store, actor, {one.change for one in known.values()})
    shown = [one for one in known.values() if one.change in titles]  # others are kept for their teams
    people = [key for one in shown for key in (one.requested_by, one.decided_by, one.reviewed_by)]
    names = directory.look_up(store, actor, people)
    lines = [_line(one, titles[one.change], names) for one in shown]
    overdue = sum(one.seen.review_overdue for one in lines)
    asked = [one for one in lines if one.seen.state == "requested"]
    active = [one for one in lines if one.seen.state == "active"]
    review = sorted((one for one in lines if one.seen.state == "over"), key=lambda one: not one.seen.review_overdue)
    past = [one for one in lines if one.seen.state in {"reviewed", "refused", "void"}]
    groups = ((say("To decide"), asked), (say("In force"), active), (say("To review"), review), (say("Past"), past))
    return EmergenciesPage(
        sentence=_sentence(len(asked), len(active), len(review), overdue),
        overdue=overdue,
        groups=tuple((title, tuple(found)) for title, found in groups if found),
        problem=problem,
    )


def _line(one: BreakGlassView, title: str, names: directory.Directory) -> Emergency:
    actor = context.actor
    return Emergency(
        seen=one,
        title=title,
        word=term(STATE_WORDS.get(one.state, one.state)),
        asked_by=names.person(one.requested_by) or say("nobody"),
        decided_by=names.person(one.decided_by),
        reviewed_by=names.person(one.reviewed_by),
        can_decide=one.state == "requested" and allows(actor, Action.GRANT_BREAK_GLASS, calendar=one.calendar),
        can_review=one.state in {"active", "over"} and allows(actor, Action.REVIEW_BREAK_GLASS, calendar=one.calendar),
    )


def _sentence(asked: int, active: int, review: int, overdue: int) -> str:
    parts = [many("{count} emergency to decide", "{count} emergencies to decide", asked)] * bool(asked)
    parts += [say("{count} in force", count=active)] * bool(active)
    parts += [many("{count} review to write", "{count} reviews to write", review)] * bool(review)
    parts += [say("{count} overdue", count=overdue)] * bool(overdue)
    return "; ".join(parts) + "." if parts else say("Nothing is broken now, and every review is written.")


@blueprint.post("/emergencies/<key>/decision")
@needs(Action.GRANT_BREAK_GLASS)
def emergencies_decide(key: str) -> tuple[str, int] | Response:
    """Grant or refuse what somebody else asked for."""
    grant = forms.text("do") == "grant"
    try:
        breakglass.decide(context.store, context.actor, context.now, key, grant=grant, note=forms.optional("note"))
    except ReleaseMgmtError as error:
        return draw("emergencies", _page(forms.problem_of(error, say("That was not decided")))), forms.status(error)
    told = say("Granted from now on; a review is due afterwards.") if grant else say("Refused.")
    return forms.done(told, url_for("pages.emergencies"))


@blueprint.post("/emergencies/<key>/review")
@needs(Action.REVIEW_BREAK_GLASS)
def emergencies_review(key: str) -> tuple[str, int] | Response:
    """Write down what happened and what follows from it."""
    try:
        breakglass.review(context.store, context.actor, context.now, key, note=forms.text("note", 5_000))
    except ReleaseMgmtError as error:
        return draw("emergencies", _page(forms.problem_of(error, say("That was not kept")))), forms.status(error)
    return forms.done(say("The review is kept."), url_for("pages.emergencies"))


@dataclass(frozen=True, slots=True)
class AskPage:
    """The form that asks for a permission, with what stands in the way now."""

    change: ChangeView
    environment: str
    blockers: tuple[Reason, ...]
    chosen: tuple[str, ...]
    reason: str
    ticket: str
    minutes: str
    most: int
    errors: dict[str, str]
    problem: Problem | None


@blueprint.get("/changes/<change_id>/emergency")
@needs(Action.REQUEST_BREAK_GLASS)
def emergencies_new(change_id: str) -> str:
    """What blocks a change now, each to be named."""
    return _ask_page(change_id)


def _ask_page(change_id: str, error: ReleaseMgmtError | None = None) -> str:
    store, actor, now = context.store, context.actor, context.now
    names = directory.look_up(store, actor)
    found = changes.get(store, actor, change_id).change
    places = windows.of_change(store, actor, change_id)
    place = next((one for one in places if one.window), places[0] if places else None)
    environment = forms.text("environment") or (place.environment if place else "prod")
    try:
        told = gate.peek(store, actor, now, gate.Asked(found.repository, environment, change_id)).decision
        blockers = tuple(
            Reason(one.code, again(one.message, names), one.ref or None, one.until) for one in told.reasons
        )
    except (Conflict, InvalidInput) as unknown:  # no calendar decides, or none that knows the environment
        blockers, error = (), error or unknown
    view = AskPage(
        change=found,
        environment=environment,
        blockers=tuple(one for one in blockers if one.code not in UNBREAKABLE),
        chosen=forms.several("blockers"),
        reason=forms.text("reason"),
        ticket=forms.text("ticket"),
        minutes=forms.text("minutes") or "60",
        most=MOST_MINUTES,
        errors=dict(forms.errors_of(error)),
        problem=forms.problem_of(error, say("It was not asked for")) if error is not None else None,
    )
    return draw("emergency", view)


@blueprint.post("/changes/<change_id>/emergency")
@needs(Action.REQUEST_BREAK_GLASS)
def emergencies_ask(change_id: str) -> tuple[str, int] | Response:
    """Ask for a permission; somebody else decides."""
    try:
        breakglass.request(
            context.store,
            context.actor,
            context.now,
            change=change_id,
            environment=forms.text("environment"),
            blockers=_named(forms.several("blockers", 50)),
            reason=forms.text("reason"),
            ticket=forms.text("ticket", 300),
            minutes=forms.number("minutes") or 0,
        )
    except (InvalidInput, Conflict) as error:
        return _ask_page(change_id, error), forms.status(error)
    return forms.done(say("Asked for: another release manager decides now."), url_for("pages.emergencies"))


def _named(values: Iterable[str]) -> list[Blocker]:
    """``code|reference`` of each blocker that was chosen."""
    parts = [value[:300].partition("|") for value in values]
    return [Blocker(code, ref or None) for code, _, ref in parts]
