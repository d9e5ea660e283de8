"""What services refuse is said again in the reader's language: each form is one that somebody really says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound

from release_mgmt import resources
from release_mgmt.core.errors import Forbidden
from release_mgmt.core.permissions import Action, Actor, Role, Via, refuse
from release_mgmt.web.pages import refusals, sentences, troubles

ROOT = Path(resources.__file__).parent
HERE = {Path(refusals.__file__), Path(troubles.__file__)}


def said() -> set[str]:
    """Every text of the program besides the forms themselves, with ``{}`` for what stands in it, and what the framework
    says of addresses."""
    found = {one.description or "" for one in (NotFound, MethodNotAllowed)}
    for file in ROOT.rglob("*.py"):
        if file in HERE:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_form_is_one_that_the_program_says():
    """A sentence that was changed where it is written would silently stay English on the pages."""
    every = said()
    # These are put together of two pieces.
    pieces = ("It needs one of these", "refused: ", "{host} answered {status}: ")
    forms = (form for form in (*refusals.FORMS, *troubles.FORMS) if not form.startswith(pieces))
    shapes = {re.sub(r"{\w+}", "{}", form) for form in forms}
    assert sorted(shape for shape in shapes if shape not in every) == []


@pytest.mark.parametrize(
    ("action", "ends"),
    [
        (Action.MANAGE_PEOPLE, "hat: Verwaltung."),
        (Action.MOVE_CHANGE, "Kalender eine dieser Rollen hat: Verwaltung oder Release-Management."),
    ],
)
def test_who_lacks_a_role_is_told_so_in_german_with_the_roles_by_name(action: Action, ends: str):
    reader = Actor(person="p_1", name="Cem", roles=frozenset({Role.READER}), via=Via.SESSION)
    with pytest.raises(Forbidden) as caught:
        refuse(reader, action)
    with Flask(__name__).test_request_context("/", headers={"Accept-Language": "de"}):
        assert sentences.again(caught.value.message) == "Ihre Rolle erlaubt das nicht."
        assert sentences.again(caught.value.hint or "").endswith(ends)


def test_a_day_is_told_as_the_reader_writes_days_and_other_words_stay():
    with Flask(__name__).test_request_context("/", headers={"Accept-Language": "de"}):
        assert (
            sentences.again("Windows are planned until 2027-05-25.") == "Fenster werden bis Di., 25. Mai 2027 geplant."
        )
        assert sentences.again("Windows are planned until Ada is back.") == "Fenster werden bis Ada is back geplant."
