"""The whole journey of a repository through its job, on both databases: sync, classify, plan, publish."""

from __future__ import annotations

import shutil
from dataclasses import replace as changed
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, event, func, select, update

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.errors import Conflict
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import (
    calendars,
    changes,
    jobs,
    overrides,
    plans,
    publications,
    pull_requests,
    releases,
    repositories,
)
from release_mgmt.services import refresh as refresh_service
from release_mgmt.services.history import Request, read_changelog
from release_mgmt.services.jobs import JobView
from release_mgmt.services.mirrored import change_prefix, section_with
from release_mgmt.settings import Settings
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.sources.git import open_repository
from release_mgmt.store.models.publishing import FeedEventRow, PublicationRow, RevisionRow
from release_mgmt.store.models.repositories import Change, ChangeCommit, ClassificationRow, Commit, Repository
from release_mgmt.store.session import Store
from tests.conftest import GitRepo

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    """Settings whose data folder is the test's own."""
    return changed(settings, data_dir=str(tmp_path / "data"))


def add(store: Store, repo: GitRepo) -> str:
    allowed = repositories.policy((str(repo.path.parent),), ())
    return repositories.register(store, OPERATOR, clock.now(), location=str(repo.path), allowed=allowed).id


def refresh(store: Store, settings: Settings, repository: str) -> JobView:
    job = jobs.enqueue(store, OPERATOR, clock.now(), pipeline.REFRESH, repository)
    run_here(store, settings, job, lambda _: None)
    return jobs.get(store, OPERATOR, job)


def model(repo: GitRepo) -> None:
    """Two releases and something new: a parameter, then a library."""
    repo.commit("Begin.", {"requirements.txt": "numpy==1.26\n", "train.py": "import numpy\nrate = 0.1\n"})
    repo.tag("v1.0.0")
    repo.commit("Tune the rate. (#4)", {"train.py": "import numpy\nrate = 0.2\n"})
    repo.tag("v1.1.0", message="Better.")
    repo.branch("boost")
    repo.commit("Use boosting.", {"requirements.txt": "numpy==1.26\nxgboost==2.1\n", "train.py": "import xgboost\n"})
    repo.switch("main")
    repo.merge("boost", "Merge pull request #5 from ada/boost\n\nBoosted trees")


def test_from_a_repository_to_a_window_and_a_changelog(store: Store, here: Settings, git_repo: GitRepo) -> None:
    """History is shipped and published; what is new is classified and placed; asking again changes nothing."""
    model(git_repo)
    document = load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0]
    slug = calendars.apply(store, OPERATOR, clock.now(), document).slug
    repository = add(store, git_repo)
    job = refresh(store, here, repository)
    assert (job.state, job.message) == ("done", None)
    assert job.result is not None
    assert job.result["sync"]["new_changes"] == 3

    listed = releases.of_repository(store, OPERATOR, "repo").items
    assert [(one.version, one.previous, one.changes) for one in listed] == [("1.1.0", "1.0.0", 1), ("1.0.0", None, 1)]
    found = {one.title: one for one in changes.search(store, OPERATOR).items}
    assert found["Begin."].state == found["Tune the rate."].state == "released"
    assert (found["Tune the rate."].level, found["Tune the rate."].number) == ("minor", 4)
    boosted = found["Boosted trees"]
    assert (boosted.level, boosted.kind, boosted.release) == ("major", "new_library", None)
    detail = changes.get(store, OPERATOR, boosted.id)
    assert detail.new_libraries[0]["name"] == "xgboost"
    assert len(detail.commits) == 2

    planned = plans.document(store, OPERATOR, slug)
    placed = {one["change"] for one in planned["placements"]}
    assert placed | {one["change"] for one in planned["deferrals"]} == {boosted.id}
    record = publications.of_repository(store, OPERATOR, "repo")
    assert [one.version for one in record] == ["1.1.0", "1.0.0"]

    with store.read() as session:
        before = session.execute(select(Change.id, Change.updated_at, Change.rank).order_by(Change.id)).all()
    again = refresh(store, here, repository)
    assert again.result is not None
    assert again.result["sync"]["changed"] is False
    assert again.result["publish"]["changed"] == 0
    with store.read() as session:
        assert session.execute(select(Change.id, Change.updated_at, Change.rank).order_by(Change.id)).all() == before


def test_reading_again_after_something_new_keeps_identities(
    one_store: Store, here: Settings, git_repo: GitRepo
) -> None:
    """A later tag takes what was unreleased along; ids stay, commits are stored once, edits of people stay."""
    store = one_store
    model(git_repo)
    repository = add(store, git_repo)
    refresh(store, here, repository)
    first = {one.id: one.title for one in changes.search(store, OPERATOR).items}
    with store.write() as session:
        session.execute(update(Change).where(Change.title == "Boosted trees").values(priority=5, owner="p_1"))
    git_repo.tag("v2.0.0")
    git_repo.commit("Fix the boost.", {"train.py": "import xgboost\nx = 1\n"})
    assert refresh(store, here, repository).state == "done"
    found = {one.id: one for one in changes.search(store, OPERATOR).items}
    assert set(first) < set(found)
    (boosted,) = [one for one in found.values() if one.title == "Boosted trees"]
    assert (boosted.release, boosted.priority, boosted.owner) == ("2.0.0", 5, "p_1")
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Commit)) == 5
        assert session.scalar(select(func.count()).select_from(ChangeCommit)) == 5


@pytest.mark.acceptance("CHG-B1")
def test_publishing_reads_what_was_synced_and_is_the_command_lines_record(
    one_store: Store, here: Settings, git_repo: GitRepo
) -> None:
    """The repository is not read a second time; a revert stays one whatever its contents are judged to be."""
    store = one_store
    model(git_repo)
    taken_back = git_repo.git("rev-parse", "v1.1.0^{commit}")
    git_repo.commit(f'Revert "Tune the rate. (#4)"\n\nThis reverts commit {taken_back}.', {"train.py": "rate = 0.1\n"})
    git_repo.tag("v1.2.0")
    repository = add(store, git_repo)
    refresh(store, here, repository)
    with store.write() as session:
        session.execute(update(Change).where(Change.title.like("Reverted:%")).values(state="draft", level="major"))
    shutil.rmtree(here.data_path / "mirrors")
    assert refresh_service.publish(store, OPERATOR, clock.now(), repository) == 1
    wanted = read_changelog(open_repository(git_repo.path), Request("repo", every=True))
    with store.read() as session:
        record = publications.published(session, "repo", publications.current(session, "repo")).record
    prefix = change_prefix(repository)
    for published, section in zip(record.releases, wanted.releases, strict=True):
        bare = [entry._replace(level=None, kind=entry.kind if entry.kind == "revert" else None)
                for entry in published.entries]  # fmt: skip
        assert bare == [*section_with(prefix, section).entries]
        assert published.accounting == section.accounting
    assert record.releases[0].entries[0].kind == "revert"


def test_a_version_on_two_commits_is_published_twice(store: Store, here: Settings, git_repo: GitRepo) -> None:
    """Both releases have a text of their own; the one that had the name before is told to have moved."""
    git_repo.commit("Begin.", {"train.py": "rate = 0.1\n"})
    git_repo.tag("v1.0.0")
    repository = add(store, git_repo)
    assert refresh(store, here, repository).state == "done"
    git_repo.commit("Tune the rate.", {"train.py": "rate = 0.2\n"})
    git_repo.tag("1.0.0")
    assert refresh(store, here, repository).state == "done"

    listed = publications.of_repository(store, OPERATOR, "repo")
    moved = {one.version: one.conflict for one in listed}
    assert moved.keys() == {"1.0.0", "v1.0.0"}
    assert moved["v1.0.0"] is None
    assert (moved["1.0.0"] or "").startswith("The tag moved")


def test_what_vanished_from_history_is_withdrawn(one_store: Store, here: Settings, git_repo: GitRepo) -> None:
    """A force push that drops an unreleased change withdraws it; it comes back when the commit does."""
    store = one_store
    model(git_repo)
    repository = add(store, git_repo)
    refresh(store, here, repository)
    lost = git_repo.git("rev-parse", "HEAD")
    git_repo.git("reset", "-q", "--hard", "HEAD~1")
    git_repo.git("branch", "-D", "boost")
    refresh(store, here, repository)
    states = {one.title: one.state for one in changes.search(store, OPERATOR).items}
    assert states["Boosted trees"] == "withdrawn"
    git_repo.git("reset", "-q", "--hard", lost)
    refresh(store, here, repository)
    states = {one.title: one.state for one in changes.search(store, OPERATOR).items}
    assert states["Boosted trees"] == "draft"


def test_a_repository_that_went_away_fails_with_a_sentence(one_store: Store, here: Settings, git_repo: GitRepo) -> None:
    """The job tells what is wrong, the repository keeps it, what was read stays, and it is tried again later."""
    store = one_store
    model(git_repo)
    repository = add(store, git_repo)
    refresh(store, here, repository)
    git_repo.path.rename(git_repo.path.with_name("moved"))
    job = refresh(store, here, repository)
    assert job.state == "failed"
    assert job.message
    view = repositories.get(store, OPERATOR, "repo")
    assert view.sync_error == job.message
    assert view.sync_due_at is not None
    assert timedelta(0) < view.sync_due_at - clock.now() < timedelta(hours=2)
    assert len(changes.search(store, OPERATOR).items) == 3
    with store.read() as session:
        assert session.scalar(select(Repository.head_sha))


def test_old_faults_that_harm_no_reader_do_not_keep_a_repository_out(
    one_store: Store, here: Settings, git_repo: GitRepo, tmp_path: Path
) -> None:
    """A tree with a zero-padded mode, as old programs wrote it, is read; one that holds a `.git` is refused."""
    git_repo.commit("Begin.", {"a/b.txt": "x\n"})
    inner = git_repo.git("rev-parse", "HEAD:a")
    for name, item in (("padded", b"040000 a"), ("broken", b"40000 .git")):
        content = tmp_path / name
        content.write_bytes(item + b"\0" + bytes.fromhex(inner))
        tree = git_repo.git("hash-object", "-t", "tree", "-w", "--literally", str(content))
        commit = git_repo.git("commit-tree", tree, "-p", "HEAD", "-m", f"A {name} tree.")
        git_repo.git("update-ref", "refs/heads/main", commit)
        if name == "padded":
            repository = add(one_store, git_repo)
            assert refresh(one_store, here, repository).state == "done"
    assert "A padded tree." in {one.title for one in changes.search(one_store, OPERATOR).items}
    assert refresh(one_store, here, repository).state == "failed"


def test_a_repository_that_is_renamed_moved_archived_and_deleted_keeps_what_others_hold(
    store: Store, here: Settings, git_repo: GitRepo, tmp_path: Path
) -> None:
    """Ids of changes, UIDs of events and published texts stay what they were through every step."""
    model(git_repo)
    calendars.apply(store, OPERATOR, clock.now(), load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0])
    repository = add(store, git_repo)
    refresh(store, here, repository)

    def held() -> tuple[object, ...]:
        with store.read() as session:
            ids = tuple(session.scalars(select(Change.id).order_by(Change.id)))
            uids = tuple(session.scalars(select(FeedEventRow.uid).order_by(FeedEventRow.uid)))
            texts = session.execute(
                select(RevisionRow.publication_id, RevisionRow.number, RevisionRow.digest).order_by(
                    RevisionRow.publication_id, RevisionRow.number
                )
            ).all()
            return ids, uids, texts

    before = held()
    assert all(before)
    repositories.edit(store, OPERATOR, clock.now(), "repo", version=None, values={"name": "renamed"})
    elsewhere = tmp_path / "elsewhere"
    git_repo.git("clone", "-q", "--mirror", str(git_repo.path), str(elsewhere))
    allowed = repositories.policy((str(tmp_path),), ())
    moved = repositories.move(store, OPERATOR, clock.now(), "renamed", location=str(elsewhere), allowed=allowed)
    assert (moved.id, moved.location) == (repository, str(elsewhere))
    assert refresh(store, here, repository).state == "done"
    assert held() == before
    with pytest.raises(Conflict, match="archived"):
        repositories.remove(store, OPERATOR, clock.now(), "renamed")
    repositories.archive(store, OPERATOR, clock.now(), "renamed")
    assert held() == before
    repositories.remove(store, OPERATOR, clock.now(), "renamed")
    _, uids, texts = held()
    assert (uids, texts) == before[1:]
    assert [one.version for one in publications.of_repository(store, OPERATOR, "renamed")] == ["1.1.0", "1.0.0"]


def test_texts_are_made_again_of_what_changed_and_of_nothing_else(
    store: Store, here: Settings, git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that finds nothing new makes no text; whatever a text is made of makes the next one, in portions."""
    monkeypatch.setattr(refresh_service, "ENTRIES_AT_ONCE", 1)
    model(git_repo)
    repository = add(store, git_repo)
    refresh(store, here, repository)
    (tuned,) = [one.id for one in changes.search(store, OPERATOR).items if one.title == "Tune the rate."]
    made_of: dict[str, str] = {}
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))

    def publish() -> tuple[int, bool]:
        """How many texts changed, and whether any was made."""
        asked.clear()
        changed = refresh_service.publish(store, OPERATOR, clock.now(), repository, made_of=made_of)
        return changed, any("classifications.evidence" in one for one in asked)

    assert publish() == (0, True), "a process that just began knows nothing"
    assert publish() == (0, False)
    publications.set_note(store, OPERATOR, clock.now(), tuned, language="en", text="Prices follow sooner.")
    assert publish() == (1, True)
    publications.set_note(store, OPERATOR, clock.now(), tuned, language="en", text="Prices follow sooner now.")
    assert publish() == (1, True)
    publications.set_internal(store, OPERATOR, clock.now(), tuned, internal=True, reason="Ours alone.")
    assert publish() == (1, True)
    overrides.override(store, OPERATOR, clock.now(), tuned, "major", "It changes every price.")
    assert publish() == (1, True)
    with store.write() as session:
        session.execute(update(ClassificationRow).where(ClassificationRow.change_id == tuned).values(policy="another"))
    assert publish() == (0, True)
    with store.write() as session:
        pull_requests.keep(session, repository, [PullRequest("unknown", 4, "Tune it", "merged", labels=("x",))])
    refresh(store, here, repository)
    assert publish()[1]
    with store.write() as session:
        session.execute(update(PublicationRow).where(PublicationRow.version == "1.1.0").values(conflict="Moved."))
    assert publish() == (1, True), "somebody else wrote of the text"
    assert publish() == (0, False)
    git_repo.git("tag", "-d", "v1.0.0")
    git_repo.commit("Say more.", {"README": "x"})
    git_repo.tag("v1.2.0")
    refresh(store, here, repository)
    with store.write() as session:
        session.execute(delete(PublicationRow))
    assert publish() == (2, True)
    if store.sqlite:
        assert asked.count("BEGIN IMMEDIATE") == 3, "each text of more than a portion has a transaction of its own"


def test_a_sync_that_finds_nothing_new_judges_nothing(store: Store, here: Settings, git_repo: GitRepo) -> None:
    """What verdicts follow from is looked at, not every verdict; other rules or commits are a reason to."""
    model(git_repo)
    repository = add(store, git_repo)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))

    def judged() -> tuple[int, bool]:
        """How many changes were judged, and whether stored verdicts were looked at."""
        asked.clear()
        result = refresh(store, here, repository).result
        assert result is not None
        return result["coming"]["judged"] + result["classify"]["judged"], any(
            "classifications.about" in x for x in asked
        )

    assert judged() == (3, True)
    assert judged() == (0, False)
    with store.write() as session:
        session.execute(delete(ClassificationRow))
    assert judged() == (3, True), "as after a backup was restored below a worker"
    assert judged() == (0, False)
    with store.write() as session:
        rules = {"classification_rules": "[policy]\nlibrary_new = 'minor'\n"}
        session.execute(update(Repository).values(settings=rules))
    assert judged() == (2, True), "of those that need a library, the rule about these is another one"
    assert judged() == (0, False)
    git_repo.commit("Tune again.", {"train.py": "import xgboost\nrate = 0.3\n"})
    assert judged() == (1, True)
