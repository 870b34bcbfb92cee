"""Formats values for people, with a no-break space between a number and its unit."""

from collections.abc import Callable
from typing import Any

UNKNOWN = "—"


def formatted(kind: str, value: Any) -> str:
    """Text of a value of this kind (see `report.Column`; `number` may have decimals)."""
    return UNKNOWN if value is None else FORMATS.get(kind, str)(value)


def duration(seconds: float) -> str:
    """A duration such as `8.5 s`, `12 min 5 s` or `1 h 5 min`."""
    if seconds < 59.95:
        return f"{short(seconds)}\xa0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\xa0min {rest}\xa0s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,}\xa0h {minutes}\xa0min"


def short(number: float) -> str:
    """A number with at most two decimals, fewer the larger it is: `12,340`, `12.5`, `0.25`."""
    decimals = 0 if abs(number) >= 100 else 1 if abs(number) >= 1 else 2
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent_change(now: float, before: float) -> str:
    """The change from `before` to `now`, such as `+12 %`; empty if `before` is zero."""
    return f"{without_negative_zero(100 * (now - before) / before, 0):+,.0f} %" if before else ""


def without_negative_zero(number: float, decimals: int) -> float:
    """The rounded number; `-0.0`, which would be shown as `-0`, becomes zero."""
    return round(number, decimals) + 0.0


FORMATS: dict[str, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,}",
    "number": lambda value: short(float(value)),
    "ms": lambda value: f"{value:,.1f}\xa0ms",
    "seconds": lambda value: duration(float(value)),
    "percent": lambda value: f"{value:.1f}\xa0%",
}
