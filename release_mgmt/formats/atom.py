"""Atom (RFC 4287) of a changelog, one entry a release with its full content, paged after RFC 5005 section 3.

Ids are ``tag:`` URIs (RFC 4151) built from names of the product's own, never from a host, so that they survive a move.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote
from xml.sax.saxutils import escape as xml_escape
from xml.sax.saxutils import quoteattr

from release_mgmt.core.audience import ChangelogView, SectionView
from release_mgmt.formats import html
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words

PAGE_SIZE = 25
# What XML 1.0 has no way to hold (section 2.2); the texts are cleaned before, addresses and ids are not.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a feed lives. ``page`` gives the address of page n (n from 1), ``alternate`` the page for people,
    ``release`` the page of one release; each may answer None."""

    page: Callable[[int], str | None]
    alternate: str | None = None
    release: Callable[[SectionView], str | None] = lambda section: None  # noqa: ARG005 - the shape of the call


def tag_uri(*names: str) -> str:
    """A tag URI of the product for these names, percent-encoded."""
    return "tag:release-mgmt,2026:" + "/".join(quote(name, safe="") for name in names)


def render(
    view: ChangelogView,
    say: Words,
    address: Address,
    *,
    identity: str | None = None,
    updated: Callable[[SectionView], datetime],
    number: int = 1,
    size: int = PAGE_SIZE,
    links: Links | None = None,
    entry_names: Callable[[SectionView], tuple[str, ...]] | None = None,
    fragments: Mapping[str, str] | None = None,
) -> bytes:
    """Page ``number`` of the feed, ``size`` releases a page, newest first.

    ``identity`` names the feed for ever (default: the repository's name), ``entry_names`` a release, ``updated`` tells
    when the text of a release last changed; the feed's own ``updated`` is the newest of them, so it moves only with
    content. ``fragments`` gives contents that were rendered before, by anchor.
    """
    pages = max(1, -(-len(view.sections) // size))
    shown = view.sections[(number - 1) * size : number * size]
    name = identity or view.repository
    feed_id = tag_uri("changelog", name, view.audience.value)
    newest = max((updated(section) for section in view.sections), default=datetime(2026, 1, 1, tzinfo=UTC))
    out = [
        '<?xml version="1.0" encoding="utf-8"?>\n',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={_attr(view.language)}>\n',
        f"<id>{_text(feed_id)}</id>\n<title>{_text(view.title)}</title>\n<subtitle>{_text(view.intro)}</subtitle>\n",
        f"<updated>{_instant(newest)}</updated>\n<author><name>{_text(view.repository)}</name></author>\n",
        "<generator>release-mgmt</generator>\n",
    ]
    neighbours = {"self": number, "first": 1, "last": pages}
    if number < pages:
        neighbours["next"] = number + 1
    if number > 1:
        neighbours["previous"] = number - 1
    out += [_link(rel, address.page(at), "application/atom+xml") for rel, at in neighbours.items()]
    out.append(_link("alternate", address.alternate, "text/html"))
    for section in shown:
        names = entry_names(section) if entry_names else (name, section.package or "", section.version or "unreleased")
        entry_id = tag_uri("changelog", view.audience.value, *names)
        content = (fragments or {}).get(section.anchor) or html.fragment(section, say, links)
        out.append(_entry(section, entry_id, content, address, updated(section)))
    out.append("</feed>\n")
    return "".join(out).encode("utf-8")


def _entry(section: SectionView, entry_id: str, content: str, address: Address, updated: datetime) -> str:
    title = section.title + (" [YANKED]" if section.yanked is not None else "")
    return "".join(
        [
            "<entry>\n",
            f"<id>{_text(entry_id)}</id>\n<title>{_text(title)}</title>\n<updated>{_instant(updated)}</updated>\n",
            f"<published>{_instant(datetime.fromisoformat(section.date))}</published>\n" if section.date else "",
            _link("alternate", address.release(section), "text/html"),
            f"<summary>{_text(section.summary)}</summary>\n",
            f'<content type="html">{_text(content)}</content>\n',
            "</entry>\n",
        ]
    )


def _link(rel: str, href: str | None, kind: str) -> str:
    return f"<link rel={_attr(rel)} type={_attr(kind)} href={_attr(href)}/>\n" if href else ""


def _text(value: str) -> str:
    return xml_escape(_NOT_XML.sub("", value))


def _attr(value: str) -> str:
    return quoteattr(_NOT_XML.sub("", value))


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
