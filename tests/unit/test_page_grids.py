"""Month, week, agenda and quarter lay every window on the right day of the reader's wall."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from release_mgmt.web.pages import grids, schedule
from release_mgmt.web.pages.moment import Wall, relative, zone_or_none
from release_mgmt.web.pages.parts import ChangeLine, FreezeBand, Meter, Person, Team, WindowCard

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
WALL = Wall(BERLIN, NOW)
LINKS = ("/p", "/t", "/n")


def window(start: datetime, hours: float = 4, name: str = "Pricing") -> WindowCard:
    return WindowCard(
        "weekly", "/w", name, start, start + timedelta(hours=hours), BERLIN, "tentative", Meter(0, 4), total=0
    )


def freeze(start: datetime, end: datetime) -> FreezeBand:
    return FreezeBand("Books", "/f", start, end, True, "all", "Pricing", BERLIN)


def test_a_window_stands_on_the_readers_day_not_on_the_calendars():
    late = window(datetime(2026, 11, 24, 23, 30, tzinfo=UTC))  # Wed 00:30 in Berlin, Tue in New York
    for zone, day in (("Europe/Berlin", 25), ("America/New_York", 24)):
        grid = grids.month_grid(Wall(ZoneInfo(zone), NOW), date(2026, 11, 1), [late], [], {}, LINKS)
        assert [cell.day.day for week in grid.weeks for cell in week if cell.windows] == [day]


def test_a_month_is_whole_weeks_and_marks_today_and_what_is_outside():
    grid = grids.month_grid(WALL, date(2026, 11, 1), [], [], {date(2026, 11, 18): ("Repentance",)}, LINKS)
    assert grid.title == "November 2026"
    assert {len(week) for week in grid.weeks} == {7}
    cells = [cell for week in grid.weeks for cell in week]
    assert (cells[0].day, cells[-1].day) == (date(2026, 10, 26), date(2026, 12, 6))
    assert [cell.day for cell in cells if cell.today] == [date(2026, 11, 20)]
    assert sum(cell.inside for cell in cells) == 30
    assert [cell.holidays for cell in cells if cell.holidays] == [("Repentance",)]


def test_a_freeze_stands_on_every_day_it_touches_and_not_on_the_day_it_ends_at_midnight():
    band = freeze(datetime(2026, 11, 26, 23, tzinfo=UTC), datetime(2026, 11, 28, 23, tzinfo=UTC))  # 27 and 28 in Berlin
    cells = grids.cells(WALL, date(2026, 11, 24), date(2026, 11, 30), [], [band], {})
    assert [cell.day.day for cell in cells if cell.freezes] == [27, 28]
    assert [cell.day.day for cell in grids.agenda(cells)] == [27]


def test_windows_at_the_same_time_stand_in_lanes_and_a_window_over_midnight_is_cut_at_its_day():
    monday = date(2026, 11, 23)
    windows = [
        window(datetime(2026, 11, 24, 17, tzinfo=UTC)),
        window(datetime(2026, 11, 24, 18, tzinfo=UTC), name="Risk"),
        window(datetime(2026, 11, 27, 21, tzinfo=UTC)),
    ]
    grid = grids.week_grid(WALL, monday, windows, [], {}, LINKS)
    tuesday, friday = grid.days[1], grid.days[4]
    assert [block.lane for block in tuesday.blocks] == [1, 2]
    assert tuesday.lanes == 2
    (block,) = friday.blocks
    assert block.bottom == (grid.last_hour - grid.first_hour) * 2 + 1
    assert grid.last_hour == 24


def test_a_week_with_the_clock_change_keeps_the_wall_time():
    sunday = window(datetime(2027, 3, 28, 8, tzinfo=UTC))  # 10:00 summer time
    grid = grids.week_grid(Wall(BERLIN, NOW), date(2027, 3, 22), [sunday], [], {}, LINKS)
    (block,) = grid.days[6].blocks
    assert (block.top - 1) / 2 + grid.first_hour == 10


def test_a_quarter_has_a_column_for_each_of_its_weeks():
    card = window(datetime(2026, 11, 24, 17, tzinfo=UTC))
    found = grids.timeline(WALL, date(2026, 10, 1), [("Pricing", "/p", [card], [])], LINKS)
    assert found.title == "Quarter 4, 2026"
    assert found.weeks[0] == date(2026, 9, 28)
    assert found.weeks[-1] == date(2026, 12, 28)
    assert [at for at, cell in enumerate(found.lanes[0].cells) if cell.windows] == [8]
    assert found.this_week == 7


def test_times_are_told_with_weekday_and_the_calendars_zone_only_where_it_differs():
    start, end = datetime(2026, 11, 24, 17, tzinfo=UTC), datetime(2026, 11, 24, 21, tzinfo=UTC)
    assert WALL.span_words(start, end) == "Tue 24 Nov, 18:00\N{EN DASH}22:00"
    assert "zone" not in WALL.span(start, end, BERLIN)
    html = Wall(ZoneInfo("America/New_York"), NOW).span(start, end, BERLIN)
    assert "Tue 24 Nov, 12:00" in html
    assert "Tue 24 Nov, 18:00\N{EN DASH}22:00 Europe/Berlin" in html
    assert WALL.span_words(datetime(2027, 1, 1, 21, tzinfo=UTC), datetime(2027, 1, 2, 1, tzinfo=UTC)) == (
        "Fri 1 Jan 2027, 22:00 \N{EN DASH} Sat 2 Jan 2027, 02:00"
    )


def test_how_far_away_counts_days_on_the_wall():
    for hours, words in ((0, "now"), (2, "in 2 hours"), (20, "tomorrow"), (-2, "2 hours ago"), (96, "in 4 days")):
        assert relative(NOW + timedelta(hours=hours), NOW, BERLIN) == words


def test_a_zone_from_outside_is_judged():
    assert zone_or_none("Europe/Berlin") is not None
    for bad in (None, "", "Mars/Base", "../../etc/passwd", "Europe", "x" * 99, "a\0b"):
        assert zone_or_none(bad) is None


def test_initials_come_from_first_and_last_name():
    assert [Person(name).initials for name in ("Ana Maria Keller", "Ana", "", "- -")] == ["AK", "A", "?", "?"]


def test_a_freeze_of_whole_days_shades_only_the_days_of_its_own_calendar_for_every_reader():
    """Not the day before for a reader west of the calendar; some hours are named without shading the day."""
    whole = freeze(
        datetime(2026, 11, 26, 23, tzinfo=UTC), datetime(2026, 11, 28, 23, tzinfo=UTC)
    )  # 27 and 28 in Berlin
    hours = freeze(datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC))
    for zone in ("UTC", "America/Los_Angeles", "Pacific/Auckland", "Europe/Berlin"):
        wall = Wall(ZoneInfo(zone), NOW)
        grid = grids.month_grid(wall, date(2026, 11, 1), [], [whole, hours], {}, LINKS)
        cells = [cell for week in grid.weeks for cell in week]
        assert [cell.day.day for cell in cells if cell.freezes] == [24, 27, 28], zone
        assert [cell.day.day for cell in cells if cell.frozen] == [27, 28], zone


def test_a_window_for_teams_counts_what_affects_them_and_what_was_left_out():
    """A change that names no team affects everybody; a window that holds changes of others alone is not empty."""
    pricing, fraud = Team("pricing", "Pricing"), Team("fraud", "Fraud")
    lines = tuple(
        ChangeLine(name, name, level, "/c", "r", teams=teams)
        for name, level, teams in (("a", "minor", (pricing,)), ("b", "major", (fraud,)), ("c", "minor", ()))
    )
    held = replace(window(NOW), changes=lines, total=None)
    mine = schedule.for_teams(held, frozenset({"pricing"}))
    assert ([one.id for one in mine.changes], mine.count, mine.majors, mine.others) == (["a", "c"], 2, 0, 1)
    others = schedule.for_teams(replace(held, changes=lines[1:2]), frozenset({"pricing"}))
    assert (others.count, others.others) == (0, 1)
    assert schedule.for_teams(held, frozenset()) is held
