"""Switches of feature flags: each one a release event, planned or done, with what the gate said of it."""

from __future__ import annotations

from flask import request

from release_mgmt.core.permissions import Action
from release_mgmt.services import directory
from release_mgmt.services import flags as service
from release_mgmt.services.flags import FlagView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, layout
from release_mgmt.web.pages.language import mark, say
from release_mgmt.web.pages.site import blueprint, draw

ANSWERS = {"allow": mark("allowed"), "warn": mark("with an acknowledgement"), "deny": mark("denied")}


@blueprint.get("/flags")
@needs(Action.READ_CHANGE)
def flags() -> str:
    """Every event that was told, the newest first."""
    found = service.search(context.store, context.actor, cursor=request.args.get("cursor"))
    return draw(
        "flags", sentence=_sentence(found.items), found=found.items, next=addresses.next_page(found.next),
        names=directory.look_up(context.store, context.actor, [one.owner for one in found.items]),
        answers={one: say(word) for one, word in ANSWERS.items()},
    )  # fmt: skip


def _sentence(found: tuple[FlagView, ...]) -> str:
    if not found:
        return say("No switch of a feature flag was told yet.")
    done = next((one for one in found if one.state in {"released", "rolled_back"}), None)
    if done is None:
        return say("Switches of feature flags are planned; none was done yet.")
    values = {"flag": done.flag, "environment": done.environment, "when": layout.wall().words(done.at)}
    if done.on:
        return say("The last switch: {flag} on, in {environment}, {when}.", **values)
    return say("The last switch: {flag} off, in {environment}, {when}.", **values)
