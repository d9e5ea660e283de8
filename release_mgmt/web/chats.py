"""``POST /chats/<chat>/command``: what somebody asks by a slash command in Slack or Mattermost."""

from __future__ import annotations

from flask import Blueprint, Flask, jsonify, request
from flask.typing import ResponseReturnValue

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action
from release_mgmt.services import chat_commands
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context

blueprint = Blueprint("chats", __name__)


def register(app: Flask) -> None:
    """Serve the address that chats post to."""
    app.register_blueprint(blueprint)


@blueprint.post("/chats/<chat>/command")
@needs(Action.RECEIVE_COMMAND)
def command(chat: str) -> ResponseReturnValue:
    """Answer one command, to the one who asked only."""
    if chat not in chat_commands.CHATS:
        raise NotFound("There is no such chat.", hint=", ".join(chat_commands.CHATS))
    request.max_content_length = chat_commands.LONGEST
    body = request.get_data(cache=True)  # the raw bytes: they are what is signed
    settings = context.settings
    secret = settings.slack_signing_secret if chat == "slack" else settings.mattermost_command_token
    told = chat_commands.receive(context.store, context.now, chat, dict(request.headers), body, secret, settings.site)
    return jsonify(response_type="ephemeral", text=told)
