"""How to subscribe to a feed: addresses, a QR code, and the steps for the usual calendar programs."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from urllib.parse import quote

import segno

from release_mgmt.core.audience import Say


@dataclass(frozen=True, slots=True)
class Guide:
    """The steps of one program; ``link`` does the first of them, where the program has such an address."""

    program: str
    steps: tuple[str, ...]
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that a subscribe page shows of one feed. ``qr`` is inline SVG of the https address."""

    https: str
    webcal: str
    atom: str
    qr: str
    guides: tuple[Guide, ...]


def card(site: str, token: str, name: str, say: Say) -> Card:
    """The card of the feed with this token; the token is in every address of it, so show it to its owner only."""
    https = f"{site}/feeds/{token}/calendar.ics"
    webcal = "webcal:" + https.partition(":")[2]
    return Card(https, webcal, f"{site}/feeds/{token}/changelog.atom", qr(https), _guides(https, webcal, name, say))


def qr(text: str) -> str:
    """A QR code as inline SVG that takes the colour of the text around it and loads nothing."""
    out = BytesIO()
    segno.make(text, error="m").save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=True,
        border=4,
        dark="#000",
        light="#fff",
        omitsize=True,
        svgclass="qr",
        lineclass=None,
    )
    return out.getvalue().decode("utf-8").strip()


def _guides(https: str, webcal: str, name: str, say: Say) -> tuple[Guide, ...]:
    address, title = quote(https, safe=""), quote(name, safe="")
    return (
        Guide(
            "Outlook",
            (
                say("Open the calendar and choose Add calendar, then Subscribe from web."),
                say("Paste the address, give it a name and choose Import."),
                say("Outlook asks again a few times a day."),
            ),
            f"https://outlook.office.com/calendar/0/addfromweb?url={address}&name={title}",
        ),
        Guide(
            "Google Calendar",
            (
                say("Next to Other calendars choose the plus sign, then From URL."),
                say("Paste the address and choose Add calendar."),
                say("Google asks again every 4 to 24 hours; this cannot be changed."),
            ),
            f"https://calendar.google.com/calendar/r?cid={quote(webcal, safe='')}",
        ),
        Guide(
            "Apple Calendar",
            (
                say("Open the webcal address, or choose File, then New Calendar Subscription, and paste it."),
                say("Choose how often it is refreshed and confirm."),
            ),
            webcal,
        ),
        Guide(
            "Thunderbird",
            (
                say("Choose File, then New, then Calendar, then On the Network."),
                say("Paste the address, leave the user name empty and choose Find Calendars."),
                say("Choose the calendar and confirm."),
            ),
        ),
    )
