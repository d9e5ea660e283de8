"""Mail, sent to a real SMTP server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from release_mgmt.core.permissions import Role
from release_mgmt.services import placing, plan_messages
from release_mgmt.services.messages.delivery import Post
from release_mgmt.store.models.messages import MessageAttempt, MessageDelivery, MessageTarget
from release_mgmt.store.models.publishing import PublicityRow
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.session import Store
from tests.integration.messages.town import OFFICE, MailRoom, later, owned, person, team, turn
from tests.integration.scheduling.builders import NOW, OPERATOR, apply, freeze, seed

SECOND, THIRD = "w@2026-12-01T18:00", "w@2026-12-08T18:00"


@pytest.fixture
def room() -> Iterator[MailRoom]:
    made = MailRoom()
    yield made
    made.stop()


@pytest.fixture
def post(room: MailRoom) -> Post:
    return Post(OFFICE, room.server)


def settle(store: Store, **more: object) -> None:
    """Ana owns m1, Cem is in the fraud team that m1 and m2 affect, Ben manages the calendar; it is announced."""
    seed(store, "m1 m2 m3")
    ana, cem = person(store, "ana", Role.ENGINEER), person(store, "cem")
    person(store, "ben", Role.RELEASE_MANAGER)
    person(store, "zoe")
    team(store, "fraud", cem)
    for change, owner in (("m1", ana), ("m2", None), ("m3", None)):
        owned(store, change, owner, *(["fraud"] if change != "m3" else []))
    apply(store, **more)


def test_an_announcement_reaches_whom_it_concerns_and_nobody_else(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(1), post)
    assert room.box.mails == [], "it has not come to rest"
    turn(store, later(3), post)
    assert sorted(one["To"] for one in room.box.mails) == ["ana@example.org", "cem@example.org"]
    (ana,), (cem,) = room.box.to("ana"), room.box.to("cem")
    assert ana["Subject"] == "Releases: 1 change announced: Change m1"
    assert cem["Subject"] == "Releases: 2 changes announced"
    assert ana["From"] == "Releases <releases@example.org>"
    assert ana["Auto-Submitted"] == "auto-generated"
    text = ana.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    html = ana.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for shown in (text, html):
        assert "Minor: Change m1 (pricing)" in shown
        assert "https://releases.example.org/changes/m1" in shown
        assert "Tue, 24 Nov 2026, 17:00-21:00 UTC" in shown
        assert "Tue, 24 Nov 2026, 18:00-22:00 CET" in shown, "the calendar's own clock beside the reader's"
    attached = list(ana.iter_attachments())
    assert [part.get_content_type() for part in attached] == ["text/calendar"]
    calendar = attached[0].get_content()
    assert "DTSTART:20261124T170000Z" in calendar
    assert "Change m1" in calendar
    turn(store, later(60), post)
    assert len(room.box.mails) == 2, "nothing is told twice"


def test_a_moved_window_is_one_message_and_not_ten(store: Store, room: MailRoom, post: Post) -> None:
    """Two changes of a window, moved five times within the settling time: one mail, from first place to last."""
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    for number in range(5):
        for change in ("m1", "m2"):
            window = THIRD if number % 2 == 0 else SECOND
            placing.move(store, OPERATOR, later(10 + number / 10), change, window, reason="The shop is closed.")
    turn(store, later(11), post)
    assert room.box.mails == []
    turn(store, later(13), post)
    assert [one["Subject"] for one in room.box.to("cem")] == ["Releases: 2 changes moved"]
    (mail,) = room.box.to("cem")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert text.count("Now Tue, 8 Dec 2026") == 2
    assert text.count("Before: Tue, 24 Nov 2026") == 2
    assert "1 Dec" not in text
    assert "Reason: The shop is closed." in text
    assert len(room.box.to("ana")) == len(room.box.to("ben")) == 1


def test_moved_and_moved_back_is_not_told(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    placing.move(store, OPERATOR, later(10), "m1", SECOND, reason="The shop is closed.")
    placing.move(store, OPERATOR, later(11), "m1", "w@2026-11-24T18:00", reason="It is open after all.")
    turn(store, later(20), post)
    assert room.box.mails == []


def test_nobody_is_told_of_what_they_may_not_see(store: Store, room: MailRoom, post: Post) -> None:
    """A repository kept for its teams: its Owner and the affected team are told, other managers' teams are not."""
    seed(store, "m1 m2")
    ana, cem, eve = person(store, "ana", Role.ENGINEER), person(store, "cem"), person(store, "eve")
    person(store, "ben", Role.RELEASE_MANAGER)
    team(store, "fraud", cem)
    team(store, "sales", eve)
    owned(store, "m1", ana, "fraud")
    owned(store, "m2", None, "fraud")
    with store.write() as session:
        session.execute(update(Repository).values(settings={"teams_only": True}, owner_team="sales"))
    apply(store)
    with store.write() as session:  # Eve's team hears of everything that moves; then the change leaves its view
        session.execute(update(Change).where(Change.id == "m2").values(affected_teams=["sales"]))
        session.execute(update(Repository).values(owner_team=None))
    turn(store, later(3), post)
    assert [one["Subject"] for one in room.box.to("cem")] == ["Releases: 1 change announced: Change m1"]
    assert [one["Subject"] for one in room.box.to("eve")] == ["Releases: 1 change announced: Change m2"]
    for mail in room.box.mails:
        text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert ("/changes/m2" in text) == (mail["To"] == "eve@example.org")


def test_a_reader_of_the_business_hears_nothing_of_what_is_internal(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    with store.write() as session:
        session.add(PublicityRow(change_id="m1", internal=True, reason="r", person=None, updated_at=NOW))
    turn(store, later(3), post)
    assert [one["Subject"] for one in room.box.to("cem")] == ["Releases: 1 change announced: Change m2"]
    assert [one["Subject"] for one in room.box.to("ana")] == ["Releases: 1 change announced: Change m1"]


def test_a_hostile_title_stays_a_title(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    with store.write() as session:
        bad = 'x\r\nBcc: all@example.org\r\n\r\n<img src=x onerror="alert(1)">'
        session.execute(update(Change).where(Change.id == "m1").values(title=bad))
    turn(store, later(3), post)
    (mail,) = room.box.to("ana")
    assert mail["Bcc"] is None
    assert "Bcc: all@example.org" in mail["Subject"]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "<img" not in html
    assert "&lt;img" in html


def test_a_server_that_is_away_loses_nothing_and_an_answer_of_no_ends_it(
    store: Store, room: MailRoom, post: Post
) -> None:
    settle(store)
    room.box.refuse = lambda to, tried: (
        "451 later" if to.startswith("ana") and tried <= 3 else "550 no such box" if to.startswith("cem") else None
    )
    turn(store, later(3), post)
    assert room.box.mails == []
    room.stop()
    turn(store, later(3.2), post)
    fresh = MailRoom()
    again = Post(OFFICE, fresh.server)
    try:
        for minutes in (9, 20, 45, 200, 600):
            turn(store, later(minutes), again)
        (mail,) = fresh.box.to("ana")
        assert fresh.box.to("cem") == []
    finally:
        fresh.stop()
    with store.read() as session:
        rows = {one.target_id: one for one in session.scalars(select(MessageDelivery))}
        errors = session.scalars(select(MessageAttempt.error).order_by(MessageAttempt.at)).all()
    states = sorted((one.state, one.error) for one in rows.values())
    assert states[0] == ("failed", "refused: no such box")
    assert states[1][0] == "sent"
    sent = next(one for one in rows.values() if one.state == "sent")
    assert mail["Message-ID"] == f"<{sent.id}@example.org>"
    assert any(error and "cannot be reached" in error for error in errors)


def test_without_a_mail_server_nothing_is_kept_for_later(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(3), Post(OFFICE))
    turn(store, later(10), post)
    assert room.box.mails == []


def test_every_mail_can_be_ended_with_one_click(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(3), post)
    (mail,) = room.box.to("ana")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = mail["List-Unsubscribe"].strip("<>")
    token = url.removeprefix("https://releases.example.org/messages/unsubscribe/")
    with store.read() as session:
        owner = session.scalar(select(Change.owner).where(Change.id == "m1"))
        target = session.scalar(select(MessageTarget.id).where(MessageTarget.person_id == owner))
    assert target is not None
    assert OFFICE.unsubscribed(token) == target
    assert OFFICE.unsubscribed(token.swapcase()) is None


def test_a_digest_waits_for_its_hour_and_tells_what_holds_then(store: Store, room: MailRoom, post: Post) -> None:
    """Cem reads at 7:30 in New York: announced, moved and approved in the day is one mail that tells the end."""
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    with store.write() as session:
        session.execute(
            update(MessageTarget)
            .where(MessageTarget.person_id.is_not(None))
            .values(mode="daily", digest_at="07:30", zone="America/New_York", language="de")
        )
    placing.move(store, OPERATOR, later(10), "m1", SECOND, reason="The shop is closed.")
    turn(store, later(20), post)
    placing.move(store, OPERATOR, later(60), "m1", THIRD, reason="It stays closed.")
    turn(store, later(70), post)
    assert room.box.mails == []
    morning = NOW.astimezone(ZoneInfo("America/New_York")).replace(hour=7, minute=30, second=0)
    turn(store, morning - timedelta(seconds=1), post)
    assert room.box.mails == []
    turn(store, morning, post)
    (mail,) = room.box.to("cem")
    assert mail["Subject"] == "Releases: Zusammenfassung: 1 Änderung verschoben: Change m1"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Jetzt Di., 8. Dez. 2026, 12:00-16:00 EST (Di., 8. Dez. 2026, 18:00-22:00 MEZ)" in text
    assert "Vorher: Di., 24. Nov. 2026" in text
    assert "Grund: It stays closed." in text


def test_quiet_hours_hold_a_message_back(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    with store.write() as session:
        session.execute(update(MessageTarget).values(quiet_from="09:00", quiet_until="17:00", zone="Europe/Berlin"))
    placing.move(store, OPERATOR, later(10), "m1", SECOND, reason="The shop is closed.")
    turn(store, later(20), post)
    assert room.box.mails == []
    turn(store, NOW.replace(hour=15, minute=59), post)
    assert room.box.mails == []
    turn(store, NOW.replace(hour=16, minute=0), post)
    assert len(room.box.mails) == 3


def test_what_a_server_held_up_is_not_sent_in_quiet_hours(store: Store, room: MailRoom, post: Post) -> None:
    """The server is away when the mail is due, and there again in the night."""
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    with store.write() as session:
        session.execute(update(MessageTarget).values(quiet_from="21:00", quiet_until="07:00", zone="Europe/Berlin"))
    placing.move(store, OPERATOR, later(10), "m1", SECOND, reason="The shop is closed.")
    evening = NOW.replace(hour=19, minute=58)
    room.box.refuse = lambda *_: "451 later"
    turn(store, evening, post)
    tried = room.box.tried
    assert tried
    room.box.refuse = lambda *_: None
    turn(store, evening + timedelta(minutes=30), post)
    assert (room.box.mails, room.box.tried) == ([], tried)
    turn(store, NOW.replace(hour=6, minute=0) + timedelta(days=1), post)
    assert len(room.box.mails) == 3
    turn(store, NOW + timedelta(days=3), post)
    assert len(room.box.mails) == 3


def test_a_freeze_and_a_window_of_tomorrow_are_told(store: Store, room: MailRoom, post: Post) -> None:
    settle(store)
    turn(store, later(3), post)
    room.box.mails.clear()
    apply(store, later(10), freezes=[freeze("closing", "2027-01-04", "2027-01-05")])
    turn(store, later(20), post)
    (mail,) = room.box.to("ben")
    assert mail["Subject"] == "Releases: 1 freeze added: because of closing"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Nothing is released in this time." in text
    assert "/freezes/releases/closing" in text
    room.box.mails.clear()
    eve = NOW.replace(day=23, hour=7, minute=59)  # 08:59 in Berlin
    plan_messages.tell_tomorrow(store, eve, ["releases"])
    turn(store, eve + timedelta(minutes=30), post)
    assert room.box.mails == []
    for minutes in (1, 11, 21):
        plan_messages.tell_tomorrow(store, eve + timedelta(minutes=minutes), ["releases"])
        turn(store, eve + timedelta(minutes=minutes + 5), post)
    (mail,) = room.box.to("ben")
    assert mail["Subject"].startswith("Releases: 1 window starts tomorrow")
    assert "Change m1" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]


def test_a_window_of_tomorrow_names_only_what_the_reader_may_see(store: Store, room: MailRoom, post: Post) -> None:
    """Cem's team is affected by m1; k1 of the same window is kept for another team."""
    settle(store)
    seed(store, "k1", repository="secret")
    with store.write() as session:
        kept = session.get_one(Repository, "r_secret")
        kept.settings = {"teams_only": True}
    apply(store, later(1), horizon_days=100)
    turn(store, later(10), post)
    room.box.mails.clear()
    eve = NOW.replace(day=23, hour=9)
    plan_messages.tell_tomorrow(store, eve, ["releases"])
    turn(store, eve + timedelta(minutes=5), post)
    (mail,) = room.box.to("cem")
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Change m1" in text
    assert "k1" not in text
    calendar = [part.get_content() for part in mail.iter_attachments()]
    assert calendar
    assert "k1" not in calendar[0]
