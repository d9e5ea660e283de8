"""A changelog as one document in any format, without server or database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from release_mgmt.core.audience import Audience, SectionView, for_audience, view
from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.changes import PullRequest
from release_mgmt.formats import audience_json, markdown
from release_mgmt.formats.links import Links
from release_mgmt.formats.words import Words
from release_mgmt.services.annotations import annotations_of

if TYPE_CHECKING:
    from release_mgmt.core.classification import Classification

Format = Literal["markdown", "html", "json", "atom"]

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Style:
    """For whom, in which form and language; ``remote`` is the address that links to the forge are made from."""

    form: Format = "markdown"
    audience: Audience = Audience.ENGINEERING
    language: str = "en"
    remote: str | None = None


def document(
    record: Changelog,
    style: Style,
    verdicts: Mapping[str, Classification] | None = None,
    pulls: Iterable[PullRequest] = (),
) -> Iterable[bytes]:
    """The document piece by piece. The same record gives the same bytes: there is no "now" in it.

    Changes whose pull request has a label for internal ones are in nothing that is written for the business.
    """
    say = Words(style.language)
    notes = annotations_of(record, verdicts, pulls)
    shown = view(record, style.audience, say, notes)
    if style.form == "json":
        yield audience_json.render(for_audience(record, style.audience, notes), shown)
        return
    links = Links.of_remote(style.remote)
    if style.form == "markdown":
        for piece in markdown.pieces(shown, say, links):
            yield piece.encode()
    elif style.form == "html":
        from release_mgmt.formats import html  # takes a while to load, as Atom, which holds it

        for piece in html.page_pieces(shown, say, links):
            yield piece.encode()
    else:
        from release_mgmt.formats import atom

        dates = {(section.package, section.version): _date(section) for section in record.releases}
        newest = max(dates.values(), default=_NEVER)

        def updated(section: SectionView) -> datetime:
            return dates.get((section.package, section.version), newest)

        # One file has no address to go on at, so it is one page.
        whole = max(1, len(shown.sections))
        yield atom.render(shown, say, atom.Address(page=lambda _: None), updated=updated, links=links, size=whole)


def _date(section: Section) -> datetime:
    if section.date is None:
        return _NEVER
    try:
        return datetime.fromisoformat(section.date).astimezone(UTC)
    except (ValueError, OverflowError):
        return _NEVER
