"""Requests, feeds and steps of jobs are spans, joined to the caller's trace, and tell no secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from release_mgmt import clock, traces
from release_mgmt.core import pipeline
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import feeds, jobs, repositories
from release_mgmt.settings import Settings
from release_mgmt.store.session import Store
from tests.conftest import GitRepo

OPERATOR = trusted("operator", Via.CLI)
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What would have been sent."""
    kept = InMemorySpanExporter()
    traces.stop()
    traces.start("", "tests", kept)
    yield kept
    traces.stop()


def test_a_request_is_a_span_of_its_callers_trace(app: Flask, spans: InMemorySpanExporter) -> None:
    """Named by its route, with status and request id; a fault is marked by its kind."""

    @app.get("/broken/<secret>")
    def broken(secret: str) -> str:
        raise RuntimeError(f"the word is {secret}")

    app.testing = False
    client = app.test_client()
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Request-ID": "abcdefgh"}
    assert client.get("/healthz", headers=headers).status_code == 200
    assert client.get("/broken/hunter2").status_code == 500
    first, second = spans.get_finished_spans()
    assert first.name == "GET /healthz"
    assert f"{first.context.trace_id:032x}" == TRACE
    assert first.attributes is not None
    assert (first.attributes["http.response.status_code"], first.attributes["request.id"]) == (200, "abcdefgh")
    assert second.name == "GET /broken/<secret>"
    assert "hunter2" not in second.to_json()
    assert f"{second.context.trace_id:032x}" != TRACE


def test_a_feed_and_the_steps_of_a_job_are_spans(
    app: Flask, settings: Settings, one_store: Store, git_repo: GitRepo, spans: InMemorySpanExporter
) -> None:
    """The token of a feed is in none of them."""
    token = feeds.create(one_store, OPERATOR, clock.now(), name="x").token
    assert token
    assert app.test_client().get(f"/feeds/{token}/calendar.ics").status_code == 200
    git_repo.commit("Begin.")
    allowed = repositories.policy(settings.repository_roots, ())
    made = repositories.register(one_store, OPERATOR, clock.now(), location=str(git_repo.path), allowed=allowed)
    job = jobs.enqueue(one_store, OPERATOR, clock.now(), pipeline.REFRESH, made.id)
    run_here(one_store, replace(settings), job, lambda _: None)
    finished = spans.get_finished_spans()
    assert [one.name for one in finished][:2] == ["GET /feeds/<token>", "job sync"]
    assert {f"job {step.name}" for step in pipeline.STEPS[pipeline.REFRESH]} <= {one.name for one in finished}
    assert all(one.attributes is not None and one.attributes["job.id"] == job for one in finished[1:])
    assert all(token not in one.to_json() for one in finished)


def test_without_an_endpoint_nothing_is_traced(app: Flask) -> None:
    """Off is off: no span is made."""
    traces.stop()
    with traces.span("x", {}) as made:
        assert made is None
    assert app.test_client().get("/healthz").status_code == 200
