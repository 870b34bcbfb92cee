"""Geometry of the cohort grid: a line for each cohort, a field for each day; see `charts`."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.show.formatting import UNKNOWN
from analytics.show.report import Report, Row

LINE_HEIGHT = 28
HEAD_HEIGHT = 24
# The darkest shade is half of a cohort or more, which few days reach.
SHADES = 5
DARKEST_PERCENT = 50.0
MOST_COHORTS = 60
FIELDS = (*(f"day_{day}" for day in range(1, 8)), "returned")


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `x` and `width` in percent, `y` in pixels. `shade` is 0 (nobody) to 5, or empty if unknown."""

    x: float
    y: int
    width: float
    middle: float
    text: str
    shade: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid. `lines` are position, name and size of each cohort; `heads` position and title of each column."""

    height: int
    heads: tuple[tuple[float, str], ...]
    lines: tuple[tuple[int, str, str], ...]
    fields: tuple[Field, ...]
    summary: str


def cohort_grid(report: Report, label: str, rows: Sequence[Row]) -> Grid | None:
    """Grid of the latest cohorts in order; None if there are no rows."""
    rows = rows[-MOST_COHORTS:]
    if not rows:
        return None
    width = 100 / (len(FIELDS) + 1)
    name, people = report.index(label), report.index("people")
    fields = [
        _field(report, row, column, line=line, place=place + 1, width=width, label=str(row[name]))
        for line, row in enumerate(rows)
        for place, column in enumerate(FIELDS)
    ]
    heads = ["new", *(f"d{day}" for day in range(1, 8)), "1-7"]
    return Grid(
        height=HEAD_HEIGHT + len(rows) * LINE_HEIGHT,
        heads=tuple((round((place + 0.5) * width, 3), head) for place, head in enumerate(heads)),
        lines=tuple(
            (
                HEAD_HEIGHT + line * LINE_HEIGHT + LINE_HEIGHT // 2,
                str(row[name]),
                UNKNOWN if row[people] is None else f"{row[people]:,}",
            )
            for line, row in enumerate(rows)
        ),
        fields=tuple(fields),
        summary=_summary(report, name, rows),
    )


def _field(report: Report, row: Row, column: str, *, line: int, place: int, width: float, label: str) -> Field:
    people, returned = row[report.index("people")], row[report.index(column)]
    percent = None if returned is None or not people else 100 * int(returned) / int(people)
    when = "within 7 days" if column == "returned" else f"on {column.replace('_', ' ')}"
    if percent is None:
        tooltip = f"{label}, {when}: unknown"
    else:
        tooltip = f"{label}, {when}: {returned} of {people} came back ({percent:.1f} %)"
    return Field(
        x=round(place * width, 3),
        y=HEAD_HEIGHT + line * LINE_HEIGHT,
        width=round(width, 3),
        middle=round((place + 0.5) * width, 3),
        text="" if percent is None else f"{percent:.0f}",
        shade="" if percent is None else str(_shade(percent)),
        tooltip=tooltip,
    )


def _shade(percent: float) -> int:
    return 0 if percent == 0 else min(int(percent * SHADES / DARKEST_PERCENT) + 1, SHADES)


def _summary(report: Report, name: int, rows: Sequence[Row]) -> str:
    index = report.index("retention_percent")
    judged = [(str(row[name]), float(row[index])) for row in rows if row[index] is not None]
    if not judged:
        return f"{len(rows)} cohorts, none of them complete yet."
    best, low = max(judged, key=lambda pair: pair[1]), min(judged, key=lambda pair: pair[1])
    return (
        f"{len(rows)} cohorts, in percent of their people. Within seven days, at most {best[1]:.1f} percent came back "
        f"({best[0]}) and at least {low[1]:.1f} percent ({low[0]})."
    )
