"""Charts as geometry: the template draws them as SVG, the style sheet colours them.

Upright charts have a column for each day; the others a row for each name. All lengths are in the SVG's own units.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 720
UPRIGHT_HEIGHT = 220
ROW_HEIGHT = 26
LABEL_WIDTH = 250
WIDEST_COLUMN = 64.0
MARGIN = 46
MOST_ROWS = 15
MOST_LABELS = 8
LONGEST_LABEL = 36


@dataclass(frozen=True, slots=True)
class Bar:
    """One value: its rectangle, what it says, and where its text stands. An empty `label` or `value` is not drawn."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: str
    says: str
    text_x: float
    text_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across at a round value."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`summary` is the description a screen reader gives; the table beneath has every number."""

    width: int
    height: int
    upright: bool
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    summary: str


def chart(points: Sequence[tuple[str, float | None]], *, unit: str, upright: bool) -> Chart | None:
    """None if there is nothing to draw. Values are 0 or more; None is drawn as a gap."""
    known = [(label, float(value)) for label, value in points if value is not None]
    if not known:
        return None
    top_label, top = max(known, key=lambda point: point[1])
    scale = _round_up(top)
    summary = (
        f"{len(known)} values in {unit}. The highest is {_number(top)} ({top_label}), "
        f"the lowest {_number(min(value for _, value in known))}."
    )
    if upright:
        return _upright(
            [(label, None if value is None else float(value)) for label, value in points], scale, unit, summary
        )
    return _rows(known[:MOST_ROWS], scale, unit, summary)


def _upright(points: Sequence[tuple[str, float | None]], scale: float, unit: str, summary: str) -> Chart:
    plot = UPRIGHT_HEIGHT - MARGIN
    step = (WIDTH - MARGIN) / len(points)
    width = min(step * 0.76, WIDEST_COLUMN)
    every = math.ceil(len(points) / MOST_LABELS)
    # Days as 05-31; where they come from more than a year, months as 2026-05.
    shown = slice(0, 7) if len({label[:4] for label, _ in points}) > 1 and len(points) > 60 else slice(5, None)
    bars = []
    for index, (label, value) in enumerate(points):
        height = 0.0 if value is None else max(plot * value / scale, 1.5 if value else 0.0)
        x = MARGIN + index * step
        bars.append(
            Bar(
                x=_fine(x + (step - width) / 2),
                y=_fine(plot - height + 10),
                width=_fine(width),
                height=_fine(height),
                label=label[shown] if index % every == 0 else "",
                value="",
                says=f"{label}: {'not known yet' if value is None else f'{_number(value)} {unit}'}",
                text_x=_fine(x + step / 2),
                text_y=UPRIGHT_HEIGHT - 14,
            )
        )
    ticks = tuple(Tick(_fine(plot + 10 - plot * part / 4), _number(scale * part / 4)) for part in range(5))
    return Chart(WIDTH, UPRIGHT_HEIGHT, True, tuple(bars), ticks, summary)


def _rows(points: Sequence[tuple[str, float]], scale: float, unit: str, summary: str) -> Chart:
    plot = WIDTH - LABEL_WIDTH - 70
    bars = tuple(
        Bar(
            x=LABEL_WIDTH,
            y=index * ROW_HEIGHT + 4,
            width=_fine(max(plot * value / scale, 1.5 if value else 0.0)),
            height=ROW_HEIGHT - 8,
            label=label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…",
            value=_number(value),
            says=f"{label}: {_number(value)} {unit}",
            text_x=_fine(LABEL_WIDTH + plot * value / scale + 8),
            text_y=index * ROW_HEIGHT + ROW_HEIGHT / 2 + 1,
        )
        for index, (label, value) in enumerate(points)
    )
    return Chart(WIDTH, len(points) * ROW_HEIGHT + 4, False, bars, (), summary)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 8 times a power of ten (whose quarters are easy to read), 4 at least."""
    if value <= 0:
        return 4.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(next(step * power for step in (1, 2, 4, 8, 10, 20) if step * power >= value), 4.0)


def _fine(length: float) -> float:
    return round(length, 2)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"
