"""A record with something of everything, for the tests of what is published."""

from __future__ import annotations

from datetime import UTC, datetime

from release_mgmt.core.audience import Annotation, Metric
from release_mgmt.core.changelog import Accounting, Changelog, Entry, Previous, PullRequestRef, Section
from release_mgmt.core.classification import Classification, Level, NewLibrary
from release_mgmt.core.evidence.model import Evidence


def entry(name: str, title: str, level: str = "minor", kind: str = "code_logic", **more: object) -> Entry:
    values: dict[str, object] = {
        "details": (),
        "state": "released",
        "first_in": None,
        "pull_request": PullRequestRef("github", 12),
        "commits": (name.encode().hex().ljust(40, "0")[:40],),
        "authors": ("Ada Löwe",),
    } | more
    return Entry(id=name, title=title, level=level, kind=kind, **values)  # type: ignore[arg-type]


def section(version: str | None, entries: tuple[Entry, ...], **more: object) -> Section:
    values: dict[str, object] = {
        "package": None,
        "tag": f"v{version}" if version else None,
        "tags": (f"v{version}",) if version else (),
        "sha": "a" * 40,
        "previous": Previous("0.9", "b" * 40),
        "range": f"v0.9..v{version}" if version else "v1.1..HEAD",
        "date": "2026-11-03T10:00:00+01:00" if version else None,
        "prerelease": False,
        "accounting": Accounting(len(entries) + 3, len(entries), 1, 2, 0, 0),
    } | more
    return Section(version=version, entries=entries, **values)  # type: ignore[arg-type]


def record(title: str = "feat(model): Move the fraud model to LightGBM (#12)") -> Changelog:
    return Changelog(
        repository="risk-models",
        releases=(
            section(
                "1.1",
                (
                    entry("c1", title, "major", "new_library", details=("first bullet", "second <b>bullet</b>")),
                    entry("c2", "Tune the learning rate", "minor", "parameter_only"),
                    entry("c3", "Rotate the signing keys of the ledger", "minor", "code_logic"),
                    entry("c4", 'Revert "Round prices up"', "minor", "revert", reverts="c0", also_in=("1.0.1",)),
                ),
                cancelled=(("x1", "x2"),),
                first_time_contributors=("Ada Löwe",),
            ),
            section("1.0", (entry("c0", "Round prices up", "major", "breaking_change"),), range=None, previous=None),
        ),
        unreleased=section(None, (entry("c9", "Read the new tariff table", state="approved"),)),
        diagnostics=("tag odd was not understood",),
    )


def annotations() -> dict[str, Annotation]:
    lightgbm = Evidence("new_library", "requirements.txt", 7, "lightgbm", None, "lightgbm==4.5", "major", "new-library")
    rate = Evidence("parameter", "params.yaml", 4, "train.learning_rate", "0.01", "0.02", "minor", "parameter")
    return {
        "c1": Annotation(
            notes={"en": "Fraud alerts come about an hour earlier."},
            actions={"en": "Check your alert thresholds"},
            owner="Alina Krause",
            teams=("Fraud",),
            classification=Classification(
                Level.MAJOR,
                "new_library",
                False,
                "new-library",
                (NewLibrary("lightgbm", "pypi", "requirements.txt"),),
                (lightgbm,),
            ),
            metrics=(Metric("auc", "0.91", "0.93"),),
            approvals=("Approved by 2 of 2 release managers",),
        ),
        "c2": Annotation(classification=Classification(Level.MINOR, "parameter_only", False, "parameter", (), (rate,))),
        "c3": Annotation(internal=True),
        "c9": Annotation(window=(datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC))),
    }
