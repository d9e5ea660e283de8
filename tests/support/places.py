"""An address of every page of the demonstration, by who goes there; a page without one breaks a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask import Flask

from release_mgmt.services.messages import posting
from release_mgmt.services.messages.readers import mail_target
from tests.browser.demo import Demo, change_id, feed_id, request_id, window_of

MAJOR = "Fraud model on LightGBM"
OTHER = "Learning rate 0.01 to 0.02"

UNSEEN = {
    "pages.admin_message_target": "needs a place where messages go; a browser test makes one",
    "pages.revert_move": "needs a move; a browser test makes one and takes it back",
    "pages.welcome": "behind a one-time link; a browser test follows one",
}
"""Pages that have no address of their own to walk to, and why."""


def places(found: Demo) -> Mapping[str | None, tuple[str, ...]]:
    """The addresses of every kind of page; None is who is not signed in."""
    major, window = f"/changes/{change_id(found, MAJOR)}", window_of(found, MAJOR)
    other = change_id(found, OTHER)
    there = window_of(found, OTHER).rpartition("/")[2]
    return {
        None: ("/sign-in", "/components", f"/messages/unsubscribe/{_token(found)}"),
        "ana": (
            "/", "/calendar", "/calendar?shape=week", "/calendar?shape=agenda", "/calendar?shape=quarter", window,
            "/changes", "/changes?level=major&team=pricing", major,
            f"/changes/{change_id(found, 'Explain each price with SHAP')}",
            "/mine", "/repositories", "/repositories/pricing-model", "/repositories/pricing-model/releases/v1.2.0",
            "/changelogs", "/changelogs/pricing-model", "/changelogs/pricing-model?audience=engineering&text=trees",
            "/subscribe", "/search?q=fraud", "/search", "/me", "/me/messages", "/freezes",
            "/freezes/releases/inventory", "/plans",
            "/weekly", "/insight", "/insight?days=28&repository=pricing-model", "/insight/release_frequency",
            "/flags", "/requests", f"/requests/{request_id(found)}", "/maturity", "/maturity/pricing-model",
        ),
        "ben": (
            "/", "/board", window, f"{window}/edit", f"{major}/move", f"{major}/move?to={there}", f"{major}/swap",
            f"{major}/swap?other={other}", major, "/freezes/new", "/emergencies", f"{major}/emergency",
            "/freezes/releases/inventory/edit", "/plans", "/calendars/releases/versions/1/revert",
        ),
        "dora": (
            "/admin", "/admin/people", f"/admin/people/{found.ids['ana']}", "/admin/repositories",
            "/admin/repositories/pricing-model", "/admin/repositories/pricing-model/forge", "/admin/teams",
            "/admin/teams/pricing", "/admin/jobs", "/admin/messages", "/admin/feeds",
            f"/subscribe/{feed_id(found)}/end", "/admin/audit", "/admin/audit?verify=1",
            "/admin/settings",
            "/admin/calendars", "/admin/calendars/releases", "/admin/calendars/releases/import",
            "/admin/calendars/new", "/admin/rules", "/admin/sources",
        ),
    }  # fmt: skip


def _token(found: Demo) -> str:
    """The token of a link that ends mails, as a mail to Cem brings it."""
    office = posting.post_of(found.app.extensions["release_mgmt"].settings).office
    return office.unsubscribe_token(mail_target(found.ids["cem"]))


def missed(app: Flask, addresses: Iterable[str]) -> list[str]:
    """The pages that no address leads to."""
    adapter = app.url_map.bind("")
    reached = {adapter.match(path.partition("?")[0], method="GET")[0] for path in addresses}
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.") and "GET" in (rule.methods or set())
    }
    return sorted(pages - reached - set(UNSEEN))
