"""A repository that its forge calls otherwise: followed by the forge's id, and nobody else is taken for it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import forges, webhooks
from release_mgmt.sources.forge import forge
from release_mgmt.sources.forge.transport import Home
from release_mgmt.store.models.ingest import ForgeSource, WebhookDelivery
from release_mgmt.store.models.people import AuditRow
from release_mgmt.store.models.repositories import Repository
from release_mgmt.store.session import Store
from tests.integration.test_forge_transport import Clock
from tests.integration.test_ingest import SECRET, line, pull, stored
from tests.loopback import Reply, Server

OPERATOR = trusted("operator", Via.CLI)
OURS, THEIRS = 7, 8


class Town:
    """GitHub's repositories by name and by id; old names send on until somebody takes them."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.names = {"acme/models": OURS}
        self.moved: dict[str, str] = {}
        self.called: str | None = None  # what the forge says the name is, instead of the name
        self.pulls = {OURS: [1, 2], THEIRS: [1, 9]}
        self.server = Server(self.reply)

    def reply(self, _method: str, path: str, _headers: dict[str, str], _body: object) -> Reply:
        where = urlsplit(path).path.strip("/").split("/")
        if where[0] == "repositories":
            named = [name for name, key in self.names.items() if str(key) == where[1]]
            return (200, {}, {"id": int(where[1]), "full_name": named[0]}) if named else (404, {}, {})
        name, rest = "/".join(where[1:3]), where[3:]
        if name in self.moved and name not in self.names:
            return 301, {"Location": "/".join([self.moved[name], *rest])}, {}
        if name not in self.names:
            return 404, {}, {}
        if rest[-1] == "reviews":
            return 200, {}, []
        made = [self.pull(self.names[name], number) for number in self.pulls[self.names[name]]]
        made.sort(key=lambda one: str(one["updated_at"]), reverse=True)
        return 200, {}, made if rest[-1] == "pulls" else next(one for one in made if str(one["number"]) == rest[1])

    def pull(self, key: int, number: int) -> dict[str, object]:
        name = next(name for name, known in self.names.items() if known == key)
        base = {"ref": "main", "repo": {"id": key, "full_name": self.called or name}}
        return pull(number, self.now - timedelta(hours=number % 3), base=base, title=f"{key}: {number}")

    def rename(self, old: str, new: str) -> None:
        self.names[new] = self.names.pop(old)
        self.moved[old] = f"{self.server.url}/repos/{new}"


@pytest.fixture
def town(store: Store, now: datetime) -> Iterator[Town]:
    made = Town(now)
    host = urlsplit(made.server.url).netloc
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="models", location=f"https://{host}/Acme/models.git", web_url=f"https://{host}/acme/models",
                provider="github", forge_slug="acme/models", adopted_at=now - timedelta(days=90), created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
    connect(store, now, made, "acme/models")
    yield made
    made.server.stop()


def connect(store: Store, now: datetime, town: Town, slug: str) -> None:
    forges.connect(store, OPERATOR, now, "models", provider="github", forge_slug=slug, api_url=town.server.url)


def read(store: Store, now: datetime) -> str | None:
    return forges.poll(store, line(now), "r_1").error


def ours(store: Store) -> tuple[Repository, ForgeSource]:
    with store.read() as session:
        row, source = session.get_one(Repository, "r_1"), session.get_one(ForgeSource, "r_1")
        session.expunge_all()
    return row, source


def followed(store: Store) -> list[AuditRow]:
    with store.read() as session:
        rows = list(session.scalars(select(AuditRow).where(AuditRow.action == "repository.follow")))
        session.expunge_all()
    return rows


def titles(store: Store) -> list[str]:
    return [record["title"] for record in stored(store)]


@pytest.mark.parametrize("new", ["acme/engine", "other-owner/models"])
def test_a_redirect_of_the_forge_is_followed_with_a_reason(store: Store, town: Town, now: datetime, new: str) -> None:
    """Renamed or transferred: the name, the address of git and the page follow; what we call it and its ids stay."""
    assert read(store, now) is None
    town.rename("acme/models", new)
    town.pulls[OURS].append(3)
    assert read(store, now) is None
    row, source = ours(store)
    host = urlsplit(town.server.url).netloc
    assert (row.id, row.name, row.forge_slug) == ("r_1", "models", new)
    assert (row.location, row.web_url) == (f"https://{host}/{new}.git", f"https://{host}/{new}")
    assert (source.forge_id, row.sync_due_at) == ("7", now)
    (told,) = followed(store)
    assert told.reason == f"its forge calls the repository 7 {new} now; it was acme/models"
    assert titles(store) == ["7: 1", "7: 2", "7: 3"]
    assert read(store, now) is None
    assert len(followed(store)) == 1, "told once"


def test_the_git_address_of_another_host_stays(store: Store, town: Town, now: datetime) -> None:
    """A copy elsewhere is not renamed because the forge's repository is."""
    with store.write() as session:
        session.get_one(Repository, "r_1").location = "https://git.example.org/acme/models"
    town.rename("acme/models", "acme/engine")
    assert read(store, now) is None
    assert (ours(store)[0].forge_slug, ours(store)[0].location) == (
        "acme/engine",
        "https://git.example.org/acme/models",
    )


def test_a_repository_that_took_the_old_name_is_not_taken_for_ours(store: Store, town: Town, now: datetime) -> None:
    assert read(store, now) is None
    town.rename("acme/models", "acme/engine")
    town.names["acme/models"] = THEIRS
    assert read(store, now) is None, "found by its id"
    assert read(store, now) is None
    assert (ours(store)[0].forge_slug, titles(store)) == ("acme/engine", ["7: 1", "7: 2"])


def test_an_empty_repository_that_took_the_old_name_hides_nothing(store: Store, town: Town, now: datetime) -> None:
    assert read(store, now) is None
    town.rename("acme/models", "acme/engine")
    town.names["acme/models"], town.pulls[THEIRS] = THEIRS, []
    assert read(store, now) is None
    assert ours(store)[0].forge_slug == "acme/engine"


def test_when_ours_is_gone_the_one_of_its_name_is_refused_until_somebody_says_so(
    store: Store, town: Town, now: datetime
) -> None:
    assert read(store, now) is None
    town.names = {"acme/models": THEIRS}
    assert "another repository" in (read(store, now) or "")
    assert (titles(store), followed(store)) == (["7: 1", "7: 2"], [])
    assert ours(store)[1].estranged_at == now
    connect(store, now, town, "acme/models")
    assert read(store, now) is None
    assert ours(store)[1].estranged_at is None
    assert "8: 9" in titles(store)


def test_another_host_is_not_followed(store: Store, town: Town, now: datetime) -> None:
    assert read(store, now) is None
    other = Town(now)
    town.rename("acme/models", "acme/engine")
    town.names.clear()
    town.moved["acme/models"] = f"{other.server.url}/repos/acme/models"
    try:
        assert "another host" in (read(store, now) or "")
        assert other.server.seen == []
    finally:
        other.server.stop()
    assert (ours(store)[0].forge_slug, followed(store)) == ("acme/models", [])


@pytest.mark.parametrize("hostile", ["../../admin", "acme//models", "acme/..", "a" * 400])
def test_a_name_that_is_none_is_not_followed(store: Store, town: Town, now: datetime, hostile: str) -> None:
    town.called = hostile
    assert read(store, now) is not None
    assert (ours(store)[0].forge_slug, followed(store)) == ("acme/models", [])


def test_two_of_ours_do_not_become_one(store: Store, town: Town, now: datetime) -> None:
    """Who registered the new name by hand keeps it; the old one tells why it is not read."""
    with store.write() as session:
        session.add(
            Repository(
                id="r_2", name="engine", location="https://git.example.org/engine", provider="github",
                forge_slug="acme/engine", adopted_at=now, created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(ForgeSource(repository_id="r_2", api_url=town.server.url, failures=0, requests=0))
    town.rename("acme/models", "acme/engine")
    assert "so is engine here" in (read(store, now) or "")
    assert ours(store)[0].forge_slug == "acme/models"


def deliver(store: Store, now: datetime, event: str, name: str, key: int, **more: object) -> str:
    body = json.dumps({"repository": {"full_name": name, "id": key}, **more}).encode()
    mac = hmac.new(SECRET.value.encode(), body, hashlib.sha256).hexdigest()
    headers = [
        ("X-GitHub-Event", event), ("X-GitHub-Delivery", hashlib.sha256(body).hexdigest()),
        ("X-Hub-Signature-256", f"sha256={mac}"),
    ]  # fmt: skip
    return webhooks.accept(store, now, "github", headers, body, SECRET).id


def status(store: Store, delivery: str) -> tuple[str, str | None]:
    with store.read() as session:
        row = session.get_one(WebhookDelivery, delivery)
        return row.status, row.error


@pytest.mark.parametrize(("event", "action"), [("repository", "renamed"), ("repository", "transferred"), ("push", "")])
def test_a_delivery_under_the_new_name_has_the_forge_asked_and_waits(
    store: Store, town: Town, now: datetime, event: str, action: str
) -> None:
    """It is signed, and still only a prompt: the forge is asked at once, and what was delivered is not lost."""
    assert read(store, now) is None
    town.rename("acme/models", "acme/engine")
    later = now + timedelta(minutes=1)
    delivery = deliver(store, later, event, "acme/engine", OURS, action=action, ref="refs/heads/main")
    assert not webhooks.process(store, later, delivery)
    assert (status(store, delivery)[0], ours(store)[0].forge_slug) == ("waiting", "acme/models")
    assert forges.due(store, later) == ("r_1",)
    assert read(store, later) is None
    assert webhooks.process(store, later + webhooks.LOOK_AGAIN, delivery)
    assert status(store, delivery) == ("done", None)


def test_a_delivery_of_another_host_with_the_same_id_changes_nothing(store: Store, town: Town, now: datetime) -> None:
    assert read(store, now) is None
    delivery = deliver(store, now, "pull_request", "elsewhere/thing", OURS, action="closed", pull_request=pull(5, now))
    assert not webhooks.process(store, now, delivery)
    assert read(store, now) is None
    after = now + webhooks.WAIT_FOR_NAME + timedelta(hours=1)
    webhooks.process(store, after, delivery)
    assert status(store, delivery)[0] == "ignored"
    assert (ours(store)[0].forge_slug, titles(store)) == ("acme/models", ["7: 1", "7: 2"])


def test_a_delivery_of_who_took_the_old_name_is_not_ours(store: Store, town: Town, now: datetime) -> None:
    assert read(store, now) is None
    delivery = deliver(store, now, "pull_request", "acme/models", THEIRS, action="closed", pull_request=pull(9, now))
    webhooks.process(store, now, delivery)
    assert status(store, delivery) == ("ignored", "another repository has this name on its forge now")
    assert titles(store) == ["7: 1", "7: 2"]


EACH = [
    ("github", "a/b", {"base": {"repo": {"id": 7, "full_name": "a/b"}}}, {"id": 7, "full_name": "a/c"}, "a/c"),
    ("gitea", "a/b", {"base": {"repo": {"id": 7, "full_name": "a/b"}}}, {"id": 7, "full_name": "a/c"}, "a/c"),
    ("gitlab", "a/b", {"target_project_id": 7, "references": {"full": "a/b!3"}},
     {"id": 7, "path_with_namespace": "x/a/c"}, "x/a/c"),
    ("bitbucket", "a/b", {"destination": {"repository": {"uuid": "7", "full_name": "a/b"}}},
     {"uuid": "7", "full_name": "a/c"}, "a/c"),
    ("bitbucket_server", "A/b", {"toRef": {"repository": {"id": 7, "slug": "b", "project": {"key": "A"}}}},
     {"id": 7, "slug": "c", "project": {"key": "A"}}, "A/c"),
    ("azure", "o/p/b", {"repository": {"id": "7", "name": "b", "project": {"name": "p"},
                                       "remoteUrl": "https://dev.azure.com/o/p/_git/b"}},
     {"id": "7", "name": "c", "project": {"name": "p"}}, "o/p/c"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "slug", "listed", "shown", "name"), EACH, ids=[one[0] for one in EACH])
def test_every_forge_tells_whose_a_pull_request_is_and_what_it_is_called(
    provider: str, slug: str, listed: dict[str, object], shown: dict[str, object], name: str
) -> None:
    adapter = forge(provider)
    assert adapter.home(listed) == Home("7", slug)
    assert adapter.home({}) is None
    server = Server(lambda *_: (200, {}, shown))
    try:
        assert adapter.named(Clock().client(server.url), slug, "7") == name
        assert adapter.named(Clock().client(server.url), slug, "8") is None, "the answer is about another one"
    finally:
        server.stop()
