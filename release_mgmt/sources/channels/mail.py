"""Mail by SMTP: one connection for many messages, opened when the first is sent."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Self

from release_mgmt import resources
from release_mgmt.core.errors import InvalidInput
from release_mgmt.core.text import one_line
from release_mgmt.sources.channels.model import Outcome

TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail leaves; ``security`` is starttls, tls or none. ``sender`` is a name and an address."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. ``id`` makes the Message-ID, the same over all attempts; ``thread`` joins mails about one thing."""

    id: str
    to: str
    subject: str
    text: str
    html: str
    at: datetime
    calendar: str | None = None
    unsubscribe: str | None = None


def address_of(text: str) -> Address:
    """A name and an address, or an address alone.

    :raises InvalidInput: when it is none that could stand in a header.
    """
    name, spec = parseaddr(text)
    try:
        found = Address(display_name=one_line(name), addr_spec=spec)
    except (ValueError, IndexError, MessageError):
        raise InvalidInput.at("address", "is no mail address", "name@example.org") from None
    if not found.username or not found.domain or any(char in text for char in "\r\n\0"):
        raise InvalidInput.at("address", "is no mail address", "name@example.org")
    return found


def compose(mail: Mail, sender: Address) -> EmailMessage:
    """The message: text and HTML of the same words, the windows as a calendar file, and how to hear no more.

    RFC 8058 asks for List-Unsubscribe with one https address and List-Unsubscribe-Post; RFC 3834 for Auto-Submitted.
    """
    made = EmailMessage(policy=SMTP)
    made["From"] = sender
    made["To"] = address_of(mail.to)
    made["Subject"] = one_line(mail.subject, 200)
    made["Date"] = format_datetime(mail.at)
    made["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    if mail.unsubscribe:
        made["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    made.set_content(mail.text)
    made.add_alternative(mail.html, subtype="html")
    if mail.calendar:
        made.add_attachment(mail.calendar, subtype="calendar", filename="release-windows.ics")
    return made


class Mailer:
    """Sends mails over one connection; ``close`` it, or use it in a ``with``."""

    def __init__(self, server: MailServer) -> None:
        self.server = server
        self.sender = address_of(server.sender)
        self._line: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._line is not None:
            try:
                self._line.quit()
            except (smtplib.SMTPException, OSError):
                self._line.close()
            self._line = None

    def check(self) -> Outcome:
        """Whether the server takes us; nothing is sent."""
        try:
            self._connected().noop()
        except (smtplib.SMTPException, OSError) as error:
            return _failed(error)
        return Outcome(True)

    def send(self, mail: Mail) -> Outcome:
        """Hand one mail over; what was answered decides what comes of it."""
        try:
            made = compose(mail, self.sender)
            to = address_of(mail.to).addr_spec
        except (InvalidInput, MessageError, ValueError) as error:
            return Outcome(False, error=one_line(f"cannot be written: {error}", 300), final=True)
        try:
            self._connected().send_message(made, self.sender.addr_spec, [to])
        except (smtplib.SMTPException, OSError) as error:
            outcome = _failed(error)
            if not isinstance(error, smtplib.SMTPRecipientsRefused):
                self._drop()
            return outcome
        return Outcome(True, 250)

    def _drop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connected(self) -> smtplib.SMTP:
        if self._line is not None:
            return self._line
        server, context = self.server, ssl.create_default_context(cafile=resources.authorities())
        if server.user and server.security not in {"starttls", "tls"}:
            raise smtplib.SMTPNotSupportedError("no password is sent over an open line: set smtp_security")
        if server.security == "tls":
            line: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=context)
        else:
            line = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
        try:
            if server.security == "starttls":
                _secure(line, context)
            if server.user:
                line.login(server.user, server.password)
        except BaseException:
            line.close()
            raise
        self._line = line
        return line


def _secure(line: smtplib.SMTP, context: ssl.SSLContext) -> None:
    """Go over to TLS, or raise: never in the clear."""
    line.ehlo_or_helo_if_needed()
    if not line.has_extn("starttls"):
        raise smtplib.SMTPNotSupportedError("the mail server offers no STARTTLS; nothing was sent")
    line.starttls(context=context)


def _failed(error: Exception) -> Outcome:
    """What an error of the line means: a 5xx to this mail is final, everything else may pass."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        status, said = next(iter(error.recipients.values()))
        return Outcome(False, status, _told("refused", said), final=500 <= status < 600)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome(False, error.smtp_code, "the mail server refuses our name or password")
    if isinstance(error, smtplib.SMTPResponseException):
        data = isinstance(error, (smtplib.SMTPDataError, smtplib.SMTPSenderRefused))
        return Outcome(
            False, error.smtp_code, _told("refused", error.smtp_error), final=data and 500 <= error.smtp_code < 600
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Outcome(False, error=one_line(str(error), 200))
    if isinstance(error, ssl.SSLError):
        why = getattr(error, "verify_message", None) or error.reason or "TLS"
        return Outcome(False, error=one_line(f"the line cannot be made safe: {why}", 200))
    return Outcome(False, error=one_line(f"the mail server cannot be reached ({type(error).__name__})", 200))


def _told(what: str, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return one_line(f"{what}: {text}", 300)
