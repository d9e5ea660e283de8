"""Who may do what: roles, actions and the one table that joins them.

API, pages and command line all ask here, nowhere else. A route declares its :class:`Action`
(``@needs(Action.X)`` of ``release_mgmt.web.auth``) and is refused at the door by :func:`may_somewhere`; the
service behind it asks again with the calendar at hand (:func:`require`). Rules that need more than a role
(never the author, member of the team, owner of the token) stand where those facts are known and are named in
the text of the action.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from release_mgmt.core.errors import BrokenInvariant, Forbidden, Unauthenticated

EVERYWHERE = "*"
"""In place of a calendar: all of them."""


class Role(StrEnum):
    """What a person is here. A release manager is one for the calendars named with the role."""

    READER = "reader"
    ENGINEER = "engineer"
    RELEASE_MANAGER = "release_manager"
    ADMINISTRATOR = "administrator"


class Via(StrEnum):
    """By which door somebody came."""

    ANONYMOUS = "anonymous"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - the name of a door
    CLI = "cli"
    JOB = "job"


class Scope(StrEnum):
    """What a token may be used for; a token without the scope of an action is refused whatever its owner may do.

    Whoever may write, vote or administer may also read; a token for the gate or for ingestion may not.
    """

    READ = "read"
    WRITE = "write"
    GATE = "gate"
    INGEST = "ingest"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A name by which a forge or git knows a person: ``kind`` is ``email`` or a forge (``github``, ``gitlab``, ...)."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Mandate:
    """What somebody may say on behalf of an absent ``principal``: the calendars he manages, the teams he is in."""

    principal: str
    calendars: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, or something of ours, that asks for an action.

    ``person`` is the opaque id of a person, or None for nobody (anonymous), a job or the operator at the machine.
    ``calendars`` are the slugs managed as a release manager (or :data:`EVERYWHERE`), ``teams`` slugs,
    ``mandates`` those given by absent people (votes and sign-offs only), ``scopes`` those of the token used or None
    when no token limits the actor, ``origin`` the address it came from.
    """

    person: str | None
    name: str
    roles: frozenset[Role] = frozenset()
    calendars: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    identities: frozenset[Identity] = frozenset()
    mandates: tuple[Mandate, ...] = ()
    via: Via = Via.ANONYMOUS
    scopes: frozenset[Scope] | None = None
    origin: str | None = None

    @property
    def signed_in(self) -> bool:
        """Whether anybody at all is known to stand behind the request."""
        return self.via is not Via.ANONYMOUS

    def manages(self, calendar: str) -> bool:
        """Whether this is a release manager of ``calendar``."""
        return Role.RELEASE_MANAGER in self.roles and bool(self.calendars & {calendar, EVERYWHERE})

    def stands_in(self, calendar: str) -> bool:
        """Whether an absent release manager of ``calendar`` named this one as deputy."""
        return any(mandate.calendars & {calendar, EVERYWHERE} for mandate in self.mandates)

    def at(self, origin: str | None) -> Actor:
        """The same actor coming from ``origin``."""
        return replace(self, origin=origin)


ANONYMOUS = Actor(person=None, name="anonymous")


def trusted(name: str, via: Via) -> Actor:
    """The operator at the machine (``Via.CLI``) or a job of ours (``Via.JOB``): every role, no person, so no vote."""
    if via not in {Via.CLI, Via.JOB}:
        raise BrokenInvariant(f"{via} is never trusted without a person")
    return Actor(person=None, name=name, roles=frozenset(Role), calendars=frozenset({EVERYWHERE}), via=via)


class Action(StrEnum):
    """Everything that can be done. The value stands in audit rows and refusals: never rename one."""

    # Open to anybody: what guards these is in the request itself (a signature, a feed token) or needs no guard.
    READ_HEALTH = "health.read"
    READ_ASSET = "asset.read"  # style, script, icons
    READ_DESCRIPTION = "description.read"  # the OpenAPI document, its browser
    SET_DISPLAY = "display.set"  # theme and zone, in a cookie
    SIGN_IN = "session.create"
    READ_PUBLIC = "public.read"  # pages and calendars that a calendar makes public; the service filters
    READ_FEED = "feed.read"  # by the revocable token in the address
    RECEIVE_WEBHOOK = "webhook.receive"  # by the forge's signature
    RECEIVE_COMMAND = "command.receive"  # by the chat's signature; answers what the linked person may see
    UNSUBSCRIBE = "message.unsubscribe"  # by the signed token in the address

    # Any signed-in person; services show only what `sees` allows.
    MANAGE_SELF = "self.manage"  # own tokens, sessions, preferences, export of own data
    READ_CALENDAR = "calendar.read"
    READ_REPOSITORY = "repository.read"
    READ_CHANGE = "change.read"
    READ_CHANGELOG = "changelog.read"
    READ_PLAN = "plan.read"
    READ_APPROVALS = "approval.read"
    READ_PEOPLE = "people.read"  # names and teams; addresses only for administrators
    READ_TEAM = "team.read"
    READ_METRICS = "metrics.read"
    SEARCH = "search.read"
    SUBSCRIBE = "subscription.manage"  # own feeds; administrators end anybody's
    ASK_GATE = "gate.ask"
    SIGN_OFF = "signoff.create"  # for a team one belongs to, never for one's own change
    DELEGATE = "approval.delegate"  # name who votes while one is absent
    WRITE_REQUEST = "request.write"  # ask for an outcome; edited by who asked, its owner, managers, administrators

    # Engineers.
    EDIT_CHANGE = "change.edit"  # notes, rollback plan, dependencies, affected teams
    HAND_OVER = "change.hand_over"  # the present owner, a release manager or an administrator
    RAISE_LEVEL = "level.raise"
    WITHDRAW_CHANGE = "change.withdraw"
    REPORT_STAGE = "stage.report"  # verified, accepted, deployed, rolled back
    TAKE_LEASE = "lease.take"
    SYNC_REPOSITORY = "repository.sync"
    POST_EVENTS = "event.post"  # what machines report
    REQUEST_BREAK_GLASS = "break_glass.request"

    # Release managers, in their calendars.
    LOWER_LEVEL = "level.lower"  # never the author
    APPROVE = "approval.vote"  # never author, co-author, tagger or requester
    MOVE_CHANGE = "change.move"
    EDIT_WINDOW = "window.edit"
    EDIT_FREEZE = "freeze.edit"
    EDIT_CALENDAR = "calendar.edit"
    REPLAN = "plan.make"
    PUBLISH = "publication.make"
    GRANT_BREAK_GLASS = "break_glass.grant"  # never the requester while the calendar has a second manager
    REVIEW_BREAK_GLASS = "break_glass.review"

    # Release managers (anywhere) and administrators.
    READ_AUDIT = "audit.read"

    # Administrators.
    CREATE_CALENDAR = "calendar.create"
    MANAGE_REPOSITORIES = "repository.manage"
    MANAGE_PEOPLE = "people.manage"
    MANAGE_TEAMS = "team.manage"
    MANAGE_JOBS = "job.manage"
    MANAGE_MESSAGES = "message.manage"  # webhooks, chats, addresses of teams, the log of deliveries
    READ_SETTINGS = "settings.read"
    EXPORT_AUDIT = "audit.export"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: any of ``roles`` suffices; ``per_calendar`` asks a release manager for *this* calendar.

    An empty ``roles`` is open to anybody. ``scope`` is what a token needs besides.
    """

    roles: frozenset[Role]
    scope: Scope
    per_calendar: bool = False


_ANYBODY: frozenset[Role] = frozenset()
_SIGNED_IN = frozenset(Role)
_ENGINEERS = frozenset({Role.ENGINEER, Role.RELEASE_MANAGER, Role.ADMINISTRATOR})
_MANAGERS = frozenset({Role.RELEASE_MANAGER})
_MANAGERS_OR_ADMINISTRATORS = frozenset({Role.RELEASE_MANAGER, Role.ADMINISTRATOR})
_ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})


def _table() -> dict[Action, Rule]:
    open_to_all = Rule(_ANYBODY, Scope.READ)
    reading = Rule(_SIGNED_IN, Scope.READ)
    engineering = Rule(_ENGINEERS, Scope.WRITE)
    deciding = Rule(_MANAGERS, Scope.APPROVE, per_calendar=True)
    scheduling = Rule(_MANAGERS_OR_ADMINISTRATORS, Scope.WRITE, per_calendar=True)
    administering = Rule(_ADMINISTRATORS, Scope.ADMIN)
    a = Action
    return {
        **dict.fromkeys(
            (
                a.READ_HEALTH, a.READ_ASSET, a.READ_DESCRIPTION, a.SET_DISPLAY, a.SIGN_IN, a.READ_PUBLIC, a.READ_FEED,
                a.RECEIVE_WEBHOOK, a.RECEIVE_COMMAND, a.UNSUBSCRIBE,
            ),
            open_to_all
        ),
        **dict.fromkeys(
            (
                a.READ_CALENDAR, a.READ_REPOSITORY, a.READ_CHANGE, a.READ_CHANGELOG, a.READ_PLAN, a.READ_APPROVALS,
                a.READ_PEOPLE, a.READ_TEAM, a.READ_METRICS, a.SEARCH,
            ),
            reading,
        ),
        a.MANAGE_SELF: Rule(_SIGNED_IN, Scope.ADMIN),  # a leaked token must not make more tokens
        **dict.fromkeys((a.SUBSCRIBE, a.WRITE_REQUEST), Rule(_SIGNED_IN, Scope.WRITE)),
        a.ASK_GATE: Rule(_SIGNED_IN, Scope.GATE),
        **dict.fromkeys((a.SIGN_OFF, a.DELEGATE), Rule(_SIGNED_IN, Scope.APPROVE)),
        **dict.fromkeys((a.EDIT_CHANGE, a.HAND_OVER, a.RAISE_LEVEL, a.WITHDRAW_CHANGE), engineering),
        a.TAKE_LEASE: Rule(_ENGINEERS, Scope.GATE),
        **dict.fromkeys((a.REPORT_STAGE, a.SYNC_REPOSITORY, a.POST_EVENTS), Rule(_ENGINEERS, Scope.INGEST)),
        a.REQUEST_BREAK_GLASS: Rule(_ENGINEERS, Scope.APPROVE),
        **dict.fromkeys((a.LOWER_LEVEL, a.APPROVE, a.GRANT_BREAK_GLASS, a.REVIEW_BREAK_GLASS), deciding),
        **dict.fromkeys(
            (a.MOVE_CHANGE, a.EDIT_WINDOW, a.EDIT_FREEZE, a.EDIT_CALENDAR, a.REPLAN, a.PUBLISH), scheduling
        ),
        a.READ_AUDIT: Rule(_MANAGERS_OR_ADMINISTRATORS, Scope.READ),
        **dict.fromkeys(
            (
                a.CREATE_CALENDAR, a.MANAGE_REPOSITORIES, a.MANAGE_PEOPLE, a.MANAGE_TEAMS, a.MANAGE_JOBS,
                a.MANAGE_MESSAGES, a.READ_SETTINGS, a.EXPORT_AUDIT,
            ),
            administering,
        ),
    }  # fmt: skip


TABLE: dict[Action, Rule] = _table()
"""The one permission table; complete for every :class:`Action`."""


_READING = frozenset({Scope.READ, Scope.WRITE, Scope.APPROVE, Scope.ADMIN})


def _scoped(actor: Actor, rule: Rule) -> bool:
    if not rule.roles or actor.scopes is None:
        return True
    return bool(actor.scopes & (_READING if rule.scope is Scope.READ else {rule.scope}))


def may_somewhere(actor: Actor, action: Action) -> bool:
    """Whether ``actor`` may do ``action`` in at least one calendar: the question at a route's door."""
    rule = TABLE[action]
    if not rule.roles:
        return True
    if not _scoped(actor, rule):
        return False
    if action is Action.APPROVE and any(mandate.calendars for mandate in actor.mandates):
        return True
    held = actor.roles & rule.roles
    if rule.per_calendar and held == _MANAGERS:
        return bool(actor.calendars)
    return bool(held)


def allows(actor: Actor, action: Action, *, calendar: str | None = None) -> bool:
    """Whether ``actor`` may do ``action``; per-calendar actions must name the ``calendar`` (or :data:`EVERYWHERE`).

    Raises BrokenInvariant when a per-calendar action is asked without one: a forgotten argument must not grant.
    """
    rule = TABLE[action]
    if not rule.per_calendar:
        return may_somewhere(actor, action)
    if calendar is None:
        raise BrokenInvariant(f"{action} is decided per calendar and none was named")
    if not _scoped(actor, rule):
        return False
    if action is Action.APPROVE and actor.stands_in(calendar):
        return True
    return actor.manages(calendar) or bool(actor.roles & rule.roles - _MANAGERS)


def require(actor: Actor, action: Action, *, calendar: str | None = None) -> None:
    """Return if ``actor`` may do ``action``, else raise Unauthenticated (nobody) or Forbidden (somebody)."""
    if allows(actor, action, calendar=calendar):
        return
    refuse(actor, action)


def refuse(actor: Actor, action: Action) -> None:
    """Raise the refusal of ``action``: 401 for nobody, 403 for somebody, with what would have been needed."""
    rule = TABLE[action]
    if not actor.signed_in:
        raise Unauthenticated("Sign in first.", hint="Sign in on the web or send an API token as a bearer token.")
    if not _scoped(actor, rule):
        raise Forbidden(
            f"This token has no scope {rule.scope}.",
            code="missing_scope",
            hint=f"Make a token with the scope {rule.scope}.",
            details={"action": action.value, "scope": rule.scope.value},
        )
    needed = sorted(role.value for role in rule.roles)
    raise Forbidden(
        "Your role does not allow this.",
        hint=f"It needs one of these roles: {', '.join(needed)}" + (" of that calendar." if rule.per_calendar else "."),
        details={"action": action.value, "roles": needed},
    )
