"""``next``, ``why CHANGE`` and ``gate REPOSITORY`` asked from a chat: answered with what the person behind it may see.

A chat's account is linked like a forge's (``user link ada slack:t123.u456``). Without a link only public calendars are
told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.core.permissions import ANONYMOUS, Actor, Identity, Scope, Via
from release_mgmt.core.planning.model import MESSAGES
from release_mgmt.formats.markdown import escape as markdown
from release_mgmt.formats.messages import zoned
from release_mgmt.formats.words import Words
from release_mgmt.services import Store, actors, changes, gate, visibility, windows
from release_mgmt.sources.channels import commands
from release_mgmt.sources.channels.commands import CHATS, LONGEST
from release_mgmt.store.models.messages import MessageTarget
from release_mgmt.store.models.people import IdentityRow, Person

__all__ = ["CHATS", "LONGEST", "receive"]

AHEAD = timedelta(days=60)
MOST_WINDOWS = 3
MOST_CHANGES = 8

Escape = Callable[[str], str]


def receive(
    store: Store, now: datetime, chat: str, headers: Mapping[str, str], body: bytes, secret: str, site: str
) -> str:
    """The answer to a command, as text of that chat. Raises Unauthenticated when it is not genuine."""
    asked = commands.read(chat, headers, body, secret, now)
    actor, say, zone = _who(store, now, asked.who)
    escape = slack if chat == "slack" else markdown
    word, _, rest = asked.text.partition(" ")
    found = {"next": _next, "why": _why, "gate": _gate}.get(word.lower())
    if found is None:
        return say("Ask: next, why CHANGE, or gate REPOSITORY.")
    if actor is ANONYMOUS and found is not _next:
        return say(
            "I do not know you here: an administrator can link your account ({account}) to you.",
            account=escape(f"{asked.who.kind}:{asked.who.value}"),
        )
    try:
        return found(store, actor, now, rest.strip(), say, zone, site, escape)
    except ReleaseMgmtError as error:
        return escape(error.message)


def slack(text: str) -> str:
    """Text that Slack shows as it is: no link, no mention (its three control characters)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _who(store: Store, now: datetime, who: Identity) -> tuple[Actor, Words, str]:
    """The person behind a chat's account, with language and zone as chosen for mail."""
    with store.read() as session:
        row = session.get(IdentityRow, (who.kind, who.value))
        person = session.get(Person, row.person_id) if row is not None else None
        if person is None or person.disabled_at is not None or person.erased_at is not None:
            return ANONYMOUS, Words(), "UTC"
        chosen = session.scalar(
            select(MessageTarget).where(MessageTarget.person_id == person.id, MessageTarget.channel == "email")
        )
        actor = actors.load(session, person, now, via=Via.TOKEN, scopes=frozenset({Scope.READ, Scope.GATE}))
    language, zone = (chosen.language, chosen.zone) if chosen is not None else ("en", None)
    return actor, Words(language), zone or "UTC"


def _next(store: Store, actor: Actor, now: datetime, _: str, say: Words, zone: str, site: str, escape: Escape) -> str:
    """The next windows that hold something."""
    found = [one for one in windows.between(store, actor, now, now + AHEAD) if one.changes and one.state != "cancelled"]
    if not found:
        return say("Nothing is planned in the next {days} days.", days=AHEAD.days)
    out = []
    for window in found[:MOST_WINDOWS]:
        at = zoned(say, zone, window.time_zone, window.start, window.end)
        out.append(f"{escape(window.calendar_name)}: {at} {site}/windows/{window.calendar}/{window.key}")
        for change in window.changes[:MOST_CHANGES]:
            level = {"major": say("Major"), "minor": say("Minor")}.get(change.level or "", "")
            out.append(f"• {level}: {escape(change.title)} ({escape(change.repository)})")
        left = len(window.changes) - MOST_CHANGES
        if left > 0:
            out.append(say.many("and {count} more", "and {count} more", left))
    return "\n".join(out)


def _why(
    store: Store, actor: Actor, now: datetime, asked: str, say: Words, zone: str, site: str, escape: Escape  # noqa: ARG001
) -> str:  # fmt: skip
    """Why a change has its level and its window."""
    found = changes.get(store, actor, asked)
    level = {"major": say("Major"), "minor": say("Minor")}.get(found.change.level or "", say("not judged yet"))
    rule = f" ({found.rule})" if found.rule and not found.change.overridden else ""
    out = [f"{escape(found.change.title)}: {level}{escape(rule)}."]
    if found.change.overridden and found.overrides:
        out.append(say("A person set the level: {reason}", reason=escape(found.overrides[0].reason)))
    for place in windows.of_change(store, actor, asked):
        if place.start is None or place.window is None:
            out.append(say("It has no window."))
        else:
            out.append(say("Planned for {when}.", when=zoned(say, zone, None, place.start, place.end)))
        out += [f"• {escape(_reason(say, one))}" for one in place.reasons[:5]]
    out.append(f"{site}/changes/{found.change.id}")
    return "\n".join(out)


def _reason(say: Words, reason: Mapping[str, object]) -> str:
    code, ref = str(reason.get("code") or ""), reason.get("ref") or ""
    return say(MESSAGES[code], ref=ref) if code in MESSAGES else str(reason.get("message") or code)


def _gate(
    store: Store, actor: Actor, now: datetime, asked: str, say: Words, zone: str, site: str, escape: Escape  # noqa: ARG001
) -> str:  # fmt: skip
    """Whether a repository may be released now; asking from a chat is not kept as a decision."""
    repository, _, environment = asked.partition(" ")
    visibility.require_seen(store, actor, named=[repository])
    decision = gate.peek(store, actor, now, gate.Asked(repository, environment.strip() or "prod")).decision
    head = {"allow": say("Yes."), "warn": say("Yes, but look at this.")}.get(decision.decision, say("Not now."))
    out = [head, *(f"• {escape(one.message)}" for one in decision.reasons[:5])]
    if decision.decision == "deny" and decision.next_allow is not None:
        out.append(say("The gate opens: {when}.", when=say.instant(decision.next_allow, zone)))
    return "\n".join(out)
