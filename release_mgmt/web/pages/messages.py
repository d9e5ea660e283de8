"""Messages: what I am told and when; for administrators, where messages go and what became of them."""

from __future__ import annotations

from typing import Any

from flask import request, url_for
from werkzeug.wrappers import Response

from release_mgmt.core.errors import InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.messages import KINDS, MODES, Kind
from release_mgmt.core.permissions import ANONYMOUS, Action
from release_mgmt.formats.words import languages, own_name
from release_mgmt.services import directory
from release_mgmt.services.messages import log, posting, targets
from release_mgmt.services.messages.targets import TargetView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms
from release_mgmt.web.pages.language import many, mark, say, term, words
from release_mgmt.web.pages.site import blueprint, draw

MODE_WORDS = {
    "immediate": mark("at once"),
    "daily": mark("once a day, together"),
    "weekly": mark("once a week, together"),
    "off": mark("not at all"),
}


@blueprint.get("/me/messages")
@needs(Action.MANAGE_SELF)
def my_messages() -> str:
    """What I am told, when, and what was sent to me lately."""
    return _mine()


def _mine(problem: ReleaseMgmtError | None = None) -> str:
    found = targets.mine(context.store, context.actor, context.now)
    sent = log.search(context.store, context.actor, limit=20).items
    own = {one.id for one in found}
    mails = bool(context.settings.smtp_host)
    return draw(
        "messages",
        targets=found,
        mails=mails,
        sentence=_sentence(found, mails=mails),
        sent=[one for one in sent if one.target in own],
        problem=forms.problem_of(problem) if problem is not None else None,
        errors=forms.errors_of(problem),
        **_choices(),
    )


def _choices() -> dict[str, Any]:
    """What forms of preferences offer."""
    return {
        "kinds": [(kind.value, say(rule.says)) for kind, rule in KINDS.items()],
        "modes": [(one, say(MODE_WORDS[one])) for one in MODES],
        "weekdays": [(str(number), long) for number, (_, long) in enumerate(words().weekdays())],
        "languages": [(one, own_name(one)) for one in languages()],
        "chosen": targets.chosen,
        "term": term,
    }


def _sentence(found: list[TargetView], *, mails: bool) -> str:
    if not mails and all(one.channel == "email" for one in found):
        return say("No mail leaves this installation yet; what you choose here holds once an administrator sets it up.")
    on = [one for one in found if one.mode != "off"]
    if not on:
        return say("You are told nothing: everything is switched off.")
    return say("You are told what concerns you {when}.", when=say(MODE_WORDS[on[0].mode]))


@blueprint.post("/me/messages/<target>")
@needs(Action.MANAGE_SELF)
def choose_messages(target: str) -> tuple[str, int] | Response:
    """Keep what was chosen, or send a test."""
    try:
        if forms.text("do") == "test":
            log.test(context.store, context.actor, context.now, target, posting.post_of(context.settings).office)
            return forms.done(say("A test is on its way."), url_for("pages.my_messages"))
        targets.choose(
            context.store, context.actor, context.now, target, _given(), version=forms.number("version") or None
        )
    except ReleaseMgmtError as error:
        return _mine(error), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.my_messages"))


def _given() -> dict[str, Any]:
    kinds = set(forms.several("events"))
    everything = kinds == set(Kind)
    return {
        "events": None if everything else sorted(kinds),
        "mode": forms.text("mode", 20),
        "digest_at": forms.text("digest_at", 5) or "08:00",
        "digest_day": forms.number("digest_day") or 0,
        "quiet_from": forms.optional("quiet_from", 5),
        "quiet_until": forms.optional("quiet_until", 5),
        "zone": forms.optional("zone", 64),
        "language": forms.text("language", 12) or "en",
    }


@blueprint.get("/messages/unsubscribe/<token>")
@needs(Action.UNSUBSCRIBE)
def unsubscribe(token: str) -> str:
    """The question before mails end: programs that look at links must not end them."""
    if posting.post_of(context.settings).office.unsubscribed(token) is None:
        raise NotFound("This link is not whole.", hint="Open it from the mail again.")
    return draw("unsubscribe", token=token, done=False)


@blueprint.post("/messages/unsubscribe/<token>")
@needs(Action.UNSUBSCRIBE)
def unsubscribe_now(token: str) -> str:
    """End the mails of the link: by the button, or by a mail program in one click (RFC 8058), which sends no cookie."""
    office = posting.post_of(context.settings).office
    if not targets.unsubscribe(context.store, ANONYMOUS.at(request.remote_addr), context.now, office, token):
        raise NotFound("This link is not whole.", hint="Open it from the mail again.")
    return draw("unsubscribe", token=token, done=True)


@blueprint.get("/admin/messages")
@needs(Action.MANAGE_MESSAGES)
def admin_messages() -> str:
    """Webhooks, chats and addresses of teams; what was sent, and what was not."""
    return _admin()


def _admin(problem: ReleaseMgmtError | None = None, made: TargetView | None = None) -> str:
    state = request.args.get("state")
    page = log.search(
        context.store,
        context.actor,
        state=state if state in log.STATES else None,
        target=request.args.get("target"),
        cursor=request.args.get("cursor"),
    )
    found = targets.every(context.store, context.actor)
    names = directory.look_up(context.store, context.actor)
    failing = sum(one.failing_since is not None for one in found)
    sentence = many("{count} place takes messages", "{count} places take messages", len(found))
    if failing:
        sentence += ", " + many("{count} of them fails", "{count} of them fail", failing)
    return draw(
        "admin_messages",
        sentence=sentence + ".",
        mails=context.settings.smtp_host,
        targets=found,
        teams=[("", say("the whole installation")), *((key, team.name) for key, team in names.teams.items())],
        channels=[(one, term(one)) for one in targets.CHANNELS],
        deliveries=page.items,
        next=addresses.next_page(page.next),
        groups=(addresses.group(say("State"), "state", [(one, term(one)) for one in log.STATES]),),
        made=made,
        problem=forms.problem_of(problem) if problem is not None else None,
        errors=forms.errors_of(problem),
        form=request.form,
        term=term,
    )


@blueprint.post("/admin/messages")
@needs(Action.MANAGE_MESSAGES)
def add_message_target() -> tuple[str, int]:
    """A new place; a webhook's secret is on the page that follows, once."""
    post = posting.post_of(context.settings)
    try:
        made = targets.add(
            context.store, context.actor, context.now, channel=forms.text("channel", 20), name=forms.text("name", 100),
            address=forms.text("address"), office=post.office, hosts=post.hosts, team=forms.optional("team", 120),
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return _admin(error), forms.status(error)
    return _admin(made=made), 201


@blueprint.get("/admin/messages/<target>")
@needs(Action.MANAGE_MESSAGES)
def admin_message_target(target: str) -> str:
    """One place: what it is told, and when."""
    return _one(target)


def _one(target: str, problem: ReleaseMgmtError | None = None, made: TargetView | None = None) -> str:
    return draw(
        "admin_message_target",
        one=targets.get(context.store, context.actor, target),
        made=made,
        problem=forms.problem_of(problem) if problem is not None else None,
        errors=forms.errors_of(problem),
        **_choices(),
    )


@blueprint.post("/admin/messages/<target>")
@needs(Action.MANAGE_MESSAGES)
def act_on_message_target(target: str) -> str | tuple[str, int] | Response:
    """Choose, send a test, give a new secret, take it away."""
    store, actor, now, do = context.store, context.actor, context.now, forms.text("do")
    office = posting.post_of(context.settings).office
    try:
        if do == "rotate":
            return _one(target, made=targets.rotate(store, actor, now, target, office))
        if do == "remove":
            targets.remove(store, actor, now, target)
            return forms.done(say("It is taken away."), url_for("pages.admin_messages"))
        if do == "test":
            log.test(store, actor, now, target, office)
            return forms.done(say("A test is on its way."), url_for("pages.admin_messages"))
        targets.choose(store, actor, now, target, _given(), version=forms.number("version") or None)
    except InvalidInput as error:
        return _one(target, error), forms.status(error)
    return forms.done(say("Saved."), url_for("pages.admin_message_target", target=target))


@blueprint.post("/admin/messages/deliveries/<message>/replay")
@needs(Action.MANAGE_MESSAGES)
def replay_message(message: str) -> Response:
    """Send a message once more, under its id."""
    log.replay(context.store, context.actor, context.now, message)
    return forms.done(say("It is on its way again."), url_for("pages.admin_messages"))
