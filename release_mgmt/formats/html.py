"""HTML of a changelog: a whole page, and an e-mail fragment.

The templates escape everything; the pages are well-formed XML too, so that a strict parser can check them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from release_mgmt import resources
from release_mgmt.core.audience import ChangelogView, SectionView
from release_mgmt.core.calendar import Shown
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words


@dataclass(frozen=True, slots=True)
class Style:
    """How a reader sees times: ``zone`` is an IANA name. ``href`` is the address of the style sheet, if any."""

    zone: str = "UTC"
    href: str | None = None


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of ``templates/changelog``, escaping everything, failing on what they do not know."""
    return Environment(
        loader=FileSystemLoader(str(resources.folder("templates") / "changelog")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def page(
    view: ChangelogView, say: Words, links: Links | None = None, style: Style | None = None, **more: object
) -> str:
    """A whole page."""
    return environment().get_template("page.html").render(model(view, say, links, style), **more)


def framed(
    view: ChangelogView, say: Words, fragments: Sequence[str], style: Style | None = None, **more: object
) -> str:
    """A whole page around fragments of :func:`fragment`, so that what stands on several pages is rendered once."""
    made = [Markup(text) for text in fragments]  # noqa: S704 - written by our own templates
    return environment().get_template("page.html").render(model(view, say, None, style), fragments=made, **more)


def page_pieces(
    view: ChangelogView, say: Words, links: Links | None = None, style: Style | None = None
) -> Iterator[str]:
    """The page piece by piece."""
    return environment().get_template("page.html").generate(model(view, say, links, style))


def fragment(section: SectionView, say: Words, links: Links | None = None, style: Style | None = None) -> str:
    """One release without head and body: for an Atom entry or another page."""
    return environment().get_template("section.html").render(tools(say, links, style), section=section, level=2)


def email(
    section: SectionView, say: Words, links: Links | None = None, style: Style | None = None, *, url: str | None = None
) -> str:
    """One release as the body of an e-mail: a single column, no scripts, no style sheet, no images."""
    return environment().get_template("email.html").render(tools(say, links, style), section=section, url=url)


def model(view: ChangelogView, say: Words, links: Links | None, style: Style | None) -> dict[str, object]:
    """What a template gets: ``changelog`` (a ChangelogView), ``say``, ``links``, ``when``, ``span`` and ``day``."""
    return {"changelog": view, **tools(say, links, style)}


def tools(say: Words, links: Links | None, style: Style | None) -> dict[str, object]:
    """What every template of ours can call, in the reader's words and zone."""
    style = style or Style()

    def instant(value: datetime) -> str:
        return say.instant(value, style.zone)

    def span(start: datetime, end: datetime) -> str:
        return say.span(start, end, style.zone)

    def day(text: str) -> str:
        return say.day(datetime.fromisoformat(text).date())

    def moment(shown: Shown) -> str:
        if "T" in shown.start:
            return span(datetime.fromisoformat(shown.start), datetime.fromisoformat(shown.end))
        last = date.fromisoformat(shown.end) - timedelta(days=1)
        first = date.fromisoformat(shown.start)
        return say.day(first) if first == last else f"{say.day(first)} - {say.day(last)}"

    named = {"when": instant, "span": span, "day": day, "moment": moment}
    return {"say": say, "many": say.many, "links": links or Links(), "style": style, **named}
