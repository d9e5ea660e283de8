"""Repositories and their releases."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Action
from release_mgmt.services import jobs, releases
from release_mgmt.services import repositories as services
from release_mgmt.web import etags
from release_mgmt.web.answers import json_answer, page_answer
from release_mgmt.web.api.common import Blueprint, Instant, PageQuery, instant, page_of, text
from release_mgmt.web.api.jobs import JobSchema
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.idempotency import idempotent

blueprint = Blueprint("api_repositories", __name__, url_prefix="/api/v1/repositories", description=__doc__)


class RepositorySchema(Schema):
    """A repository that is read."""

    id = text("Never changes.", null=False)
    name = text("Stands in addresses; may be changed.", null=False)
    location = text(null=False)
    provider = text(null=False)
    forge_slug = text()
    web_url = text()
    default_branch = text()
    tag_pattern = text("Which tags are releases.")
    description = text()
    owner_team = text("Slug of the team that answers for it.")
    calendar = text("Slug of the calendar whose windows its changes go to.")
    settings = fields.Dict(required=True)
    adopted_at = instant("Tags older than this are shipped history.")
    archived_at = instant("When reading it was stopped.")
    created_at = instant("When it was registered.")
    updated_at = instant("When it was last edited.")
    version = fields.Integer(required=True, metadata={"description": "Counts edits; the ETag."})
    sync_due_at = instant("When it is read next.")
    synced_at = instant("When it was last read.")
    sync_error = text("Why the last sync failed.")
    head_sha = text()
    diagnostics = fields.List(fields.String(), required=True)
    changes = fields.Integer(required=True)
    releases = fields.Integer(required=True)


class NewRepositorySchema(Schema):
    """A repository to register."""

    location = fields.String(required=True, validate=validate.Length(1, 2000))
    name = fields.String(validate=validate.Length(1, 100))
    owner_team = fields.String(allow_none=True, validate=validate.Length(max=100))
    calendar = fields.String(allow_none=True, validate=validate.Length(max=100))
    tag_pattern = fields.String(allow_none=True, validate=validate.Length(max=200))
    description = fields.String(allow_none=True, validate=validate.Length(max=500))
    adopted_at = Instant()


class EditRepositorySchema(Schema):
    """What to change; what is left out stays."""

    name = fields.String(validate=validate.Length(1, 100))
    owner_team = fields.String(allow_none=True, validate=validate.Length(max=100))
    calendar = fields.String(allow_none=True, validate=validate.Length(max=100))
    tag_pattern = fields.String(allow_none=True, validate=validate.Length(max=200))
    description = fields.String(allow_none=True, validate=validate.Length(max=500))
    adopted_at = Instant()


class MoveRepositorySchema(Schema):
    """Where it is now."""

    location = fields.String(required=True, validate=validate.Length(1, 2000))


class RepositoryQuery(PageQuery):
    """Which repositories."""

    text = fields.String(validate=validate.Length(max=200))
    calendar = fields.String(validate=validate.Length(max=100))
    archived = fields.Boolean(load_default=False)


class ReleaseSchema(Schema):
    """A release of a repository."""

    id = text(null=False)
    repository = text(null=False)
    version = text(null=False)
    package = text()
    tag = text(null=False)
    sha = text(null=False)
    previous = text("The version it is compared with.")
    position = fields.Integer(required=True, metadata={"description": "Place in version order, oldest first."})
    prerelease = fields.Boolean(required=True)
    released_at = instant("When it was tagged.")
    changes = fields.Integer(required=True)
    majors = fields.Integer(required=True)
    section = fields.Dict(required=True, metadata={"description": "Its record in the changelog, without the entries."})


class ReleaseQuery(PageQuery):
    """Which releases."""

    package = fields.String(validate=validate.Length(max=200))


def _one(found: services.RepositoryView, status: int = 200) -> Response:
    return json_answer(found, status, etags.header(found.version))


@blueprint.route("")
class Repositories(MethodView):
    """All repositories."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.arguments(RepositoryQuery, location="query")
    @blueprint.response(200, page_of(RepositorySchema))
    def get(self, query: dict[str, Any]) -> Response:
        """Repositories by name."""
        return page_answer(services.search(context.store, context.actor, **query))

    @needs(Action.MANAGE_REPOSITORIES)
    @idempotent
    @blueprint.arguments(NewRepositorySchema)
    @blueprint.response(201, RepositorySchema)
    def post(self, body: dict[str, Any]) -> Response:
        """Register a repository; its first sync begins at once, as a job."""
        chosen = context.settings
        allowed = services.policy(chosen.repository_roots, chosen.repository_hosts, allow_http=chosen.allow_plain_http)
        return _one(services.register(context.store, context.actor, context.now, allowed=allowed, **body), 201)


@blueprint.route("/<repository>")
class Repository(MethodView):
    """One repository."""

    @needs(Action.READ_REPOSITORY)
    @blueprint.response(200, RepositorySchema)
    def get(self, repository: str) -> Response:
        """By name."""
        return _one(services.get(context.store, context.actor, repository))

    @needs(Action.MANAGE_REPOSITORIES)
    @etags.guarded
    @blueprint.arguments(EditRepositorySchema)
    @blueprint.response(200, RepositorySchema)
    def patch(self, body: dict[str, Any], repository: str) -> Response:
        """Edit; send the ETag in If-Match so that nobody's edit is lost."""
        return _one(
            services.edit(context.store, context.actor, context.now, repository, version=etags.expected(), values=body)
        )

    @needs(Action.MANAGE_REPOSITORIES)
    @etags.guarded
    @blueprint.response(200, RepositorySchema)
    def delete(self, repository: str) -> Response:
        """Archive: it is no longer read, what was published stays."""
        return _one(services.archive(context.store, context.actor, context.now, repository, version=etags.expected()))


@blueprint.route("/<repository>/move")
class Moved(MethodView):
    """To another forge."""

    @needs(Action.MANAGE_REPOSITORIES)
    @blueprint.arguments(MoveRepositorySchema)
    @blueprint.response(200, RepositorySchema)
    def post(self, body: dict[str, Any], repository: str) -> Response:
        """Read it from another address; ids, events and published texts stay what they were."""
        chosen = context.settings
        allowed = services.policy(chosen.repository_roots, chosen.repository_hosts, allow_http=chosen.allow_plain_http)
        return _one(
            services.move(
                context.store, context.actor, context.now, repository, location=body["location"], allowed=allowed
            )
        )


@blueprint.route("/<repository>/delete")
class Deleted(MethodView):
    """For good."""

    @needs(Action.MANAGE_REPOSITORIES)
    @blueprint.response(204)
    def post(self, repository: str) -> None:
        """Delete an archived repository with its changes; what was published of it stays."""
        services.remove(context.store, context.actor, context.now, repository)


@blueprint.route("/<repository>/restore")
class Restored(MethodView):
    """Out of the archive."""

    @needs(Action.MANAGE_REPOSITORIES)
    @blueprint.response(200, RepositorySchema)
    def post(self, repository: str) -> Response:
        """Read it again."""
        return _one(services.archive(context.store, context.actor, context.now, repository, restore=True))


@blueprint.route("/<repository>/sync")
class Sync(MethodView):
    """Reading it now."""

    @needs(Action.SYNC_REPOSITORY)
    @idempotent
    @blueprint.response(202, JobSchema)
    def post(self, repository: str) -> Response:
        """Ask for a sync; the answer is the job, which may have been waiting or running already."""
        found = services.request_sync(context.store, context.actor, context.now, repository)
        job = jobs.enqueue(context.store, context.actor, context.now, pipeline.REFRESH, found.id)
        return json_answer(jobs.get(context.store, context.actor, job), 202, {"Location": f"/api/v1/jobs/{job}"})


@blueprint.route("/<repository>/releases")
class Releases(MethodView):
    """Its releases."""

    @needs(Action.READ_CHANGELOG)
    @blueprint.arguments(ReleaseQuery, location="query")
    @blueprint.response(200, page_of(ReleaseSchema))
    def get(self, query: dict[str, Any], repository: str) -> Response:
        """Releases, the newest version first."""
        return page_answer(releases.of_repository(context.store, context.actor, repository, **query))


@blueprint.route("/<repository>/releases/<path:version>")
class Release(MethodView):
    """One release."""

    @needs(Action.READ_CHANGELOG)
    @blueprint.response(200, ReleaseSchema)
    def get(self, repository: str, version: str) -> Response:
        """By tag or version."""
        return json_answer(releases.get(context.store, context.actor, repository, version))
