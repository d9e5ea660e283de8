"""Made-up values in every state, for the page that shows all components."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from release_mgmt.web.pages import grids
from release_mgmt.web.pages.moment import Wall
from release_mgmt.web.pages.parts import (
    STAGES,
    Bar,
    ChangeLine,
    Chip,
    ChipGroup,
    EvidenceRow,
    FeedLink,
    FreezeBand,
    Meter,
    Person,
    PlanMove,
    Problem,
    Progress,
    Quorum,
    Reason,
    StageState,
    StageStep,
    Team,
    WindowCard,
    WindowState,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
WALL = Wall(BERLIN, NOW)

ANA = Person("Ana Keller", "#", "owner")
TEAMS = (Team("pricing", "Pricing", "#"), Team("fraud", "Fraud", "#"))
EVIDENCE = (
    EvidenceRow("new_library", "requirements.txt", 7, "lightgbm", None, "4.5.0", "major", "new-library", "#"),
    EvidenceRow("parameter", "params.yaml", 4, "lr", "0.01", "0.02", "minor", "parameter", "#"),
    EvidenceRow("documentation", "README.md", None, "README.md", None, None, "minor", "docs"),
)
REASONS = (
    Reason("freeze", "Year-end freeze: closing of the books.", "year-end", datetime(2027, 1, 6, 23, tzinfo=UTC), "#"),
    Reason("missing_approval", "One of two release managers has approved.", "1/2"),
    Reason("soft_freeze", "Quarter close asks for an acknowledgement.", "q4", blocks=False),
)
LINES = (
    ChangeLine(
        "a1",
        "Fraud model on LightGBM",
        "major",
        "#",
        "fraud-scoring",
        "announced",
        "new_library",
        ANA,
        TEAMS[1:],
        "Scores become available an hour earlier each day.",
        EVIDENCE[:1],
        waiting="Fraud asked 2 days ago",
        start=datetime(2026, 11, 24, 17, tzinfo=UTC),
    ),
    ChangeLine(
        "a2",
        "Learning rate 0.01 to 0.02",
        "minor",
        "#",
        "pricing-model",
        "approved",
        "parameter_only",
        ANA,
        TEAMS[:1],
        start=datetime(2026, 11, 24, 17, tzinfo=UTC),
    ),
    ChangeLine(
        "a3",
        "Round prices in the export",
        "minor",
        "#",
        "pricing-model",
        "draft",
        "code_logic",
        Person("Jonas Vogt"),
        TEAMS[:1],
        needs_review=True,
    ),
    ChangeLine("a4", "Stop the double booking", "minor", "#", "ledger", "approved", emergency=True),
)


def _track(*states: StageState) -> tuple[StageStep, ...]:
    pairs = zip(STAGES, states, strict=True)
    return tuple(StageStep(name, state, NOW if state == "done" else None) for name, state in pairs)


def _window(card: WindowCard, day: int) -> WindowCard:
    start = datetime(2026, 11, 1, 17, tzinfo=UTC) + timedelta(days=day - 1)
    return replace(card, start=start, end=start + timedelta(hours=4))


def _card(state: WindowState, lines: tuple[ChangeLine, ...], meter: Meter) -> WindowCard:
    return WindowCard("weekly", "#", "Pricing", NOW, NOW, BERLIN, state, meter, changes=lines)


WINDOWS = (
    _window(_card("released", LINES[1:2], Meter(1, 4)), 17),
    _window(replace(_card("confirmed", LINES[:2], Meter(4, 4, 1)), quorum=Quorum(2, 2)), 24),
    _window(
        replace(
            _card("tentative", LINES[2:3], Meter(1, 4)),
            quorum=Quorum(1, 2, ("Fraud",)),
            conflicts=(Reason("dependency", "Waits for a change that was withdrawn."),),
        ),
        31,
    ),
    _window(replace(_card("cancelled", (), Meter(0, 4)), reason="Cancelled: the team is away."), 38),
    _window(
        replace(
            _card("tentative", LINES, Meter(6, 4, 1)),
            flags=("The clock goes back within this window: it lasts 5 hours.",),
        ),
        45,
    ),
)
FREEZES = (
    FreezeBand(
        "Closing of the books",
        "#",
        datetime(2026, 11, 26, 23, tzinfo=UTC),
        datetime(2026, 11, 29, 23, tzinfo=UTC),
        True,
        "all of prod, except team Payments",
        "Pricing",
        BERLIN,
    ),
    FreezeBand(
        "Quarter close",
        "#",
        datetime(2026, 12, 8, 23, tzinfo=UTC),
        datetime(2026, 12, 11, 23, tzinfo=UTC),
        False,
        "pricing-model",
        "Pricing",
        BERLIN,
    ),
)
STEPS = (
    _track("done", "done", "now", "todo", "todo"),
    _track("done", "failed", "todo", "waived", "todo"),
)


def everything() -> dict[str, object]:
    """What the components page shows."""
    links = ("#previous", "#today", "#next")
    holidays = {date(2026, 11, 18): ("Day of Repentance",)}
    return {
        "wall": WALL,
        "levels": ("minor", "major"),
        "states": (
            "draft",
            "announced",
            "approved",
            "released",
            "rolled_back",
            "withdrawn",
            "emergency",
            "review",
            "conflict",
            "tentative",
            "confirmed",
            "cancelled",
        ),
        "people": (ANA, Person("Jonas Vogt"), None),
        "team_list": TEAMS,
        "tracks": STEPS,
        "evidence": EVIDENCE,
        "reasons": REASONS,
        "meters": (Meter(0, 4), Meter(3, 4), Meter(4, 4), Meter(5, 4), Meter(7, None)),
        "quorums": (Quorum(0, 1), Quorum(1, 2, ("Fraud",)), Quorum(2, 2)),
        "lines": LINES,
        "windows": WINDOWS,
        "freezes": FREEZES,
        "month": grids.month_grid(WALL, date(2026, 11, 1), WINDOWS, FREEZES, holidays, links),
        "week": grids.week_grid(WALL, date(2026, 11, 23), WINDOWS, FREEZES, holidays, links),
        "agenda": grids.agenda(grids.cells(WALL, date(2026, 11, 20), date(2026, 12, 2), WINDOWS, FREEZES, holidays)),
        "timeline": grids.timeline(
            WALL, date(2026, 10, 1), (("Pricing", "#", WINDOWS, FREEZES), ("Risk", "#", (), ())), links
        ),
        "moves": (
            PlanMove(
                LINES[0],
                "moved",
                datetime(2026, 12, 1, 17, tzinfo=UTC),
                datetime(2026, 12, 15, 17, tzinfo=UTC),
                (Reason("freeze", "Closing of the books covers the whole window.", "year-end"),),
                "the planner",
            ),
            PlanMove(LINES[1], "placed", None, datetime(2026, 11, 24, 17, tzinfo=UTC)),
            PlanMove(
                LINES[2],
                "unplaced",
                datetime(2026, 12, 1, 17, tzinfo=UTC),
                None,
                (Reason("capacity", "Every window until 18 Jan is full."),),
            ),
            PlanMove(LINES[3], "withdrawn", datetime(2026, 12, 1, 17, tzinfo=UTC), None),
        ),
        "groups": (
            ChipGroup("Level", (Chip("major", "#", True), Chip("minor", "#"))),
            ChipGroup("Team", (Chip("Pricing", "#"), Chip("Fraud", "#", True))),
        ),
        "problems": (
            Problem(
                "The freeze was not saved",
                "Its end lies before its start.",
                "Give an end after 24 Dec 2026.",
                (("freezes[0].end", "must be after the start"),),
            ),
            Problem(
                "Somebody edited it in between",
                "Your text is kept below.",
                "Compare and save again.",
                tone="warn",
                typed=(("text", "Prices follow the season from Monday on."),),
            ),
            Problem("This is a preview", "Nothing is written before you confirm.", tone="note"),
        ),
        "progresses": (
            Progress("Reading the history", 1200, 4000, "running"),
            Progress("Waiting to start", None, None, "waiting"),
            Progress("Classifying changes", 4000, 4000, "done"),
            Progress("Fetching", 3, 9, "failed", "The remote host did not answer."),
        ),
        "feed": FeedLink(
            "Pricing and Fraud",
            "https://calendar.example/feeds/TOKEN/calendar.ics",
            "webcal://calendar.example/feeds/TOKEN/calendar.ics",
            "Works in Outlook, Google, Apple and Thunderbird.",
        ),
        "bars": (Bar("Parameters", "42", 100), Bar("Code logic", "21", 50), Bar("New library", "6", 14)),
    }
