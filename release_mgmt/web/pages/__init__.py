"""The pages: server-rendered, one module a subject; views call services and fill frozen values for the templates."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flask import Flask, request
from flask_wtf.csrf import generate_csrf

from release_mgmt.services import webhook_help
from release_mgmt.web import problems
from release_mgmt.web.pages import assets, language, layout, troubles
from release_mgmt.web.pages.site import blueprint

MODULES = (
    "general",
    "account",
    "home",
    "calendar",
    "windows",
    "window_edit",
    "reverts",
    "freezes",
    "changes",
    "change_page",
    "change_actions",
    "board",
    "emergencies",
    "swaps",
    "plans",
    "weekly",
    "repositories",
    "insight",
    "requests",
    "flags",
    "maturity",
    "changelogs",
    "subscribe",
    "search",
    "admin",
    "repository_admin",
    "operations",
    "messages",
    "teams",
    "calendar_admin",
    "calendar_imports",
    "rules",
)


def register(app: Flask) -> None:
    """Add pages and assets to ``app``."""
    for name in MODULES:
        import_module(f"release_mgmt.web.pages.{name}")
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        asset=assets.asset,
        csrf_token=generate_csrf,
        _=language.say,
        many=language.many,
        plural=language.plural,
        term=language.term,
        forge_name=webhook_help.name_of,
        why_not_sent=troubles.trouble,
        number=lambda value: language.words().number(value),
        weekdays=lambda: language.words().weekdays(),
        month_name=lambda day: language.words().month_name(day),
    )
    app.register_blueprint(assets.blueprint)
    app.register_blueprint(blueprint)
    app.context_processor(_surroundings)
    problems.use_page(app, general_problem)


def _surroundings() -> dict[str, object]:
    """Only pages need them: other templates (changelogs, mail) stay as quick as they are."""
    return layout.surroundings() if request.blueprint == "pages" or request.accept_mimetypes.accept_html else {}


def general_problem(problem: dict[str, Any]) -> str:
    """The page that tells people of an error."""
    from release_mgmt.web.pages import general

    return general.problem_page(problem)
