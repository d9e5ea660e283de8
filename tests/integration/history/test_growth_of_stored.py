"""What a process adds to a history that it remembers equals what it makes anew, whatever happens to the repository."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from release_mgmt.core.changelog import Changelog, Section
from release_mgmt.core.changelog.growth import Fresh, Growth
from release_mgmt.core.changes import PullRequest
from release_mgmt.core.changes.twins import PATCH_LIMIT
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services import pull_requests
from release_mgmt.services.history import Request, read_changelog
from release_mgmt.services.history_growth import Readings
from release_mgmt.services.mirrored import change_prefix, section_with
from release_mgmt.services.stored_history import changelog_of
from release_mgmt.services.sync import store_history
from release_mgmt.sources.git import open_repository
from release_mgmt.store.models.repositories import Change, ChangeCommit, Commit, Release, Repository, Tag
from release_mgmt.store.session import Store
from tests.support.gitrepo import git

ACTOR: Actor = trusted("jobs", Via.JOB)
PEOPLE = (
    "Ann <ann@x>", "Bea <bea@x>", "Cy <cy@x>", "Ann Author <ann@x>",
    *[f"P{one} <p{one}@x>" for one in range(8)],
    *[f"P{one} <p{one + 1}@x>" for one in range(0, 8, 3)],
)  # fmt: skip


class Living:
    """A repository to which things happen, several commits at a time, as people do them."""

    def __init__(self, path: Path, seed: int) -> None:
        self.path = path
        self.chance = random.Random(seed)
        self.parents: dict[str, tuple[str, ...]] = {}
        self.files: dict[str, dict[str, str]] = {}
        self.titles: dict[str, str] = {}
        self.main: list[str] = []
        self.lines: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.pulls: list[PullRequest] = []
        self.count = 0
        path.mkdir()
        git(path, "init", "-q", "--bare", "--initial-branch=main", ".")
        for _ in range(4):
            self.on_main()

    def commit(self, message: str, *parents: str, files: dict[str, str] | None = None) -> str:
        """One commit by anybody; a change of a file of its own unless ``files`` says otherwise."""
        self.count += 1
        changed = files if files is not None else {f"d{self.count % 3}/f{self.count}.txt": f"{self.count}\n"}
        who = self.chance.choice(PEOPLE)
        when = self.chance.randrange(10**9)
        data = message.encode()
        lines = [b"commit refs/build/x\nmark :1\n", f"author {who} {when} +0100\n".encode()]
        lines += [f"committer {who} {when} +0100\ndata {len(data)}\n".encode(), data, b"\n"]
        lines += [f"{'merge' if at else 'from'} {parent}\n".encode() for at, parent in enumerate(parents)]
        for path, content in changed.items():
            lines.append(f"M 100644 inline {path}\ndata {len(content)}\n{content}\n".encode())
        lines.append(b"\nget-mark :1\nreset refs/build/x\nfrom 0000000000000000000000000000000000000000\n\n")
        sha = git(self.path, "fast-import", "--quiet", "--force", "--cat-blob-fd=1", feed=b"".join(lines))
        self.parents[sha], self.files[sha], self.titles[sha] = parents, changed, message.partition("\n")[0]
        return sha

    def on_main(self) -> None:
        """A direct commit, a squashed or a merged pull request, a revert or a backport's original."""
        tip = self.main[-1:]
        kind = self.chance.randrange(16)
        number = self.chance.randrange(1, 60)
        if kind < 4 or not tip:
            words = self.chance.choice(("Tune", "Fix it", "Fix it", f"Change {self.count}"))
            named = self.chance.choice(("C <cy@x>", "Q1 <p1@x>", "Dee <dee@x>"))
            helper = f"\n\nCo-authored-by: {named}" if self.chance.random() < 0.2 else ""
            self.main.append(self.commit(words + helper, *tip))
        elif kind < 7:
            self.main.append(self.commit(f"Pull {number} (#{number})\n\n* one\n* two", *tip))
        elif kind < 8:
            side = self.commit("work", self.chance.choice(self.main[-3:]))
            self.main.append(
                self.commit(f"Merge pull request #{number} from x/y\n\nMerged {number}", *tip, side, files={})
            )
        elif kind < 9:
            target = self.chance.choice(self.main)
            quoted = self.titles[target].replace('"', "'")
            named = f"\n\nThis reverts commit {target}." if self.chance.random() < 0.6 else ""
            self.main.append(self.commit(f'Revert "{quoted}"{named}', *tip))
        elif kind == 15:
            beside = self.commit("Fix it", self.chance.choice(self.main[-3:]))
            self.main.append(self.commit("Merge branch 'beside'", *tip, beside, files={}))
        else:
            line = self.chance.choice([*self.lines.values(), *tip])
            self.main.append(self.commit("Merge branch 'other'", *tip, line, files={}))

    def backport(self) -> None:
        """A commit of main again on a maintenance line, under its own title or another, with a trailer or without."""
        tag = self.chance.choice(sorted(self.tags)) if self.tags else None
        if tag is None:
            return
        base = self.lines.get(tag, self.tags[tag])
        source = self.chance.choice(self.main)
        title = self.chance.choice(
            (self.titles[source], f"Backport of {self.count}", f"{self.titles[source]} (#{self.count})")
        )
        trailer = f"\n\n(cherry picked from commit {source})" if self.chance.random() < 0.3 else ""
        self.lines[tag] = self.commit(title + trailer, base, files=self.files[source])

    def step(self) -> None:
        """Some of everything, then the references as they are now."""
        for _ in range(self.chance.randrange(1, 4)):
            self.on_main()
        for _ in range(self.chance.choice((0, 0, 1))):
            self.backport()
        kind = self.chance.randrange(16)
        if kind < 3:
            at = self.chance.choice([self.main[-1], self.chance.choice(self.main), *self.lines.values()])
            self.tags[f"v{self.chance.randrange(3)}.{self.count}{self.chance.choice(('', '', 'rc1'))}"] = at
        elif kind == 3 and self.tags:
            self.tags[self.chance.choice(sorted(self.tags))] = self.chance.choice(self.main)
        elif kind == 4 and self.tags:
            del self.tags[self.chance.choice(sorted(self.tags))]
        elif kind == 5:
            del self.main[-self.chance.randrange(1, 4) :]  # the branch was pushed back
            if self.chance.random() < 0.5 or not self.main:
                self.main.append(self.commit("Other history", *self.main[-1:]))
        elif kind == 6:
            number = self.chance.randrange(1, 60)
            named = self.chance.choice((None, self.main[-1], self.chance.choice(self.main)))
            told = [pull for pull in self.pulls if pull.number != number]
            self.pulls = [*told, PullRequest("github", number, f"Told {self.count}", "merged", merge_sha=named)]
        refs = {f"refs/tags/{name}": sha for name, sha in self.tags.items()} | {"refs/heads/main": self.main[-1]}
        present = git(self.path, "for-each-ref", "--format=%(refname)").split()
        orders = [f"delete {name}\n" for name in present if name not in refs]
        orders += [f"update {name} {sha}\n" for name, sha in refs.items()]
        git(self.path, "update-ref", "--stdin", feed="".join(orders).encode())


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each attempt to add to what is known succeeded."""
    found: list[bool] = []
    grow = Growth.grow

    def counted(self: Growth, fresh: Fresh) -> Section | None:
        section = grow(self, fresh)
        found.append(section is not None)
        return section

    monkeypatch.setattr(Growth, "grow", counted)
    return found


def _record(store: Store) -> Changelog:
    with store.read() as session:
        record = changelog_of(session, session.get_one(Repository, "r_1"))

    told = tuple(line for line in record.diagnostics if "after it was read" not in line)
    releases = tuple(_plain(one) for one in record.releases)
    return replace(record, releases=releases, unreleased=_plain(record.unreleased), diagnostics=told)


def _plain(section: Section) -> Section:
    """Without states, which differ on purpose: the service knows windows."""
    return replace(section, entries=tuple(entry._replace(state="", level=None) for entry in section.entries))


def _rows(store: Store) -> dict[str, Any]:
    """Everything that a sync writes."""
    found: dict[str, Any] = {}
    with store.read() as session:
        for model in (Change, ChangeCommit, Commit, Release, Tag, Repository):
            names = [column.key for column in model.__table__.columns]
            rows = session.execute(select(*[getattr(model, name) for name in names])).all()
            found[model.__name__] = sorted(map(repr, rows))
    return found


@pytest.mark.acceptance("CHG-B6")
def test_what_is_added_to_a_known_history_equals_what_is_made_anew(
    tmp_path: Path, sqlite_template: Path, now: datetime, grown: list[bool]
) -> None:
    """Eight repositories, 12 times each: the changelog is the command line's, every row that of a sync from nothing."""
    for seed in range(8):
        living = Living(tmp_path / f"{seed}.git", seed)
        stores = []
        for name in ("remembers", "forgets"):
            path = shutil.copy(sqlite_template, tmp_path / f"{seed}-{name}.db")
            stores.append(Store(f"sqlite:///{path}"))
            with stores[-1].write() as session:
                session.add(Repository(id="r_1", name="project", location=str(living.path), adopted_at=now,
                                       created_at=now, updated_at=now))  # fmt: skip
        readings = Readings()
        for step in range(12):
            living.step()
            for store, remembered in zip(stores, (readings, None), strict=True):
                with store.write() as session:
                    pull_requests.keep(session, "r_1", living.pulls)
                source = open_repository(living.path)
                store_history(store, ACTOR, now + timedelta(hours=step), "r_1", source, readings=remembered)
            with stores[0].read() as session:
                pulls = pull_requests.known(session, "r_1")
            wanted = read_changelog(open_repository(living.path), Request("project", every=True, pulls=pulls))
            made = _record(stores[0])
            for section in (*made.releases, made.unreleased):
                other = next(one for one in (*wanted.releases, wanted.unreleased) if one.tag == section.tag)
                assert _plain(section_with(change_prefix("r_1"), other)) == section, (seed, step, section.tag)
            assert made.diagnostics == wanted.diagnostics, (seed, step)
            assert len(made.releases) == len(wanted.releases)
            rows = [_rows(store) for store in stores]
            for table in rows[0]:
                assert rows[0][table] == rows[1][table], (seed, step, table)
        for store in stores:
            store.close()
    assert grown.count(True) >= 15  # else this proves nothing
    assert grown.count(False) >= 5


@pytest.mark.acceptance("CHG-B5")
def test_what_is_unreleased_and_too_much_to_compare_is_told(
    tmp_path: Path, sqlite_template: Path, now: datetime, grown: list[bool]
) -> None:
    """One fix under two titles beside more unreleased commits than are compared: told, and as soon as it holds."""
    living = Living(tmp_path / "many.git", 1)
    first = living.commit("First", files={"a.txt": "a\n"})
    fix = living.commit("Fix for 1.0", first, files={"fix.txt": "f\n"})
    living.tags, main = {"v1.0": first, "v1.0.1": fix}, [first]
    store = Store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'one.db')}")
    with store.write() as session:
        session.add(Repository(id="r_1", name="project", location=str(living.path), adopted_at=now,
                               created_at=now, updated_at=now))  # fmt: skip
    readings, told = Readings(), []
    for step, count in enumerate((PATCH_LIMIT - 2, 2, 1, 3)):
        for _ in range(count):
            main.append(living.commit(f"Work {living.count}", main[-1], files={"w.txt": f"{living.count}\n"}))
        git(living.path, "update-ref", "refs/heads/main", main[-1])
        for name, sha in living.tags.items():
            git(living.path, "update-ref", f"refs/tags/{name}", sha)
        source = open_repository(living.path)
        store_history(store, ACTOR, now + timedelta(hours=step), "r_1", source, readings=readings)
        record = _record(store)
        assert record.diagnostics == read_changelog(source, Request("project", every=True)).diagnostics
        told.append([line for line in record.diagnostics if "compared" in line])
    store.close()
    assert told[:2] == [[], []]
    assert told[2] == told[3] != []
    assert f"the oldest {PATCH_LIMIT} unreleased changes" in told[2][0]
    assert grown == [True, False, True]
