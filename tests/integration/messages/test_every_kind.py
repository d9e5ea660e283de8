"""Each kind of event, sent by mail: to whom the table says, in words without a gap, in English and German."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import update

from release_mgmt.core.messages import KINDS, Kind, Relation
from release_mgmt.core.permissions import Role
from release_mgmt.services import outbox
from release_mgmt.services.messages.delivery import Post
from release_mgmt.store.models.approvals import BreakGlassRow
from release_mgmt.store.models.messages import MessageEvent, MessageTarget
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store
from tests.integration.messages.town import OFFICE, MailRoom, later, owned, person, team, turn
from tests.integration.scheduling.builders import NOW, apply, seed

ROOT = Path(__file__).resolve().parents[3]
SLOT = {"window": "w@2026-11-24T18:00", "start": "2026-11-24T17:00:00+00:00", "end": "2026-11-24T21:00:00+00:00"}
GLASS = {
    "break_glass": "b_1", "environment": "prod", "reason": "The shop is down.", "ticket": "OPS-1",
    "blockers": [{"code": "outside_window", "ref": None}], "until": "2026-11-20T13:00:00+00:00",
    "review": "2026-11-23T15:00:00+00:00", "note": None,
}  # fmt: skip
FACTS: dict[Kind, dict[str, object]] = {
    Kind.ANNOUNCED: SLOT,
    Kind.MOVED: SLOT | {"from_window": "w@2026-12-01T18:00", "from_start": "2026-12-01T17:00:00+00:00",
                        "reasons": [{"code": "freeze", "ref": "closing", "message": "x"}]},
    Kind.APPROVAL_NEEDED: {}, Kind.SIGN_OFF_ASKED: {"teams": ["fraud"]}, Kind.APPROVED: {},
    Kind.TOMORROW: {"window": "w@2026-11-24T18:00", "changes": ["m1"]},
    Kind.RELEASED: {"environment": "prod", "note": "By hand."}, Kind.ROLLED_BACK: {"environment": "prod", "note": None},
    Kind.FREEZE_ADDED: {"freeze": "closing", "reason": "Closing of the books", "hard": True, "teams": [],
                        "start": "2026-12-24T00:00:00+00:00", "end": "2026-12-25T00:00:00+00:00"},
    Kind.GATE_DENIED: {"environment": "prod", "next": "2026-11-24T17:00:00+00:00",
                       "reasons": [{"code": "outside_window", "message": "No window is open."}]},
    Kind.BREAK_GLASS_ASKED: GLASS, Kind.BREAK_GLASS_USED: GLASS, Kind.BREAK_GLASS_REFUSED: GLASS,
    Kind.BREAK_GLASS_OVERDUE: GLASS,
    Kind.DEPENDENCY_WITHDRAWN: {"needs": "m2", "needs_title": "Change m2"},
    Kind.JOB_DEAD: {"job": "j", "kind": "refresh", "subject": "pricing", "message": "It cannot be read."},
}  # fmt: skip
PEOPLE = {
    Relation.OWNER: "ana", Relation.TEAM: "cem", Relation.MANAGER: "ben", Relation.ADMINISTRATOR: "root",
    Relation.NAMED: "eve",
}  # fmt: skip


def test_every_kind_is_tried_and_in_the_guide() -> None:
    assert set(FACTS) == set(Kind)
    guide = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_.]+)`", guide, re.MULTILINE)) == {kind.value for kind in Kind}


@pytest.mark.acceptance("SCH-A8")
@pytest.mark.parametrize("language", ["en", "de"])
def test_each_kind_reaches_whom_the_table_says(one_store: Store, language: str) -> None:
    store, room = one_store, MailRoom()
    seed(store, "m1 m2")
    ids = {
        "ana": person(store, "ana", Role.ENGINEER), "cem": person(store, "cem"),
        "ben": person(store, "ben", Role.RELEASE_MANAGER), "root": person(store, "root", Role.ADMINISTRATOR),
        "eve": person(store, "eve", Role.ENGINEER), "zoe": person(store, "zoe", Role.ENGINEER),
    }  # fmt: skip
    team(store, "fraud", ids["cem"])
    owned(store, "m1", ids["ana"], "fraud")
    apply(store)
    states = {Kind.APPROVAL_NEEDED: "announced", Kind.SIGN_OFF_ASKED: "announced"}
    post = Post(OFFICE, room.server)
    try:
        turn(store, later(3), Post(OFFICE))  # what the plan told is over
        for number, (kind, facts) in enumerate(FACTS.items()):
            now = later(10 + 10 * number)
            room.box.mails.clear()
            with store.write() as session:
                session.execute(update(Change).where(Change.id == "m1").values(state=states.get(kind, "approved")))
                session.execute(update(MessageTarget).values(language=language))
                if kind is Kind.BREAK_GLASS_ASKED:
                    session.add(
                        BreakGlassRow(
                            id="b_1", change_id="m1", environment="prod", calendar="releases", blockers=[], reason="r",
                            ticket="t", minutes=60, requested_by=ids["eve"], requested_at=NOW,
                        )
                    )  # fmt: skip
                bare = kind in {Kind.TOMORROW, Kind.FREEZE_ADDED, Kind.JOB_DEAD}
                outbox.tell(
                    session, now, kind, fold=f"f{number}", calendar=None if kind is Kind.JOB_DEAD else "releases",
                    change=None if bare else "m1", facts={**facts, "people": [ids["eve"]]},
                )  # fmt: skip
            turn(store, later(13 + 10 * number), post)
            told = {str(one["To"]).partition("@")[0] for one in room.box.mails}
            assert told == {PEOPLE[tie] for tie in KINDS[kind].told}, kind
            for mail in room.box.mails:
                text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
                assert "None" not in text, kind
                assert "{" not in text, kind
                if kind not in {Kind.FREEZE_ADDED, Kind.JOB_DEAD}:
                    assert "Change m1" in text, kind
                if kind is Kind.MOVED:
                    why = "The freeze closing holds" if language == "en" else "Grund: Die Sperrzeit closing"
                    assert why in text
    finally:
        room.stop()
    with store.read() as session:
        assert session.query(MessageEvent).filter_by(state="waiting").count() == 0
