"""Measures several contenders in alternating rounds, so that other load on the machine affects all of them equally."""

from collections.abc import Callable, Mapping
from statistics import median

Measured = Mapping[str, list[float]]


def interleaved(contenders: Mapping[str, Callable[[], float]], *, rounds: int) -> Measured:
    """Return each contender's results, one value (seconds, for example) per round, without a warm-up round."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        # Rotate the order, so that the slow contender is not always followed by the same one.
        names = list(contenders)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            value = contenders[name]()
            if number:
                measured[name].append(value)
    return measured


def ratio(measured: Measured, of: str, to: str, *, less: str | None = None) -> tuple[float, float, float]:
    """Return median, minimum and maximum of `of` / `to` over the rounds, with `less` subtracted from both."""
    base = measured[less] if less else [0.0] * len(measured[to])
    values = sorted(
        (one - nothing) / (other - nothing)
        for one, other, nothing in zip(measured[of], measured[to], base, strict=True)
        if other != nothing
    )
    return median(values), values[0], values[-1]


def print_ratio(label: str, ratio_of: tuple[float, float, float], target: str) -> None:
    middle, least, greatest = ratio_of
    print(f"  {label:<62} {middle:7.3f}   (rounds {least:.3f} to {greatest:.3f}; target: {target})")
