"""The commands for people, tokens and the audit log, run on a real database."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text, update

from release_mgmt import clock
from release_mgmt.cli import cli
from release_mgmt.core.errors import ReleaseMgmtError
from release_mgmt.store import migrate
from release_mgmt.store.models.scheduling import PlacementRow, WindowRow
from release_mgmt.store.session import Store, make_engine
from tests.integration.test_approvals import KEY, settled


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database that the commands use."""
    monkeypatch.setenv("RELEASE_MGMT_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = f"sqlite:///{tmp_path}/release-mgmt.db"
    migrate.upgrade(found)
    return found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def done(*arguments: str) -> str:
    found = run(*arguments)
    assert found.exit_code == 0, found.output + str(found.exception)
    return found.output


def test_people_and_tokens_from_the_command_line(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    added = done("user", "add", "Ada@example.org", "--name", "Ada", "--role", "engineer",
                 "--role", "release_manager:pricing")  # fmt: skip
    assert "/welcome/" in added
    listed = done("user", "list")
    assert "ada@example.org  Ada  [engineer release_manager:pricing]" in listed
    done("user", "link", "ada@example.org", "github:Ada")
    done("user", "link", "ada@example.org", "github:ada", "--remove")
    assert "/welcome/" in done("user", "reset", "ada@example.org")
    assert "/welcome/" not in done("user", "add", "ci", "--service")
    token = done("token", "create", "--user", "ci", "--name", "ci", "--scope", "gate").strip()
    assert token.startswith("rmt_")
    shown = done("token", "list")
    assert token not in shown
    assert "  until " in shown
    with monkeypatch.context() as patch:
        later = clock.now() + timedelta(days=91)
        patch.setattr(clock, "now", lambda: later)
        assert "  expired " in done("token", "list")
    done("token", "revoke", shown.split()[0])
    assert "revoked" in done("token", "list", "--user", "ci")


def test_a_wrong_role_and_an_unknown_person_are_told(url: str) -> None:
    for arguments, word in [
        (("user", "add", "eve", "--role", "king"), "grants[0].role"),
        (("user", "add", "eve", "--role", "release_manager"), "calendar"),
        (("user", "reset", "nobody"), "no such person"),
    ]:
        found = run(*arguments)
        assert isinstance(found.exception, ReleaseMgmtError)
        assert word in found.exception.message + str(getattr(found.exception, "errors", ""))


@pytest.mark.acceptance("SCH-A10")
def test_audit_verify_finds_a_changed_a_removed_and_an_inserted_row(url: str) -> None:
    for login in ("a1", "b2", "c3", "d4"):
        done("user", "add", login, "--service")
    assert "sound: 4 rows" in done("audit", "verify")
    assert [json.loads(line)["number"] for line in done("audit", "export").splitlines()] == [4, 3, 2, 1]
    engine = make_engine(url)

    def tampered(*statements: str) -> Result:
        copy = make_engine(url)
        with copy.connect() as connection, connection.begin() as transaction:
            saved = connection.execute(text("SELECT * FROM audit_log")).mappings().all()
            connection.execute(text("DROP TRIGGER IF EXISTS audit_log_no_update"))
            connection.execute(text("DROP TRIGGER IF EXISTS audit_log_no_delete"))
            for statement in statements:
                connection.execute(text(statement))
            transaction.commit()
        found = run("audit", "verify")
        with copy.connect() as connection, connection.begin():
            connection.execute(text("DELETE FROM audit_log"))
            names = ", ".join(saved[0])
            values = ", ".join(f":{name}" for name in saved[0])
            connection.execute(text(f"INSERT INTO audit_log ({names}) VALUES ({values})"), [dict(row) for row in saved])
        return found

    inserted = (
        "UPDATE audit_log SET number = number + 10 WHERE number > 2",
        "UPDATE audit_log SET number = number - 9 WHERE number > 10",
        (
            "INSERT INTO audit_log SELECT 3, at, actor, actor_name, via, origin, action, subject, reason, before, "
            "after, hash FROM audit_log WHERE number = 2"
        ),
    )
    for statements, words in [
        (("UPDATE audit_log SET subject = 'person:other' WHERE number = 2",), "Row 2 or the one before it was changed"),
        (("DELETE FROM audit_log WHERE number = 3",), "Row 3 is missing"),
        (("DELETE FROM audit_log WHERE number = 4",), "ends at row 3 and should end at row 4"),
        (inserted, "Row 3 or the one before it was changed or inserted"),
    ]:
        found = tampered(*statements)
        assert found.exit_code == 1
        assert words in found.output
    assert "sound" in done("audit", "verify")
    engine.dispose()


def test_a_window_is_approved_from_the_command_line_as_a_person(url: str) -> None:
    store = Store(url)
    town = settled(store)
    town.change("c1")
    soon = clock.now() + timedelta(days=1)
    with store.write() as session:
        session.execute(update(PlacementRow).values(starts_at=soon))
        session.execute(update(WindowRow).values(starts_at=soon))
    assert done("approve", "--as", "m1", "--window", f"pricing/{KEY}") == "c1: approve\n"
    assert "already_voted" in done("approve", "--as", "m1", "--window", f"pricing/{KEY}")
    refused = run("approve", "--as", "author", "--change", "c1")
    assert isinstance(refused.exception, ReleaseMgmtError)
    assert refused.exception.code == "self_approval"
    store.close()
