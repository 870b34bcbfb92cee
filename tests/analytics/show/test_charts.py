"""Geometry of the charts: right values at the ends, nothing outside, nothing drawn of nothing."""

from typing import Any

import pytest

from analytics.show.charts import LONGEST_BAR_PERCENT, MOST_BARS, PLOT_HEIGHT, PLOT_TOP, Chart, bars, columns, line
from analytics.show.cohort_grid import MOST_COHORTS, cohort_grid
from analytics.show.figures import Better, Figure, compared
from analytics.show.reports import WEEKLY_RETENTION

BOTTOM = PLOT_TOP + PLOT_HEIGHT


def days(*values: float | None) -> list[tuple[str, float | None]]:
    return [(f"2026-{number // 28 + 1:02}-{number % 28 + 1:02}", value) for number, value in enumerate(values)]


def drawn(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


@pytest.mark.parametrize("points", [[], days(0, 0), days(None, None), days(0, None)])
def test_of_nothing_nothing_is_drawn(points: list[tuple[str, float | None]]) -> None:
    assert columns(points, unit="people") is None
    assert bars(points, unit="people") is None
    assert line(points, unit="people") is None


def test_a_column_is_as_high_as_its_part_of_the_scale() -> None:
    chart = drawn(columns(days(8, 4, 0, None), unit="people"))
    assert [rectangle.height for rectangle in chart.rectangles] == [PLOT_HEIGHT, PLOT_HEIGHT / 2, 0, 0]
    assert {rectangle.y + rectangle.height for rectangle in chart.rectangles} == {BOTTOM}
    assert [(tick.y, tick.text) for tick in chart.ticks] == [
        (BOTTOM - PLOT_HEIGHT * part / 4, text) for part, text in enumerate(["0", "2", "4", "6", "8"])
    ]
    assert chart.rectangles[3].tooltip == "2026-01-04: unknown"


def test_a_line_has_gaps_for_days_that_are_unknown_and_a_tail_for_those_that_are_not_over() -> None:
    chart = line(days(8, None, 4, 2, 0), unit="people", before=days(4, 0, 4, 2, 1), not_over=1)
    assert chart and chart.path == "M100.0 0.0L100.0 0.0M500.0 90.0L500.0 90.0L700.0 135.0"
    assert chart.not_over_path == "M700.0 135.0L700.0 135.0L900.0 180.0"
    assert chart.hatched and (chart.hatched.x, chart.hatched.width) == (80, 20)
    assert [day.text for day in chart.days] == [
        "Thu 1 Jan: 8 people; 4 on Thu 1 Jan, +100 %",
        "Fri 2 Jan: unknown; 0 on Fri 2 Jan",
        "Sat 3 Jan: 4 people; 4 on Sat 3 Jan, +0 %",
        "Sun 4 Jan: 2 people; 2 on Sun 4 Jan, +0 %",
        "Mon 5 Jan: 0 people, not over yet",
    ]
    close = line(days(999), unit="people", before=days(1000))
    assert close and close.days[0].text == "Thu 1 Jan: 999 people; 1,000 on Thu 1 Jan, +0 %"


def test_a_change_is_better_or_worse_by_what_it_is_of() -> None:
    def change(kind: str, now: float | None, before: float | None, better: Better, **how: bool) -> tuple[str, str]:
        figures = [Figure("", kind, value, better=better) for value in (now, now, before)]
        found = compared(*figures, comparable=how.get("comparable", True))
        return found.change, found.verdict

    assert change("count", 12, 10, Better.MORE) == ("+20 %", "better")
    assert change("percent", 1.5, 2.0, Better.LESS) == ("-0.5 points", "better")
    assert change("ms", 12, 10, Better.LESS) == ("+20 %", "worse")
    assert change("count", 12, 10, Better.NEITHER) == ("+20 %", "")
    assert change("count", 10, 10, Better.MORE) == ("+0 %", "")
    assert change("count", None, 10, Better.MORE) == change("count", 1, None, Better.MORE) == ("", "")
    assert change("count", 12, 10, Better.MORE, comparable=False) == ("", "")


@pytest.mark.parametrize("count", [1, 2, 7, 30, 120, 121, 366, 800])
def test_columns_stay_on_the_page_side_by_side_with_a_few_labels(count: int) -> None:
    chart = drawn(columns(days(*([1.0] * count)), unit="people", before=days(*([2.0] * count))))
    assert len(chart.rectangles) == len(chart.before) == count
    assert all(rectangle.x >= 0 and rectangle.x + rectangle.width <= 100.1 for rectangle in chart.rectangles)
    assert all(after.x >= rectangle.x for rectangle, after in zip(chart.rectangles, chart.rectangles[1:], strict=False))
    assert 1 <= len(chart.labels) <= 7
    assert all(0 < label.x < 100 for label in chart.labels)


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["2026-01-31", "2026-02-01"], ["01-31", "02-01"]),
        (["2026-W05"], ["W05"]),
        (["2026-01", "2026-02"], ["2026-01", "2026-02"]),
        ([f"2026-W{week:02}" for week in range(1, 29)], ["2026-W04", "2026-W11", "2026-W18", "2026-W25"]),
    ],
)
def test_labels_say_no_more_than_is_needed(labels: list[str], shown: list[str]) -> None:
    assert [label.text for label in drawn(columns([(label, 1) for label in labels], unit="people")).labels] == shown


def test_what_was_before_is_marked_in_the_same_places_and_within_the_scale() -> None:
    chart = drawn(columns(days(4, 4), unit="people", before=days(8, None)))
    (rectangle,) = chart.before
    assert (rectangle.x, rectangle.y + 1) == (chart.rectangles[0].x, PLOT_TOP)


@pytest.mark.parametrize(
    ("top", "ends"),
    [(3, "4"), (0.3, "0.32"), (5, "8"), (13, "16"), (41, "60"), (81, "100"), (99, "100"), (1_000_001, "1,200,000")],
)
def test_the_scale_ends_at_a_round_number(top: float, ends: str) -> None:
    assert drawn(columns(days(top), unit="ms")).ticks[-1].text == ends


def test_bars_are_the_greatest_first_and_cut_long_names() -> None:
    chart = drawn(bars([*days(*range(1, 30)), ("/api/" + "x" * 500, 100.0)], unit="ms", before={"2026-01-28": 50.0}))
    assert len(chart.rectangles) == MOST_BARS
    widths = [rectangle.width for rectangle in chart.rectangles]
    assert widths == sorted(widths, reverse=True) and widths[0] == LONGEST_BAR_PERCENT
    assert len(chart.labels[0].text) <= 44 and chart.labels[0].text.endswith("…")
    assert "x" * 500 in chart.rectangles[0].tooltip
    (then,) = chart.before
    assert then.width == pytest.approx(LONGEST_BAR_PERCENT / 2)


def test_a_summary_says_the_ends() -> None:
    summary = drawn(columns(days(3, 5, None, 1), unit="people")).summary
    assert summary == "3 values in people. The highest is 5 (2026-01-02), the lowest 1."


def cohort(week: int, people: int | None, *returns: int | None) -> tuple[Any, ...]:
    returned = max((value for value in returns if value is not None), default=None)
    percent = None if returned is None or not people else 100 * returned / people
    by_day = [*returns, *([None] * (7 - len(returns)))]
    return (f"2026-W{week:02}", "2026-01-05", people, returned if len(returns) == 7 else None, percent, *by_day)


def test_the_grid_has_a_field_for_each_day_shaded_by_percent() -> None:
    grid = cohort_grid(WEEKLY_RETENTION, "week", [cohort(1, 10, 5, 1, 0, 0, 0, 0, 4), cohort(2, 20, 2)])
    assert grid is not None
    assert [field.text for field in grid.fields[:8]] == ["50", "10", "0", "0", "0", "0", "40", "50"]
    assert [field.shade for field in grid.fields[:8]] == ["5", "2", "0", "0", "0", "0", "5", "5"]
    assert [field.shade for field in grid.fields[8:]] == ["2", "", "", "", "", "", "", ""]
    assert grid.fields[0].tooltip == "2026-W01, on day 1: 5 of 10 came back (50.0 %)"
    assert all(field.x + field.width <= 100 for field in grid.fields)
    assert max(field.y for field in grid.fields) < grid.height


def test_the_grid_of_many_cohorts_shows_the_latest_and_of_none_is_not_drawn() -> None:
    grid = cohort_grid(WEEKLY_RETENTION, "week", [cohort(week, 3) for week in range(100)])
    assert grid is not None and len(grid.lines) == MOST_COHORTS and grid.lines[-1][1] == "2026-W99"
    assert cohort_grid(WEEKLY_RETENTION, "week", []) is None
