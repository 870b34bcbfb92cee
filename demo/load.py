"""Sends the events of all days up to now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from demo.days import Calendar, happenings_of
from demo.people import population
from demo.sending import Send, by_deployment, spans_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """Number of spans sent, and number stored by the processor."""

    sent: int
    stored: int


def load(
    send: Send, *, people: int, days: int, seed: int, now: datetime, on_progress: Callable[[int, int, int], None]
) -> Loaded:
    """Send the events of `people` people on the last `days` days, up to now.

    Calls `on_progress` with days done, days in total and spans sent. Raises sending.NotAccepted.
    """
    last = now.astimezone(UTC).date()
    calendar = Calendar(last - timedelta(days=days - 1), last)
    everybody = population(people, calendar.first, calendar.last, seed)
    sent = stored = 0
    for number in range(days):
        day = calendar.first + timedelta(days=number)
        past = by_deployment(
            (person, each)
            for person in everybody
            for each in happenings_of(person, day, calendar, seed)
            if each.at + each.duration <= now  # a late evening may run past midnight
        )
        spans = spans_of(past, Random(f"{seed} ids {day.toordinal()}"))  # noqa: S311
        stored += send(spans)
        sent += len(spans)
        on_progress(number + 1, days, sent)
    return Loaded(sent, stored)
