"""A preview whose form is too long for an address is shown as the answer to the form, and can be kept from there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from release_mgmt import clock
from release_mgmt.services import calendars, windows
from release_mgmt.store.session import Store
from release_mgmt.web.pages.forms import LONGEST_ADDRESS
from tests.functional.test_signed_out import HTML, OPERATOR, OURS, TYPED, manager, nobody
from tests.functional.test_signing_in import csrf_of

__all__ = ["manager", "nobody"]
SHORT, LONG = (
    "The auditors are here",
    "The auditors are here. " + "ä" * (LONGEST_ADDRESS // 5),
)  # each is six in an address
FREEZE, EDIT, LIFT = "/freezes/new", "/freezes/releases/audit/edit", "/freezes/releases/audit/lift"
NOTHING = "Nothing is written yet."


def document(store: Store) -> dict[str, object]:
    return calendars.get(store, OPERATOR, "releases").document


@pytest.mark.parametrize("reason", [SHORT, LONG], ids=["short", "long"])
def test_a_preview_is_shown_however_long_its_form_is_and_what_was_typed_stays(
    manager: FlaskClient, one_store: Store, reason: str
) -> None:
    """A new freeze, an edit and a lift of it, a move and a cancellation of a window."""
    now = clock.now()
    window = windows.between(one_store, OPERATOR, now, now + timedelta(days=30))[-1]
    calendars.edit(one_store, OPERATOR, now, "releases", "freezes", {"days": ["2026-03-02"]}, identity="audit")
    there = f"/windows/releases/{window.key}/edit"
    before = document(one_store)
    fresh = {**TYPED, "id": "another", "reason": reason}
    moved = {"do": "move", "start": f"{window.start + timedelta(days=1):%Y-%m-%dT%H:%M}", "reason": reason}
    for page, path, form in (
        (FREEZE, FREEZE, fresh),
        (EDIT, EDIT, {**fresh, "id": "audit"}),
        (EDIT, LIFT, {"do": "preview", "reason": reason}),
        (there, there, moved),
        (there, there, {"do": "cancel", "reason": reason}),
    ):
        token = csrf_of(manager.get(page, headers=HTML))
        shown = manager.post(path, data={**form, "csrf_token": token}, headers=OURS)
        assert shown.status_code == (200 if reason == LONG else 303), path
        shown = shown if reason == LONG else manager.get(shown.location, headers=HTML)
        assert NOTHING in shown.text, (path, shown.text[-3000:])
        assert reason in shown.text, path
        assert document(one_store) == before
    kept = manager.post(FREEZE, data={**fresh, "do": "save", "csrf_token": token}, headers=OURS)
    assert kept.status_code == 303
    assert [one["reason"] for one in document(one_store)["freezes"] if one["id"] == "another"] == [reason]
