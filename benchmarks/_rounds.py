"""Rounds of several contenders in turn, so that what the machine does besides meets all of them alike."""

from collections.abc import Callable, Mapping
from statistics import median

Measured = Mapping[str, list[float]]


def interleaved(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> Measured:
    """What each contender measured (seconds, or whatever it returns), a value a round; a first round is thrown away."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        # Turned each round: whoever comes after the slow one must not always be the same.
        names = list(contenders)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            value = contenders[name]()
            if number:
                measured[name].append(value)
    return measured


def ratio(measured: Measured, of: str, to: str, *, less: str | None = None) -> tuple[float, float, float]:
    """Median, least and greatest over the rounds of `of` / `to`, each less the round's `less` where one is named."""
    base = measured[less] if less else [0.0] * len(measured[to])
    values = sorted(
        (one - nothing) / (other - nothing)
        for one, other, nothing in zip(measured[of], measured[to], base, strict=True)
        if other != nothing
    )
    return median(values), values[0], values[-1]


def say(label: str, ratio_of: tuple[float, float, float], wanted: str) -> None:
    middle, least, greatest = ratio_of
    print(f"  {label:<62} {middle:7.3f}   (rounds {least:.3f} to {greatest:.3f}; wanted {wanted})")
