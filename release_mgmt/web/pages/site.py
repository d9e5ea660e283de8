"""The blueprint of all pages, and how a page is drawn."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

from flask import Blueprint, render_template

from release_mgmt.resources import folder

blueprint = Blueprint("pages", __name__, template_folder=str(folder("templates")))


def draw(template: str, view: Any = None, **more: Any) -> str:
    """The page ``templates/pages/<template>.html``; the fields of ``view`` are its variables."""
    values = {one.name: getattr(view, one.name) for one in fields(view)} if is_dataclass(view) else {}
    return render_template(f"pages/{template}.html", **values, **more)
