"""Settings: where values come from, what is refused, and that the guide tells all of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from release_mgmt.settings import PREFIX, SettingsError, load, settings_fields


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file lies around."""
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value tells where it came from."""
    (tmp_path / "release-mgmt.toml").write_text('port = 1\nhost = "0.0.0.0"\nrepository_roots = ["/a", "/b"]\n')
    monkeypatch.setenv(PREFIX + "PORT", "2")
    chosen = load()
    assert (chosen.port, chosen.host, chosen.log_level) == (2, "0.0.0.0", "info")
    assert chosen.repository_roots == ("/a", "/b")
    assert chosen.origin("port") == "environment RELEASE_MGMT_PORT"
    assert chosen.origin("host") == "file release-mgmt.toml"
    assert chosen.origin("log_level") == "default"


def test_secrets_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``*_FILE`` names a file; the newline at its end is not part of the secret; a missing one is told by name."""
    (tmp_path / "key").write_text("abc\n")
    monkeypatch.setenv(PREFIX + "SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load().secret_key == "abc"
    monkeypatch.setenv(PREFIX + "SECRET_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="RELEASE_MGMT_SECRET_KEY_FILE must name a readable file"):
        load()


@pytest.mark.parametrize("wrong", ["yes", "1", "True", "on", "", "0", "no"])
def test_booleans_are_strict(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Only ``true`` and ``false``: a typing error must not open something."""
    monkeypatch.setenv(PREFIX + "METRICS_PUBLIC", wrong)
    with pytest.raises(SettingsError, match="metrics_public"):
        load()


def test_every_fault_is_told_at_once_with_what_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown keys with a suggestion, wrong values by name and origin, never the value itself."""
    (tmp_path / "release-mgmt.toml").write_text('wroker_id = "x"\nport = 99999\nqqqq = 1\n')
    monkeypatch.setenv(PREFIX + "LOG_LEVL", "debug")
    monkeypatch.setenv(PREFIX + "LOCK_TIMEOUT", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load()
    told = "\n".join(caught.value.problems)
    assert "unknown setting wroker_id, did you mean worker_id?" in told
    assert "unknown setting qqqq" in told
    assert "did you mean RELEASE_MGMT_LOG_LEVEL?" in told
    assert "port (file release-mgmt.toml)" in told
    assert "lock_timeout (environment RELEASE_MGMT_LOCK_TIMEOUT)" in told
    assert "hunter2" not in told


def test_variables_of_ours_that_are_no_settings_are_let_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who asks the gate and serves in one shell is not stopped by the token."""
    (tmp_path / "own.toml").write_text("port = 7\n")
    monkeypatch.setenv(PREFIX + "TOKEN", "rm_secret")
    monkeypatch.setenv(PREFIX + "CONFIG", "own.toml")
    assert load().port == 7
    monkeypatch.setenv(PREFIX + "TOKENS", "x")
    with pytest.raises(SettingsError, match="unknown variable RELEASE_MGMT_TOKENS"):
        load()


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    """A file that is named must be there and be TOML."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("port = = 1")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(tmp_path / "bad.toml")


def test_addresses_of_databases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Embedded by default, the engine in a file of its own; PostgreSQL by psycopg 3 in any of its spellings."""
    chosen = load()
    assert chosen.database == f"sqlite:///{tmp_path}/var/release-mgmt.db"
    assert chosen.jobs_database == f"sqlite:///{tmp_path}/var/jobs.db"
    for spelling in ("postgres://h/n", "postgresql://h/n", "postgresql+psycopg://h/n"):
        monkeypatch.setenv(PREFIX + "DATABASE_URL", spelling)
        assert load().database == load().jobs_database == "postgresql+psycopg://h/n"


def test_the_guide_tells_every_setting_and_no_other() -> None:
    """docs/operations.md has a line for each setting, with its words, and none for a setting that is gone."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
    told = dict(re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", guide.partition("## Settings")[2], re.MULTILINE))
    wanted = {
        one.name: one.metadata["help"].replace("|", "/") + (" (secret)" if one.metadata["secret"] else "")
        for one in settings_fields()
    }
    assert told == wanted


def test_every_setting_says_what_it_is() -> None:
    """No setting without a sentence, no secret that is not marked."""
    for one in settings_fields():
        assert one.metadata["help"], one.name
        if any(word in one.name for word in ("secret", "token", "password", "database_url")) and one.type == "str":
            assert one.metadata["secret"], one.name
