"""Texts that come from git, forges and forms, hostile on every page: they stay text, and no address is run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import update

from release_mgmt import clock
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.services import forges, overrides, publications
from release_mgmt.store.models.ingest import ForgeSource, WebhookDelivery
from release_mgmt.store.models.people import Person
from release_mgmt.store.models.publishing import NoteRow
from release_mgmt.store.models.repositories import (
    Change,
    ChangeCommit,
    ClassificationRow,
    Commit,
    PullRequestRow,
    Release,
    Repository,
)
from tests.functional.test_page_costs import PAGES, Client
from tests.support.bulk import fill

OPERATOR = trusted("operator", Via.CLI)
MARK = "xyzzy"
HOSTILE = f"\"><script>{MARK}</script><img src=x onerror={MARK}>'\u202e</a></td>{{{{7*7}}}}"
RUN = f"javascript:{MARK}"


class Page(HTMLParser):
    """What of a page a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            address = name in {"href", "src", "action", "formaction", "xlink:href", "srcset"}
            run = address and (value or "").strip().lower().startswith(("javascript:", "data:text"))
            if name.startswith("on") or run:
                self.runs.append(f"{tag} {name}={value}")
        if tag in {"img", "iframe", "object"} and MARK in str(attrs):
            self.runs.append(f"{tag} {attrs}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script" and MARK in data:
            self.runs.append(f"script {data}")


@pytest.fixture(scope="module")
def reader(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Somebody with every role, in an installation whose texts are all hostile."""
    path, now = tmp_path_factory.mktemp("hostile"), clock.now()
    shutil.copy(sqlite_template, path / "release-mgmt.db")
    app, store, cookie = fill(path, 60)
    forges.connect(store, OPERATOR, now, "pricing-model", provider="github", forge_slug="a/b")
    overrides.override(store, OPERATOR, now, "c0", "major", HOSTILE)
    publications.set_note(store, OPERATOR, now, "c0", language="en", text=HOSTILE)
    evidence = [
        {"kind": "parameter", "path": HOSTILE, "line": 4, "subject": HOSTILE, "old": HOSTILE, "new": HOSTILE,
         "level": "minor", "rule": "parameter"}
    ]  # fmt: skip
    libraries = [{"name": HOSTILE, "ecosystem": "python", "path": HOSTILE}]
    record = {
        "provider": "github", "number": 1, "title": HOSTILE, "state": "merged", "body": HOSTILE, "author": HOSTILE,
        "labels": [HOSTILE], "base_ref": HOSTILE, "head_ref": HOSTILE, "merged_by": HOSTILE, "milestone": HOSTILE,
        "url": RUN, "reviews": [{"reviewer": HOSTILE, "state": "approved"}],
        "work_items": [{"key": HOSTILE, "url": RUN, "title": HOSTILE}],
    }  # fmt: skip
    with store.write() as session:
        session.execute(update(Person).values(name=HOSTILE))
        session.execute(update(Change).values(title=HOSTILE, summary=HOSTILE, author=HOSTILE, url=RUN))
        session.execute(update(Repository).values(description=HOSTILE, web_url=RUN, sync_error=HOSTILE,
                                                  default_branch=HOSTILE, diagnostics=[HOSTILE]))  # fmt: skip
        session.execute(update(Release).where(Release.tag != "v1.1.0").values(tag=Release.version + HOSTILE))
        session.execute(update(ClassificationRow).values(evidence=evidence, new_libraries=libraries, rule=HOSTILE))
        session.execute(update(NoteRow).values(text=HOSTILE))
        session.execute(update(ForgeSource).values(error=HOSTILE, failures=1))
        session.add(
            Commit(repository_id="r_fraud-scoring", sha="f" * 40, position=0, parents="", author=HOSTILE,
                   subject=HOSTILE, body=HOSTILE)
        )  # fmt: skip
        session.flush()
        session.add(ChangeCommit(change_id="c0", sha="f" * 40, repository_id="r_fraud-scoring", position=0))
        session.add(
            PullRequestRow(repository_id="r_fraud-scoring", provider="github", number=0, state="merged", title=HOSTILE,
                           record=record)
        )  # fmt: skip
        session.add(
            WebhookDelivery(id="w_1", provider="github", delivery_key="k", event=HOSTILE, action=HOSTILE,
                            forge_slug="a/b", status="failed", error=HOSTILE, received_at=now)
        )  # fmt: skip
    yield Client(app.test_client(), store, cookie)
    store.close()


@pytest.mark.parametrize("path", list(PAGES))
def test_nothing_that_comes_from_outside_runs_on_a_page(reader: Client, path: str) -> None:
    html = reader.get(path)
    page = Page()
    page.feed(html)
    assert page.runs == []
    assert f"<script>{MARK}" not in html
    assert f"<img src=x onerror={MARK}" not in html


def test_the_hostile_texts_are_there_to_be_tried(reader: Client) -> None:
    """The pages about changes, releases, people and deliveries do show them."""
    shown = {path: MARK in reader.get(path) for path in PAGES}
    for path in ("/", "/changes", "/changes/c0", "/repositories", "/repositories/pricing-model", "{window}", "/me",
                 "/admin/people", "/admin/sources", "/admin/audit"):  # fmt: skip
        assert shown[path], path
