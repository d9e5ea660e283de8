"""What every page has around its content: the reader's clock, theme, navigation and identity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import current_app, request, url_for

from release_mgmt.core.permissions import Action, may_somewhere
from release_mgmt.web.context import context
from release_mgmt.web.pages.language import mark, say, words
from release_mgmt.web.pages.moment import Wall, zone_or_none
from release_mgmt.web.pages.parts import Person

_OPTIONAL = (
    "admin_repositories", "admin_calendars", "subscribe", "weekly", "changelogs", "calendar", "board", "freezes",
    "new_freeze", "insight", "maturity", "requests",
)  # fmt: skip
THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"
ZONE_COOKIE = "zone"
FALLBACK = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class NavItem:
    """One link of the main navigation."""

    label: str
    href: str
    on: bool


@dataclass(frozen=True, slots=True)
class NavGroup:
    """Links under one word, which opens them; one alone stands for itself, without a word."""

    label: str
    items: tuple[NavItem, ...]

    @property
    def on(self) -> bool:
        """Whether the page belongs to it."""
        return any(item.on for item in self.items)


# the group's word, then label, endpoint, and what one must be allowed to do to find it useful
_NAV: tuple[tuple[str, tuple[tuple[str, str, Action], ...]], ...] = (
    ("", ((mark("Coming up"), "pages.home", Action.READ_PUBLIC),)),
    ("", ((mark("Calendar"), "pages.calendar", Action.READ_PUBLIC),)),
    (
        mark("Changes"),
        (
            (mark("All changes"), "pages.changes", Action.READ_CHANGE),
            (mark("My changes"), "pages.mine", Action.EDIT_CHANGE),
            (mark("Requests"), "pages.requests", Action.READ_CHANGE),
            (mark("Feature flags"), "pages.flags", Action.READ_CHANGE),
        ),
    ),
    (
        mark("Planning"),
        (
            (mark("Board"), "pages.board", Action.MOVE_CHANGE),
            (mark("Freezes"), "pages.freezes", Action.READ_CALENDAR),
            (mark("Emergencies"), "pages.emergencies", Action.GRANT_BREAK_GLASS),
            (mark("Plan history"), "pages.plans", Action.READ_PLAN),
        ),
    ),
    (
        mark("Releases"),
        (
            (mark("Changelogs"), "pages.changelogs", Action.READ_CHANGELOG),
            (mark("Repositories"), "pages.repositories", Action.READ_REPOSITORY),
        ),
    ),
    (
        mark("Insight"),
        (
            (mark("Figures"), "pages.insight", Action.READ_METRICS),
            (mark("Maturity"), "pages.maturity", Action.READ_REPOSITORY),
        ),
    ),
    ("", ((mark("Subscribe"), "pages.subscribe", Action.SUBSCRIBE),)),
    ("", ((mark("Admin"), "pages.admin", Action.MANAGE_REPOSITORIES),)),
)


# Under which link a page stands that has none of its own: by its endpoint, else by the endpoint's first word.
_BELONGS = {
    "pages.calendar_import": "pages.admin",
    "pages.change": "pages.changes",
    "pages.changelog": "pages.changelogs",
    "pages.edit_freeze": "pages.freezes",
    "pages.freeze": "pages.freezes",
    "pages.move": "pages.board",
    "pages.new_calendar": "pages.admin",
    "pages.new_freeze": "pages.freezes",
    "pages.release": "pages.repositories",
    "pages.repository": "pages.repositories",
    "pages.request": "pages.requests",
    "pages.swap": "pages.board",
    "pages.window": "pages.calendar",
}


def theme() -> str:
    """The theme that the reader chose, ``auto`` for that of the device."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def chosen_zone() -> ZoneInfo | None:
    """The reader's zone as chosen, or as their browser told it."""
    return zone_or_none(request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/"))


def wall() -> Wall:
    """The clock on the reader's wall."""
    return Wall(chosen_zone() or FALLBACK, context.now)


def here() -> str:
    """The present address below this site, to come back to."""
    return request.full_path.rstrip("?")


def safe_next(text: str | None) -> str:
    """An address of this site to go on to; anything else is the home page (never a foreign host)."""
    if text and text.startswith("/") and not text.startswith(("//", "/\\")) and "\n" not in text and "\r" not in text:
        return text
    return _address("pages.home") or "/"


def viewer() -> Person | None:
    """The person who looks, or None."""
    actor = context.actor
    return Person(actor.name) if actor.signed_in else None


def navigation() -> list[NavGroup]:
    """The links that this viewer can use, in groups."""
    groups = (NavGroup(say(word) if word else "", tuple(_links(rows))) for word, rows in _NAV)
    return [one for one in groups if one.items]


def _links(rows: Iterable[tuple[str, str, Action]]) -> Iterator[NavItem]:
    actor = context.actor
    page = request.endpoint or ""
    word = page.partition("_")[0]
    section = _BELONGS.get(page) or _BELONGS.get(word, word)
    for label, endpoint, action in rows:
        useful = may_somewhere(actor, action) if actor.signed_in else action is Action.READ_PUBLIC
        if useful and _there(endpoint):
            yield NavItem(say(label), url_for(endpoint), endpoint == section)


def _script_words() -> str:
    """What the script says, as JSON for an attribute of the page."""
    return json.dumps(
        {
            "copied": say("Copied"),
            "close": say("Close"),
            "preview": say("Preview"),
            "back": say("Back where it is."),
            "move": say("Move to {window}? Press Enter to see what else moves, Escape to leave it.", window="{window}"),
        }
    )


def _there(endpoint: str) -> bool:
    return endpoint in current_app.view_functions


def _address(endpoint: str) -> str:
    return url_for(endpoint) if _there(endpoint) else ""


def _sign_in() -> str:
    """Where to sign in, and from there back to what is being read."""
    if not _there("pages.sign_in"):
        return ""
    leads_back = request.method == "GET" and request.url_rule is not None and request.blueprint == "pages"
    on_the_way = request.endpoint in {"pages.sign_in", "pages.welcome", "pages.home"}
    return url_for("pages.sign_in", next=here() if leads_back and not on_the_way else None)


def surroundings() -> dict[str, object]:
    """The variables of ``base.html``."""
    return {
        "wall": wall(),
        "language": words().language,
        "script_words": _script_words(),
        "zone_is_a_guess": chosen_zone() is None,
        "theme": theme(),
        "here": here(),
        "me": viewer(),
        "nav": navigation(),
        "may": lambda action: may_somewhere(context.actor, Action(action)),
        "links": {
            "home": _address("pages.home"),
            "search": _address("pages.search"),
            "theme": _address("pages.set_theme"),
            "me": _address("pages.account"),
            "sign_in": _sign_in(),
            "components": _address("pages.components"),
            "api": _address("pages.api") or "/api/v1/openapi.json",
            **{name: _address(f"pages.{name}") for name in _OPTIONAL},
        },
    }
