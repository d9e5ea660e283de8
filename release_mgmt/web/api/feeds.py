"""Feeds: one's own subscriptions to calendars and changelogs, what they would hold, and exports."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core.audience import Audience
from release_mgmt.core.permissions import Action
from release_mgmt.formats import subscribe
from release_mgmt.formats.words import Words, languages
from release_mgmt.services import feeds
from release_mgmt.services.feeds import SubscriptionView
from release_mgmt.web import etags
from release_mgmt.web.api.common import Blueprint, Instant, PageQuery, page_of
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("api_feeds", __name__, url_prefix="/api/v1", description=__doc__)

AUDIENCES = validate.OneOf([audience.value for audience in Audience])


class FiltersSchema(Schema):
    """Which whole events a feed holds; an empty list means all."""

    calendars = fields.List(fields.String())
    teams = fields.List(fields.String())
    repositories = fields.List(fields.String())
    packages = fields.List(fields.String())
    levels = fields.List(fields.String(validate=validate.OneOf(["minor", "major"])))
    environments = fields.List(fields.String())
    windows = fields.Boolean()
    freezes = fields.Boolean()
    empty = fields.Boolean()
    cancelled = fields.Boolean()
    window = fields.String(allow_none=True)
    local_times = fields.Boolean()
    alarm_minutes = fields.Integer(allow_none=True, validate=validate.Range(1, 10_080))


class WantedSchema(Schema):
    """A feed to make, or what it becomes."""

    name = fields.String(required=True, validate=validate.Length(1, 100))
    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    language = fields.String(load_default="en")
    filters = fields.Nested(FiltersSchema, load_default=dict)


class GuideSchema(Schema):
    """The steps of one calendar program."""

    program = fields.String(required=True)
    steps = fields.List(fields.String(), required=True)
    link = fields.String(allow_none=True)


class CardSchema(Schema):
    """How to subscribe; every address holds the token."""

    https = fields.String(required=True)
    webcal = fields.String(required=True)
    atom = fields.String(required=True)
    qr = fields.String(required=True, metadata={"description": "inline SVG"})
    guides = fields.List(fields.Nested(GuideSchema), required=True)


class FeedSchema(Schema):
    """A subscription; ``card`` is in the answers that made or rotated it and nowhere else."""

    id = fields.String(required=True)
    person = fields.String(allow_none=True, metadata={"description": "whose it is; null: the operator's"})
    name = fields.String(required=True)
    audience = fields.String(required=True)
    language = fields.String(required=True)
    filters = fields.Nested(FiltersSchema, required=True)
    hint = fields.String(required=True, metadata={"description": "the last characters of the token"})
    created_at = Instant(required=True)
    rotated_at = Instant(allow_none=True)
    version = fields.Integer(required=True)
    card = fields.Nested(CardSchema)


class FeedsSchema(Schema):
    """One's own feeds."""

    items = fields.List(fields.Nested(FeedSchema), required=True)
    next = fields.String(allow_none=True, required=True)


class PreviewSchema(Schema):
    """What a feed would hold."""

    audience = fields.String(load_default=Audience.BUSINESS.value, validate=AUDIENCES)
    filters = fields.Nested(FiltersSchema, load_default=dict)


class ShownSchema(Schema):
    """An event of the preview."""

    kind = fields.String(required=True)
    calendar = fields.String(required=True)
    identity = fields.String(required=True)
    start = fields.String(required=True)
    end = fields.String(required=True)
    status = fields.String(required=True)
    changes = fields.List(fields.String(), required=True)


class PreviewedSchema(Schema):
    """How many events from now on, and the first of them."""

    count = fields.Integer(required=True)
    items = fields.List(fields.Nested(ShownSchema), required=True)
    languages = fields.List(fields.String(), required=True)


def _shown(feed: SubscriptionView) -> dict[str, Any]:
    made = asdict(feed)
    token = made.pop("token")
    made["audience"] = feed.audience.value
    if token is not None:
        made["card"] = asdict(subscribe.card(context.settings.site, token, feed.name, Words(feed.language)))
    return made


@blueprint.route("/subscriptions")
class Subscriptions(MethodView):
    """One's own feeds."""

    @needs(Action.SUBSCRIBE)
    @blueprint.response(200, FeedsSchema)
    def get(self) -> dict[str, Any]:
        """One's own feeds, newest first, without the revoked ones."""
        return {"items": [_shown(one) for one in feeds.of(context.store, context.actor)], "next": None}

    @needs(Action.SUBSCRIBE)
    @blueprint.arguments(WantedSchema)
    @blueprint.response(201, FeedSchema)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Make a feed; its addresses are in this answer only."""
        return _shown(feeds.create(context.store, context.actor, context.now, **body))


@blueprint.route("/subscriptions/everybody")
@needs(Action.MANAGE_PEOPLE)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, page_of(FeedSchema))
def everybody(query: dict[str, Any]) -> dict[str, Any]:
    """The feeds of everybody, newest first, without the revoked ones and without any address."""
    found = feeds.every(context.store, context.actor, **query)
    return {"items": [_shown(one) for one in found.items], "next": found.next}


@blueprint.route("/subscriptions/preview", methods=["POST"])
@needs(Action.SUBSCRIBE)
@blueprint.arguments(PreviewSchema)
@blueprint.response(200, PreviewedSchema)
def preview(body: dict[str, Any]) -> dict[str, Any]:
    """What a feed with these filters would hold; nothing is written."""
    count, shown = feeds.preview(context.store, context.actor, context.now, **body)
    items = [
        {
            "kind": one.kind, "calendar": one.calendar, "identity": one.identity, "start": one.start, "end": one.end,
            "status": one.status, "changes": [change.title for change in one.changes],
        }
        for one in shown
    ]  # fmt: skip
    return {"count": count, "items": items, "languages": list(languages())}


@blueprint.route("/subscriptions/<key>")
class Subscription(MethodView):
    """One of one's own feeds; administrators may look at anybody's and revoke it."""

    @needs(Action.SUBSCRIBE)
    @blueprint.response(200, FeedSchema)
    def get(self, key: str) -> Any:
        """The feed, without its addresses."""
        found = feeds.get(context.store, context.actor, key)
        return _shown(found), 200, etags.header(found.version)

    @needs(Action.SUBSCRIBE)
    @etags.guarded
    @blueprint.arguments(WantedSchema)
    @blueprint.response(200, FeedSchema)
    def put(self, body: dict[str, Any], key: str) -> Any:
        """Edit the feed; its address stays. Send the ``ETag`` in ``If-Match``."""
        found = feeds.change(context.store, context.actor, context.now, key, version=etags.expected(), **body)
        return _shown(found), 200, etags.header(found.version)

    @needs(Action.SUBSCRIBE)
    @blueprint.response(204)
    def delete(self, key: str) -> None:
        """Revoke the feed; its addresses answer 404 from now on."""
        feeds.revoke(context.store, context.actor, context.now, key)


@blueprint.route("/subscriptions/<key>/rotate", methods=["POST"])
@needs(Action.SUBSCRIBE)
@blueprint.response(200, FeedSchema)
def rotate(key: str) -> dict[str, Any]:
    """A new token; the old addresses answer 404 from now on."""
    return _shown(feeds.rotate(context.store, context.actor, context.now, key))


class ExportSchema(Schema):
    """What to export."""

    kind = fields.String(required=True, validate=validate.OneOf(["freezes", "windows"]))
    calendar = fields.String(required=True)


@blueprint.route("/exports/aws-change-calendar")
@needs(Action.READ_CALENDAR)
@blueprint.arguments(ExportSchema, location="query")
@blueprint.response(200, content_type="text/calendar")
def aws_change_calendar(query: dict[str, Any]) -> Response:
    """The freezes (open by default) or windows (closed by default) of a calendar for AWS, at most 64 KB."""
    content = feeds.export_aws(context.store, context.actor, context.now, **query)
    response = Response(content, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="change-calendar.ics"'
    return response
