"""The other half of the walk over writing routes: those that need git, a plan, a delivery, a job, a run, a session."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from release_mgmt import clock
from release_mgmt.core.permissions import Role, Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import calendars, publications, signin, webhooks
from release_mgmt.services.actors import SessionLimits
from release_mgmt.settings import Settings
from release_mgmt.sources.forge.signatures import WebhookSecret
from release_mgmt.store.models.people import AuditRow, Person, SessionRow
from release_mgmt.store.models.repositories import Change
from release_mgmt.store.session import Store
from tests.conftest import GitRepo
from tests.functional.conftest import client_as
from tests.integration.scheduling.builders import document, seed
from tests.unit.publishing.samples import annotations, record

OPERATOR = trusted("operator", Via.CLI)
WHY = {"reason": "because it is needed"}
WALKED = frozenset({
    "POST /repositories", "POST /repositories/<repository>/sync", "POST /repositories/<repository>/move",
    "POST /repositories/<repository>/adoption", "PUT /sources/<repository>", "POST /deliveries/<delivery>/replay",
    "POST /jobs/<job>/cancel", "POST /jobs/<job>/replay", "PUT /changes/<change>/placement",
    "POST /changes/<change>/swap", "POST /moves/<move>/reversal",
    "POST /calendars/<calendar>/plan", "POST /gate/leases", "PUT /gate/leases/<lease>", "DELETE /gate/leases/<lease>",
    "POST /publications/<key>/publish", "POST /publications/<key>/revisions", "POST /publications/<key>/yank",
    "DELETE /sessions", "DELETE /sessions/<session>",
})  # fmt: skip
"""The routes of this walk; that they are all walked is asserted at its end."""


class Walk:
    """An administrator's client; every call must succeed and leave a row."""

    def __init__(self, app: Flask, store: Store) -> None:
        self.app, self.store, self.seen = app, store, set[str]()
        self.client = client_as(app, store, *Role, name="Root")

    def rows(self) -> int:
        with self.store.read() as session:
            return session.scalar(select(func.max(AuditRow.number))) or 0

    def write(self, method: str, path: str, body: object = None) -> Any:
        rule, _ = self.app.url_map.bind("localhost").match(f"/api/v1{path}", method=method, return_rule=True)
        route = f"{method} {rule.rule.removeprefix('/api/v1')}"
        before = self.rows()
        answer = self.client.open(f"/api/v1{path}", method=method, json=body)
        assert 200 <= answer.status_code < 300, f"{route}: {answer.status_code} {answer.text}"
        assert self.rows() > before, f"{route}: no row"
        self.seen.add(route)
        return answer.json if answer.data else None


@pytest.mark.acceptance("SCH-A10")
def test_every_success_of_a_writing_route_at_work_leaves_an_audit_row(
    app: Flask, one_store: Store, settings: Settings, make_git_repo: Callable[[str], GitRepo]
) -> None:
    walk, now = Walk(app, one_store), clock.now()

    # a repository, its jobs, its forge and its deliveries
    repo = make_git_repo("model")
    repo.commit("Begin.", {"CHANGELOG.md": "x"})
    made = walk.write("POST", "/repositories", {"location": str(repo.path)})
    job = walk.write("POST", "/repositories/model/sync")
    run_here(one_store, settings, job["id"], lambda _: None)
    again = walk.write("POST", f"/jobs/{job['id']}/replay")
    walk.write("POST", f"/jobs/{again['id']}/cancel")
    walk.write("PUT", "/sources/model", {"provider": "github", "forge_slug": "acme/model"})
    body = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": "acme/model"}}).encode()
    mac = hmac.new(b"a shared secret", body, hashlib.sha256).hexdigest()
    headers = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", "g"), ("X-Hub-Signature-256", f"sha256={mac}")]
    delivery = webhooks.accept(one_store, now, "github", headers, body, WebhookSecret("a shared secret"))
    walk.write("POST", f"/deliveries/{delivery.id}/replay")
    old = "# Changelog\n\n## [0.9.0] - 2020-01-01\n\n### Added\n\n- The first model\n"
    adopted = {"form": "keep-a-changelog", "text": old, "apply": True}
    walk.write("POST", "/repositories/model/adoption", adopted)
    elsewhere = make_git_repo("elsewhere")
    elsewhere.git("pull", "-q", str(repo.path), "main")
    walk.write("POST", "/repositories/model/move", {"location": str(elsewhere.path)})
    assert made["id"]

    # a plan, and a run under the gate
    seed(one_store, "m1 m2")
    plan = document()
    plan["policy"]["minor_lane"] = {"approved_in_advance": True}
    calendars.apply(one_store, OPERATOR, now, plan)
    windows = walk.client.get("/api/v1/windows?calendar=releases").json
    assert windows is not None
    walk.write("PUT", "/changes/m2/placement", {"window": windows["items"][2]["key"], **WHY})
    (moved,) = (walk.client.get("/api/v1/calendars/releases/moves").json or {})["items"]
    walk.write("POST", f"/moves/{moved['id']}/reversal", {"override": True, **WHY})
    walk.client.put("/api/v1/changes/m2/placement", json={"window": windows["items"][2]["key"], **WHY})
    walk.write("POST", "/changes/m2/swap", {"other": "m1", "override": True, **WHY})
    with one_store.write() as session:
        session.get_one(Change, "m1").state = "withdrawn"
    walk.write("POST", "/calendars/releases/plan")
    with one_store.write() as session:
        session.get_one(Change, "m1").state = "approved"
    lease = walk.write("POST", "/gate/leases", {"change": "m1", "environment": "prod"})
    walk.write("PUT", f"/gate/leases/{lease['id']}")
    walk.write("DELETE", f"/gate/leases/{lease['id']}")

    # what is published
    with one_store.write() as session:
        publications.ingest(session, OPERATOR, now, record(), annotations(), publish=False)
    items = (walk.client.get("/api/v1/repositories/risk-models/publications").json or {})["items"]
    key = next(one["id"] for one in items if one["state"] == "draft")
    walk.write("POST", f"/publications/{key}/publish")
    assert walk.client.put("/api/v1/changes/c2/note", json={"text": "Fewer alarms."}).status_code == 200
    walk.write("POST", f"/publications/{key}/revisions", WHY)
    walk.write("POST", f"/publications/{key}/yank", WHY)

    # browsers that are signed in
    for path in ("/sessions/{}", "/sessions"):
        with one_store.write() as session:
            root = session.scalars(select(Person).where(Person.name == "Root")).one()
            signin.open_session(session, root, now, method="password", limits=SessionLimits(), origin=None, agent=None)
            newest = session.scalars(select(SessionRow.id).where(SessionRow.ended_at.is_(None))).one()
        walk.write("DELETE", path.format(newest))

    assert walk.seen == WALKED
