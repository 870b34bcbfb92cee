"""Geometry of charts; templates draw them as SVG, and the style sheet colours them.

Horizontal lengths are percentages of the page's width and vertical ones pixels, so that a chart fits any screen while
its text has a fixed size.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from analytics.show.formatting import percent_change, short

Points = Sequence[tuple[str, float | None]]
PLOT_HEIGHT = 180
PLOT_TOP = 10
BAR_ROW_HEIGHT = 44
MOST_BARS = 10
MOST_LABELS, MOST_LONG_LABELS = 6, 4
FEW_WEEKS = 26
FEW_LABELS = 7
WIDEST_PERCENT = 9.0
# Largest number of columns with gaps between them; more are drawn as a silhouette.
MOST_APART = 120
# The rest of the width is for the value beside the longest bar.
LONGEST_BAR_PERCENT = 76.0
LONGEST_LABEL = 44
# Possible ends of a scale, times a power of ten.
EASY_STEPS = (1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0, 40.0)


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A column or bar: `x` and `width` in percent, `y` and `height` in pixels."""

    x: float
    y: float
    width: float
    height: float
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text: `x` in percent, `y` in pixels."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart. `summary` is its description for screen readers; the table below has every number.

    `before` holds the values of the preceding days, at the same positions.
    """

    height: int
    rectangles: tuple[Rectangle, ...]
    before: tuple[Rectangle, ...]
    labels: tuple[Text, ...]
    values: tuple[Text, ...]
    ticks: tuple[Text, ...]
    summary: str
    apart: bool = True


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a line chart: `x`, `width` and `middle` in percent, `y` of its point in pixels, and its read-out."""

    x: float
    width: float
    middle: float
    y: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line chart. Paths are in a plot of 1000 by PLOT_HEIGHT, which is stretched to the chart's width."""

    height: int
    path: str
    not_over_path: str
    before: str
    hatched: Rectangle | None
    days: tuple[Day, ...]
    labels: tuple[Text, ...]
    ticks: tuple[Text, ...]
    summary: str
    plot_top: int = PLOT_TOP
    plot_height: int = PLOT_HEIGHT


def columns(points: Points, *, unit: str, before: Points = ()) -> Chart | None:
    """A column for each point, with a line at the value of the same position in `before`.

    None if all points are zero or unknown.
    """
    known = _known(points)
    if not any(value for _, value in known):
        return None
    scale = _round_up(max(value for _, value in [*known, *_known(before[: len(points)])]))
    step = 100 / len(points)
    apart = len(points) <= MOST_APART
    width = min(step * 0.76, WIDEST_PERCENT) if apart else step
    rectangles = tuple(
        Rectangle(
            x=_fine(index * step + (step - width) / 2),
            y=_fine(PLOT_TOP + PLOT_HEIGHT - _height(value, scale)),
            # Slightly wider than its step, so that a silhouette has no seams.
            width=_fine(width if apart else width + 0.05),
            height=_fine(_height(value, scale)),
            tooltip=_tooltip(label, value, unit),
        )
        for index, (label, value) in enumerate(points)
    )
    lines = tuple(
        Rectangle(bar.x, _fine(PLOT_TOP + PLOT_HEIGHT - _height(value, scale) - 1), bar.width, 2)
        for bar, (_, value) in zip(rectangles, before, strict=False)
        if value
    )
    return Chart(
        height=PLOT_TOP + PLOT_HEIGHT + 24,
        rectangles=rectangles,
        before=lines,
        labels=_axis([label for label, _ in points]),
        values=(),
        ticks=_ticks(scale),
        summary=_summary(known, unit),
        apart=apart,
    )


def line(points: Points, *, unit: str, before: Points = (), not_over: int = 0, period: str = "day") -> Line | None:
    """A line through the points of some days, above the same days of the week before, or of some weeks or months.

    The last `not_over` of them are hatched, because they have only some of their events. None if all points are unknown
    or zero.
    """
    known = _known(points)
    if not any(value for _, value in known):
        return None
    before = before[: len(points)]
    scale = _round_up(max(value for _, value in [*known, *_known(before)]))
    over = len(points) - not_over
    step = 100 / len(points)
    days = tuple(
        Day(
            x=_fine(index * step),
            width=_fine(step),
            middle=_fine((index + 0.5) * step),
            y=None if value is None else _fine(PLOT_TOP + PLOT_HEIGHT * (1 - value / scale)),
            text=_read_out(
                (label, value),
                before[index] if index < len(before) else None,
                unit=unit,
                period=period,
                is_over=index < over,
            ),
        )
        for index, (label, value) in enumerate(points)
    )
    return Line(
        height=PLOT_TOP + PLOT_HEIGHT + 24,
        path=_path(points[:over], len(points), scale),
        not_over_path=_path(points, len(points), scale, first=over - 1) if not_over else "",
        before=_path(before, len(points), scale),
        hatched=Rectangle(_fine(over * step), PLOT_TOP, _fine(not_over * step), PLOT_HEIGHT) if not_over else None,
        days=days,
        labels=_axis([label[:7] if period == "month" else label for label, _ in points]),
        ticks=_ticks(scale),
        summary=_summary(known, unit),
    )


def _path(points: Points, steps: int, scale: float, *, first: int = 0) -> str:
    """The path through the known points from `first` on, in a plot of 1000 by PLOT_HEIGHT; unknown ones are gaps."""
    words, pen_is_down = [], False
    for index, (_, value) in enumerate(points):
        if value is not None and index >= first:
            x, y = _fine((index + 0.5) * 1000 / steps), _fine(PLOT_HEIGHT * (1 - value / scale))
            # A point between two gaps is a line to itself, which round ends draw as a dot.
            words.append(f"L{x} {y}" if pen_is_down else f"M{x} {y}L{x} {y}")
        pen_is_down = value is not None and index >= first
    return "".join(words)


def _read_out(
    point: tuple[str, float | None], before: tuple[str, float | None] | None, *, unit: str, period: str, is_over: bool
) -> str:
    """Text for a day, week or month: its number, the number of the one before, and the change."""
    label, value = point
    text = f"{_when(label, period)}: {'unknown' if value is None else f'{short(value)} {unit}'}"
    if not is_over:
        return f"{text}, not over yet"
    if before is None or before[1] is None:
        return text
    change = "" if value is None else percent_change(value, before[1])
    on = "on" if period == "day" else "in"
    return f"{text}; {short(before[1])} {on} {_when(before[0], period)}{f', {change}' if change else ''}"


def _when(label: str, period: str) -> str:
    """`Mon 4 May`, `week 19, from 4 May` or `May 2026`."""
    first = date.fromisoformat(label)
    day = f"{first.day} {first:%b}"
    return {
        "week": f"week {first.isocalendar().week}, from {day}",
        "month": f"{first:%B %Y}",
    }.get(period, f"{first:%a} {day}")


def bars(points: Points, *, unit: str, before: Mapping[str, float | None] | None = None) -> Chart | None:
    """A bar for each of the largest points, with a thin bar below for the same label in `before`."""
    known = sorted(((label, value) for label, value in _known(points) if value), key=lambda point: -point[1])
    if not known:
        return None
    shown, before = known[:MOST_BARS], before or {}
    scale = max([value for _, value in shown] + [before.get(label) or 0.0 for label, _ in shown])
    return Chart(
        height=len(shown) * BAR_ROW_HEIGHT,
        rectangles=tuple(
            Rectangle(0, row * BAR_ROW_HEIGHT + 20, _length(value, scale), 12, _tooltip(label, value, unit))
            for row, (label, value) in enumerate(shown)
        ),
        before=tuple(
            Rectangle(0, row * BAR_ROW_HEIGHT + 34, _length(then, scale), 3, f"before, {_tooltip(label, then, unit)}")
            for row, (label, _) in enumerate(shown)
            if (then := before.get(label))
        ),
        labels=tuple(Text(0, row * BAR_ROW_HEIGHT + 14, _cut(label)) for row, (label, _) in enumerate(shown)),
        values=tuple(
            Text(_length(value, scale), row * BAR_ROW_HEIGHT + 30, short(value)) for row, (_, value) in enumerate(shown)
        ),
        ticks=(),
        summary=_summary(known, unit),
    )


def _ticks(scale: float) -> tuple[Text, ...]:
    return tuple(Text(0, _fine(PLOT_TOP + PLOT_HEIGHT * (1 - part / 4)), short(scale * part / 4)) for part in range(5))


def _known(points: Points) -> list[tuple[str, float]]:
    return [(label, value) for label, value in points if value is not None]


def _height(value: float | None, scale: float) -> float:
    return max(PLOT_HEIGHT * value / scale, 1.5) if value else 0.0


def _length(value: float, scale: float) -> float:
    return _fine(max(LONGEST_BAR_PERCENT * value / scale, 0.4))


def _tooltip(label: str, value: float | None, unit: str) -> str:
    return f"{label}: {'unknown' if value is None else f'{short(value)} {unit}'}"


def _summary(known: Sequence[tuple[str, float]], unit: str) -> str:
    top_label, top = max(known, key=lambda point: point[1])
    low = min(value for _, value in known)
    if len(known) == 1:
        return f"One value, {top_label}: {short(top)} {unit}."
    return f"{len(known)} values in {unit}. The highest is {short(top)} ({top_label}), the lowest {short(low)}."


def _axis(labels: Sequence[str]) -> tuple[Text, ...]:
    """As many labels below the columns as fit on a phone: few days or weeks without year, many days as months."""
    if len(labels) <= (MOST_APART if _is_day(labels[0]) else FEW_WEEKS):
        shown = [re.sub(r"^\d{4}-(?=W|\d\d-)", "", label) for label in labels]
    else:
        shown = [label[:7] if _is_day(label) else label for label in labels]
    few_and_short = len(labels) <= FEW_LABELS and not _is_day(labels[0]) and max(map(len, shown)) < 6
    every = 1 if few_and_short else math.ceil(len(labels) / (MOST_LABELS if len(shown[0]) < 6 else MOST_LONG_LABELS))
    step = 100 / len(labels)
    return tuple(
        Text(_fine((index + 0.5) * step), PLOT_TOP + PLOT_HEIGHT + 17, label)
        for index, label in enumerate(shown)
        if index % every == every // 2
    )


def _is_day(label: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", label) is not None


def _cut(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def _round_up(value: float) -> float:
    """The next scale end whose quarters are easy to read, and whole for whole numbers."""
    power = 10.0 ** math.floor(math.log10(value))
    scales = [step * power for step in EASY_STEPS if step * power >= value]
    return next((scale for scale in scales if scale % 4 == 0), 4.0) if value == int(value) else scales[0]


def _fine(length: float) -> float:
    return round(length, 3)
