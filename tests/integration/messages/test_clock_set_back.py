"""A clock that was years ahead and is set right: what was written meanwhile does not wait until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from release_mgmt.core import pipeline
from release_mgmt.core.messages import Kind
from release_mgmt.services import jobs, outbox, webhooks
from release_mgmt.services.messages import fanout
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.messages import MessageDelivery, MessageEvent, MessageItem
from release_mgmt.store.session import Store
from tests.integration.messages.test_webhooks_out import POST, Receiver, hook, receiver
from tests.integration.messages.town import later, turn
from tests.integration.scheduling.builders import NOW, OPERATOR

__all__ = ["receiver"]

AHEAD = NOW + timedelta(days=3650)


def happen(store: Store, at: object) -> None:
    with store.write() as session:
        facts = {"job": "j", "kind": "refresh", "subject": "r", "message": "broken"}
        outbox.tell(session, at, Kind.JOB_DEAD, fold="job:1", facts=facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["written", "restless", "item", "attempt"])
def test_a_message_does_not_wait_for_the_time_that_was_wrong(store: Store, receiver: Receiver, stage: str) -> None:
    made = hook(store, receiver.url)
    happen(store, NOW if stage == "attempt" else AHEAD)
    if stage == "restless":
        with store.write() as session:  # of a kind that waits until nothing more happens
            session.execute(update(MessageEvent).values(kind="change.announced"))
        turn(store, later(1), POST)
        with store.read() as session:
            assert session.scalar(select(MessageEvent.state)) != "waiting"
        return
    if stage == "item":
        fanout.fan_out(store, AHEAD, timedelta(), mail=False)
        with store.read() as session:
            assert session.scalar(select(MessageItem.due_at)) == AHEAD
    if stage == "attempt":
        receiver.answer = lambda number: (500 if number == 1 else 204, {})
        turn(store, AHEAD, POST)
    turn(store, later(10), POST)
    assert len(receiver.taken) == 1
    with store.read() as session:
        assert session.scalar(select(MessageDelivery.state).where(MessageDelivery.target_id == made.id)) == "sent"


def test_work_does_not_wait_for_the_time_that_was_wrong(store: Store) -> None:
    """A webhook that came in and failed then, and a job of ours that failed then, are looked at."""
    row = {"id": "w", "provider": "github", "delivery_key": "k", "event": "push", "headers": {}, "body": b"{}"}
    with store.write() as session:
        session.add(WebhookDelivery(**row, status="waiting", received_at=AHEAD, due_at=AHEAD))
    assert webhooks.due(store, NOW) == ("w",)
    job = jobs.enqueue(store, OPERATOR, AHEAD, pipeline.DELIVER, "mt")
    jobs.begin(store, AHEAD, job)
    jobs.fail(store, AHEAD, job, "broken", passing=True)
    assert jobs.enqueue_unless_failing(store, AHEAD, pipeline.DELIVER, "mt") is None
    assert jobs.enqueue_unless_failing(store, NOW, pipeline.DELIVER, "mt") is not None
