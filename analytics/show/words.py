"""Values as people read them; between a number and its unit no line breaks."""

from collections.abc import Callable
from typing import Any

UNKNOWN = "—"


def in_words(kind: str, value: Any) -> str:
    """A cell of a column of this kind (see `report.Column`; `number` is one that need not be whole)."""
    return UNKNOWN if value is None else SAY.get(kind, str)(value)


def duration(seconds: float) -> str:
    """Such as `8.5 s`, `12 min 5 s` or `1 h 5 min`."""
    if seconds < 59.95:
        return f"{short(seconds)}\xa0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\xa0min {rest}\xa0s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,}\xa0h {minutes}\xa0min"


def short(number: float) -> str:
    """With as many decimals as say something: `12,340`, `12.5`, `0.25`."""
    decimals = 0 if abs(number) >= 100 else 1 if abs(number) >= 1 else 2
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


SAY: dict[str, Callable[[Any], str]] = {
    "count": lambda value: f"{value:,}",
    "number": lambda value: short(float(value)),
    "ms": lambda value: f"{value:,.1f}\xa0ms",
    "seconds": lambda value: duration(float(value)),
    "percent": lambda value: f"{value:.1f}\xa0%",
}
