"""Style, script and icons: our own files, named by their content so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, send_from_directory, url_for

from release_mgmt.core.errors import NotFound
from release_mgmt.core.permissions import Action
from release_mgmt.resources import folder
from release_mgmt.web.auth import needs

_FOLDER = folder("templates") / "static"
_YEAR = 365 * 86400

blueprint = Blueprint("assets", __name__)


@cache
def versions() -> dict[str, str]:
    """File name -> the first characters of its digest; read once a process."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:10] for path in _files()}


def _files() -> list[Path]:
    return sorted(path for path in _FOLDER.iterdir() if path.suffix in {".css", ".js", ".svg"})


def asset(name: str) -> str:
    """The address of an asset."""
    return url_for("assets.one", version=versions()[name], name=name)


@blueprint.get("/assets/<version>/<name>")
@needs(Action.READ_ASSET)
def one(version: str, name: str) -> Response:
    """One asset; an old version gives the present file, but is not kept for ever."""
    known = versions().get(name)
    if known is None:
        raise NotFound("There is no such file.")
    answer = send_from_directory(_FOLDER, name, max_age=_YEAR if version == known else 0, conditional=True)
    if version == known:
        answer.cache_control.public = True
        answer.cache_control.immutable = True
    return answer
