"""A change that brings a library with a known advisory: told over REST and on its page, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import select

from release_mgmt import clock
from release_mgmt.bootstrap import create_app
from release_mgmt.core.permissions import Role
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import signin
from release_mgmt.services.actors import SessionLimits
from release_mgmt.settings import Settings
from release_mgmt.store.models.people import Person
from release_mgmt.store.session import Store
from release_mgmt.web.auth import cookie_name
from tests.conftest import GitRepo
from tests.functional.conftest import client_as

TOLD = "PYSEC-2026-1: Reads files <b>it</b> should not (mended in 2.9.2)"
ADVISORY = {
    "id": "PYSEC-2026-1",
    "summary": "Reads files <b>it</b> should not",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "mlflow"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.9.2"}]}],
        }
    ],
}


def synced(store: Store, settings: Settings, root: FlaskClient) -> dict[str, str]:
    """Look at the repository now; the ids of its changes by title."""
    job = root.post("/api/v1/repositories/shop/sync").json
    assert job is not None
    run_here(store, settings, job["id"], lambda _: None)
    assert (root.get(f"/api/v1/jobs/{job['id']}").json or {})["state"] == "done"
    return {one["title"]: one["id"] for one in (root.get("/api/v1/changes").json or {})["items"]}


def page(app: Flask, settings: Settings, store: Store, path: str, language: str) -> str:
    """A page as somebody who is signed in and asks for that language gets it."""
    with store.write() as session:
        person = session.scalars(select(Person).where(Person.login == "root")).one()
        signed = signin.open_session(
            session, person, clock.now(), method="password", limits=SessionLimits(), origin=None, agent=None
        )
    client = app.test_client()
    client.set_cookie(cookie_name(settings), signed.cookie)
    answer = client.get(path, headers={"Accept": "text/html", "Accept-Language": language})
    assert answer.status_code == 200
    return " ".join(answer.text.split())


@pytest.mark.acceptance("CHG-C1")
def test_an_advisory_is_told_with_its_change_until_it_is_mended(
    settings: Settings, one_store: Store, make_git_repo: Callable[[str], GitRepo], tmp_path: Path
) -> None:
    """From the operator's file through a sync to what people read: the advisory, the version that mends it, and that
    somebody should look. The change that mends it and one about something else say nothing of it; once the file is
    gone, nobody does."""
    folder = tmp_path / "osv"
    folder.mkdir()
    (folder / "mlflow.json").write_text(json.dumps(ADVISORY), "utf-8")
    chosen = replace(settings, advisories=str(folder))
    app = create_app(chosen, one_store)
    app.testing = True
    root = client_as(app, one_store, *Role, name="Root")
    repo = make_git_repo("shop")
    repo.commit("Begin", {"requirements.txt": "mlflow==2.8.0\n"})
    repo.tag("v1.0.0")
    repo.commit("Follow MLflow", {"requirements.txt": "mlflow==2.9.0\n"})
    repo.commit("Mend MLflow", {"requirements.txt": "mlflow==2.9.2\n"})
    repo.commit("Tune", {"params.yaml": "lr: 0.1\n"})
    root.post("/api/v1/repositories", json={"location": str(repo.path)})

    changes = synced(one_store, chosen, root)
    found = root.get(f"/api/v1/changes/{changes['Follow MLflow']}").json or {}
    about = found["change"]
    assert (about["level"], about["kind"], about["needs_review"]) == ("minor", "library_minor_bump", True)
    assert [(one["path"], one["subject"], one["new"]) for one in found["evidence"] if one["kind"] == "advisory"] == [
        ("requirements.txt", "mlflow", TOLD)
    ]
    asked = (root.get("/api/v1/changes?needs_review=true").json or {})["items"]
    assert changes["Follow MLflow"] in {one["id"] for one in asked}
    for title in ("Mend MLflow", "Tune"):
        other = root.get(f"/api/v1/changes/{changes[title]}").json or {}
        assert "advisory" not in {one["kind"] for one in other["evidence"]}, title
        assert not other["change"]["needs_review"], title

    path = f"/changes/{changes['Follow MLflow']}"
    for language, name, review in (("en", "advisory", "needs review"), ("de", "Sicherheitshinweis", "braucht Prüfung")):
        text = page(app, chosen, one_store, path, language)
        assert str(escape(TOLD)) in text
        assert name in text
        assert review in text
    assert "PYSEC-2026-1" not in page(app, chosen, one_store, f"/changes/{changes['Mend MLflow']}", "en")

    (folder / "mlflow.json").unlink()
    synced(one_store, chosen, root)
    gone = root.get(f"/api/v1/changes/{changes['Follow MLflow']}").json or {}
    assert "advisory" not in {one["kind"] for one in gone["evidence"]}
    assert not gone["change"]["needs_review"]
    assert "PYSEC-2026-1" not in page(app, chosen, one_store, path, "en")
