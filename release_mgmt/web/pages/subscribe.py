"""Subscriptions: feeds of one's own for calendar programs and feed readers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from flask import request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from release_mgmt.core.audience import Audience
from release_mgmt.core.errors import InvalidInput, NotFound, ReleaseMgmtError
from release_mgmt.core.permissions import Action
from release_mgmt.formats.subscribe import Card, card
from release_mgmt.formats.words import Words, languages, own_name
from release_mgmt.services import directory, feeds
from release_mgmt.services.feeds import SubscriptionView
from release_mgmt.web.auth import needs
from release_mgmt.web.context import context
from release_mgmt.web.pages import addresses, forms
from release_mgmt.web.pages.changelogs import WORDS, allowed_audiences
from release_mgmt.web.pages.language import many, say, term
from release_mgmt.web.pages.layout import wall
from release_mgmt.web.pages.site import blueprint, draw


@dataclass(frozen=True, slots=True)
class FeedLine:
    """A feed that is there already; its address was shown once, when it was made. ``whose`` is the name of a person."""

    id: str
    name: str
    what: str
    hint: str
    at: datetime
    whose: str | None


@blueprint.get("/subscribe")
@needs(Action.SUBSCRIBE)
def subscribe() -> str:
    """My feeds, and the form for a new one."""
    return _page()


def _page(made: SubscriptionView | None = None, error: ReleaseMgmtError | None = None) -> str:
    names = directory.look_up(context.store, context.actor)
    return draw(
        "subscribe",
        feeds=[_line(one, names) for one in feeds.of(context.store, context.actor)],
        made=made,
        card=_card(made) if made else None,
        qr=Markup(_card(made).qr) if made else None,  # noqa: S704 - our own drawing of an address of ours
        problem=forms.problem_of(error, say("The feed was not made"), refilled=True) if error else None,
        errors=forms.errors_of(error),
        teams=list(names.teams.values()),
        chosen=sorted(context.actor.teams) if error is None else request.form.getlist("teams"),
        audiences=[(one.value, say(WORDS[one])) for one in allowed_audiences()],
        languages=[(one, own_name(one)) for one in languages()],
        preview=_preview(made) if made else None,
        form={} if error is None else request.form,
    )


def _line(one: SubscriptionView, names: directory.Directory) -> FeedLine:
    at = one.rotated_at or one.created_at
    return FeedLine(one.id, one.name, _what(one, names), one.hint, at, names.person(one.person))


def _preview(made: SubscriptionView) -> str:
    """One sentence: what the new feed holds."""
    filters = {**asdict(made.filters)}
    count, first = feeds.preview(
        context.store, context.actor, context.now, audience=made.audience.value, filters=filters, limit=1
    )
    if not first:
        return say("It holds no events yet; they come by themselves once something is planned.")
    event = first[0]
    what = event.changes[0].title if event.changes else event.title or event.reason or say("a freeze")
    held = many("It holds {count} event in the coming year.", "It holds {count} events in the coming year.", count)
    return f"{held} {say('The next is on {day}: {what}', day=_when(event.start), what=what)}"


def _when(start: str) -> str:
    """The beginning of an event on the reader's wall; that of a whole day has no time."""
    if len(start) == len("2026-11-24"):
        return wall().day_words(date.fromisoformat(start))
    return wall().words(datetime.fromisoformat(start))


def _words(name: str) -> list[str]:
    """The texts of a field, separated by commas."""
    return [word.strip() for word in forms.text(name).split(",") if word.strip()]


def _what(one: SubscriptionView, names: directory.Directory) -> str:
    told = [say(WORDS[one.audience])]
    if one.filters.teams:
        told.append(", ".join(names.team(slug) for slug in one.filters.teams))
    if one.filters.levels:
        told.append(say("only {levels} changes", levels=", ".join(term(level) for level in one.filters.levels)))
    told.extend(", ".join(found) for found in (one.filters.repositories, one.filters.environments) if found)
    if not one.filters.freezes:
        told.append(say("without freezes"))
    return " · ".join(told)


def _card(made: SubscriptionView) -> Card:
    """How to subscribe; the token is in every address, so only this page shows it, once."""
    token = made.token
    assert token is not None, "a feed that was just made tells its token"
    return card(context.settings.site.rstrip("/"), token, made.name, Words(made.language))


@blueprint.post("/subscribe")
@needs(Action.SUBSCRIBE)
def make_feed() -> tuple[str, int]:
    """A new feed; the page that follows shows its address, once."""
    filters: dict[str, Any] = {
        "teams": request.form.getlist("teams"),
        "levels": ["major"] if forms.text("levels") == "major" else [],
        "repositories": _words("repositories"),
        "environments": _words("environments"),
        "freezes": bool(forms.text("freezes")),
    }
    try:
        made = feeds.create(
            context.store, context.actor, context.now, name=forms.text("name"),
            audience=forms.text("audience") or Audience.BUSINESS.value,
            language=forms.text("language") or "en", filters=filters,
        )  # fmt: skip
    except ReleaseMgmtError as error:
        return _page(error=error), forms.status(error)
    return _page(made), 201


@blueprint.get("/subscribe/<key>/<what>")
@needs(Action.SUBSCRIBE)
def feed_asked(key: str, what: str) -> str:
    """What ending a feed, or giving it a new address, does; both cannot be taken back."""
    if what not in {"end", "new-address"}:
        raise NotFound("There is no such feed.")
    return _asked(key, ending=what == "end")


def _asked(key: str, *, ending: bool, error: ReleaseMgmtError | None = None) -> str:
    store, actor = context.store, context.actor
    held = feeds.get(store, actor, key)
    names = directory.look_up(store, actor, [held.person])
    return draw(
        "feed",
        feed=_line(held, names),
        ending=ending,
        own=held.person == actor.person,
        back=_list_of(held),
        problem=forms.problem_of(error, say("The feed is as before")) if error else None,
    )


def _list_of(held: SubscriptionView) -> str:
    """The page that lists the feed for whoever asks."""
    return url_for("pages.subscribe" if held.person == context.actor.person else "pages.admin_feeds")


@blueprint.post("/subscribe/<key>")
@needs(Action.SUBSCRIBE)
def act_on_feed(key: str) -> tuple[str, int] | Response:
    """End a feed, or give it a new address."""
    store, actor, now = context.store, context.actor, context.now
    if forms.text("do") == "rotate":
        return _page(feeds.rotate(store, actor, now, key)), 201
    held = feeds.get(store, actor, key)
    reason = forms.optional("reason", 500)
    try:
        if held.person != actor.person and not reason:
            raise InvalidInput.at("reason", "say why")
        feeds.revoke(store, actor, now, key, reason=reason)
    except ReleaseMgmtError as error:
        return _asked(key, ending=True, error=error), forms.status(error)
    return forms.done(say("The feed has ended; its address answers no more."), _list_of(held))


@blueprint.get("/admin/feeds")
@needs(Action.MANAGE_PEOPLE)
def admin_feeds() -> str:
    """The feeds of everybody; their addresses are known to nobody but whoever took them."""
    found = feeds.every(context.store, context.actor, cursor=request.args.get("cursor"))
    names = directory.look_up(context.store, context.actor, [one.person for one in found.items])
    return draw("admin_feeds", feeds=[_line(one, names) for one in found.items], next=addresses.next_page(found.next))
