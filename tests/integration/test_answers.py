"""Answers on pull requests, and commands in their comments: a real repository, a forge on loopback, both databases."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import answers, calendars, changes, forges, jobs, people, repositories, webhooks
from release_mgmt.services.mirrored import Sources
from release_mgmt.settings import Settings
from release_mgmt.sources.addresses import AddressPolicy
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.sources.forge.limits import Patience
from release_mgmt.sources.forge.model import MARKER
from release_mgmt.sources.forge.signatures import WebhookSecret
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.loopback import Reply, Server

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]
SECRET = WebhookSecret("a shared secret")


class Forge:
    """GitHub's pull requests, comments and statuses on loopback; ``down`` makes it fail."""

    def __init__(self) -> None:
        self.pulls: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.statuses: list[tuple[str, dict[str, Any]]] = []
        self.commits: dict[int, list[dict[str, Any]]] = {}
        self.down = False
        self.server = Server(self.reply)

    def reply(self, method: str, path: str, _headers: dict[str, str], body: Any) -> Reply:
        if self.down:
            return 500, {}, {}
        parts = path.partition("?")[0].split("/")[4:]  # after /repos/owner/name
        match method, parts:
            case "GET", ["pulls"]:
                return 200, {}, self.pulls
            case "GET", ["pulls", _, "reviews"]:
                return 200, {}, []
            case "GET", ["pulls", number, "commits"]:
                return 200, {}, self.commits[int(number)]
            case "GET", ["pulls", number]:
                return 200, {}, next(one for one in self.pulls if one["number"] == int(number))
            case "GET", ["issues", number, "comments"]:
                return 200, {}, self.comments.get(int(number), [])
            case "POST", ["issues", number, "comments"]:
                held = self.comments.setdefault(int(number), [])
                held.append({"id": len(held) + 100 * int(number), **body})
                return 201, {}, held[-1]
            case "PATCH", ["issues", "comments", identity]:
                for one in self.comments[int(identity) // 100]:
                    if one["id"] == int(identity):
                        one.update(body)
                return 200, {}, {}
            case "POST", ["statuses", sha]:
                self.statuses.append((sha, body))
                return 201, {}, {}
        return 404, {}, {}


@pytest.fixture
def forge() -> Iterator[Forge]:
    made = Forge()
    yield made
    made.server.stop()


class Place:
    """An installation with a repository of two open pull requests, answers switched on."""

    def __init__(self, store: Store, settings: Settings, repo: GitRepo, forge: Forge, now: datetime) -> None:
        self.store, self.settings, self.repo, self.forge, self.now = store, settings, repo, forge, now
        self.line = forges.Line(
            {}, lambda: self.now, lambda _: None,
            policy=AddressPolicy(allow_http=True, allowed_hosts=frozenset({"127.0.0.1"})),
            patience=Patience(attempts=1, longest_wait=1.0),
        )  # fmt: skip
        allowed = repositories.policy((str(repo.path.parent),), ())
        self.sources = Sources(allowed, settings.data_path / "mirrors")
        calendars.apply(store, OPERATOR, now, load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0])
        self.id = repositories.register(store, OPERATOR, now, location=str(repo.path), allowed=allowed).id
        forges.connect(
            store, OPERATOR, now, "repo", provider="github", forge_slug="acme/models", api_url=forge.server.url,
            answers=True,
        )  # fmt: skip

    def propose(self, number: int, branch: str, title: str, files: dict[str, str | bytes | None]) -> None:
        self.repo.switch("main")
        self.repo.branch(branch)
        head = self.repo.commit(title, files)
        self.repo.git("update-ref", f"refs/pull/{number}/head", head)
        self.repo.switch("main")
        self.repo.git("branch", "-D", branch)  # as from a fork: only the forge's own ref holds it
        self.forge.pulls.append(
            {
                "number": number, "title": title, "body": "", "state": "open", "user": {"login": "mira"}, "labels": [],
                "updated_at": self.now.isoformat(), "created_at": self.now.isoformat(), "base": {"ref": "main"},
                "head": {"ref": branch, "sha": head}, "milestone": None, "requested_reviewers": [],
            }
        )  # fmt: skip

    def merge(self, number: int) -> None:
        self.repo.git("merge", "-q", "--squash", f"refs/pull/{number}/head")
        pull = next(one for one in self.forge.pulls if one["number"] == number)
        sha = self.repo.commit(f"{pull['title']} (#{number})", {})
        at = self.now.isoformat()
        pull.update(state="closed", merged_at=at, updated_at=at, merge_commit_sha=sha)

    def refresh(self) -> None:
        job = jobs.enqueue(self.store, OPERATOR, self.now, pipeline.REFRESH, self.id)
        run_here(self.store, self.settings, job, lambda _: None)
        assert jobs.get(self.store, OPERATOR, job).state == "done"

    def answer(self) -> list[bool]:
        forges.poll(self.store, self.line, self.id)
        answers.prepare(self.store, self.sources, self.now, self.id, "https://releases.example")
        return [answers.deliver(self.store, self.line, *one) for one in answers.due(self.store, self.now)]

    def said(self, number: int) -> str:
        (only,) = self.forge.comments[number]
        text = only["body"]
        assert isinstance(text, str)
        return text


@pytest.fixture
def place(
    store: Store, settings: Settings, tmp_path: Path, git_repo: GitRepo, forge: Forge, now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:  # fmt: skip
    git_repo.commit(
        "Begin", {"requirements.txt": "numpy==2.1\n", "params.yaml": "lr: 0.01\n", "a.py": "import numpy\n"}
    )
    made = Place(store, replace(settings, data_dir=str(tmp_path / "data")), git_repo, forge, now)
    monkeypatch.setattr(clock, "now", lambda: made.now)  # jobs read the clock themselves
    made.propose(
        7,
        "boost",
        "Use @boosting <b>",
        {"requirements.txt": "numpy==2.1\nlightgbm==4.5\n", "a.py": "import lightgbm\n"},
    )
    made.propose(8, "tune", "Tune the rate", {"params.yaml": "lr: 0.02\n"})
    made.refresh()
    return made


def test_open_pull_requests_are_told_their_level_their_window_and_what_they_need(place: Place) -> None:
    assert place.answer() == [True, True]
    major, minor = place.said(7), place.said(8)
    assert major.startswith(f"{MARKER}\n**Major**: adds lightgbm.")
    assert "requirements.txt:2" in major.replace("\\", "")
    assert "Next window, were it merged now: **" in major
    assert "It needs 2 release managers" in major
    assert minor.startswith(f"{MARKER}\n**Minor**: only parameters move.")
    assert "0.01 -> 0.02" in minor.replace("\\", "")
    by_sha = dict(place.forge.statuses)
    (first,) = [body for body in by_sha.values() if body["description"].startswith("Major")]
    assert first["state"] == "pending"
    assert "next window" in first["description"]
    assert "@boosting" not in major, "nobody is mentioned"
    assert place.answer() == [], "nothing new is not said again"


def test_a_forge_that_is_down_gets_its_answer_later_and_stops_nothing(place: Place) -> None:
    forges.poll(place.store, place.line, place.id)
    place.forge.down = True
    answers.prepare(place.store, place.sources, place.now, place.id, "https://releases.example")
    assert [answers.deliver(place.store, place.line, *one) for one in answers.due(place.store, place.now)] == [
        False,
        False,
    ]
    place.refresh()
    assert answers.due(place.store, place.now) == ()
    place.forge.down = False
    place.now += timedelta(days=3)
    assert [answers.deliver(place.store, place.line, *one) for one in answers.due(place.store, place.now)] == [
        True,
        True,
    ]
    assert "**Major**" in place.said(7)


def test_after_the_merge_the_same_comment_tells_the_window_that_was_announced(place: Place) -> None:
    place.answer()
    place.merge(8)
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    place.answer()
    text = place.said(8)
    assert "Window: **" in text
    assert "/changes/" in text
    assert len(place.forge.comments[8]) == 1


def test_answers_that_are_switched_off_are_not_given(place: Place) -> None:
    forges.connect(
        place.store, OPERATOR, place.now, "repo", provider="github", forge_slug="acme/models",
        api_url=place.forge.server.url, answers=False,
    )  # fmt: skip
    assert place.answer() == []
    assert place.forge.comments == {}


@pytest.mark.acceptance("CHG-B3")
def test_all_commits_of_a_rebase_merge_become_one_change_for_one_call_to_the_forge(place: Place) -> None:
    place.repo.switch("main")
    before = place.repo.commit("Somebody's own work", {"b.py": "b = 1\n"})
    words = ("Add the loader", "Use the loader", "Tell of the loader")
    place.forge.commits[9] = [
        {"sha": f"{number:040x}", "commit": {"message": title, "author": {"name": "mira-on-the-forge"}}}
        for number, title in enumerate(words, 1)
    ]
    shas = [place.repo.commit(title, {f"{number}.py": f"x = {number}\n"}) for number, title in enumerate(words)]
    at = place.now.isoformat()
    place.forge.pulls.append(
        {
            "number": 9, "title": "The loader", "body": "", "state": "closed", "user": {"login": "mira"}, "labels": [],
            "updated_at": at, "created_at": at, "merged_at": at, "merge_commit_sha": shas[-1], "base": {"ref": "main"},
            "head": {"ref": "loader", "sha": f"{3:040x}"}, "milestone": None, "requested_reviewers": [],
        }
    )  # fmt: skip
    place.merge(8)  # a squash that says its number needs no call
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    assert place.id in forges.due(place.store, clock.now()), "the forge is asked at once"
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    found = {one.number: one for one in changes.search(place.store, OPERATOR).items if one.state != "withdrawn"}
    whole = changes.get(place.store, OPERATOR, found[9].id)
    assert {one.sha for one in whole.commits} == set(shas)
    assert whole.change.title == "The loader"
    assert before not in {one.sha for one in whole.commits}
    asked = [path for _, path, _, _ in place.forge.server.seen if "/commits" in path]
    assert len(asked) == 1
    place.now += timedelta(hours=1)
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    forges.poll(place.store, place.line, place.id)
    assert [path for _, path, _, _ in place.forge.server.seen if "/commits" in path] == asked


def post(place: Place, login: str, text: str, guid: str, at: datetime | None = None) -> bool:
    said = {"user": {"login": login}, "body": text} | ({"created_at": at.isoformat()} if at else {})
    body = json.dumps(
        {
            "action": "created", "repository": {"full_name": "acme/models"},
            "issue": {"number": 8, "pull_request": {}}, "comment": said,
        }
    ).encode()  # fmt: skip
    mac = hmac.new(SECRET.value.encode(), body, hashlib.sha256).hexdigest()
    headers = [
        ("X-GitHub-Event", "issue_comment"),
        ("X-GitHub-Delivery", guid),
        ("X-Hub-Signature-256", f"sha256={mac}"),
    ]
    accepted = webhooks.accept(place.store, place.now, "github", headers, body, SECRET)
    return webhooks.process(place.store, place.now, accepted.id)


@pytest.mark.acceptance("ING-6")
def test_an_older_comment_that_comes_late_or_again_undoes_no_later_word(place: Place) -> None:
    for login, grant in (("noor", people.Grant(Role.ENGINEER)), ("max", people.Grant(Role.RELEASE_MANAGER, "*"))):
        person = people.add(place.store, OPERATOR, place.now, name=login, login=login, grants=(grant,))
        people.link(place.store, OPERATOR, place.now, person.id, kind="github", value=login)
    place.merge(8)
    forges.poll(place.store, place.line, place.id)
    place.refresh()

    def level() -> tuple[str | None, int]:
        (change,) = [one for one in changes.search(place.store, OPERATOR).items if one.number == 8]
        return change.level, len(changes.get(place.store, OPERATOR, change.id).overrides)

    hour = timedelta(hours=1)
    assert post(place, "noor", "/release-mgmt major because of the report", "g-1", place.now - 3 * hour)
    assert post(place, "max", "/release-mgmt minor because nobody reads it", "g-2", place.now - hour)
    assert level() == ("minor", 2)
    assert post(place, "noor", "/release-mgmt major because I am not sure", "g-3", place.now - 2 * hour), "came late"
    for delivery in webhooks.deliveries(place.store, OPERATOR).items:
        webhooks.replay(place.store, OPERATOR, place.now, delivery.id)
        assert webhooks.process(place.store, place.now, delivery.id)
    assert level() == ("minor", 2)


def test_a_command_that_is_refused_is_told_on_the_pull_request_and_with_the_change(place: Place) -> None:
    person = people.add(place.store, OPERATOR, place.now, name="Rae", login="rae", grants=(people.Grant(Role.READER),))
    people.link(place.store, OPERATOR, place.now, person.id, kind="github", value="rae")
    place.merge(8)
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    assert not post(place, "rae", "/release-mgmt major because `@everybody` says so", "g-9", place.now)
    (change,) = [one for one in changes.search(place.store, OPERATOR).items if one.number == 8]
    (refusal,) = changes.get(place.store, OPERATOR, change.id, place.now).refusals
    assert (refusal.by, refusal.asked, refusal.why) == ("rae", "/release-mgmt major", "Your role does not allow this.")
    place.answer()
    assert "`/release-mgmt major` by rae was not carried out: Your role does not allow this." in place.said(8)


def test_a_comment_by_a_known_engineer_sets_the_level_once_it_is_merged(place: Place) -> None:
    place.answer()
    grants = (people.Grant(Role.ENGINEER),)
    person = people.add(place.store, OPERATOR, place.now, name="Noor", login="noor", grants=grants)
    people.link(place.store, OPERATOR, place.now, person.id, kind="github", value="noor-on-the-forge")
    words = "/release-mgmt major because the report's columns change"
    assert not post(place, "noor-on-the-forge", words, "g-1"), "it waits for the merge"
    place.merge(8)
    forges.poll(place.store, place.line, place.id)
    place.refresh()
    place.now += timedelta(minutes=10)
    (waiting,) = webhooks.due(place.store, place.now)
    assert webhooks.process(place.store, place.now, waiting)
    (change,) = [one for one in changes.search(place.store, OPERATOR).items if one.number == 8]
    assert change.level == "major"
    assert not post(place, "stranger", "/release-mgmt minor because I say so", "g-2")
    (refused,) = webhooks.deliveries(place.store, OPERATOR, status="waiting").items
    assert refused.error == "Nobody here is known as stranger on github."
    assert not post(place, "noor-on-the-forge", "/release-mgmt minor because it is not so bad", "g-3"), "only raises"
    (still,) = [one for one in changes.search(place.store, OPERATOR).items if one.number == 8]
    assert still.level == "major"
