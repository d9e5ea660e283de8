"""Repositories, releases, changes and jobs over REST, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from sqlalchemy import event

from release_mgmt.store.models.repositories import Change, ChangeCommit, ClassificationRow, Commit, Release, Repository
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.integration.publishing.conftest import know

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The SQL that runs meanwhile."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            seen.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine, "before_cursor_execute", note)


def fill(store: Store, changes: int = 5) -> None:
    """One repository with a release of ``changes`` changes, a commit and a verdict each."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="pricing", location="/nowhere", settings={}, diagnostics=[], adopted_at=AT,
                created_at=AT, updated_at=AT,
            )
        )  # fmt: skip
        session.flush()
        for number, version in enumerate(("1.0.0", "1.1.0", "2.0.0")):
            session.add(
                Release(
                    id=f"rel_{number}", repository_id="r_1", version=version, tag=f"v{version}", sha=f"{number:040x}",
                    previous_id=f"rel_{number - 1}" if number else None, position=number, section={},
                )
            )  # fmt: skip
        for number in range(changes):
            session.add(
                Change(
                    id=f"c_{number:04d}", repository_id="r_1", key=f"github:{number}", title=f"Change {number} 50%",
                    author="Ada",
                    state="released" if number % 2 else "draft", level="minor" if number % 3 else "major",
                    happened_at=AT + timedelta(minutes=number // 2), release_id="rel_1" if number % 2 else None,
                    created_at=AT, updated_at=AT, record={"details": []},
                )
            )  # fmt: skip
            session.add(
                Commit(
                    repository_id="r_1", sha=f"{number:040x}", position=number, parents="", author="Ada", subject="x"
                )
            )
        session.flush()
        for number in range(changes):
            session.add(ChangeCommit(change_id=f"c_{number:04d}", sha=f"{number:040x}", repository_id="r_1"))
            session.add(
                ClassificationRow(
                    change_id=f"c_{number:04d}", content="x", policy="p", level="minor", kind="parameter_only",
                    needs_review=False, rule="parameters", evidence=[{"kind": "parameter"}], new_libraries=[],
                    classified_at=AT,
                )
            )  # fmt: skip


def test_a_repository_from_registering_to_archiving(
    administrator: FlaskClient, reader: FlaskClient, make_git_repo: Callable[[str], GitRepo]
) -> None:
    """Register, read, edit with If-Match, sync, archive, restore; a reader may only read."""
    repo = make_git_repo("model")
    repo.commit("Begin.")
    made = administrator.post("/api/v1/repositories", json={"location": str(repo.path), "description": "A model"})
    assert made.status_code == 201, made.text
    assert made.json is not None
    assert made.json["name"] == "model"
    assert administrator.post("/api/v1/repositories", json={"location": str(repo.path)}).status_code == 409
    assert reader.post("/api/v1/repositories", json={"location": str(repo.path)}).status_code == 403
    listed = reader.get("/api/v1/repositories").json
    assert listed is not None
    assert [one["name"] for one in listed["items"]] == ["model"]
    assert listed["next"] is None
    tag = reader.get("/api/v1/repositories/model").headers["ETag"]
    edited = administrator.patch("/api/v1/repositories/model", json={"name": "better"}, headers={"If-Match": tag})
    assert edited.status_code == 200, edited.text
    assert edited.headers["ETag"] != tag
    stale = administrator.patch("/api/v1/repositories/better", json={"description": "x"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.content_type) == (412, "application/problem+json")
    assert reader.get("/api/v1/repositories/model").status_code == 404
    job = administrator.post("/api/v1/repositories/better/sync")
    assert job.status_code == 202
    assert job.json is not None
    again = administrator.post("/api/v1/repositories/better/sync")
    assert again.json is not None
    assert again.json["id"] == job.json["id"], "at most one job waits for a repository"
    assert reader.get(job.headers["Location"]).json == again.json
    assert administrator.post(f"{job.headers['Location']}/cancel").json["state"] == "cancelled"
    assert administrator.delete("/api/v1/repositories/better").status_code == 200
    assert administrator.post("/api/v1/repositories/better/sync").status_code == 409
    assert reader.get("/api/v1/repositories").json == {"items": [], "next": None}
    assert administrator.post("/api/v1/repositories/better/restore").json["archived_at"] is None


@pytest.mark.parametrize(
    "body",
    [
        {}, {"location": ""}, {"location": "/etc"}, {"location": "file:///etc"}, {"location": "ext::sh -c id"},
        {"location": "https://u:p@example.org/x"}, {"location": "http://127.0.0.1/x"}, {"location": "x", "colour": 1},
        {"location": "https://example.org/x.git", "name": "../x"},
        {"location": "https://example.org/x.git", "adopted_at": "soon"},
        [], "text",
    ],
)  # fmt: skip
def test_wrong_repositories_are_refused_by_field(administrator: FlaskClient, body: object) -> None:
    """Each wrong request is a 422 problem that names a field; nothing is registered."""
    response = administrator.post("/api/v1/repositories", json=body)
    assert response.status_code == 422, response.text
    assert response.json is not None
    assert response.json["code"] == "invalid_input"
    assert response.json["errors"]
    assert administrator.get("/api/v1/repositories").json == {"items": [], "next": None}


def test_folders_without_a_whole_repository_are_refused(
    administrator: FlaskClient, make_git_repo: Callable[[str], GitRepo], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No repository: 409 with what to do; outside the roots: 422."""
    outside = tmp_path_factory.mktemp("outside")
    assert administrator.post("/api/v1/repositories", json={"location": str(outside)}).status_code == 422
    plain = make_git_repo("plain").path.parent / "store"
    refused = administrator.post("/api/v1/repositories", json={"location": str(plain)})
    assert refused.status_code == 409, refused.text


def test_the_same_key_never_has_its_effect_twice(
    administrator: FlaskClient, make_git_repo: Callable[[str], GitRepo]
) -> None:
    """A repeated request gets the first answer; the same key with another body is refused; a failure frees the key."""
    repo = make_git_repo("once")
    repo.commit("Begin.")
    headers = {"Idempotency-Key": "k-1"}
    body = {"location": str(repo.path)}
    assert administrator.post("/api/v1/repositories", json={"location": "/etc"}, headers=headers).status_code == 422
    first = administrator.post("/api/v1/repositories", json=body, headers=headers)
    again = administrator.post("/api/v1/repositories", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["ETag"] == first.headers["ETag"]
    other = administrator.post("/api/v1/repositories", json={**body, "name": "other"}, headers=headers)
    assert other.status_code == 422


def test_every_change_comes_once_whatever_the_page_size(reader: FlaskClient, store: Store) -> None:
    """Pages of every size hold all changes in the same order, also where many happened in the same minute."""
    fill(store, 11)
    whole = reader.get("/api/v1/changes?limit=500").json
    assert whole is not None
    ids = [one["id"] for one in whole["items"]]
    assert len(set(ids)) == 11
    for limit in (1, 2, 3, 10, 11):
        seen, cursor = [], ""
        while True:
            got = reader.get(f"/api/v1/changes?limit={limit}{cursor}").json
            assert got is not None
            seen += [one["id"] for one in got["items"]]
            if got["next"] is None:
                break
            cursor = f"&cursor={got['next']}"
        assert seen == ids
    for wrong in ("x", "W10", "WzFd", "bnVsbA"):
        assert reader.get(f"/api/v1/changes?cursor={wrong}").status_code == 422


def test_filters(reader: FlaskClient, store: Store) -> None:
    """Each filter narrows; wild cards of SQL are text; unknown values are refused."""
    fill(store, 6)

    def count(query: str) -> int:
        got = reader.get(f"/api/v1/changes?{query}")
        assert got.status_code == 200, got.text
        assert got.json is not None
        return len(got.json["items"])

    assert count("level=major") == 2
    assert count("state=draft") == 3
    assert count("state=draft&state=released") == 6
    assert count("unreleased=true") == 3
    assert count("release=1.1.0") == 3
    assert count("repository=pricing&text=CHANGE") == 6
    assert count("text=%25") == 6
    assert count("text=_hange") == 0
    assert reader.get("/api/v1/changes?state=gone").status_code == 422
    assert reader.get("/api/v1/changes?repository=none").status_code == 404


def test_lists_need_the_same_number_of_queries_whatever_their_length(reader: FlaskClient, store: Store) -> None:
    """No list and no detail asks the database once a row."""
    fill(store, 60)
    reader.get("/api/v1/jobs")  # the first use of a token is noted
    counts: dict[str, set[int]] = {}
    for limit in (1, 50):
        for path in ("changes", "repositories", "jobs", "repositories/pricing/releases"):
            with statements(store) as seen:
                assert reader.get(f"/api/v1/{path}?limit={limit}").status_code == 200
            counts.setdefault(path, set()).add(len(seen))
    assert all(len(one) == 1 for one in counts.values()), counts
    with statements(store) as seen:
        found = reader.get("/api/v1/changes/c_0001").json
    assert found is not None
    assert len([one for one in seen if "person" not in one and "token" not in one]) <= 8
    assert found["commits"][0]["sha"] == f"{1:040x}"
    assert found["evidence"] == [{"kind": "parameter"}]
    assert found["change"]["release"] == "1.1.0"


def test_releases_newest_version_first(reader: FlaskClient, store: Store) -> None:
    """In version order with the version each is compared with; by tag or version; unknown ones are 404."""
    fill(store, 1)
    got = reader.get("/api/v1/repositories/pricing/releases").json
    assert got is not None
    assert [(one["version"], one["previous"]) for one in got["items"]] == [
        ("2.0.0", "1.1.0"), ("1.1.0", "1.0.0"), ("1.0.0", None),
    ]  # fmt: skip
    assert reader.get("/api/v1/repositories/pricing/releases/v2.0.0").json == got["items"][0]
    assert reader.get("/api/v1/repositories/pricing/releases/9").status_code == 404
    assert reader.get("/api/v1/repositories/none/releases").status_code == 404


def test_pages_tell_the_only_calendar_of_a_repository_that_names_none(reader: FlaskClient, store: Store) -> None:
    """It is planned by that one; of two, by neither."""
    fill(store, 1)
    told = ('/calendar?calendar=releases">releases</a>', '<td data-label="Calendar">releases</td>')
    for calendars, tells in (((), False), (("releases",), True), (("other",), False)):
        know(store, AT, calendars=calendars)
        for path, text in zip(("/repositories/pricing", "/repositories"), told, strict=True):
            assert (text in reader.get(path).text) is tells, (path, calendars)


def test_unchanged_lists_cost_no_transfer(reader: FlaskClient, store: Store) -> None:
    """A list has an ETag; asking with it gets 304."""
    fill(store, 3)
    first = reader.get("/api/v1/changes")
    assert reader.get("/api/v1/changes", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_description_is_valid_and_readable(on_both: Flask, client: FlaskClient) -> None:
    """The document is valid OpenAPI 3.1 and the page shows every operation, without anything of a third party."""
    document = client.get("/api/v1/openapi.json").json
    assert document is not None
    validate(document)
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    for path, item in document["paths"].items():
        for method in set(item) & {"get", "post", "put", "patch", "delete"}:
            assert f"{method.upper()} {path}" in page.text
    assert "https://" not in page.text.replace(document["info"]["description"], "")
