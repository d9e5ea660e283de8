"""The description of the API for people: rendered here from the OpenAPI document, without any third party's script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, current_app, render_template

from release_mgmt.core.permissions import Action
from release_mgmt.web.auth import needs
from release_mgmt.web.pages import layout

blueprint = Blueprint("api_docs", __name__)
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a member of a body: name, where it stands or its type, whether it must be there, meaning."""

    name: str
    kind: str
    required: bool
    says: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    anchor: str
    method: str
    path: str
    title: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[tuple[str, str, tuple[Field, ...]], ...]


@blueprint.get("/api/v1/docs")
@needs(Action.READ_DESCRIPTION)
def docs() -> str:
    """Every operation, by subject."""
    document = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    subjects: dict[str, tuple[str, list[Operation]]] = {
        one["name"]: (one.get("description", ""), []) for one in document.get("tags", [])
    }
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                subject = item[method].get("tags", ["other"])[0]
                subjects.setdefault(subject, ("", []))[1].append(operation(document, path, method, item))
    return render_template("api/docs.html", info=document["info"], subjects=subjects, **layout.surroundings())


def operation(document: dict[str, Any], path: str, method: str, item: dict[str, Any]) -> Operation:
    """What the document says of one operation."""
    found = item[method]
    given = [_resolved(document, one) for one in (*item.get("parameters", []), *found.get("parameters", []))]
    answers = []
    for status, answer in found.get("responses", {}).items():
        told = _resolved(document, answer)
        answers.append((status, told.get("description", ""), _members(document, _schema(told))))
    return Operation(
        anchor=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method.upper(),
        path=path,
        title=found.get("summary", ""),
        parameters=tuple(
            Field(one["name"], one["in"], bool(one.get("required")), one.get("description", "")) for one in given
        ),
        body=_members(document, _schema(_resolved(document, found.get("requestBody", {})))),
        answers=tuple(answers),
    )


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """What a ``$ref`` points at."""
    reference = value.get("$ref")
    if not isinstance(reference, str):
        return value
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    assert isinstance(found, dict)
    return found


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    for content in value.get("content", {}).values():
        schema = content.get("schema", {})
        assert isinstance(schema, dict)
        return schema
    return {}


def _members(document: dict[str, Any], schema: dict[str, Any]) -> tuple[Field, ...]:
    found = _resolved(document, schema)
    required = found.get("required", [])
    return tuple(
        Field(name, _kind(document, one), name in required, one.get("description", ""))
        for name, one in found.get("properties", {}).items()
    )


def _kind(document: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if schema.get("type") == "array":
        return f"list of {_kind(document, schema.get('items', {}))}"
    kind = schema.get("type", "any")
    names = [str(one) for one in kind] if isinstance(kind, list) else [str(kind)]
    allowed = [str(one) for one in schema.get("enum", [])]
    return " or ".join(names) + (f" ({', '.join(allowed)})" if allowed else "")


def register(app: Flask) -> None:
    """Add the page to ``app``."""
    app.register_blueprint(blueprint)
