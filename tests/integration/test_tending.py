"""What is due without anybody asking is done, once, and old rows go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update

from release_mgmt import clock
from release_mgmt.core import pipeline
from release_mgmt.core.messages import Kind
from release_mgmt.core.permissions import Via, trusted
from release_mgmt.jobs.worker import run_here
from release_mgmt.services import calendars, jobs, outbox, tending
from release_mgmt.settings import Settings
from release_mgmt.sources.calendars.files import load_yaml, read_file
from release_mgmt.store.models.ingest import WebhookDelivery
from release_mgmt.store.models.jobs import IdempotencyKey, Job
from release_mgmt.store.models.repositories import Change, Repository
from release_mgmt.store.models.scheduling import CalendarRow, GateDecisionRow
from release_mgmt.store.session import Store

OPERATOR = trusted("operator", Via.CLI)
ROOT = Path(__file__).resolve().parents[2]
KEEP = tending.Keep(jobs=30, deliveries=30, gate_decisions=180)


def test_an_edit_of_a_change_or_time_alone_makes_a_plan_due(store: Store, settings: Settings) -> None:
    """A calendar is planned again after an edit, after ten minutes, and not before; twenty callers make one job."""
    now = clock.now()
    document = load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0]
    slug = calendars.apply(store, OPERATOR, now - timedelta(minutes=5), document).slug
    assert tending.plans_due(store, now) == []
    with store.write() as session:
        session.add(
            Repository(
                id="r_1", name="one", location="/nowhere", settings={}, diagnostics=[], adopted_at=now, created_at=now,
                updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Change(
                id="c", repository_id="r_1", key="c", title="x", state="draft", level="minor", ready=True,
                merged_at=now, happened_at=now, created_at=now, updated_at=now,
            )
        )  # fmt: skip
    assert tending.plans_due(store, now) == [slug]
    for _ in range(20):
        tending.enqueue_due(store, OPERATOR, now, timedelta(hours=1))
    found = jobs.search(store, OPERATOR, kind=pipeline.REPLAN).items
    assert len(found) == 1
    assert len(jobs.search(store, OPERATOR, kind=pipeline.RETENTION).items) == 1
    run_here(store, settings, found[0].id, lambda _: None)
    assert jobs.get(store, OPERATOR, found[0].id).state == "done"
    later = clock.now() + timedelta(seconds=5)
    with store.write() as session:
        session.execute(update(CalendarRow).values(planned_at=later))
    assert tending.plans_due(store, later + timedelta(minutes=9)) == []
    assert tending.plans_due(store, later + timedelta(minutes=10)) == [slug]


def test_the_retention_job_keeps_each_thing_as_long_as_its_setting_says(
    store: Store, settings: Settings, tmp_path: Path
) -> None:
    """Jobs, bodies of webhooks, gate decisions and log files: each has a setting of its own, and the job obeys it."""
    now = clock.now()
    ages = {"keep_jobs_days": 3, "keep_deliveries_days": 5, "keep_gate_decisions_days": 7, "keep_logs_days": 9}
    chosen = replace(settings, log_dir=str(tmp_path / "logs"), **ages)  # type: ignore[arg-type]
    calendars.apply(store, OPERATOR, now, load_yaml(read_file(ROOT / "config" / "calendar.example.yaml"))[0])
    (tmp_path / "logs").mkdir()
    with store.write() as session:
        calendar = session.scalars(select(CalendarRow.id)).one()
        for days in range(1, 12):
            at = now - timedelta(days=days) + timedelta(minutes=1)
            (tmp_path / "logs" / f"release-mgmt-{at.date()}.log").write_text("{}\n")
            session.add(Job(id=f"j{days}", kind="refresh", subject="x", state="done", created_at=at, finished_at=at))
            session.add(
                GateDecisionRow(
                    id=f"g{days}", calendar_id=calendar, repository="x", environment="prod", at=at, evaluated_at=at,
                    decision="allow", reasons=[], asked_by="ci",
                )
            )  # fmt: skip
            session.add(
                WebhookDelivery(
                    id=f"d{days}", provider="github", delivery_key=str(days), event="push", body=b"{}",
                    status="done", received_at=at,
                )
            )  # fmt: skip
    run_here(store, chosen, jobs.enqueue(store, OPERATOR, now, pipeline.RETENTION, "installation"), lambda _: None)
    with store.read() as session:
        kept = (
            session.scalar(select(func.count()).where(Job.kind == "refresh")),
            session.scalar(select(func.count()).where(WebhookDelivery.body.is_not(None))),
            session.scalar(select(func.count(GateDecisionRow.id))),
            len(list((tmp_path / "logs").iterdir())),
        )
    assert kept == (3, 5, 7, 9)


def test_old_rows_go_and_dead_jobs_stay(store: Store) -> None:
    """Finished jobs and answered keys are dropped after their time; what a person must look at is not."""
    now = clock.now()
    old = now - timedelta(days=31)
    with store.write() as session:
        for number, state in enumerate(("done", "dead", "failed")):
            session.add(Job(id=f"j{number}", kind="refresh", subject="x", state=state, created_at=old, finished_at=old))
        session.add(Job(id="new", kind="refresh", subject="x", state="done", created_at=now, finished_at=now))
        session.add(IdempotencyKey(actor="a", key="k", route="r", digest="d", created_at=old))
    dropped = tending.drop_old(store, now, KEEP)
    assert (dropped["jobs"], dropped["idempotency_keys"]) == (2, 1)
    with store.read() as session:
        assert set(session.scalars(select(Job.id))) == {"j1", "new"}


def test_messages_that_cannot_be_told_are_left_alone_longer_and_longer(one_store: Store) -> None:
    """A fault in telling makes a job now and then, not one a second, and ends dead, so that a person looks."""
    store, now = one_store, clock.now()
    with store.write() as session:
        outbox.tell(session, now, Kind.RELEASED, fold="x", change="c")
    ends = []
    for second in range(1, 900):
        later = now + timedelta(seconds=second)
        tending.enqueue_messages(store, later, timedelta())
        waiting = jobs.search(store, OPERATOR, states=("queued",), kind=pipeline.MESSAGES).items
        if waiting:
            jobs.begin(store, later, waiting[0].id)
            ends.append((second, jobs.fail(store, later, waiting[0].id, "a fault", passing=False)))
    assert [second for second, _ in ends] == [1, 31, 91, 211, 451]
    assert ends[-1][1] == "dead"
