"""Administration: the rules with a box to try them, and the forges with their webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.classification import Classification
from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.resources import folder
from release_mgmt.services import forges, tryout, webhook_help, webhooks
from release_mgmt.services.forges import SourceState
from release_mgmt.services.webhook_help import WebhookSetup
from release_mgmt.services.webhooks import Delivery
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms, lines
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.parts import ChipGroup, EvidenceRow, Problem
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class RulesPage:
    """The rules, and what they say of a diff."""

    sentence: str
    verdict: Classification | None
    why: str
    evidence: tuple[EvidenceRow, ...]
    diff: str
    message: str
    rules: str
    shipped: str
    problem: Problem | None


@blueprint.get("/admin/rules")
@needs(Action.READ_CHANGE)
def admin_rules() -> str | Response:
    """The box to try the rules; ``sha`` leads to the change that holds a commit."""
    sha = request.args.get("sha", "").strip()
    if sha:
        try:
            return redirect(url_for("pages.change", change_id=tryout.change_of(context.store, context.actor, sha)))
        except ReleaseMgmtError as error:
            return draw("admin_rules", _page(None, forms.problem_of(error, say("No such commit"))))
    return draw("admin_rules", _page(None))


@blueprint.post("/admin/rules")
@needs(Action.READ_CHANGE)
def try_rules() -> tuple[str, int]:
    """What the rules say of the pasted diff; nothing is kept."""
    try:
        verdict = tryout.on_diff(
            context.actor,
            request.form.get("diff", "")[: tryout.MOST_BYTES + 1],
            forms.text("message"),
            request.form.get("rules", "")[:100_000].strip() or None,
        )
    except ReleaseMgmtError as error:
        return draw("admin_rules", _page(None, forms.problem_of(error, say("That cannot be tried")))), forms.status(
            error
        )
    return draw("admin_rules", _page(verdict)), 200


def _page(verdict: Classification | None, problem: Problem | None = None) -> RulesPage:
    told = say("Paste a diff or name a commit, and see the verdict with its evidence.")
    if verdict is not None:
        told = f"{term(verdict.level.value).capitalize()}: {lines.kind_words(verdict.kind)}."
    return RulesPage(
        sentence=told,
        verdict=verdict,
        why=lines.kind_words(verdict.kind) if verdict else "",
        evidence=tuple(
            EvidenceRow(one.kind, one.path, one.line, one.subject, one.old, one.new, one.level, one.rule)
            for one in (verdict.evidence if verdict else ())
        ),
        diff=request.form.get("diff", "")[: tryout.MOST_BYTES],
        message=forms.text("message"),
        rules=request.form.get("rules", "")[:100_000],
        shipped=(folder("config") / "classification.toml").read_text("utf-8"),
        problem=problem,
    )


@dataclass(frozen=True, slots=True)
class SourcesPage:
    """Forges, deliveries and what to enter at each forge."""

    sentence: str
    sources: tuple[SourceState, ...]
    deliveries: tuple[Delivery, ...]
    next: str | None
    groups: tuple[ChipGroup, ...]
    setups: tuple[WebhookSetup, ...]
    latest: Mapping[str, Delivery]


@blueprint.get("/admin/sources")
@needs(Action.MANAGE_REPOSITORIES)
def admin_sources() -> str:
    """How forges are read, and what their webhooks brought."""
    store, actor, settings = context.store, context.actor, context.settings
    found = forges.states(store, actor, context.now)
    status = request.args.get("status")
    seen = webhooks.deliveries(
        store,
        actor,
        status=status if status in webhooks.STATUSES else None,
        cursor=request.args.get("cursor"),
        limit=30,
    )
    troubled = sum(one.error is not None for one in found)
    told = many("{count} repository connected to a forge.", "{count} repositories connected to a forge.", len(found))
    view = SourcesPage(
        sentence=f"{told} {say('{count} cannot be read now.', count=troubled)}" if troubled else told,
        sources=tuple(found),
        deliveries=seen.items,
        next=addresses.next_page(seen.next),
        groups=(addresses.group(say("Status"), "status", [(one, term(one)) for one in webhooks.STATUSES]),),
        setups=tuple(
            webhook_help.setup(one, settings.site, secret_set=bool(getattr(settings, f"{one}_webhook_secret", "")))
            for one in webhooks.PROVIDERS
        ),
        latest=webhooks.latest(store, actor),
    )
    return draw("admin_sources", view)


@blueprint.post("/admin/sources/<delivery>")
@needs(Action.MANAGE_REPOSITORIES)
def replay_delivery(delivery: str) -> Response:
    """Make something of a delivery again."""
    webhooks.replay(context.store, context.actor, context.now, delivery)
    return forms.done(say("The delivery is worked on again."), url_for("pages.admin_sources"))
