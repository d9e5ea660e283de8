"""Levels of stored changes: classification into the database, overrides, and who may set them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from release_mgmt import clock
from release_mgmt.core.classification import load_rules
from release_mgmt.core.errors import Conflict, Forbidden, InvalidInput, StaleVersion
from release_mgmt.core.permissions import EVERYWHERE, Actor, Role, Scope, Via, trusted
from release_mgmt.services import changes, classification, overrides, people, tokens
from release_mgmt.services.advisories import Known, known_advisories
from release_mgmt.services.classify import classify_revisions, default_rules
from release_mgmt.services.evidence_rows import DatabaseCache
from release_mgmt.sources.git import Repository, open_repository
from release_mgmt.store.models import repositories as tables
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.support.gitrepo import Builder

JOB = trusted("classify", Via.JOB)


def engineer(name: str = "Grace") -> Actor:
    return Actor(f"p_{name.lower()}", name, frozenset({Role.ENGINEER}), via=Via.SESSION)


def manager(name: str = "Mary") -> Actor:
    return Actor(f"p_{name.lower()}", name, frozenset({Role.RELEASE_MANAGER}), frozenset({"pricing"}), via=Via.SESSION)


def fill(store: Store, repo: GitRepo, now: datetime, more: dict[str, str] | None = None) -> list[str]:
    """A repository with one change a commit: a new library, a parameter, more logic."""
    shas = [
        repo.commit("Use torch", {"a.py": "import torch\n", **(more or {})}, author="Ada"),
        repo.commit("Tune", {"params.yaml": "lr: 0.1\n"}, author="Ada"),
        repo.commit("Logic", {"a.py": "import torch\nx = torch.ones(1)\n"}, author="Ada"),
    ]
    with store.write() as session:
        session.add(
            tables.Repository(
                id="r1", name="shop", location=str(repo.path), calendar="pricing", adopted_at=now, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        for place, sha in enumerate(shas):
            session.add(
                tables.Commit(
                    repository_id="r1", sha=sha, position=place, parents=" ".join(shas[max(0, place - 1) : place]),
                    author="Ada", subject="x",
                )
            )  # fmt: skip
            session.add(
                tables.Change(
                    id=f"c{place}", repository_id="r1", key=f"k{place}", title=f"Change {place}", author="Ada",
                    state="draft", happened_at=now, created_at=now, updated_at=now, rank=place,
                )
            )  # fmt: skip
            session.flush()
            session.add(tables.ChangeCommit(change_id=f"c{place}", sha=sha, repository_id="r1", position=0))
    return shas


def judge(store: Store, repo: GitRepo, now: datetime, **more: object) -> classification.Reclassified:
    return classification.classify_repository(store, JOB, now, "shop", open_repository(repo.path), **more)  # type: ignore[arg-type]


@pytest.mark.acceptance("CHG-C1")
def test_verdicts_are_stored_with_their_evidence_and_judged_once(
    store: Store, git_repo: GitRepo, now: datetime
) -> None:
    fill(store, git_repo, now)
    done = judge(store, git_repo, now)
    assert (done.judged, [one.after for one in done.moved]) == (3, ["major", "minor", "minor"])
    found = changes.get(store, JOB, "c0")
    assert (found.change.level, found.change.kind, found.rule) == ("major", "new_library", "new-library")
    assert found.new_libraries[0]["name"] == "torch"
    assert found.evidence[0]["line"] == 1
    assert judge(store, git_repo, now).judged == 0


def test_a_change_of_the_rules_shows_first_what_would_move(store: Store, git_repo: GitRepo, now: datetime) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    milder = default_rules("[policy]\nlibrary_new = 'minor'\n")
    would = judge(store, git_repo, now, rules=milder, dry_run=True)
    assert [(one.change, one.before, one.after) for one in would.moved] == [("c0", "major", "minor")]
    assert changes.get(store, JOB, "c0").change.level == "major"
    done = judge(store, git_repo, now, rules=milder)
    assert done.moved == would.moved
    assert changes.get(store, JOB, "c0").change.level == "minor"
    with store.read() as session:
        (row,) = session.scalars(select(AuditRow).where(AuditRow.action == "change.reclassify"))
        assert '"c0":"minor"' in (row.after or "")


def test_verdicts_of_many_changes_are_kept_in_portions(
    store: Store, git_repo: GitRepo, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that others can write while a long history is judged; each portion has its row in the audit log."""
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    monkeypatch.setattr(classification, "AT_ONCE", 2)
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *given: asked.append(str(given[2])))
    turned = ""
    for fact in ("parameter", "logic"):
        turned += f"[[rules]]\nname = '{fact}'\nfact = '{fact}'\nlevel = 'major'\nkind = 'code_logic'\n"
    done = judge(store, git_repo, now, rules=default_rules(turned))
    assert (done.judged, [one.after for one in done.moved]) == (3, ["major", "major"])
    if store.sqlite:
        assert asked.count("BEGIN IMMEDIATE") == 2
    with store.read() as session:
        rows = session.scalars(select(AuditRow.after).where(AuditRow.action == "change.reclassify")).all()
    assert [json.loads(row or "") for row in rows] == [{"c1": "major"}, {"c2": "major"}]


def test_a_change_of_the_rules_judges_only_what_it_touches_and_reads_nothing(
    store: Store, git_repo: GitRepo, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    monkeypatch.setattr(Repository, "log", None)  # a verdict is made from what is kept
    milder = default_rules("[policy]\nlibrary_new = 'minor'\n")
    would = judge(store, git_repo, now, rules=milder, dry_run=True)
    assert (would.judged, [one.change for one in would.moved]) == (1, ["c0"])
    quiet = default_rules("[policy]\nlibrary_new = 'minor'\ncode_logic = 'minor'\n")
    assert judge(store, git_repo, now, rules=quiet).judged == 2
    assert judge(store, git_repo, now, rules=default_rules("[policy]\nlibrary_optional = 'major'\n")).judged == 2
    other = '[[rules]]\nname = "metrics"\nfact = "metric"\nlevel = "major"\nkind = "code_logic"\n'
    assert judge(store, git_repo, now, rules=default_rules(other)).judged == 0


def test_the_rules_of_a_repository_win_over_ours(store: Store, git_repo: GitRepo, now: datetime) -> None:
    fill(store, git_repo, now)
    with store.write() as session:
        repository = session.get(tables.Repository, "r1")
        assert repository is not None
        repository.settings = {classification.RULES_SETTING: "[policy]\nlibrary_new = 'minor'\n"}
    judge(store, git_repo, now)
    assert changes.get(store, JOB, "c0").change.level == "minor"


@pytest.mark.acceptance("CHG-C1")
def test_an_override_wins_survives_and_leaves_a_trace(store: Store, git_repo: GitRepo, now: datetime) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    overrides.override(store, engineer(), now, "c1", "major", "Prices move for everybody")
    stricter = default_rules("[policy]\ncode_logic = 'major'\n")
    judge(store, git_repo, now, rules=stricter)
    found = changes.get(store, JOB, "c1")
    assert (found.change.level, found.classified_level, found.change.overridden) == ("major", "minor", True)
    (one,) = found.overrides
    assert (one.previous_level, one.reason, one.made_by, one.made_at) == (
        "minor", "Prices move for everybody", "p_grace", now,
    )  # fmt: skip
    with store.read() as session:
        (row,) = session.scalars(select(AuditRow).where(AuditRow.subject == "change:c1"))
        assert (row.action, row.reason, row.actor) == ("level.raise", "Prices move for everybody", "p_grace")


def test_any_engineer_raises_and_only_a_manager_who_is_not_the_author_lowers(
    store: Store, git_repo: GitRepo, now: datetime
) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    with pytest.raises(Forbidden):
        overrides.override(store, engineer(), now, "c0", "minor", "It is small")
    with pytest.raises(Forbidden, match="author"):
        overrides.override(store, manager("Ada"), now, "c0", "minor", "It is small")
    elsewhere = Actor("p_x", "X", frozenset({Role.RELEASE_MANAGER}), frozenset({"other"}), via=Via.SESSION)
    with pytest.raises(Forbidden):
        overrides.override(store, elsewhere, now, "c0", "minor", "It is small")
    overrides.override(store, manager(), now, "c0", "minor", "Only used in a report")
    assert changes.get(store, JOB, "c0").change.level == "minor"
    overrides.override(store, engineer(), now + timedelta(hours=1), "c0", "major", "No, in production too")
    reader = Actor("p_r", "R", frozenset({Role.READER}), via=Via.SESSION)
    with pytest.raises(Forbidden):
        overrides.override(store, reader, now, "c1", "major", "I think so")


def test_without_a_calendar_only_a_manager_of_all_calendars_lowers(
    store: Store, git_repo: GitRepo, now: datetime
) -> None:
    """Nobody's calendar is not everybody's: neither an engineer nor a manager of some calendar may do it there."""
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    with store.write() as session:
        session.get_one(tables.Repository, "r1").calendar = None
    for refused in (engineer(), manager()):
        with pytest.raises(Forbidden):
            overrides.override(store, refused, now, "c0", "minor", "It is small")
    everywhere = Actor("p_e", "E", frozenset({Role.RELEASE_MANAGER}), frozenset({EVERYWHERE}), via=Via.SESSION)
    overrides.override(store, everywhere, now, "c0", "minor", "Only used in a report")
    assert changes.get(store, JOB, "c0").change.level == "minor"


def test_an_override_is_refused_without_a_reason_twice_or_on_an_old_version(
    store: Store, git_repo: GitRepo, now: datetime
) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    with pytest.raises(InvalidInput, match="reason"):
        overrides.override(store, engineer(), now, "c1", "major", " \u200b ")
    with pytest.raises(InvalidInput, match="level"):
        overrides.override(store, engineer(), now, "c1", "huge", "Because")
    with pytest.raises(StaleVersion):
        overrides.override(store, engineer(), now, "c1", "major", "Because", version=9)
    version = overrides.override(store, engineer(), now, "c1", "major", "Because", version=1)
    with pytest.raises(Conflict):
        overrides.override(store, engineer(), now, "c1", "major", "Because", version=version)


def test_taking_an_override_back_needs_who_may_go_there(store: Store, git_repo: GitRepo, now: datetime) -> None:
    fill(store, git_repo, now)
    judge(store, git_repo, now)
    overrides.override(store, engineer(), now, "c1", "major", "Prices move")
    with pytest.raises(Forbidden):
        overrides.withdraw_override(store, engineer("Linus"), now, "c1", "No they do not")
    overrides.withdraw_override(store, manager(), now, "c1", "No they do not")
    found = changes.get(store, JOB, "c1")
    assert (found.change.level, found.change.overridden) == ("minor", False)
    assert found.overrides[0].withdrawn_at == now


def test_over_http(app: Flask, one_store: Store, git_repo: GitRepo, now: datetime) -> None:
    fill(one_store, git_repo, now)
    judge(one_store, git_repo, now)
    operator = trusted("operator", Via.CLI)

    def call(role: Role, **request: object) -> Callable[..., object]:
        grant = people.Grant(role, "pricing" if role is Role.RELEASE_MANAGER else EVERYWHERE)
        person = people.add(
            one_store, operator, clock.now(), name=role.value, login=f"{role.value}@example.org", grants=(grant,)
        )
        made = tokens.create(one_store, operator, clock.now(), name="t", scopes=tuple(Scope), person=person.id)
        headers = {"Authorization": f"Bearer {made.secret}"}
        return lambda method, path, **more: app.test_client().open(
            path, method=method, headers={**headers, **more.pop("headers", {})}, **more
        )

    ask, decide = call(Role.ENGINEER), call(Role.RELEASE_MANAGER)
    path, body = "/api/v1/changes/c1/override", {"level": "major", "reason": "Prices move"}
    raised = ask("PUT", path, json=body)
    assert (raised.status_code, raised.json["level"], raised.json["classified_level"]) == (200, "major", "minor")
    stale = ask("PUT", path, json=body, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.content_type) == (412, "application/problem+json")
    assert ask("DELETE", path, query_string={"reason": "I changed my mind"}).status_code == 403
    assert ask("PUT", path, json={"level": "major"}).status_code == 422
    back = decide("DELETE", path, query_string={"reason": "It is small"})
    assert (back.status_code, back.json["level"], back.json["overridden"]) == (200, "minor", False)
    assert app.test_client().put(path, json=body).status_code == 401


def test_rules_that_are_wrong_are_told_with_their_line() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_rules(
            "[policy]\nlibrary_new = 'huge'\n\n[[rules]]\nname = 'a'\nfact = 'nonsense'\n"
            "level = 'major'\nkind = 'new_library'\ncolour = 'red'\n"
        )
    faults = {(fault.path, fault.message.split()[0]) for fault in caught.value.errors}
    assert ("line 2", "library_new") in faults
    assert ("line 6", "fact") in faults
    assert ("line 9", "unknown") in faults


ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "Reads files it should not",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "mlflow"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.9.2"}]}],
        }
    ],
}


def test_advisories_are_told_with_the_changes_that_bring_a_library(
    store: Store, git_repo: GitRepo, now: datetime, tmp_path: Path
) -> None:
    """New files are told at the next look without a new commit, only changes about libraries are judged again, and what
    is gone is told no more; a file that cannot be read hides no other."""
    fill(store, git_repo, now, {"requirements.txt": "mlflow==2.9.0\n"})
    folder = tmp_path / "osv"
    folder.mkdir()

    def told(change: str) -> list[tuple[object, object]]:
        found = changes.get(store, JOB, change)
        return [(one["subject"], one["new"]) for one in found.evidence if one["kind"] == "advisory"]

    assert known_advisories("") is None
    judge(store, git_repo, now, known=known_advisories(str(folder)))
    assert told("c0") == []
    (folder / "broken.json").write_text("{")
    (folder / "mlflow.json").write_text(json.dumps(ADVISORY))
    assert [one[0] for one in advisories_of(folder).faults] == [str(folder / "broken.json")]
    again = judge(store, git_repo, now, known=advisories_of(folder))
    assert (again.judged, again.moved) == (1, ())
    assert told("c0") == [("mlflow", "PYSEC-2026-1: Reads files it should not (mended in 2.9.2)")]
    assert changes.get(store, JOB, "c0").change.needs_review
    assert judge(store, git_repo, now, known=advisories_of(folder)).judged == 0
    (folder / "mlflow.json").unlink()
    assert judge(store, git_repo, now, known=advisories_of(folder)).judged == 1
    assert told("c0") == []


def advisories_of(folder: Path) -> Known:
    found = known_advisories(str(folder))
    assert found is not None
    return found


def test_several_processes_share_what_they_read_in_the_database(store: Store, now: datetime, tmp_path: Path) -> None:
    """What each process reads of blobs is kept for the others and for the next time, as by one process."""
    builder = Builder(tmp_path / "many.git")
    tip = builder.commit("Begin", files={"a.py": "import os\n"})
    for number in range(320):
        tip = builder.commit(
            f"Step {number}", tip, files={f"m{number % 5}.py": f"import lib{number % 9}\nx = {number}\n"}
        )
    builder.branch("main", tip)
    repository = open_repository(builder.build())
    shas = [commit.sha for commit in repository.log([repository.resolve("HEAD")])]
    alone = list(classify_revisions(repository, shas))
    cache = DatabaseCache(store, now)
    assert list(classify_revisions(repository, shas, cache=cache, processes=2)) == alone
    with store.read() as session:
        kept = session.scalar(select(func.count()).select_from(tables.ClassificationCache))
    assert kept is not None
    assert kept >= 3 * len(shas)  # each change, its file and the pair of its file
    assert list(classify_revisions(repository, shas, cache=cache)) == alone
