"""What is published of a repository, in every form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from release_mgmt.core.audience import Audience, ChangelogView, SectionView, for_audience
from release_mgmt.core.errors import InvalidInput, NotFound
from release_mgmt.core.permissions import Actor
from release_mgmt.formats import atom, audience_json, custom, markdown
from release_mgmt.formats import html as pages
from release_mgmt.formats.words import Words
from release_mgmt.services import visibility
from release_mgmt.services.audiences import require_audience
from release_mgmt.services.publications.current import Published, changed, current, published
from release_mgmt.store.session import Store

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Document:
    """A changelog in a form. ``changed``: when its texts last changed for the audience; told of Atom alone, since the
    other forms also tell counts that have no date."""

    content: bytes
    changed: datetime | None = None


def rendered(
    store: Store,
    actor: Actor,
    repository: str,
    *,
    say: Words,
    site: str,
    audience: Audience,
    form: str,
    package: str | None = None,
    version: str | None = None,
    page: int = 1,
) -> Document:
    """The changelog in a form: json, markdown, html, atom; email, github and gitlab need one ``version``."""
    found, times, keys = _read(store, actor, repository, audience, package, version)
    shown = found.shown(audience, say)
    own = f"{site}/changelogs/{quote(repository, safe='')}"
    if form == "json":
        return Document(audience_json.render(for_audience(found.record, audience, {}, found.known), shown))
    if form == "markdown":
        return Document(markdown.render(shown, say).encode())
    if form == "html":
        return Document(pages.page(shown, say).encode())
    if form == "atom":
        narrowed = {"package": package, "version": version}
        content = _atom(shown, say, own, site, repository, narrowed, times, keys, page)
        return Document(content, max((_changed(times, section) for section in shown.sections), default=_EPOCH))
    if len(shown.sections) != 1:
        raise InvalidInput.at("version", "is needed: this form is the text of one release")
    section = shown.sections[0]
    link = f"{own}#{section.anchor}"
    if form == "email":
        return Document(pages.email(section, say, url=link).encode())
    limit = markdown.GITLAB_LIMIT if form == "gitlab" else markdown.GITHUB_LIMIT
    return Document(markdown.release_text(section, say, limit=limit, more=link).encode())


def with_template(
    store: Store, actor: Actor, repository: str, *, template: str, audience: Audience, say: Words, html: bool = True
) -> str:
    """What a team's own template writes of what is published."""
    found, *_ = _read(store, actor, repository, audience, None, None)
    shown = found.shown(audience, say)
    return custom.render(template, shown, say, html=html)


def _read(
    store: Store, actor: Actor, repository: str, audience: Audience, package: str | None, version: str | None
) -> tuple[Published, dict[tuple[str, str], datetime], dict[tuple[str, str], str]]:
    """What is published; when each text last changed, and its publication's id, by package and version."""
    require_audience(actor, audience)
    with store.read() as session:
        visibility.require_there(session, actor, repository)
        rows = current(session, repository)
        found = published(session, repository, rows)
        times = changed(session, rows, found, audience)
    chosen = tuple(
        section
        for section in found.record.releases
        if (version is None or section.version == version) and (package is None or section.package == package)
    )
    if not chosen and (version is not None or package is not None):
        raise NotFound("There is no such release.")
    keys = {(row.package, row.version): row.id for row, _ in rows}
    return replace(found, record=replace(found.record, releases=chosen)), times, keys


def _atom(
    shown: ChangelogView,
    say: Words,
    own: str,
    site: str,
    repository: str,
    narrowed: dict[str, str | None],
    times: dict[tuple[str, str], datetime],
    keys: dict[tuple[str, str], str],
    page: int,
) -> bytes:
    if page > 1 and (page - 1) * atom.PAGE_SIZE >= len(shown.sections):
        raise NotFound("There is no such page.")
    asked = {"audience": shown.audience.value, "language": shown.language} | narrowed
    query = "".join(f"&{name}={quote(value, safe='')}" for name, value in asked.items() if value is not None)
    base = f"{site}/api/v1/repositories/{quote(repository, safe='')}/changelog?format=atom{query}"
    address = atom.Address(lambda number: f"{base}&page={number}", own, lambda section: f"{own}#{section.anchor}")
    chosen = [f"{name}={value}" for name, value in narrowed.items() if value is not None]
    return atom.render(
        shown,
        say,
        address,
        identity="/".join((repository, *chosen)),
        updated=partial(_changed, times),
        number=page,
        entry_names=lambda section: (keys[section.package or "", section.version or ""],),  # a name may change
    )


def _changed(times: dict[tuple[str, str], datetime], section: SectionView) -> datetime:
    return times.get((section.package or "", section.version or ""), _EPOCH)
