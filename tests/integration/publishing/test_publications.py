"""Published changelogs in the database: immutable, revised with a reason, in conflict when a tag moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from sqlalchemy import func, select

from release_mgmt.core.audience import Annotation, Audience
from release_mgmt.core.changelog import Changelog
from release_mgmt.core.errors import Conflict, NotFound
from release_mgmt.formats.words import Words
from release_mgmt.services import feeds, publications
from release_mgmt.services.adoption import adopt_changelog
from release_mgmt.services.feeds import Feeds
from release_mgmt.services.publications import stored
from release_mgmt.store.models.publishing import RevisionRow
from release_mgmt.store.models.repositories import Change, PullRequestRow, Repository
from release_mgmt.store.session import Store
from tests.integration.publishing.conftest import OPERATOR, put
from tests.unit.publishing.samples import annotations, record
from tests.unit.publishing.test_calendar import change, window

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ingest(
    store: Store, made: Changelog, at: datetime = NOW, known: Mapping[str, Annotation] | None = None, **more: bool
) -> int:
    with store.write() as session:
        return publications.ingest(session, OPERATOR, at, made, annotations() if known is None else known, **more)


def body(store: Store, form: str = "markdown", audience: Audience = Audience.BUSINESS, **more: object) -> str:
    values: dict[str, object] = {"say": Words("en"), "site": "https://r.example"} | more
    return publications.rendered(
        store, OPERATOR, "risk-models", audience=audience, form=form, **values
    ).content.decode()  # type: ignore[arg-type]


def edited(made: Changelog, **changes: object) -> Changelog:
    """The same releases with the first entry of the newest one changed."""
    newest = made.releases[0]
    first = newest.entries[0]._replace(**changes)  # type: ignore[arg-type]
    return replace(made, releases=(replace(newest, entries=(first, *newest.entries[1:])), *made.releases[1:]))


@pytest.mark.acceptance("CHG-D6")
def test_reading_the_same_again_changes_nothing(store: Store) -> None:
    assert ingest(store, record()) == 2
    before = body(store)
    assert ingest(store, record(), NOW + HOUR) == 0
    assert body(store) == before
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(RevisionRow)) == 2


@pytest.mark.acceptance("CHG-D6")
def test_a_moved_or_deleted_tag_is_a_conflict_and_the_text_stays(store: Store) -> None:
    ingest(store, record())
    before = body(store)
    newest = record().releases[0]
    moved = replace(
        record(), releases=(replace(newest, sha="c" * 40, entries=newest.entries[:1]), *record().releases[1:])
    )
    assert ingest(store, moved, NOW + HOUR) == 1
    assert ingest(store, moved, NOW + HOUR) == 0
    one, _ = publications.of_repository(store, OPERATOR, "risk-models")
    assert one.conflict == f"The tag moved from {'a' * 12} to {'c' * 12}."
    assert body(store) == before
    gone = replace(record(), releases=record().releases[1:])
    ingest(store, record(), NOW + HOUR)
    assert publications.get(store, OPERATOR, one.id).conflict is None
    assert ingest(store, gone, NOW + 2 * HOUR) == 1
    assert publications.get(store, OPERATOR, one.id).conflict == "The tag is gone from the repository."
    assert body(store) == before


@pytest.mark.acceptance("CHG-D6")
def test_an_edit_is_a_revision_with_a_reason_and_a_visible_diff(store: Store) -> None:
    written = annotations()["c1"]
    words = {"text": written.notes["en"], "action": written.actions["en"]}
    publications.set_note(store, OPERATOR, NOW, "c1", language="en", **words)
    ingest(store, record())
    one, _ = publications.of_repository(store, OPERATOR, "risk-models")
    with pytest.raises(Conflict):
        publications.revise(store, OPERATOR, NOW, one.id, reason="nothing to say")
    publications.set_note(store, OPERATOR, NOW, "c2", language="en", text="Fewer false alarms.")
    assert "Fewer false alarms." not in body(store)  # what is published stays until somebody revises it
    publications.revise(store, OPERATOR, NOW + HOUR, one.id, reason="The business asked")
    assert "Fewer false alarms." in body(store)
    found = publications.revisions(store, OPERATOR, one.id)
    assert [(item.number, item.reason) for item in found] == [(2, "The business asked"), (1, "The tag was read.")]
    lines = publications.diff(store, OPERATOR, one.id, 1, 2, audience=Audience.BUSINESS)
    assert any(line.startswith("+") and "Fewer false alarms." in line for line in lines)
    with pytest.raises(NotFound):
        publications.diff(store, OPERATOR, one.id, 1, 9, audience=Audience.BUSINESS)


@pytest.mark.acceptance("CHG-B7")
@pytest.mark.acceptance("CHG-B5")
def test_what_a_forge_tells_later_is_a_revision_and_a_backport_is_not(store: Store) -> None:
    ingest(store, record())
    assert ingest(store, edited(record(), also_in=("1.0.2",)), NOW + HOUR) == 0
    assert ingest(store, edited(record(), title="A better title"), NOW + HOUR) == 1
    one, _ = publications.of_repository(store, OPERATOR, "risk-models")
    assert (one.state, one.revision) == ("revised", 2)
    assert "A better title" in body(store)


@pytest.mark.acceptance("CHG-D6")
def test_a_draft_is_shown_only_when_it_is_published(store: Store) -> None:
    ingest(store, record(), publish=False)
    assert "LightGBM" not in body(store)
    drafts = publications.of_repository(store, OPERATOR, "risk-models")
    publications.publish(store, OPERATOR, NOW, drafts[0].id)
    with pytest.raises(Conflict):
        publications.publish(store, OPERATOR, NOW, drafts[0].id)
    assert "LightGBM" in body(store)
    publications.yank(store, OPERATOR, NOW, drafts[0].id, reason="Wrong prices")
    assert "[YANKED]" in body(store)
    assert "Wrong prices" in body(store, "html")


@pytest.mark.acceptance("CHG-D3")
@pytest.mark.acceptance("CHG-D4")
def test_the_atom_feed_of_a_subscription(store: Store) -> None:
    ingest(store, record())
    made = feeds.create(store, OPERATOR, NOW, name="Risk")
    assert made.token is not None
    served = Feeds(store, "https://r.example")
    first = served.answer(made.token, "changelog.atom", 1, NOW)
    assert first is not None
    parsed = feedparser.parse(first.body)
    assert not parsed.bozo
    assert [item.title for item in parsed.entries] == ["risk-models 1.1", "risk-models 1.0"]
    assert "signing keys" not in first.body.decode()
    assert first.last_modified == NOW
    again = Feeds(store, "https://r.example").answer(made.token, "changelog.atom", 1, NOW + HOUR)
    assert again is not None
    assert (again.body, again.etag) == (first.body, first.etag)
    ingest(store, edited(record(), title="Another title"), NOW + HOUR)
    later = served.answer(made.token, "changelog.atom", 1, NOW + HOUR)
    assert later is not None
    after = feedparser.parse(later.body)
    assert [item.id for item in after.entries] == [item.id for item in parsed.entries]
    moved = [new.updated != old.updated for new, old in zip(after.entries, parsed.entries, strict=True)]
    assert moved == [True, False]
    moved_host = Feeds(store, "https://elsewhere.example").answer(made.token, "changelog.atom", 1, NOW + HOUR)
    assert moved_host is not None
    assert [item.id for item in feedparser.parse(moved_host.body).entries] == [item.id for item in after.entries]
    with pytest.raises(NotFound):
        served.answer(made.token, "changelog.atom", 9, NOW)


def _atom(store: Store, audience: Audience = Audience.BUSINESS) -> list[tuple[str, str, str]]:
    parsed = feedparser.parse(body(store, "atom", audience=audience).encode())
    return [(item.title, item.updated, item.content[0].value) for item in parsed.entries]


@pytest.mark.acceptance("CHG-D3")
@pytest.mark.acceptance("CHG-D4")
def test_updated_moves_with_what_the_audience_reads_and_with_nothing_else(store: Store) -> None:
    register(store)
    ingest(store, record())
    first = _atom(store)
    moved = replace(record(), releases=(replace(record().releases[0], sha="c" * 40), *record().releases[1:]))
    assert ingest(store, moved, NOW + HOUR) == 1
    assert _atom(store) == first  # a conflict is shown to who publishes, the text stays
    ingest(store, record(), NOW + HOUR)
    secret = {**annotations(), "c3": replace(annotations()["c3"], owner="Somebody else", internal=True)}
    with store.write() as session:
        publications.ingest(session, OPERATOR, NOW + 2 * HOUR, record(), secret)
    assert [row.revision for row in publications.of_repository(store, OPERATOR, "risk-models")] == [2, 1]
    assert _atom(store) == first
    assert _atom(store, Audience.ENGINEERING)[0][1] == "2026-11-20T11:00:00Z"
    _store_change(store, "rolled_back", [], NOW + 3 * HOUR)
    after = _atom(store)
    assert [new != old for new, old in zip(after, first, strict=True)] == [True, False]
    assert after[0][1] == "2026-11-20T12:00:00Z"
    _, two = publications.of_repository(store, OPERATOR, "risk-models")
    publications.yank(store, OPERATOR, NOW + 4 * HOUR, two.id, reason="Wrong prices")
    assert [(title, at) for title, at, _ in _atom(store)] == [
        ("1.1", "2026-11-20T12:00:00Z"), ("1.0 [YANKED]", "2026-11-20T13:00:00Z"),
    ]  # fmt: skip


@pytest.mark.acceptance("CHG-B5")
def test_a_later_backport_is_linked_beside_the_older_text(store: Store) -> None:
    """The newest release holds what shipped in 1.0 before; the text of 1.0 could not know that."""
    ingest(store, record())
    newest = record().releases[0]
    again = record().releases[1].entries[0]._replace(also_in=("1.0",))
    later = replace(newest, version="0.9.1", tag="v0.9.1", sha="d" * 40, entries=(again,))
    made = replace(record(), releases=(*record().releases, later))
    assert ingest(store, made, NOW + HOUR) == 1
    assert publications.of_repository(store, OPERATOR, "risk-models")[1].revision == 1
    assert "Also in 0.9.1" in body(store, version="1.0")
    assert "Also in 1.0" in body(store, version="0.9.1")
    assert [at for title, at, _ in _atom(store) if title == "1.0"] == ["2026-11-20T10:00:00Z"]


@pytest.mark.acceptance("CHG-D6")
def test_one_package_s_release_is_yanked_and_no_other_s_of_that_version(store: Store) -> None:
    one = record().releases[0]
    two = [replace(one, package=name, entries=one.entries[:1]) for name in ("fraud", "prices")]
    ingest(store, replace(record(), releases=tuple(two)))
    found = {row.package: row.id for row in publications.of_repository(store, OPERATOR, "risk-models")}
    publications.yank(store, OPERATOR, NOW, found["fraud"], reason="Wrong")
    text = body(store)
    assert text.count("[YANKED]") == 1
    assert "[fraud 1.1] - 2026-11-03 [YANKED]" in text


@pytest.mark.acceptance("CHG-D4")
def test_no_form_for_the_business_tells_of_internal_changes(store: Store) -> None:
    ingest(store, record())
    for form in ("json", "markdown", "html", "atom"):
        assert "signing keys" not in body(store, form), form
        assert "signing keys" in body(store, form, Audience.ENGINEERING), form
    for form in ("email", "github", "gitlab"):
        assert "signing keys" not in body(store, form, version="1.1"), form


def test_records_come_back_from_the_database_as_they_were() -> None:
    for section in record().releases:
        assert stored.section_from(stored.section_data(section)) == section
    known = annotations()
    assert stored.annotations_from(stored.annotations_data(known)) == known


def register(store: Store) -> None:
    """The repository that old texts are taken in for."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="risk-models", location="/nowhere", adopted_at=NOW, created_at=NOW, updated_at=NOW
            )
        )


OLD = (
    "## Unreleased\n- x\n## [1.1]\n- From the old file\n\n"
    "## [0.9] - 2025-05-05\n### Fixed\n- Rounding of premiums\n\n## [0.8]\n- Start\n"
)


def test_old_release_texts_are_taken_in_once_and_never_over_what_tags_tell(store: Store) -> None:
    register(store)
    ingest(store, record())

    def adopt(*, apply: bool) -> list[str]:
        found = adopt_changelog(store, OPERATOR, NOW, "risk-models", text=OLD, form="keep-a-changelog", apply=apply)
        assert found.notes == ("line 1: 'Unreleased' is not released yet; its line was left out",)
        return [f"{one.version} {one.action}" for one in found.items]

    assert adopt(apply=False) == ["1.1 exists", "0.9 add", "0.8 add"]
    assert "Rounding of premiums" not in body(store)
    assert adopt(apply=True) == ["1.1 exists", "0.9 add", "0.8 add"]
    assert adopt(apply=True) == ["1.1 exists", "0.9 exists", "0.8 exists"]
    text = body(store)
    assert "Fixed: Rounding of premiums" in text  # a heading of the list turns the meaning of its lines
    assert text.index("## [1.1]") < text.index("## [1.0]") < text.index("## [0.9]") < text.index("## [0.8]")
    assert "From the old file" not in text
    assert ingest(store, record(), NOW + HOUR) == 0  # what only the old file knows is no conflict
    tagged = replace(record().releases[1], version="0.9", tag="v0.9", sha="d" * 40)
    assert ingest(store, replace(record(), releases=(*record().releases, tagged)), NOW + HOUR) == 1
    assert "Rounding of premiums" not in body(store)
    with pytest.raises(NotFound):
        adopt_changelog(store, OPERATOR, NOW, "other", text=OLD, form="keep-a-changelog")


def test_what_a_title_of_an_old_release_has_no_room_for_is_told_below_it(store: Store) -> None:
    register(store)
    long = f"begins {'words ' * 100}ends"
    adopt_changelog(
        store, OPERATOR, NOW, "risk-models", text=f"## 0.9\n- {long}\n", form="keep-a-changelog", apply=True
    )
    first, second = body(store, audience=Audience.ENGINEERING).split("- begins ")[1].split("\n")[:2]
    assert "words… <!--" in first
    assert second.startswith("  - …words")
    assert second.endswith("ends")


def _store_change(store: Store, state: str, labels: list[str], at: datetime = NOW) -> None:
    with store.write() as session:
        session.add(
            Change(
                id="c2", repository_id="r_1", key="k2", title="Tune the learning rate", state=state, provider="github",
                number=12, happened_at=NOW, created_at=at, updated_at=at,
            )
        )  # fmt: skip
        session.add(
            PullRequestRow(
                repository_id="r_1", provider="github", number=12, state="merged", title="Tune",
                record={"labels": labels}, updated_at=NOW,
            )
        )  # fmt: skip


@pytest.mark.acceptance("CHG-D5")
def test_a_change_that_was_rolled_back_is_marked_in_the_published_text(store: Store) -> None:
    register(store)
    ingest(store, record())
    assert "Rolled back" not in body(store)
    _store_change(store, "rolled_back", [])
    assert "Tune the learning rate *(Rolled back; Rolled back)*" not in body(store)
    assert "Tune the learning rate *(Rolled back)*" in body(store)


@pytest.mark.acceptance("CHG-D4")
def test_a_label_of_the_pull_request_keeps_a_change_from_the_business(store: Store) -> None:
    register(store)
    _store_change(store, "announced", ["enhancement", "Internal"])
    ingest(store, record())
    assert "Tune the learning rate" not in body(store)
    assert "Tune the learning rate" in body(store, audience=Audience.ENGINEERING)
    token = feeds.create(store, OPERATOR, NOW, name="x").token
    put(store, [window(change("c2", title="Tune the learning rate"), change("other"))], at=NOW)
    answer = Feeds(store, "https://r.example").answer(str(token), "calendar.ics", 1, NOW)
    assert answer is not None
    assert b"Change other" in answer.body
    assert b"Tune the learning rate" not in answer.body
    publications.set_internal(store, OPERATOR, NOW, "c2", internal=False, reason="It may be told")
    answer = Feeds(store, "https://r.example").answer(str(token), "calendar.ics", 1, NOW)
    assert answer is not None
    assert b"Tune the learning rate" in answer.body
