"""Messages: what one is told and when, where messages go, and what became of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.messages import MODES, Kind
from release_mgmt.core.permissions import Action
from release_mgmt.services.messages import log, posting, targets
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint, PageQuery, instant, page_of, text
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_messages", __name__, url_prefix="/api/v1/messages", description=__doc__)

_WALL = validate.Regexp(r"^([01]\d|2[0-3]):[0-5]\d$")


class MessageChoiceSchema(Schema):
    """How to be told; what is left out stays. Times are wall times in ``zone``."""

    events = fields.List(
        fields.String(validate=validate.OneOf(list(Kind))), allow_none=True, validate=validate.Length(max=len(Kind)),
        metadata={"description": "Kinds; null: those that concern the reader by their kind."},
    )  # fmt: skip
    calendars = fields.List(fields.String(validate=validate.Length(1, 120)), validate=validate.Length(max=200))
    mode = fields.String(validate=validate.OneOf(MODES))
    digest_at = fields.String(validate=_WALL)
    digest_day = fields.Integer(validate=validate.Range(0, 6), metadata={"description": "0 is Monday."})
    quiet_from = fields.String(validate=_WALL, allow_none=True)
    quiet_until = fields.String(validate=_WALL, allow_none=True)
    zone = fields.String(validate=validate.Length(1, 64), allow_none=True, metadata={"description": "An IANA name."})
    language = fields.String(validate=validate.Length(2, 12))


class MessageTargetSchema(Schema):
    """A place for messages; ``secret`` is in the answer that made it and nowhere else."""

    id = fields.String(required=True)
    person = text("Whose it is: a person's id")
    team = text("or a team's slug; neither: the installation's")
    channel = fields.String(required=True)
    name = fields.String(required=True)
    address = text("A webhook's or a team's; a chat's is masked")
    events = fields.List(fields.String(), allow_none=True, required=True)
    calendars = fields.List(fields.String(), required=True)
    mode = fields.String(required=True)
    digest_at = fields.String(required=True)
    digest_day = fields.Integer(required=True)
    quiet_from = text()
    quiet_until = text()
    zone = text()
    language = fields.String(required=True)
    failing_since = instant("Since when it takes nothing")
    last_error = text()
    version = fields.Integer(required=True)
    secret = fields.String(allow_none=True)


class MessageTargetsSchema(Schema):
    """Places for messages."""

    items = fields.List(fields.Nested(MessageTargetSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class NewMessageTargetSchema(Schema):
    """A place to make: a webhook, a chat by an address of Apprise, or a team's mail address."""

    channel = fields.String(required=True, validate=validate.OneOf(targets.CHANNELS))
    name = fields.String(required=True, validate=validate.Length(1, 100))
    address = fields.String(required=True, validate=validate.Length(1, 2000))
    team = fields.String(validate=validate.Length(1, 120))
    person = fields.String(validate=validate.Length(1, 120))


class MessageDeliverySchema(Schema):
    """A message to one place."""

    id = fields.String(required=True)
    target = fields.String(required=True)
    target_name = fields.String(required=True)
    channel = fields.String(required=True)
    subject = fields.String(required=True)
    state = fields.String(required=True)
    attempts = fields.Integer(required=True)
    created_at = instant("When it was made")
    due_at = instant("When it is tried next, while it waits")
    sent_at = instant("When it was taken")
    error = text()


class MessageAttemptSchema(Schema):
    """One try to send it."""

    number = fields.Integer(required=True)
    at = instant("When")
    milliseconds = fields.Integer(allow_none=True, required=True)
    status = fields.Integer(allow_none=True, required=True)
    error = text()


class MessageDetailSchema(Schema):
    """A message with what it says (to whom it is for, or when it is nobody's own) and each try."""

    delivery = fields.Nested(MessageDeliverySchema, required=True)
    content = fields.Dict(required=True)
    attempts = fields.List(fields.Nested(MessageAttemptSchema), required=True)


class MessageQuery(PageQuery):
    """Which messages."""

    state = fields.String(validate=validate.OneOf(log.STATES))
    target = fields.String(validate=validate.Length(1, 120))


class QueuedMessageSchema(Schema):
    """A message that was put into the queue."""

    message = fields.String(required=True)


def _shown(found: targets.TargetView) -> tuple[dict[str, Any], int, dict[str, str]]:
    return asdict(found), 200, etags.header(found.version)


@blueprint.route("/preferences")
@needs(Action.MANAGE_SELF)
@blueprint.response(200, MessageTargetsSchema)
def preferences() -> dict[str, Any]:
    """One's own places with how they are told; the mail is there from the start."""
    found = targets.mine(context.store, context.actor, context.now)
    return {"items": [asdict(one) for one in found], "next": None}


@blueprint.route("/targets")
class Targets(MethodView):
    """Webhooks, chats and mail addresses of teams."""

    @needs(Action.MANAGE_MESSAGES)
    @blueprint.response(200, MessageTargetsSchema)
    def get(self) -> dict[str, Any]:
        """All of them by name."""
        return {"items": [asdict(one) for one in targets.every(context.store, context.actor)], "next": None}

    @needs(Action.MANAGE_MESSAGES)
    @blueprint.arguments(NewMessageTargetSchema)
    @blueprint.response(201, MessageTargetSchema)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make one; a webhook's secret is in this answer only."""
        post = posting.post_of(context.settings)
        made = targets.add(context.store, context.actor, context.now, office=post.office, hosts=post.hosts, **body)
        return asdict(made)


@blueprint.route("/targets/<target>")
class OneTarget(MethodView):
    """One place for messages: one's own, or any for administrators."""

    @needs(Action.MANAGE_SELF)
    @blueprint.response(200, MessageTargetSchema)
    def get(self, target: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """How it is told."""
        return _shown(targets.get(context.store, context.actor, target))

    @needs(Action.MANAGE_SELF)
    @etags.guarded
    @blueprint.arguments(MessageChoiceSchema)
    @blueprint.response(200, MessageTargetSchema)
    def patch(self, body: dict[str, Any], target: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Choose what it is told and when; `mode` `off` switches it off."""
        return _shown(targets.choose(context.store, context.actor, context.now, target, body, version=etags.expected()))

    @needs(Action.MANAGE_MESSAGES)
    @blueprint.response(204)
    def delete(self, target: str) -> None:
        """Take it away with its messages."""
        targets.remove(context.store, context.actor, context.now, target)


@blueprint.route("/targets/<target>/rotate", methods=["POST"])
@needs(Action.MANAGE_MESSAGES)
@blueprint.response(200, MessageTargetSchema)
def rotate(target: str) -> dict[str, Any]:
    """A new secret for a webhook; the one before signs too for a day."""
    office = posting.post_of(context.settings).office
    return asdict(targets.rotate(context.store, context.actor, context.now, target, office))


@blueprint.route("/targets/<target>/test", methods=["POST"])
@needs(Action.MANAGE_SELF)
@blueprint.response(202, QueuedMessageSchema)
def test(target: str) -> dict[str, str]:
    """Send a message that says only that it is a test."""
    office = posting.post_of(context.settings).office
    return {"message": log.test(context.store, context.actor, context.now, target, office)}


@blueprint.route("/deliveries")
@needs(Action.MANAGE_SELF)
@blueprint.arguments(MessageQuery, location="query")
@blueprint.response(200, page_of(MessageDeliverySchema))
def deliveries(query: dict[str, Any]) -> dict[str, Any]:
    """What was sent, the newest first: to oneself, or all for administrators."""
    found = log.search(context.store, context.actor, **query)
    return {"items": [asdict(one) for one in found.items], "next": found.next}


@blueprint.route("/deliveries/<message>")
@needs(Action.MANAGE_SELF)
@blueprint.response(200, MessageDetailSchema)
def delivery(message: str) -> dict[str, Any]:
    """One message with every try."""
    return asdict(log.get(context.store, context.actor, message))


@blueprint.route("/deliveries/<message>/replay", methods=["POST"])
@needs(Action.MANAGE_MESSAGES)
@blueprint.response(202, MessageDeliverySchema)
def replay(message: str) -> dict[str, Any]:
    """Send it once more, under the same id."""
    return asdict(log.replay(context.store, context.actor, context.now, message))
