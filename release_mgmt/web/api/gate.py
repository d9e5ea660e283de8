"""The gate: may this be released to this environment at this instant, and if not, why and when?"""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate, validates_schema
from marshmallow import ValidationError as Invalid

from release_mgmt.core.classification import Level
from release_mgmt.core.gate import Decision
from release_mgmt.core.permissions import Action
from release_mgmt.services import gate, leases
from release_mgmt.services.gate import Asked
from release_mgmt.web.answers import json_answer
from release_mgmt.web.api.common import Blueprint, Instant, instant, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.idempotency import idempotent

blueprint = Blueprint("api_gate", __name__, url_prefix="/api/v1/gate", description=__doc__)
LONGEST_AGE = 60  # seconds: an approval or a freeze may change the answer at any time


_NO_OFFSET: dict[str, Any] = {
    "invalid_awareness": "has no offset; it is one instant with it only, such as 2026-12-22T19:30:00Z"
}


class GateQuery(Schema):
    """What is asked. ``change`` may be given several times: all must be allowed. ``at`` needs an offset."""

    repository = fields.String(required=True, validate=validate.Length(1, 200))
    environment = fields.String(required=True, validate=validate.Length(1, 64))
    change = fields.List(fields.String(validate=validate.Length(1, 200)), load_default=[])
    sha = fields.String(load_default=None, validate=validate.Length(7, 64))
    level = fields.String(load_default=None, validate=validate.OneOf([level.value for level in Level]))
    at = Instant(load_default=None, error_messages=_NO_OFFSET)

    @validates_schema
    def _one_commit(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("sha") and len(data.get("change", [])) > 1:
            raise Invalid("goes with one change at most", "sha")


class GateReasonSchema(Schema):
    """A blocker; ``until`` is when time alone takes it away."""

    code = text(null=False)
    ref = text(null=False)
    message = text(null=False)
    until = instant("Null: time does not take it away.")


class GateTargetSchema(Schema):
    """The answer for one target."""

    repository = text(null=False)
    environment = text(null=False)
    change = text()
    decision = text(null=False)
    reasons = fields.List(fields.Nested(GateReasonSchema), required=True)


class GateDecisionSchema(Schema):
    """The decision. It holds until ``valid_until`` unless somebody changes the plan."""

    decision = fields.String(required=True, validate=validate.OneOf(["allow", "warn", "deny"]))
    reasons = fields.List(fields.Nested(GateReasonSchema), required=True)
    blocked_by = fields.List(fields.String(), required=True)
    next_transition = instant("End of the freezes that hold, else when the answer changes.")
    next_allow = instant("The first instant at which it is not deny; null: time alone does not bring it.")
    next_slot = instant("The same if only the calendar stood in the way.")
    valid_until = instant("Until when the answer holds.")
    evaluated_at = instant("When it was asked.")
    at = instant("The instant it is about.")
    plan_version = fields.Integer(allow_none=True, required=True)
    decision_id = text(null=False)
    targets = fields.List(fields.Nested(GateTargetSchema), required=True)


class NewLeaseSchema(Schema):
    """What is about to run."""

    change = fields.String(required=True, validate=validate.Length(1, 200))
    environment = fields.String(required=True, validate=validate.Length(1, 64))
    minutes = fields.Integer(load_default=15, validate=validate.Range(1, 240))


class LeaseSchema(Schema):
    """A lease; it ends at ``expires_at`` unless renewed."""

    id = text(null=False)
    change = text(null=False)
    environment = text(null=False)
    holder = text(null=False)
    taken_at = instant("When it began.")
    expires_at = instant("When it ends.")
    released_at = instant("When it was given back.")


def _reasons(found: Decision) -> list[dict[str, object]]:
    return [
        {"code": each.code, "ref": each.ref, "message": each.message, "until": each.until} for each in found.reasons
    ]


def _body(answer: gate.Answer) -> dict[str, object]:
    found = answer.decision
    return {
        "decision": found.decision,
        "reasons": _reasons(found),
        "blocked_by": list(found.blocked_by),
        "next_transition": found.next_transition,
        "next_allow": found.next_allow,
        "next_slot": found.next_slot,
        "valid_until": found.valid_until,
        "evaluated_at": found.evaluated_at,
        "at": found.at,
        "plan_version": answer.plan_version,
        "decision_id": answer.id,
        "targets": [
            {
                "repository": target.repository,
                "environment": target.environment,
                "change": target.change,
                "decision": one.decision,
                "reasons": _reasons(one),
            }
            for target, one in zip(answer.targets, found.answers or (found,), strict=True)
        ],
    }


@blueprint.route("")
class Gate(MethodView):
    """The decision."""

    @needs(Action.ASK_GATE)
    @blueprint.arguments(GateQuery, location="query")
    @blueprint.alt_response(200, schema=GateDecisionSchema)
    def get(self, query: dict[str, Any]) -> Response:
        """Allow, warn or deny, with every reason, what blocks, when that ends, and when this may go next."""
        level = Level(query["level"]) if query["level"] else None
        changes: list[str | None] = query["change"] or [None]
        asked = [
            Asked(query["repository"], query["environment"], change, query["sha"], level)
            for change in dict.fromkeys(changes)
        ]
        answer = gate.ask(context.store, context.actor, context.now, asked, at=query["at"])
        response = json_answer(_body(answer))
        age = 0
        if query["at"] is None and answer.decision.valid_until is not None:
            age = int((answer.decision.valid_until - context.now).total_seconds())
        response.headers["Cache-Control"] = f"private, max-age={max(0, min(age, LONGEST_AGE))}"
        return response


@blueprint.route("/leases")
class Leases(MethodView):
    """Runs under way."""

    @needs(Action.TAKE_LEASE)
    @idempotent
    @blueprint.arguments(NewLeaseSchema)
    @blueprint.alt_response(201, schema=LeaseSchema)
    def post(self, body: dict[str, Any]) -> Response:
        """Take a lease when the gate does not deny; 409 with the reasons otherwise."""
        return json_answer(leases.take(context.store, context.actor, context.now, **body), 201)


@blueprint.route("/leases/<lease>")
class OneLease(MethodView):
    """One run under way."""

    @needs(Action.TAKE_LEASE)
    @blueprint.alt_response(200, schema=LeaseSchema)
    def put(self, lease: str) -> Response:
        """Renew it; 409 when a freeze that began since does not let running work finish."""
        return json_answer(leases.renew(context.store, context.actor, context.now, lease))

    @needs(Action.TAKE_LEASE)
    @blueprint.alt_response(200, schema=LeaseSchema)
    def delete(self, lease: str) -> Response:
        """Give it back."""
        return json_answer(leases.release(context.store, context.actor, context.now, lease))
