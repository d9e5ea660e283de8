"""Who is new in a release, by whatever name: somebody who has an address in common with nobody before."""

from __future__ import annotations

import random
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from release_mgmt.core.changelog.growth import Growth
from release_mgmt.core.permissions import Actor, Via, trusted
from release_mgmt.services.history import Request, read_changelog
from release_mgmt.services.history_growth import Readings
from release_mgmt.services.stored_history import changelog_of
from release_mgmt.services.sync import store_history
from release_mgmt.sources.git import open_repository
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.integration.history.conftest import Read, by_version
from tests.support.gitrepo import Builder, git

ACTOR: Actor = trusted("jobs", Via.JOB)


def together(*people: str) -> str:
    """A message that names co-authors."""
    return "Together\n\n" + "\n".join(f"Co-authored-by: {who}" for who in people)


@pytest.mark.acceptance("CHG-D10")
def test_somebody_with_several_names_is_new_once(made: Builder, read: Read) -> None:
    """By address, by name, as author or co-author, and by what the mailmap says; told by the fullest name there."""
    lines = "Eve Proper <eve@x> <eve@old>\n"
    at = made.commit("base", files={".mailmap": lines})
    made.tag("v1.0", at)
    at = made.commit("one", at, author="rh <rike@x>")
    at = made.commit(together("ada-l <ada@x>", "e <eve@old>"), at, author="Rike <rike@x>")
    made.tag("v1.1", at)
    at = made.commit("two", at, author="Friederike H <RIKE@x>")
    at = made.commit("three", at, author="Ada Lovelace <ada@x>")
    at = made.commit("four", at, author="Friederike H <rike@y>")
    at = made.commit("five", at, author="eve <eve@x>")
    made.tag("v1.2", at)
    at = made.commit(together("F. H. <rike@y>", "Bob <bob@x>"), at, author="Ada <ada@x>")
    made.tag("v1.3", made.commit("six", at, author="Bob B <bob@x>", branch="main"))
    sections = by_version(read(made))
    assert {version: sections[version]["first_time_contributors"] for version in ("1.0", "1.1", "1.2", "1.3")} == {
        "1.0": ["Ann Author"],
        "1.1": ["Ada Lovelace", "Eve Proper", "Rike"],
        "1.2": [],
        "1.3": ["Bob B"],
    }


@pytest.mark.acceptance("CHG-D10")
def test_who_was_a_co_author_on_the_line_before_is_not_new_there(made: Builder, read: Read) -> None:
    """The previous release is off the main line: all that it contains counts, also what a sibling shipped first."""
    base = made.commit("base")
    made.tag("v1.0", base)
    side = made.commit(together("cy <cy@x>"), base)
    made.tag("v1.0.1", made.commit("one", side))
    two = made.commit("two", side)
    made.tag("v1.0.2", two)
    made.tag("v1.0.3", made.commit("three", two, author="Cyrus <cy@x>"))
    made.tag("v2.0", made.commit("ahead", base, author="Cyrus <cy@x>", branch="main"))
    sections = by_version(read(made))
    assert sections["1.0.3"]["previous"]["version"] == "1.0.2"
    told = [sections[version]["first_time_contributors"] for version in ("1.0.1", "1.0.2", "1.0.3", "2.0")]
    assert told == [["Cyrus"], [], [], ["Cyrus"]]


@pytest.mark.acceptance("CHG-D10")
def test_without_an_address_of_ones_own_nobody_is_somebody_else(made: Builder, read: Read) -> None:
    """Neither an empty address makes one person of several, nor one that a program signs with too."""
    at = made.commit("base", author="Nobody <>")
    for number in range(8):
        at = made.commit("bump", at, author=f"app-{number}[bot] <{number}@x>")
    made.tag("v1.0", at)
    at = made.commit(together("Eve <>"), at, author="Dee <>")
    for number in range(8):
        at = made.commit("by hand", at, author=f"Ida {number} <{number}@x>")
    made.tag("v1.1", at)
    made.branch("main", at)
    told = by_version(read(made))["1.1"]["first_time_contributors"]
    assert told == ["Dee", "Eve", *[f"Ida {number}" for number in range(8)]]


@pytest.mark.acceptance("CHG-D10")
def test_an_entry_names_one_person_once(made: Builder, read: Read) -> None:
    """By the fullest of the names under which they made it, in the place of the first."""
    base = made.commit("base")
    one = made.commit("part", base, author="rh <rike@x>")
    two = made.commit("part 2", one, author="Bob <bob@x>")
    three = made.commit(together("Cy <cy@x>"), two, author="Friederike H <rike@x>")
    tip = made.commit("Merge pull request #2 from x/y\n\nAll of it", base, three)
    made.commit("Squashed (#3)\n\nCo-authored-by: Bob <bob@x>", tip, author="bob-b <bob@x>", branch="main")
    entries = read(made)["unreleased"]["entries"]
    assert [entry["authors"] for entry in entries] == [["bob-b"], ["Friederike H", "Bob", "Cy"], ["Ann Author"]]


@pytest.mark.acceptance("CHG-D10")
def test_newcomers_of_made_up_histories_are_those_of_the_parent_map(tmp_path: Path, read: Read) -> None:
    """Twenty histories with releases on any branch: each section names whom no ancestor of the previous one names."""
    found = 0
    for seed in range(20):
        chance = random.Random(seed)
        made = Builder(tmp_path / f"{seed}.git")
        signed: dict[str, list[tuple[str, str]]] = {}
        tips: list[str] = []
        for number in range(40):
            who = [chance.randrange(30) for _ in range(chance.choice((1, 1, 2)))]
            many = [
                (f"N{one + chance.choice((0, 0, 0, 30))}", f"a{one + chance.choice((0, 0, 0, 1))}@x") for one in who
            ]
            parents = tuple(dict.fromkeys(chance.choice(tips[-5:]) for _ in range(chance.choice((1, 1, 2))) if tips))
            message = f"Change {number}\n\n" + "".join(f"Co-authored-by: {n} <{a}>\n" for n, a in many[1:])
            mark = made.commit(message, *parents, author="{} <{}>".format(*many[0]))
            signed[mark] = many
            tips.append(mark)
            if chance.random() < 0.2:
                made.tag(f"v{chance.randrange(4)}.{number}", mark)
        made.branch("main", tips[-1])
        made.build()
        person = _persons({pair for mark in made.ancestors(*[at for _, at, _ in made.refs]) for pair in signed[mark]})
        marks = {sha: mark for mark, sha in made.shas.items()}
        document = read(made)
        for section in [*document["releases"], document["unreleased"]]:
            before = made.ancestors(marks[section["previous"]["sha"]]) if section["previous"] else set()
            known = {person[name] for mark in before for name, _ in signed[mark]}
            wanted = {person[name] for entry in section["entries"] for name in entry["authors"]} - known
            told = [person[name] for name in section["first_time_contributors"]]
            assert sorted(told) == sorted(wanted), (seed, section["version"])
            found += len(told)
    assert found > 300  # else this proves nothing


def _persons(signed: set[tuple[str, str]]) -> dict[str, str]:
    """Name -> the first name of whoever it is: names are spread along addresses until nothing changes."""
    person = {name: name for name, _ in signed}
    while True:
        lowest: dict[str, str] = {}
        for name, address in signed:
            lowest[address] = min(lowest.get(address, name), person[name])
        after = {name: min(lowest[address] for one, address in signed if one == name) for name in person}
        if after == person:
            return person
        person = after


@pytest.mark.acceptance("CHG-D10")
def test_newcomers_of_a_history_that_grows_are_those_of_one_that_is_made_anew(
    tmp_path: Path, sqlite_template: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New names of people who are known are taken in; two people who turn out to be one change what was told before."""
    grown: list[bool] = []
    grow = Growth.grow
    monkeypatch.setattr(Growth, "grow", lambda *it: [grown.append((got := grow(*it)) is not None), got][1])
    made = Builder(tmp_path / "project.git")
    at = made.commit("base")
    at = made.commit("one", at, author="Ada <ada@x>")
    made.tag("v1.0", at)
    at = made.commit("two", at, author="ada-l <ada@work>")
    made.tag("v1.1", at)
    steps = [
        (made.commit("three", at, author="Bob <bob@x>"), ["Bob"], ["ada-l"]),
        (made.commit("four", "c4", author="Bob Builder <bob@x>"), ["Bob Builder"], ["ada-l"]),
        (made.commit(together("cy <cy@x>"), "c5", author="A. L. <ada@x>"), ["Bob Builder", "cy"], ["ada-l"]),
        (made.commit("five", "c6", author="Dee <dee@x>"), ["Bob Builder", "Dee", "cy"], ["ada-l"]),
        (made.commit(together("ada-l <ada@x>"), "c7"), ["Bob Builder", "Dee", "cy"], []),
    ]
    made.build()
    store = Store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'one.db')}")
    with store.write() as session:
        session.add(Repository(id="r_1", name="project", location=str(made.path), adopted_at=now,
                               created_at=now, updated_at=now))  # fmt: skip
    readings = Readings()
    for step, (tip, unreleased, released) in enumerate(steps):
        git(made.path, "update-ref", "refs/heads/main", made.shas[tip])
        source = open_repository(made.path)
        store_history(store, ACTOR, now + timedelta(hours=step), "r_1", source, readings=readings)
        with store.read() as session:
            stored = changelog_of(session, session.get_one(Repository, "r_1"))
        anew = read_changelog(source, Request("project", every=True))
        for record in (stored, anew):
            told = [section.first_time_contributors for section in (record.unreleased, record.releases[0])]
            assert told == [tuple(unreleased), tuple(released)], step
    store.close()
    assert grown == [True, True, True, False]
