"""Approvals: votes of release managers, sign-offs of affected teams, rollback plans, and what is still missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.approvals import State, Status, Verdict, Vote
from release_mgmt.core.permissions import Action
from release_mgmt.services import approvals, rollback_plans, window_votes
from release_mgmt.services.approvals import LONGEST_REASON, ApprovalView
from release_mgmt.services.rollback_plans import LONGEST_PLAN
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint, Instant
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_approvals", __name__, url_prefix="/api/v1", description=__doc__)
_NAME = validate.Length(1, 120)


class EnvironmentSchema(Schema):
    """Where the change is to go."""

    environment = fields.String(load_default="prod", validate=_NAME)


class VoteSchema(Schema):
    """A vote, bound to the content (``digest``), level and slot that were seen."""

    id = fields.String(required=True)
    person = fields.String(required=True)
    on_behalf_of = fields.String(allow_none=True)
    verdict = fields.String(required=True, validate=validate.OneOf(list(Verdict)))
    capacities = fields.List(fields.String(), required=True)
    reason = fields.String(allow_none=True)
    digest = fields.String(required=True)
    level = fields.String(required=True)
    calendar = fields.String(required=True)
    window = fields.String(required=True)
    slot_start = Instant(required=True)
    environment = fields.String(required=True)
    at = Instant(required=True)


class ApprovalStatusSchema(Schema):
    """What the votes come to: not_asked, waiting, approved or rejected, with everything that is missing."""

    state = fields.String(required=True, validate=validate.OneOf(list(State)))
    given = fields.Boolean(required=True)
    managers = fields.Dict(required=True)
    teams = fields.List(fields.Dict(), required=True)
    lacks = fields.List(fields.Dict(), required=True)
    counted = fields.List(fields.String(), required=True)
    discounted = fields.List(fields.Dict(), required=True)
    expires_at = Instant(allow_none=True, required=True)


class RollbackPlanSchema(Schema):
    """What to do when a change goes wrong, and who is called."""

    how = fields.String(required=True, validate=validate.Length(1, LONGEST_PLAN))
    contact = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=300))
    updated_by = fields.String(dump_only=True, allow_none=True)
    updated_at = Instant(dump_only=True)
    version = fields.Integer(dump_only=True)


class ApprovalSchema(Schema):
    """A change in its slot with its votes."""

    change = fields.String(required=True)
    environment = fields.String(required=True)
    digest = fields.String(required=True)
    level = fields.String(required=True)
    calendar = fields.String(required=True)
    window = fields.String(required=True)
    slot_start = Instant(required=True)
    status = fields.Nested(ApprovalStatusSchema, required=True)
    votes = fields.List(fields.Nested(VoteSchema), required=True)
    rollback_plan = fields.Nested(RollbackPlanSchema, allow_none=True, required=True)
    may_vote = fields.Boolean(required=True)
    why_not = fields.String(allow_none=True, required=True)


class NewVoteSchema(EnvironmentSchema):
    """A vote to cast. ``digest``: the content that was seen (412 when it changed); a rejection needs a reason."""

    verdict = fields.String(required=True, validate=validate.OneOf(list(Verdict)))
    reason = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=LONGEST_REASON))
    digest = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=100))
    on_behalf_of = fields.String(allow_none=True, load_default=None, validate=_NAME)


class WindowVoteSchema(Schema):
    """One click: a vote for each change in the window that the voter may approve."""

    reason = fields.String(allow_none=True, load_default=None, validate=validate.Length(max=LONGEST_REASON))


class VoteOutcomeSchema(Schema):
    """What one click did for one change: the vote, or the code and text of why there is none."""

    change = fields.String(required=True)
    vote = fields.String(allow_none=True, required=True)
    code = fields.String(allow_none=True, required=True)
    message = fields.String(allow_none=True, required=True)


class VoteOutcomesSchema(Schema):
    """One outcome a change, in the order of release."""

    items = fields.List(fields.Nested(VoteOutcomeSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class WindowApprovalsSchema(Schema):
    """The window is approved when all of its changes are; ``changes`` maps ``<change>/<environment>`` to a status."""

    approved = fields.Boolean(required=True)
    changes = fields.Dict(keys=fields.String(), values=fields.Nested(ApprovalStatusSchema), required=True)


class ResubmissionSchema(Schema):
    """Why."""

    reason = fields.String(required=True, validate=validate.Length(1, LONGEST_REASON))


class ResubmittedSchema(Schema):
    """How many rejections ended."""

    ended = fields.Integer(required=True)


def shown_status(status: Status) -> dict[str, Any]:
    """A status as JSON."""
    return {
        "state": status.state.value,
        "given": status.given,
        "managers": asdict(status.managers),
        "teams": [asdict(team) for team in status.teams],
        "lacks": [asdict(lack) for lack in status.lacks],
        "counted": list(status.counted),
        "discounted": [{"vote": vote, "reason": why.value} for vote, why in status.discounted],
        "expires_at": status.expires_at,
    }


def shown_vote(vote: Vote) -> dict[str, Any]:
    """A vote as JSON."""
    return {
        "id": vote.id, "person": vote.person, "on_behalf_of": vote.on_behalf_of, "verdict": vote.verdict.value,
        "capacities": sorted(vote.capacities), "reason": vote.reason, "digest": vote.digest, "level": vote.level.value,
        "calendar": vote.slot.calendar, "window": vote.slot.window, "slot_start": vote.slot.start,
        "environment": vote.slot.environment, "at": vote.at,
    }  # fmt: skip


def shown(view: ApprovalView) -> dict[str, Any]:
    """A change with its votes as JSON."""
    return {
        "change": view.change, "environment": view.environment, "digest": view.digest, "level": view.level,
        "calendar": view.slot.calendar, "window": view.slot.window, "slot_start": view.slot.start,
        "status": shown_status(view.status), "votes": [shown_vote(vote) for vote in view.votes],
        "rollback_plan": asdict(view.plan) if view.plan else None, "may_vote": view.may_vote, "why_not": view.why_not,
    }  # fmt: skip


@blueprint.route("/changes/<change>/approvals")
class Votes(MethodView):
    """The votes on a change."""

    @needs(Action.READ_APPROVALS)
    @blueprint.arguments(EnvironmentSchema, location="query")
    @blueprint.response(200, ApprovalSchema)
    def get(self, query: dict[str, Any], change: str) -> dict[str, Any]:
        """Votes, what they come to, what is missing, and whether you may vote; 409 while it has no window."""
        return shown(approvals.view(context.store, context.actor, context.now, change, query["environment"]))

    @needs(Action.SIGN_OFF)
    @blueprint.arguments(NewVoteSchema)
    @blueprint.response(201, VoteSchema)
    def post(self, body: dict[str, Any], change: str) -> dict[str, Any]:
        """Approve or reject: as a release manager of its calendar, or for an affected team."""
        verdict, environment = Verdict(body.pop("verdict")), body.pop("environment")
        done = approvals.vote(context.store, context.actor, context.now, change, environment, verdict, **body)
        return shown_vote(done)


@blueprint.route("/changes/<change>/approvals/<vote>", methods=["DELETE"])
@needs(Action.SIGN_OFF)
@blueprint.response(204)
def withdraw(change: str, vote: str) -> None:
    """Take your own vote back, until the window starts; a vote on another change is not found here."""
    approvals.withdraw(context.store, context.actor, context.now, change, vote)


@blueprint.route("/changes/<change>/resubmission", methods=["POST"])
@needs(Action.EDIT_CHANGE)
@blueprint.arguments(ResubmissionSchema)
@blueprint.response(200, ResubmittedSchema)
def resubmit(body: dict[str, Any], change: str) -> dict[str, int]:
    """Ask again after a rejection; who asks cannot vote on it any more."""
    return {"ended": approvals.resubmit(context.store, context.actor, context.now, change, reason=body["reason"])}


@blueprint.route("/changes/<change>/rollback-plan", methods=["PUT"])
@needs(Action.EDIT_CHANGE)
@etags.guarded
@blueprint.arguments(RollbackPlanSchema)
@blueprint.response(200, RollbackPlanSchema)
def rollback_plan(body: dict[str, Any], change: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Write what to do when it goes wrong; a major change cannot be approved without."""
    done = rollback_plans.put(
        context.store, context.actor, context.now, change, how=body["how"], contact=body["contact"],
        version=etags.expected(),
    )  # fmt: skip
    return asdict(done), 200, etags.header(done.version)


@blueprint.route("/calendars/<calendar>/windows/<window>/approvals")
class WindowVotes(MethodView):
    """The votes of a window."""

    @needs(Action.READ_APPROVALS)
    @blueprint.response(200, WindowApprovalsSchema)
    def get(self, calendar: str, window: str) -> dict[str, Any]:
        """The status of each change in the window."""
        found = window_votes.statuses(context.store, context.actor, context.now, calendar, window)
        shown_all = {key: shown_status(status) for key, status in found.items()}
        return {"approved": all(status.given for status in found.values()), "changes": shown_all}

    @needs(Action.SIGN_OFF)
    @blueprint.arguments(WindowVoteSchema)
    @blueprint.response(200, VoteOutcomesSchema)
    def post(self, body: dict[str, Any], calendar: str, window: str) -> dict[str, Any]:
        """One click: approve every change in the window that you may approve; tells for the others why not."""
        found = window_votes.vote(context.store, context.actor, context.now, calendar, window, reason=body["reason"])
        return {"items": [asdict(one) for one in found], "next": None}
