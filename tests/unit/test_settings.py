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
    (tmp_path / "key").write_text("abc" * 12 + "\n")
    monkeypatch.setenv(PREFIX + "SECRET_KEY_FILE", str(tmp_path / "key"))
    assert load().secret_key == "abc" * 12
    monkeypatch.setenv(PREFIX + "SECRET_KEY_FILE", str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="RELEASE_MGMT_SECRET_KEY_FILE must name a readable file"):
        load()


def test_a_secret_key_that_could_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says how long it must be and does not tell the key; none at all is one that we make."""
    monkeypatch.setenv(PREFIX + "SECRET_KEY", "k" * 31)
    with pytest.raises(SettingsError, match=r"secret_key .*Must be 32 or more characters") as refused:
        load()
    assert "kkk" not in str(refused.value)
    for allowed in ("", "k" * 32, "two\nlines" * 8):
        monkeypatch.setenv(PREFIX + "SECRET_KEY", allowed)
        assert load().secret_key == allowed


@pytest.mark.parametrize("wrong", ["yes", "1", "True", "on", "", "0", "no"])
def test_booleans_are_strict(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Only ``true`` and ``false``: a typing error must not open something."""
    monkeypatch.setenv(PREFIX + "METRICS_PUBLIC", wrong)
    with pytest.raises(SettingsError, match="metrics_public"):
        load()


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("port", "abc", "Must be a whole number from 0 to 65535."),
        ("port", "99999", "Must be a whole number from 0 to 65535."),
        ("metrics_public", "maybe", "Must be true or false."),
        ("data_dir", "", "Must be a folder."),
        ("host", "", "Must be an address of this machine, or 0.0.0.0 for all."),
        ("worker_id", "", "Must be a name without spaces."),
        ("public_url", "releases.example.org", "Must be http:// or https:// with a host, and no path."),
        ("public_url", "https://example.org/releases", "Must be http:// or https:// with a host, and no path."),
        ("public_url", "https://releases.example.org/?a=b", "Must be http:// or https://"),
        ("oidc_issuer", "ftp://sign-in.example.org", "Must be http:// or https://"),
        ("traces_endpoint", "collector:4318", "Must be http:// or https://"),
        ("rate_limit", "banana", "Must be a number for a time, such as 1200/minute, or empty."),
        ("rate_limit_storage", "memcached://host", "Must be memory://, database:// or redis://HOST."),
        ("oidc_groups", "staff=reader,staff=king", "Must be GROUP=reader, GROUP=engineer"),
        ("oidc_groups", "staff=release_manager", "GROUP=release_manager:CALENDAR"),
        ("repository_hosts", "https://git.example.org/x", "Must be names of hosts alone"),
        ("message_hosts", "hooks.example.org/x", "Must be names of hosts alone"),
        ("keep_jobs_days", "99999999999", "Must be a whole number from 1 to 36500."),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str, allowed: str
) -> None:
    """Not at the first request or the first night of retention, and not by a limit that holds nobody."""
    monkeypatch.setenv(PREFIX + name.upper(), wrong)
    with pytest.raises(SettingsError) as caught:
        load()
    [told] = caught.value.problems
    assert told.startswith(f"{name} (environment {PREFIX}{name.upper()}): ")
    assert allowed in told


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("host", "::1"),
        ("public_url", ""),
        ("public_url", "https://releases.example.org:8443/"),
        ("oidc_issuer", "https://sign-in.example.org/realms/one"),
        ("rate_limit", ""),
        ("rate_limit", "10/second;300 per 5 minute"),
        ("rate_limit_storage", "redis+sentinel://:secret@host:26379/mymaster"),
        ("oidc_groups", "cn=staff=reader"),
        ("oidc_groups", "a=release_manager:*, b=team:fraud"),
        ("repository_hosts", "git.example.org, 10.0.0.1:3000, [::1]"),
    ],
)
def test_what_may_be_set_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, right: str) -> None:
    """The usual forms, and empty where that means none."""
    monkeypatch.setenv(PREFIX + name.upper(), right)
    assert load().origin(name) != "default"


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
