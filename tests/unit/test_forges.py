"""Every forge's pull requests and deliveries become the same neutral record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release_mgmt.core.changes import PullRequest, Review
from release_mgmt.core.errors import InvalidInput
from release_mgmt.sources.forge import FORGES, forge
from release_mgmt.sources.forge.fields import parse_instant
from release_mgmt.sources.forge.github import latest_reviews
from release_mgmt.sources.forge.model import linked_items
from release_mgmt.sources.forge.records import join, telling
from release_mgmt.sources.forge.transport import Home

CASES = sorted((Path(__file__).parents[1] / "cases" / "forges").glob("*.json"))
SHARED = Path(__file__).parents[2].parent / "shared" / "payloads"


def plain(value: object) -> object:
    return json.loads(json.dumps(asdict(value), default=lambda instant: instant.isoformat()))  # type: ignore[call-overload]


@pytest.mark.acceptance("ING-1")
@pytest.mark.acceptance("ING-7")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_payload_in_the_documented_shape_becomes_the_expected_record(path: Path) -> None:
    case = json.loads(path.read_text())
    adapter = forge(case["provider"])
    got = adapter.parse(case["input"]) if case["via"] == "api" else adapter.event(case["headers"], case["input"])
    assert plain(got) == case["expected"]


def test_there_are_goldens_for_every_forge() -> None:
    assert {json.loads(path.read_text())["provider"] for path in CASES} == set(FORGES)
    assert len(CASES) >= 12


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = sorted(
    {key for path in CASES for key in json.loads(path.read_text())["input"]}
    | {"ref", "ref_type", "comment", "issue", "release", "resource", "push", "pullrequest", "object_attributes"}
)


@given(
    provider=st.sampled_from(sorted(FORGES)),
    payload=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8),
    event=st.sampled_from(
        [
            "pull_request",
            "repository",
            "repo:updated",
            "repo:modified",
            "push",
            "create",
            "release",
            "issue_comment",
            "repo:push",
            "pr:merged",
            "pullrequest:x",
            "\x00",
        ]
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_hostile_payload_is_an_event_or_a_clear_refusal(
    provider: str, payload: dict[str, object], event: str
) -> None:
    headers = {"X-GitHub-Event": event, "X-Gitea-Event": event, "X-Event-Key": event}
    adapter = forge(provider)
    for read in (adapter.home, adapter.parse, lambda told: adapter.event(headers, told)):
        with suppress(InvalidInput):
            read(payload)


def paths(node: object, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value inside ``node``."""
    found = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, inner in found:
        yield (*before, step)
        yield from paths(inner, (*before, step))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_payload_with_anything_in_any_place_is_an_event_or_a_clear_refusal(path: Path) -> None:
    case = json.loads(path.read_text())
    adapter = forge(case["provider"])
    for *way, last in list(paths(case["input"])):
        for odd in (None, "", "\x00", [], [None], {"a": 1}, True, -1, -(10**14), 1e300, "0001-01-01T00:00:00+14:00"):
            payload = json.loads(json.dumps(case["input"]))
            reduce(lambda node, step: node[step], way, payload)[last] = odd
            for read in (adapter.home, adapter.parse, lambda told: adapter.event(case.get("headers", {}), told)):
                with suppress(InvalidInput):
                    read(payload)


@pytest.mark.acceptance("ING-1")
def test_payloads_recorded_elsewhere_parse_as_an_extra() -> None:
    """Real payloads, when a folder of them lies beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("NOT RUN: no folder of real forge payloads beside the checkout")
    read = 0
    for path in sorted(SHARED.glob("*.json")):
        raw = json.loads(path.read_text(encoding="utf-8-sig"))
        provider = path.stem.split("_")[0]
        provider = {"recorded": "github", "bitbucketserver": "bitbucket_server"}.get(provider, provider)
        if provider not in FORGES:
            continue
        adapter = forge(provider)
        if "_webhook_" in path.stem:
            headers = {"X-GitHub-Event": hook_name(path.stem), "X-Gitea-Event": hook_name(path.stem)}
            headers["X-Event-Key"] = raw.get("eventKey", "repo:push")
            event = adapter.event(headers, raw)
            assert event.kind != "other", path.name
            assert event.repository, path.name
            if event.pull_request and "unmerged" in path.stem:
                assert event.pull_request.state == "closed"
                assert event.pull_request.merge_sha is None
            read += 1
        else:
            for item in records(raw):
                assert adapter.parse(item).title, path.name
                read += 1
    assert read >= 20


def hook_name(stem: str) -> str:
    for word, name in {
        "review_submitted": "pull_request_review", "pull_request": "pull_request", "pr_closed": "pull_request",
        "create_tag": "create", "delete_tag": "delete", "push": "push", "release": "release", "ping": "ping",
    }.items():  # fmt: skip
        if word in stem:
            return name
    return "unknown"


def records(raw: object) -> list[dict[str, object]]:
    """The pull requests in an API payload: alone, in a list, or wrapped as some APIs and recordings do."""
    if isinstance(raw, list):
        return [item for item in raw if {"number", "iid"} & set(item)]
    assert isinstance(raw, dict)
    if {"pullRequestId", "number", "iid"} & set(raw) and "title" in raw:
        return [raw]
    for key in ("values", "value"):
        if isinstance(raw.get(key), list):
            return [item for item in raw[key] if "title" in item]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-03-04T13:34:54.3177724Z", datetime(2022, 3, 4, 13, 34, 54, 317772, UTC)),
        ("2017-12-10 17:01:11 UTC", datetime(2017, 12, 10, 17, 1, 11, tzinfo=UTC)),
        ("2019-03-01T10:37:14+0100", datetime(2019, 3, 1, 9, 37, 14, tzinfo=UTC)),
        (1551433034286, datetime(2019, 3, 1, 9, 37, 14, 286000, UTC)),
        (1557933565, datetime(2019, 5, 15, 15, 19, 25, tzinfo=UTC)),
        ("2026-13-01T00:00:00Z", None),
        ("yesterday", None),
        (True, None),
        pytest.param(10**400, None, id="endless"),
        (-99_000_000_000_000, None),
    ],
)
def test_every_forges_way_to_write_an_instant_is_read(text: object, expected: datetime | None) -> None:
    assert parse_instant(text) == expected


def test_a_later_comment_keeps_an_approval_and_a_dismissal_takes_it_back() -> None:
    def review(who: str, state: str) -> dict[str, object]:
        return {"user": {"login": who}, "state": state}

    raw = (review("a", "APPROVED"), review("a", "COMMENTED"), review("b", "APPROVED"), review("b", "DISMISSED"))
    assert latest_reviews(raw) == (Review("a", "approved"),)


def test_linked_items_come_from_keywords_and_tickets_and_not_from_standards() -> None:
    text = "Fixes #12, closes acme/other#3; AB#7 and PRC-41 (UTF-8, SHA-256).\nRelated work items: #5, #6"
    keys = [item.key for item in linked_items(text)]
    assert keys == ["#12", "acme/other#3", "AB#7", "#5", "#6", "PRC-41"]


BASE = PullRequest("github", 1, "Old title", "open", updated_at=datetime(2026, 11, 1, 8, tzinfo=UTC))
MINUTE = timedelta(minutes=1)
assert BASE.updated_at is not None
LIFE = [
    replace(BASE, labels=(), body="first"),
    replace(BASE, labels=("model",), updated_at=BASE.updated_at + MINUTE),
    replace(BASE, title="New title", labels=("model",), body="second", updated_at=BASE.updated_at + 2 * MINUTE),
    replace(
        BASE, title="New title", state="merged", labels=("model",), merge_sha="a" * 40,
        merged_at=BASE.updated_at + 3 * MINUTE, updated_at=BASE.updated_at + 3 * MINUTE,
    ),
    replace(BASE, title="New title", state="merged", reviews=(Review("ann", "approved"),), merge_sha="a" * 40,
            merged_at=BASE.updated_at + 3 * MINUTE, updated_at=BASE.updated_at + 3 * MINUTE),
]  # fmt: skip


@pytest.mark.acceptance("ING-6")
def test_every_order_of_deliveries_ends_in_the_same_record() -> None:
    """All 120 orders of five tellings, some of them twice; unknown fields never wipe what is known."""
    ends = {
        json.dumps(plain(reduce(join, map(telling, [*order, order[0]])).record), sort_keys=True)
        for order in itertools.permutations(LIFE)
    }
    assert len(ends) == 1
    end = json.loads(ends.pop())
    assert (end["state"], end["title"], end["body"]) == ("merged", "New title", "second")
    assert end["labels"] == ["model"]
    assert [review["reviewer"] for review in end["reviews"]] == ["ann"]


TELLINGS = st.lists(
    st.builds(
        replace,
        st.just(BASE),
        title=st.sampled_from(["a", "b"]),
        state=st.sampled_from(["open", "closed", "merged"]),
        labels=st.sampled_from([None, (), ("x",), ("x", "y")]),
        body=st.sampled_from([None, "", "text"]),
        updated_at=st.sampled_from([None, *[datetime(2026, 11, 1, 8, minute, tzinfo=UTC) for minute in range(3)]]),
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.acceptance("ING-6")
@given(tellings=TELLINGS, data=st.data())
@settings(max_examples=200, deadline=None)
def test_joining_does_not_depend_on_order_or_repetition(tellings: list[PullRequest], data: st.DataObject) -> None:
    told = [telling(one, data.draw(st.sampled_from([None, BASE.updated_at]))) for one in tellings]
    shuffled = data.draw(st.permutations(told))
    assert reduce(join, told) == reduce(join, [*shuffled, *told])


def test_of_two_updates_in_one_second_what_the_forge_lists_later_counts() -> None:
    """A bot opens a request and labels it at once: the delivery of the first tells it without the label."""
    delivered, minutes = telling(replace(BASE, labels=())), [BASE.updated_at + MINUTE, BASE.updated_at + 2 * MINUTE]
    for labels in [("a",), ("b",), ("c",), ("d",)]:
        listed = [telling(replace(BASE, labels=one), at) for one, at in zip([(), labels], minutes, strict=True)]
        assert reduce(join, [*listed, delivered]).record.labels == labels


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://acme@dev.azure.com/acme/Risk%20desk/_git/models", "acme/Risk desk/models"),
        ("https://dev.azure.com/acme/DefaultCollection/_git/models", "acme/Risk desk/models"),
        ("https://acme.visualstudio.com/DefaultCollection/Risk%20desk/_git/models", "acme/Risk desk/models"),
        ("https://tfs.example.org/tfs/Finance/Risk%20desk/_git/models", "Finance/Risk desk/models"),
        ("https://tfs.example.org/Finance/_git/models", "Finance/Risk desk/models"),
        ("https://tfs.example.org", None),
        ("models", None),
    ],
)
def test_azures_organisation_is_a_collection_on_a_server_of_ones_own(remote: str, name: str | None) -> None:
    told = {"repository": {"id": "7", "name": "models", "project": {"name": "Risk desk"}, "remoteUrl": remote}}
    assert forge("azure").home(told) == Home("7", name)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://dev.azure.com/acme/_apis/git/repositories/7", "acme/Risk desk/models"),
        ("https://dev.azure.com/acme/d350c9c0/_apis/git/repositories/7", "acme/Risk desk/models"),
        ("https://acme.visualstudio.com/_apis/git/repositories/7", "acme/Risk desk/models"),
        ("https://tfs.example.org/tfs/Finance/d350c9c0/_apis/git/repositories/7", None),
    ],
)
def test_azures_lists_tell_the_name_of_a_project_whose_old_one_still_works(url: str, name: str | None) -> None:
    told = {"repository": {"id": "7", "name": "models", "project": {"name": "Risk desk"}, "url": url}}
    assert forge("azure").home(told) == Home("7", name)


@pytest.mark.parametrize(
    ("number", "kind"), [(7, "comment"), (2**63 - 1, "comment"), (2**63, "other"), (10**40, "other")]
)
def test_a_comment_on_a_number_that_no_database_holds_gives_no_command(number: int, kind: str) -> None:
    """It would be looked for, and the driver of SQLite fails for more than 64 bits."""
    payload = {
        "object_kind": "note", "merge_request": {"iid": number}, "user": {"username": "noor"},
        "object_attributes": {"note": "/release-mgmt minor because it is safe", "action": "create"},
    }  # fmt: skip
    assert forge("gitlab").event({}, payload).kind == kind


def test_a_comment_that_is_edited_at_gitlab_gives_no_command() -> None:
    """A maintainer may edit what others wrote, and the delivery names the maintainer."""
    note = {"note": "/release-mgmt minor because it is safe", "created_at": "2026-11-20 08:00:00 UTC"}
    payload = {"object_kind": "note", "merge_request": {"iid": 7}, "user": {"username": "noor"}}
    kinds = {
        action: forge("gitlab").event({}, payload | {"object_attributes": note | {"action": action}}).kind
        for action in ("create", "update")
    }
    assert kinds == {"create": "comment", "update": "other"}


def test_a_pull_request_that_is_deleted_at_bitbucket_is_open_no_more() -> None:
    """It is told as it was, in the second of its last update, and never again."""
    raw = {"id": 7, "title": "Tune", "state": "OPEN", "updatedDate": 1_551_433_034_000}
    payload = {"pullRequest": raw, "date": "2026-11-20T10:37:14+0100"}
    deleted = forge("bitbucket_server").event({"X-Event-Key": "pr:deleted"}, payload)
    assert deleted.pull_request is not None
    assert deleted.at is not None
    listed = telling(forge("bitbucket_server").parse(raw), deleted.at - MINUTE)
    assert join(telling(deleted.pull_request, deleted.at), listed).record.state == "closed"
