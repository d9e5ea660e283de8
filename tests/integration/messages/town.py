"""People who are told things, a mail server on loopback, and a worker whose clock is the test's."""

from __future__ import annotations

import email
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from release_mgmt.core.permissions import Role
from release_mgmt.services import people, teams
from release_mgmt.services.messages import delivery, posting
from release_mgmt.services.messages.assembly import Office
from release_mgmt.services.messages.delivery import Post
from release_mgmt.sources.channels.mail import MailServer
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store
from tests.integration.scheduling.builders import NOW, OPERATOR
from tests.support.ports import free_port

OFFICE = Office("https://releases.example.org", "a key for tests only")


class Box:
    """What arrived; ``answer`` may refuse: (recipient, how many arrived) -> an SMTP answer or None."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.tried = 0
        self.refuse: Any = lambda to, tried: None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.tried += 1
        said = self.refuse(envelope.rcpt_tos[0], self.tried)
        if said is not None:
            return str(said)
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"

    def to(self, login: str) -> list[EmailMessage]:
        return [one for one in self.mails if one["To"] == f"{login}@example.org"]


class MailRoom:
    """The server and how to reach it."""

    def __init__(self, **options: Any) -> None:
        self.box = Box()
        self.port = free_port()
        self.controller = Controller(self.box, hostname="127.0.0.1", port=self.port, ready_timeout=120, **options)
        self.controller.start()
        self.server = MailServer("127.0.0.1", self.port, "none", "", "", "Releases <releases@example.org>")

    def stop(self) -> None:
        if not self.controller.loop.is_closed():
            self.controller.stop(no_assert=True)


def person(store: Store, login: str, *roles: Role, calendar: str = "releases", mail: bool = True) -> str:
    """Somebody with a verified address; a release manager of the calendar of tests."""
    grants = tuple(
        people.Grant(role, calendar) if role is Role.RELEASE_MANAGER else people.Grant(role)
        for role in roles or (Role.READER,)
    )
    made = people.add(store, OPERATOR, NOW, name=login.title(), login=login, grants=grants).id
    if mail:
        people.link(store, OPERATOR, NOW, made, kind="email", value=f"{login}@example.org")
    return made


def team(store: Store, slug: str, *members: str, kind: str = "business", zone: str | None = None) -> None:
    if slug != "fraud":
        teams.add(store, OPERATOR, NOW, slug=slug, name=slug.title(), kind=kind)
    teams.change(store, OPERATOR, NOW, slug, members=list(members), **({"time_zone": zone} if zone else {}))


def owned(store: Store, change: str, owner: str | None, *affected: str) -> None:
    with store.write() as session:
        row = session.get_one(Change, change)
        row.owner, row.affected_teams = owner, list(affected)


def turn(store: Store, now: datetime, post: Post, settle: int = 120) -> dict[str, int]:
    """One look of a worker at ``now``: tell, then deliver everything that is due."""
    told = posting.tell(store, now, post, settle)
    for subject in delivery.subjects_due(store, now):
        delivery.deliver(store, lambda: now, subject, post)
    return told


def later(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)
