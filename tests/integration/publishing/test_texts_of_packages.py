"""What people write of a change that stands in the texts of several packages, and in which language they wrote it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import feedparser
import pytest

from release_mgmt.core.audience import Annotation, Audience
from release_mgmt.core.permissions import Actor, Role, Via
from release_mgmt.formats.words import Words
from release_mgmt.services import publications
from release_mgmt.services.publications import stored
from release_mgmt.store.models.publishing import RevisionRow
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR
from tests.unit.publishing.samples import annotations, record

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FORMS = ("markdown", "html", "json", "atom")


@pytest.fixture
def packages(store: Store) -> Store:
    """The packages fraud and prices, each with a release 1.1 that holds the change c2."""
    one = record().releases[0]
    both = tuple(replace(one, package=name, entries=one.entries[1:2]) for name in ("fraud", "prices"))
    ingest(store, both)
    return store


def ingest(store: Store, releases: tuple[object, ...], at: datetime = NOW) -> int:
    known = {key: replace(one, notes={}, actions={}) for key, one in annotations().items()}
    with store.write() as session:
        return publications.ingest(session, OPERATOR, at, replace(record(), releases=releases), known)  # type: ignore[arg-type]


def body(
    store: Store, form: str, package: str | None = None, language: str = "en", audience: Audience = Audience.BUSINESS
) -> str:
    return publications.rendered(
        store, OPERATOR, "risk-models", audience=audience, form=form, say=Words(language), site="https://r.example",
        package=package,
    ).content.decode()  # fmt: skip


def key_of(store: Store, package: str | None) -> str:
    return next(row.id for row in publications.of_repository(store, OPERATOR, "risk-models") if row.package == package)


@pytest.mark.acceptance("CHG-D6")
@pytest.mark.acceptance("CHG-E4")
def test_a_revision_of_one_package_leaves_the_other_s_text_as_it_was_published(packages: Store) -> None:
    store = packages
    before = {form: body(store, form, "prices") for form in FORMS}
    publications.set_note(store, OPERATOR, NOW, "c2", language="en", text="Fewer false alarms.")
    publications.revise(store, OPERATOR, LATER, key_of(store, "fraud"), reason="The business asked")
    for form in FORMS:
        assert "Fewer false alarms." in body(store, form, "fraud"), form
        assert body(store, form, "prices") == before[form], form
        assert body(store, form).count("Fewer false alarms.") == 1, form
    notes = {
        release["package"]: release["entries"][0]["text"]["note"]
        for release in json.loads(body(store, "json"))["releases"]
    }
    assert notes == {"fraud": "Fewer false alarms.", "prices": None}
    times = {entry.title: entry.updated for entry in feedparser.parse(body(store, "atom")).entries}
    assert times == {"fraud 1.1": "2026-11-20T10:00:00Z", "prices 1.1": "2026-11-20T09:00:00Z"}


@pytest.mark.acceptance("CHG-D4")
def test_what_one_package_s_text_keeps_from_the_business_no_other_text_brings_back_into_it(packages: Store) -> None:
    store = packages
    publications.set_internal(store, OPERATOR, NOW, "c2", internal=True, reason="A customer is named")
    for package, hidden in (("fraud", {"fraud"}), ("prices", {"fraud", "prices"})):
        publications.revise(store, OPERATOR, LATER, key_of(store, package), reason="Kept from the business")
        for form in FORMS:
            shown = {name for name in ("fraud", "prices") if "learning rate" in body(store, form, name)}
            assert shown == {"fraud", "prices"} - hidden, form
            assert "learning rate" in body(store, form, package, audience=Audience.ENGINEERING), form


@pytest.mark.acceptance("CHG-D11")
def test_what_the_business_must_do_is_told_in_the_reader_s_language(store: Store) -> None:
    german = {"text": "Warnungen kommen früher.", "action": "Schwellen prüfen"}
    publications.set_note(store, OPERATOR, NOW, "c2", language="de", **german)
    ingest(store, record().releases)
    assert "What you must do: Schwellen prüfen (in de)" in body(store, "markdown")
    publications.set_note(store, OPERATOR, NOW, "c2", language="en", text="Alerts come earlier.", action="Check limits")
    assert ingest(store, record().releases, LATER) == 1
    assert "What you must do: Check limits\n" in body(store, "markdown")
    assert "Schwellen" not in body(store, "html")
    assert "Was Sie tun müssen: Schwellen prüfen\n" in body(store, "markdown", language="de")
    assert ingest(store, record().releases, LATER) == 0


@pytest.mark.acceptance("CHG-D6")
def test_a_note_that_was_taken_back_leaves_the_text_with_the_next_revision(store: Store) -> None:
    publications.set_note(store, OPERATOR, NOW, "c2", language="en", text="Wrong words.", action="Stop selling")
    ingest(store, record().releases)
    publications.set_note(store, OPERATOR, NOW, "c2", language="en", text="")
    assert "Wrong words." in body(store, "markdown")
    publications.revise(store, OPERATOR, LATER, key_of(store, None), reason="They were wrong")
    for form in FORMS:
        assert "Wrong words." not in body(store, form), form
        assert "Stop selling" not in body(store, form), form


def test_who_wrote_a_note_is_kept_also_of_one_without_an_action(store: Store) -> None:
    ada = Actor("p_ada", "Ada", roles=frozenset({Role.ENGINEER}), via=Via.SESSION)
    made = publications.set_note(store, ada, NOW, "c2", language="en", text="Fewer alarms.")
    assert made is not None
    assert made.person == "p_ada"


def test_a_text_from_before_actions_had_a_language_is_read_without_a_mark(store: Store) -> None:
    ingest(store, record().releases)
    with store.write() as session:
        row = session.get_one(RevisionRow, (key_of(store, None), 1))
        row.annotations = row.annotations | {"c2": row.annotations["c2"] | {"action": "Call us"}}
    assert "What you must do: Call us\n" in body(store, "markdown")
    assert stored.annotations_from(stored.annotations_data({"a": Annotation()})) == {"a": Annotation()}
    assert stored.annotations_data({"a": Annotation()})["a"]["action"] is None


@pytest.mark.acceptance("CHG-D3")
def test_the_pages_of_a_package_s_atom_feed_stay_with_it_and_its_language(store: Store) -> None:
    """Links stay within what was asked for; a feed of one package is not the feed of all, its entries are the same."""
    one = record().releases[0]
    releases = tuple(
        replace(one, package=name, version=f"1.{minor}", entries=one.entries[1:2])
        for minor in range(30, 0, -1)
        for name in ("fraud", "prices & co")
    )
    ingest(store, releases)
    narrow, whole = (feedparser.parse(body(store, "atom", package, "de")) for package in ("prices & co", None))
    links = {link.rel: link.href for link in narrow.feed.links}
    for rel, number in (("self", 1), ("next", 2), ("last", 2)):
        asked = parse_qs(urlsplit(links[rel]).query)
        assert asked == {
            "format": ["atom"], "audience": ["business"], "language": ["de"], "package": ["prices & co"],
            "page": [str(number)],
        }  # fmt: skip
    assert len(narrow.entries) == 25
    assert {entry.title.rpartition(" ")[0] for entry in narrow.entries} == {"prices & co"}
    assert narrow.feed.id != whole.feed.id
    assert {entry.id for entry in whole.entries} & {entry.id for entry in narrow.entries}
