"""The settings of an installation: read once from a TOML file and the environment, checked, then never changed.

A value comes from, the later wins: the default below, the file (``--config``, ``RELEASE_MGMT_CONFIG``, else
``release-mgmt.toml`` in the working folder, else ``/etc/release-mgmt/release-mgmt.toml``), the environment
(``RELEASE_MGMT_<NAME>``), or a file that the environment names (``RELEASE_MGMT_<NAME>_FILE``, the way container
platforms hand over secrets). Every value knows its origin. An unknown key is an error with a suggestion.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from environs import FileAwareEnv
from marshmallow import Schema, ValidationError
from marshmallow import fields as kinds
from marshmallow.validate import OneOf, Range, Regexp

PREFIX = "RELEASE_MGMT_"
NO_SETTINGS = frozenset({"config", "token"})
"""Variables of ours that are none: where the settings are, and what ``release-mgmt gate`` shows the server."""
FILES = (Path("release-mgmt.toml"), Path("/etc/release-mgmt/release-mgmt.toml"))
DEFAULT = "default"
SHORTEST_KEY = 32  # characters: a shorter one could be found from one signed link by trying


class SettingsError(ValueError):
    """Settings that cannot be used; ``problems`` holds one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class _Words(kinds.List[Any]):
    """A list of texts; in the environment they are separated by commas."""

    def __init__(self, pattern: str = "", allowed: str = "") -> None:
        super().__init__(_text(pattern, allowed))

    def _deserialize(self, value: Any, attr: str | None, data: Any, **extra: Any) -> Any:
        if isinstance(value, str):
            value = [word.strip() for word in value.split(",") if word.strip()]
        return tuple(super()._deserialize(value, attr, data, **extra))


def _switch() -> kinds.Boolean:
    """Strict: ``true`` or ``false``, nothing that looks a little like it."""
    return kinds.Boolean(
        truthy={True, "true"}, falsy={False, "false"}, error_messages={"invalid": "Must be true or false."}
    )


def _number(least: int, most: int) -> kinds.Integer:
    told = f"Must be a whole number from {least} to {most}."
    return kinds.Integer(validate=Range(min=least, max=most, error=told), error_messages={"invalid": told})


def _text(pattern: str, allowed: str) -> kinds.String:
    """A text that matches as a whole."""
    return kinds.String(validate=Regexp(rf"(?:{pattern})\Z", error=f"Must be {allowed}.") if pattern else None)


def _rate(text: str) -> None:
    from limits import parse_many  # only who sets a rate loads it

    try:
        if text:
            parse_many(text)
    except ValueError:
        raise ValidationError("Must be a number for a time, such as 1200/minute, or empty.") from None


_ADDRESS = r"(https?://[^\s/?#@]+(/[^\s?#]*)?)?", "http:// or https:// with a host, and perhaps a path"
_HOSTS = r"[\w.:\[\]-]+", "names of hosts alone, such as git.example.org"
_SOMETHING = r"\S(.*\S)?"
_YEAR_OF_MINUTES, _YEAR_OF_SECONDS, _CENTURY_OF_DAYS = 525_600, 31_536_000, 36_500


def _value(default: Any, kind: kinds.Field[Any], doc: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"kind": kind, "help": doc, "secret": secret})


def _choice(default: str, values: tuple[str, ...], doc: str) -> Any:
    return _value(default, kinds.String(validate=OneOf(values)), f"{doc}: {', '.join(values[:-1])} or {values[-1]}")


def _secret(doc: str, pattern: str = "", allowed: str = "") -> Any:
    """A text, any unless ``pattern`` says which, empty unless given, and never shown."""
    return _value("", _text(pattern, allowed), doc, secret=True)


def _token(forge: str) -> Any:
    return _secret(f"token that reads (and answers on) {forge}")


def _webhooks(forge: str) -> Any:
    return _secret(f"secret shared with the webhooks of {forge}; empty: its webhooks are refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default; times in seconds, sizes in bytes, ``*_days`` in days."""

    # Where things are
    data_dir: str = _value(
        "var", _text(_SOMETHING, "a folder"), "folder of the embedded database, the mirrors and the secret key"
    )
    database_url: str = _secret(
        "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; empty: an SQLite file in data_dir"
    )
    jobs_database_url: str = _secret(
        "where the job engine keeps its tables; empty: beside the database (own SQLite file, own schema)"
    )
    secret_key: str = _secret(
        f"signs sessions and pagination, {SHORTEST_KEY} characters or more; empty: made once and kept in data_dir",
        rf"(?s:.{{{SHORTEST_KEY},}})?",
        f"{SHORTEST_KEY} or more characters, as `openssl rand -base64 32` writes",
    )

    # Serving
    host: str = _value(
        "127.0.0.1", _text(r"\S+", "an address of this machine, or 0.0.0.0 for all"), "address to listen on"
    )
    port: int = _value(8000, _number(0, 65535), "port to listen on")
    web_processes: int = _value(2, _number(1, 64), "web processes of `serve`")
    public_url: str = _value(
        "",
        _text(r"(https?://[^\s/?#@]+/?)?", "http:// or https:// with a host, and no path"),
        "address that people use, for links in feeds and mails (a host of its own, no path); empty: http://HOST:PORT",
    )
    trusted_proxies: int = _value(
        0, _number(0, 10), "how many reverse proxies stand in front (X-Forwarded-* is believed)"
    )
    max_body_bytes: int = _value(2_000_000, _number(1_000, 2_000_000_000), "largest request body, in bytes")
    rate_limit: str = _value(
        "1200/minute", kinds.String(validate=_rate), "requests allowed to one client; empty: no limit"
    )
    rate_limit_storage: str = _value(
        "",
        _text(r"(memory://|database://|redis(s|\+\w+)?://\S+)?", "memory://, database:// or redis://HOST"),
        "where the counts are: memory:// for each process; shared: database:// or redis://HOST; empty: memory:// with "
        "SQLite, database:// with PostgreSQL",
        secret=True,
    )
    log_level: str = _choice("info", ("debug", "info", "warning", "error"), "least level that is logged")
    log_dir: str = _value("", kinds.String(), "folder for a log file a day, beside standard error; empty: none")
    log_format: str = _choice("json", ("json", "console"), "form of the log lines")
    traces_endpoint: str = _value(
        "", _text(*_ADDRESS), "OpenTelemetry: where spans are sent (http://HOST:4318/v1/traces); empty: nowhere"
    )
    metrics_public: bool = _value(False, _switch(), "whether /metrics answers anybody and not only this machine")

    # Signing in
    session_idle_minutes: int = _value(
        720, _number(5, _YEAR_OF_MINUTES), "a browser that asks for nothing this long is signed out"
    )
    session_days: int = _value(7, _number(1, 90), "a browser is signed out after this long in any case")
    local_accounts: bool = _value(True, _switch(), "whether people may sign in with a password kept here")
    oidc_issuer: str = _value("", _text(*_ADDRESS), "OpenID Connect: the provider's address; empty: not used")
    oidc_client_id: str = _value("", kinds.String(), "OpenID Connect: the name under which the provider knows us")
    oidc_client_secret: str = _secret("OpenID Connect: the secret that goes with it")
    oidc_scopes: str = _value("openid email profile", kinds.String(), "OpenID Connect: what to ask the provider for")
    oidc_name: str = _value("single sign-on", kinds.String(), "OpenID Connect: what the button calls the provider")
    oidc_groups_claim: str = _value("groups", kinds.String(), "OpenID Connect: the claim that lists somebody's groups")
    oidc_groups: tuple[str, ...] = _value(
        (),
        _Words(
            r".+=(reader|engineer|administrator|release_manager:.+|team:.+)",
            "GROUP=reader, GROUP=engineer, GROUP=administrator, GROUP=release_manager:CALENDAR or GROUP=team:SLUG",
        ),
        "what a group gives: GROUP=reader, GROUP=engineer, GROUP=administrator, GROUP=release_manager:CALENDAR (or *), "
        "GROUP=team:SLUG",
    )
    oidc_default_role: str = _choice(
        "reader", ("reader", "engineer", "none"), "role of whoever signs in (none: only groups)"
    )

    # Database
    lock_timeout: int = _value(5, _number(1, 600), "longest wait for a lock of the database, in seconds")
    statement_timeout: int = _value(
        30, _number(1, 3600), "longest statement or wait for a connection, in seconds (PostgreSQL)"
    )
    pool_size: int = _value(5, _number(1, 100), "connections that each process keeps open (PostgreSQL)")

    # Repositories
    repository_roots: tuple[str, ...] = _value(
        (), _Words(), "folders below which repositories on this machine may be registered"
    )
    repository_hosts: tuple[str, ...] = _value(
        (),
        _Words(*_HOSTS),
        "hosts of an own forge: they may be private, and tokens are sent to them; other public hosts are read without",
    )
    allow_plain_http: bool = _value(False, _switch(), "whether repositories may be read over http")
    advisories: str = _value(
        "",
        kinds.String(),
        "folder or file of OSV documents: known advisories are told with the changes that bring a library; empty: off",
    )

    # Forges
    github_token: str = _token("GitHub")
    github_webhook_secret: str = _webhooks("GitHub")
    gitlab_token: str = _token("GitLab")
    gitlab_webhook_secret: str = _webhooks("GitLab")
    gitea_token: str = _token("Gitea or Forgejo")
    gitea_webhook_secret: str = _webhooks("Gitea or Forgejo")
    bitbucket_token: str = _token("Bitbucket Cloud")
    bitbucket_webhook_secret: str = _webhooks("Bitbucket Cloud")
    bitbucket_server_token: str = _token("Bitbucket Server or Data Center")
    bitbucket_server_webhook_secret: str = _webhooks("Bitbucket Server or Data Center")
    azure_token: str = _token("Azure DevOps")
    azure_webhook_secret: str = _webhooks("Azure DevOps")
    gitlab_plain_token: bool = _value(
        False, _switch(), "whether GitLab's old unsigned X-Gitlab-Token is accepted beside signed deliveries"
    )

    # Messages
    smtp_host: str = _value("", kinds.String(), "mail server by which messages leave; empty: no mail is sent")
    smtp_port: int = _value(587, _number(1, 65535), "port of the mail server")
    smtp_security: str = _choice(
        "starttls", ("starttls", "tls", "none"), "protection of the connection to the mail server"
    )
    smtp_user: str = _value("", kinds.String(), "name at the mail server; empty: none is asked")
    smtp_password: str = _secret("password at the mail server")
    mail_from: str = _value(
        "", kinds.String(), "sender of mails, `Name <address>`; empty: release-mgmt at the host of public_url"
    )
    message_settle: int = _value(
        120, _number(0, 3600), "seconds that something must rest before it is told, so that ten moves are one message"
    )
    message_hosts: tuple[str, ...] = _value(
        (), _Words(*_HOSTS), "hosts that outgoing webhooks and chats may reach although they are not public"
    )
    slack_signing_secret: str = _secret(
        "signing secret of the Slack app with our command; empty: its commands are refused"
    )
    mattermost_command_token: str = _secret("token of Mattermost's slash command; empty: its commands are refused")

    # Jobs
    worker_id: str = _value(
        "worker-1",
        _text(r"\S{1,100}", "a name without spaces"),
        "name of a worker; each that lives at the same time needs its own",
    )
    worker_threads: int = _value(2, _number(1, 64), "jobs that one worker runs at once")
    worker_metrics_port: int = _value(
        0, _number(0, 65535), "port at which a worker that runs alone tells its metrics (on `host`); 0: nowhere"
    )
    job_deadline: int = _value(
        360, _number(1, _YEAR_OF_MINUTES), "longest run of one job, in minutes; it is ended and tried again"
    )
    sync_every: int = _value(300, _number(10, _YEAR_OF_SECONDS), "seconds between two syncs of a repository")
    reconcile_every: int = _value(1, _number(1, 86_400), "seconds between two looks for work that is due")

    # Retention
    keep_jobs_days: int = _value(30, _number(1, _CENTURY_OF_DAYS), "days that finished jobs are kept")
    keep_gate_decisions_days: int = _value(400, _number(1, _CENTURY_OF_DAYS), "days that answers of the gate are kept")
    keep_logs_days: int = _value(30, _number(1, _CENTURY_OF_DAYS), "days that files of `log_dir` are kept")
    keep_deliveries_days: int = _value(
        30, _number(1, _CENTURY_OF_DAYS), "days that bodies of webhooks and sent messages are kept"
    )

    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)

    def origin(self, name: str) -> str:
        """Where a value came from: ``default``, ``file PATH``, ``environment NAME`` or ``file PATH named by NAME``."""
        return self.origins.get(name, DEFAULT)

    @property
    def data_path(self) -> Path:
        """``data_dir`` as an absolute path."""
        return Path(self.data_dir).expanduser().resolve()

    @property
    def log_path(self) -> Path | None:
        """``log_dir`` as an absolute path, if there is one."""
        return Path(self.log_dir).expanduser().resolve() if self.log_dir else None

    @property
    def rate_counts(self) -> str:
        """Where the counts of the rate limit are."""
        shared = "memory://" if self.database.startswith("sqlite") else "database://"
        return self.rate_limit_storage or shared

    @property
    def database(self) -> str:
        """The database's URL in the form that SQLAlchemy takes."""
        return _driver(self.database_url) if self.database_url else f"sqlite:///{self.data_path / 'release-mgmt.db'}"

    @property
    def jobs_database(self) -> str:
        """The URL of the job engine's tables: never the same SQLite file as ``database``."""
        if self.jobs_database_url:
            return _driver(self.jobs_database_url)
        if self.database.startswith("postgresql"):
            return self.database
        return f"sqlite:///{Path(self.database.removeprefix('sqlite:///')).with_name('jobs.db')}"

    @property
    def site(self) -> str:
        """The address that people use, without a slash at the end."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{shown}:{self.port}").rstrip("/")


def _driver(url: str) -> str:
    """PostgreSQL by psycopg 3, whatever of its usual spellings was given."""
    for spelling in ("postgres://", "postgresql://"):
        if url.startswith(spelling):
            return "postgresql+psycopg://" + url.removeprefix(spelling)
    return url


def settings_fields() -> tuple[Field[Any], ...]:
    """The fields that a person may set, in the order of the class."""
    return tuple(one for one in fields(Settings) if "kind" in one.metadata)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f"unknown setting {name}" + (f", did you mean {close[0]}?" if close else "")


def _from_file(path: Path | None, found: dict[str, tuple[Any, str]], problems: list[str]) -> None:
    named = path or (Path(os.environ[PREFIX + "CONFIG"]) if os.environ.get(PREFIX + "CONFIG") else None)
    chosen = named or next((one for one in FILES if one.is_file()), None)
    if chosen is None:
        return
    try:
        document = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"the settings file {chosen} cannot be read: {error.strerror}")
        return
    except ValueError as error:
        problems.append(f"the settings file {chosen} is not TOML: {error}")
        return
    known = [one.name for one in settings_fields()]
    for name, value in document.items():
        if name in known:
            found[name] = (value, f"file {chosen}")
        else:
            problems.append(f"{chosen}: {_unknown(name, known)}")


def _from_environment(found: dict[str, tuple[Any, str]], problems: list[str]) -> None:
    known = [one.name for one in settings_fields()]
    reader = FileAwareEnv(prefix=PREFIX, strip_whitespace=True)
    for name in known:
        variable = PREFIX + name.upper()
        try:
            value = reader.str(name.upper(), None)
        except ValueError:
            problems.append(f"{variable}_FILE must name a readable file")
            continue
        if value is not None:
            named = os.environ.get(variable + "_FILE")
            found[name] = (value, f"file {named} named by {variable}_FILE" if named else f"environment {variable}")
    allowed = {*NO_SETTINGS, *known, *(f"{name}_file" for name in known)}
    for variable in sorted(os.environ):
        name = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and name not in allowed:
            guess = _unknown(name, known).partition("did you mean ")[2].rstrip("?")
            meant = f", did you mean {PREFIX}{guess.upper()}?" if guess else ""
            problems.append(f"unknown variable {variable}{meant}")


def load(path: Path | None = None) -> Settings:
    """The settings of this process.

    :raises SettingsError: with one sentence for each unknown key, unreadable file and wrong value.
    """
    found: dict[str, tuple[Any, str]] = {}
    problems: list[str] = []
    _from_file(path, found, problems)
    _from_environment(found, problems)
    schema = Schema.from_dict({one.name: one.metadata["kind"] for one in settings_fields()})()
    values: dict[str, Any] = {}
    try:
        values = schema.load({name: value for name, (value, _) in found.items()})
    except ValidationError as error:
        for name, messages in sorted(error.messages_dict.items()):
            problems.append(f"{name} ({found[name][1]}): {_told(messages)}")
    if problems:
        raise SettingsError(problems)
    return Settings(**values, origins=MappingProxyType({name: origin for name, (_, origin) in found.items()}))


def _told(messages: Any) -> str:
    """Marshmallow's messages of one field as one line, without the value (it may be a secret)."""
    if isinstance(messages, Mapping):
        return "; ".join(_told(part) for part in messages.values())
    return " ".join(str(part) for part in messages)
