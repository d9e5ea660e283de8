"""The stored history: equal to what the command line makes, incremental, and nothing rewritten silently."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services import flags, pull_requests
from release_mgmt.services.history import Request, read_changelog
from release_mgmt.services.history_growth import Readings
from release_mgmt.services.mirrored import change_prefix, prefixed
from release_mgmt.services.stored_history import changelog_of
from release_mgmt.services.sync import Synced, store_history
from release_mgmt.sources.git import open_repository
from release_mgmt.sources.git.process import GitFailed
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.repositories import FLAG, Change, Commit, Release, Repository, Tag
from release_mgmt.store.session import Store
from tests.support.gitrepo import Builder, git

ACTOR: Actor = trusted("jobs", Via.JOB)
Sync = Callable[..., Synced]


@pytest.fixture
def project(tmp_path: Path) -> Builder:
    """Releases on two lines, a backport, a pull request, a revert of something shipped."""
    made = Builder(tmp_path / "project.git")
    base = made.commit("base")
    made.tag("v1.0", base, "Version 1.0")
    fix = made.commit("Fix it", base, author="Bea <b@x>")
    side = made.commit("Fix it", base, author="Bea <b@x>")
    made.tag("v1.0.1", side)
    feature = made.commit("work\n\nCo-authored-by: Cy <cy@x>", fix)
    merge = made.commit("Merge pull request #4 from x/y\n\nFeature", fix, feature)
    made.tag("v1.1rc1", merge)
    made.tag("v1.1", made.commit("polish", merge))
    made.commit('Revert "Feature"', "c6", branch="main")
    made.build()
    return made


@pytest.fixture
def sync(store: Store, now: datetime, project: Builder) -> Sync:
    """Register the project, and sync it as often as asked."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="project", location=str(project.path), adopted_at=now, created_at=now, updated_at=now
            )
        )

    def run(readings: Readings | None = None, at: datetime | None = None) -> Synced:
        return store_history(store, ACTOR, at or now, "r_1", open_repository(project.path), readings=readings)

    return run


def _stored(store: Store) -> Changelog:
    with store.read() as session:
        return changelog_of(session, session.get_one(Repository, "r_1"))


def _comparable(record: Changelog) -> Changelog:
    """States differ on purpose: the service knows windows, the command line does not."""

    def plain(section: Section) -> Section:
        entries = tuple(entry._replace(state="", level=None) for entry in section.entries)
        return replace(section, entries=entries)

    return replace(record, releases=tuple(plain(one) for one in record.releases), unreleased=plain(record.unreleased))


def _by_command(project: Builder, *pulls: PullRequest) -> Changelog:
    record = read_changelog(open_repository(project.path), Request("project", every=True, pulls=pulls))
    return prefixed(record, change_prefix("r_1"))  # ids that are unique in the installation


def test_the_service_and_the_command_line_give_the_same_changelog(store: Store, sync: Sync, project: Builder) -> None:
    """Every section and entry, after a first sync and after more history."""
    first = sync()
    assert (first.changed, first.commits, first.new_releases) == (True, 7, 3)
    assert _comparable(_stored(store)) == _comparable(_by_command(project))
    git(project.path, "tag", "v1.2", "main")
    again = sync()
    assert (again.commits, again.new_releases, again.new_changes) == (0, 1, 0)
    assert _comparable(_stored(store)) == _comparable(_by_command(project))


def test_a_sync_with_nothing_new_writes_nothing(store: Store, sync: Sync, now: datetime) -> None:
    """Only when it was looked at."""
    sync()
    before = _stored(store)
    with store.read() as session:
        rows = len(session.scalars(select(AuditRow)).all())
    assert sync(at=now + timedelta(hours=1)) == Synced(changed=False)
    with store.read() as session:
        assert len(session.scalars(select(AuditRow)).all()) == rows
        assert session.get_one(Repository, "r_1").synced_at == now + timedelta(hours=1)
    assert _stored(store) == before


def test_new_commits_are_read_alone_when_the_process_remembers(store: Store, sync: Sync, project: Builder) -> None:
    """The same result as a reading from the start; ids of known changes stay."""
    readings = Readings()
    sync(readings)
    with store.read() as session:
        ids = dict(session.execute(select(Change.key, Change.id)).all())
    tree = git(project.path, "rev-parse", "main^{tree}")
    tip = git(project.path, "rev-parse", "main")
    for number in range(3):
        tip = git(project.path, "commit-tree", tree, "-p", tip, "-m", f"new {number} (#{50 + number})")
    git(project.path, "update-ref", "refs/heads/main", tip)
    found = sync(readings)
    assert (found.commits, found.new_changes) == (3, 3)
    assert _comparable(_stored(store)) == _comparable(_by_command(project))
    with store.read() as session:
        kept = dict(session.execute(select(Change.key, Change.id)).all())
        positions = session.scalars(select(Commit.position).order_by(Commit.position)).all()
    assert ids.items() <= kept.items()
    assert list(positions) == list(range(10))


def test_commits_that_were_stored_before_come_again(store: Store, sync: Sync, project: Builder, now: datetime) -> None:
    """A branch pushed back and forth while the process remembers: everything as on the command line, nothing twice."""
    readings = Readings()
    before = git(project.path, "rev-parse", "main")
    tree = git(project.path, "rev-parse", "main^{tree}")
    after = git(project.path, "commit-tree", tree, "-p", before, "-m", "Bold")
    sync(readings)
    for step, tip in enumerate((after, before, after), 1):
        git(project.path, "update-ref", "refs/heads/main", tip)
        assert sync(readings, at=now + timedelta(hours=step)).changed
        assert _comparable(_stored(store)) == _comparable(_by_command(project))
        with store.read() as session:
            assert len(session.scalars(select(Commit.sha)).all()) == 8
            row = session.get_one(Repository, "r_1")
            assert (row.head_sha, row.synced_at) == (tip, now + timedelta(hours=step))
            assert len(session.scalars(select(AuditRow)).all()) == 1 + step
            (bold,) = session.scalars(select(Change).where(Change.title == "Bold"))
            assert (bold.state == "withdrawn") == (tip == before)


def test_many_new_commits_take_no_more_statements_than_one(store: Store, sync: Sync, project: Builder) -> None:
    """Where the process remembers: rows are written and asked for together, not one by one."""
    readings = Readings()
    sync(readings)
    tree, tip = (git(project.path, "rev-parse", name) for name in ("main^{tree}", "main"))
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))
    counts = []
    for step, count in enumerate((1, 60)):
        for number in range(count):
            tip = git(project.path, "commit-tree", tree, "-p", tip, "-m", f"step {step}.{number}")
        git(project.path, "update-ref", "refs/heads/main", tip)
        asked.clear()
        assert sync(readings).new_changes == count
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert _comparable(_stored(store)) == _comparable(_by_command(project))


@pytest.mark.parametrize("remembered", [True, False])
def test_when_the_next_sync_is_due_is_kept_with_what_was_read(
    store: Store, sync: Sync, project: Builder, now: datetime, *, remembered: bool
) -> None:
    """After a first sync, after new commits, and when there was nothing new."""
    readings = Readings() if remembered else None
    sync(readings)
    tree = git(project.path, "rev-parse", "main^{tree}")
    git(project.path, "update-ref", "refs/heads/main",
        git(project.path, "commit-tree", tree, "-p", "main", "-m", "More"))  # fmt: skip
    for hours in (1, 2):
        at, every = now + timedelta(hours=hours), timedelta(minutes=hours)
        source = open_repository(project.path)
        found = store_history(store, ACTOR, at, "r_1", source, every=every, readings=readings)
        assert found.changed == (hours == 1)
        with store.read() as session:
            row = session.get_one(Repository, "r_1")
            assert (row.synced_at, row.sync_due_at) == (at, at + every)


@pytest.mark.acceptance("ING-16")
@pytest.mark.acceptance("CHG-D6")
def test_moved_and_deleted_tags_are_told_and_audited(store: Store, sync: Sync, project: Builder) -> None:
    """Counted on the tag, in the diagnostics, and in the audit log with where they were."""
    sync()
    old = git(project.path, "rev-parse", "v1.1")
    git(project.path, "tag", "-f", "v1.1", "main")
    git(project.path, "tag", "-d", "v1.0.1")
    found = sync()
    assert (found.moved_tags, found.gone_tags) == (("v1.1",), ("v1.0.1",))
    with store.read() as session:
        tags = {tag.name: tag for tag in session.scalars(select(Tag))}
        assert (tags["v1.1"].moved, tags["v1.0.1"].gone_at is not None) == (1, True)
        told = session.get_one(Repository, "r_1").diagnostics
        assert any("'v1.1' moved" in line for line in told)
        assert any("'v1.0.1' was deleted" in line for line in told)
        last = session.scalars(select(AuditRow).order_by(AuditRow.number.desc())).first()
        assert last is not None
        assert old in str(last.before)
        assert {release.tag for release in session.scalars(select(Release))} == {"v1.0", "v1.1"}


@pytest.mark.acceptance("CHG-B7")
def test_pull_requests_that_arrive_later_fill_the_change(store: Store, sync: Sync, project: Builder) -> None:
    """The title becomes the forge's; the id and the number of changes stay."""
    sync()
    with store.read() as session:
        before = {row.key: row.id for row in session.scalars(select(Change))}
    pull = PullRequest("github", 4, "Told at length", "merged")
    with store.write() as session:
        pull_requests.keep(session, "r_1", [pull])
    assert sync().changed is True
    with store.read() as session:
        rows = {row.key: row for row in session.scalars(select(Change))}
        assert {key: row.id for key, row in rows.items()} == before
        assert rows["pr-4"].title == "Told at length"
    assert _comparable(_stored(store)) == _comparable(_by_command(project, pull))
    assert sync().changed is False


def test_a_change_that_is_taken_back_before_its_release_is_withdrawn_and_comes_back(
    store: Store, sync: Sync, project: Builder
) -> None:
    """Never deleted: its id, votes and comments stay with it."""

    def add(message: str) -> None:
        tree = git(project.path, "rev-parse", "main^{tree}")
        tip = git(project.path, "commit-tree", tree, "-p", "main", "-m", message)
        git(project.path, "update-ref", "refs/heads/main", tip)

    def state() -> tuple[str, bool]:
        with store.read() as session:
            (row,) = session.scalars(select(Change).where(Change.title == "Bold"))
            return row.state, row.ready

    add("Bold")
    sync()
    assert state() == ("draft", True)
    add('Revert "Bold"')
    assert sync().withdrawn == 1
    assert state() == ("withdrawn", False)
    add('Reapply "Bold"')
    sync()
    assert state() == ("draft", True)


def test_what_was_tagged_before_adoption_has_shipped(store: Store, sync: Sync, project: Builder) -> None:
    """The rest begins as a draft, to be placed."""
    sync()
    with store.read() as session:
        states = dict(session.execute(select(Change.title, Change.state)).all())
    assert states["Feature"] == "released"
    assert states["Reverted: Feature"] == "draft"


def test_a_new_mailmap_renames_what_the_process_remembers(store: Store, sync: Sync, project: Builder) -> None:
    """Names of commits that were read before follow, as on the command line."""
    readings = Readings()
    sync(readings)
    blob = git(project.path, "hash-object", "-w", "--stdin", feed=b"Beatrice <b@x>\n")
    tree = git(project.path, "mktree", feed=f"100644 blob {blob}\t.mailmap\n".encode())
    tip = git(project.path, "commit-tree", tree, "-p", "main", "-m", "Names")
    git(project.path, "update-ref", "refs/heads/main", tip)
    sync(readings)
    stored = _comparable(_stored(store))
    assert stored == _comparable(_by_command(project))
    assert any("Beatrice" in entry.authors for section in stored.releases for entry in section.entries)


def test_a_reported_flag_is_not_withdrawn_for_not_being_in_git(
    sync: Sync, project: Builder, store: Store, now: datetime
) -> None:
    """A sync writes what git and the forge tell; a planned feature flag is told by its own service."""
    sync()
    flags.keep(store, ACTOR, now, "project", "ld-1", flags.Told(flag="v2", on=True, state="planned"))
    sha = project.shas["c6"]
    git(project.path, "tag", "v9.9", sha)
    sync()
    with store.read() as session:
        assert session.scalars(select(Change.state).where(Change.kind == FLAG)).all() == ["draft"]


def test_references_that_cannot_be_read_change_nothing(store: Store, sync: Sync, project: Builder) -> None:
    """Git tells some and then fails: that is no history without the others. Mended, the next sync goes on."""
    readings = Readings()
    sync(readings)
    before = _stored(store)
    git(project.path, "pack-refs", "--all")
    packed = project.path / "packed-refs"
    whole = packed.read_bytes()
    packed.write_bytes(whole + b"nothing that git knows\n")
    with pytest.raises(GitFailed):
        sync(readings)
    assert _stored(store) == before
    packed.write_bytes(whole)
    assert not sync(readings).changed


def test_a_branch_that_names_no_commit_is_no_branch(store: Store, sync: Sync, project: Builder) -> None:
    """Written by hand, since git refuses to: while it is so nothing is unreleased, and then it is as before."""
    readings = Readings()
    tip, tree = (git(project.path, "rev-parse", name) for name in ("main", "main^{tree}"))
    branch = project.path / "refs" / "heads" / "main"
    sync(readings)
    for sha in (tree, tip, tree, tip):
        branch.write_text(f"{sha}\n")
        assert sync(readings).changed
        assert _comparable(_stored(store)) == _comparable(_by_command(project))
        assert bool(_stored(store).unreleased.entries) == (sha == tip)


def test_a_head_that_changes_while_it_is_looked_at_is_read_for_itself(
    store: Store, sync: Sync, project: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git had begun to tell of another head by then: nothing of that is taken for this one's."""
    readings = Readings()
    sync(readings)
    tip, tree = (git(project.path, "rev-parse", name) for name in ("main", "main^{tree}"))
    near = git(project.path, "commit-tree", tree, "-p", tip, "-m", "Near")
    far = git(project.path, "commit-tree", tree, "-p", near, "-m", "Far")
    git(project.path, "update-ref", "refs/heads/main", near)
    monkeypatch.setattr("release_mgmt.services.sync.head_in", lambda *_: far)
    assert sync(readings).commits == 1
    assert _comparable(_stored(store)) == _comparable(_by_command(project))
