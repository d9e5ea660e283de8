"""What people do with one change: level, note, plan for when it goes wrong, stage, dependencies, withdrawal."""

from __future__ import annotations

from collections.abc import Callable

from flask import url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.services import approvals, changes, overrides, placing, publications, rollback_plans, stages, terms
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import change_page, forms
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.site import blueprint

Answer = tuple[str, int] | Response


def _try(change_id: str, act: Callable[[], str]) -> Answer:
    """Do it and go back to the change; what was wrong is shown above it."""
    try:
        told = act()
    except ReleaseMgmtError as error:
        return change_page.reshown(change_id, forms.problem_of(error, say("That was not done"))), forms.status(error)
    return forms.done(told, url_for("pages.change", change_id=change_id))


@blueprint.post("/changes/<change_id>/level")
@needs(Action.RAISE_LEVEL)
def correct_level(change_id: str) -> Answer:
    """Set the level by hand, or take that back."""

    def act() -> str:
        store, actor, now, reason = context.store, context.actor, context.now, forms.text("reason")
        if forms.text("do") == "withdraw":
            overrides.withdraw_override(store, actor, now, change_id, reason, version=forms.number("version"))
            return say("The rules decide again.")
        level = forms.text("level")
        overrides.override(store, actor, now, change_id, level, reason, source="page", version=forms.number("version"))
        return say("It is {level} now, with your reason.", level=term(level))

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/note")
@needs(Action.EDIT_CHANGE)
def write_note(change_id: str) -> Answer:
    """The note for the business."""

    def act() -> str:
        changes.get(context.store, context.actor, change_id, context.now)  # a note may be on what is published alone
        made = publications.set_note(
            context.store,
            context.actor,
            context.now,
            change_id,
            language=forms.text("language") or "en",
            text=forms.text("text", 20_000),
            action=forms.optional("action"),
            version=forms.number("version"),
        )
        if made is None:
            return say("There is no note now; feeds and changelogs go without.")
        return say("The note is kept; feeds and changelogs have it.")

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/plan")
@needs(Action.EDIT_CHANGE)
def write_plan(change_id: str) -> Answer:
    """What to do when it goes wrong."""

    def act() -> str:
        rollback_plans.put(
            context.store,
            context.actor,
            context.now,
            change_id,
            how=forms.text("how", 20_000),
            contact=forms.optional("contact"),
            version=forms.number("version"),
        )
        return say("The plan is kept.")

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/stage")
@needs(Action.REPORT_STAGE)
def report_stage(change_id: str) -> Answer:
    """Tell what it passed."""

    def act() -> str:
        stage, _, state = forms.text("report").partition(":")
        stages.report(
            context.store,
            context.actor,
            context.now,
            change_id,
            stage=stage,
            state=state or "done",
            environment=forms.text("environment") or "prod",
            note=forms.optional("note"),
        )
        return say("Reported: {stage} {state}.", stage=term(stage), state=term(state))

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/needs")
@needs(Action.EDIT_CHANGE)
def link_changes(change_id: str) -> Answer:
    """Say which changes it needs first."""

    def act() -> str:
        wanted = [one.rsplit("/", 1)[-1] for one in forms.words("depends_on")]
        terms.put_terms(
            context.store,
            context.actor,
            context.now,
            change_id,
            depends_on=wanted,
            version=forms.number("version"),
        )
        return say("Its dependencies are kept, and the plan is made again.")

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/resubmit")
@needs(Action.EDIT_CHANGE)
def resubmit(change_id: str) -> Answer:
    """Ask again after a rejection."""

    def act() -> str:
        ended = approvals.resubmit(context.store, context.actor, context.now, change_id, reason=forms.text("reason"))
        return many("Asked again; {count} rejection ended.", "Asked again; {count} rejections ended.", ended)

    return _try(change_id, act)


@blueprint.post("/changes/<change_id>/withdraw")
@needs(Action.WITHDRAW_CHANGE)
def withdraw_change(change_id: str) -> Answer:
    """Take it out of the plan for good."""

    def act() -> str:
        if not forms.text("reason"):
            raise InvalidInput.at("reason", "must not be empty", "why it will not be released")
        placing.withdraw(context.store, context.actor, context.now, change_id, reason=forms.text("reason"))
        return say("It is withdrawn; who subscribes sees it.")

    return _try(change_id, act)
