"""Edges of days, months and years, in any zone: numbers computed by hand."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from analytics.keep.rollups import roll_up
from tests.analytics.keep.rows import (
    activity,
    disagreements,
    execute,
    feature,
    moment,
    report,
    request,
    rolled_up,
    silently,
    store,
)

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    """The zone of the database's connection."""
    execute("SELECT set_config('timezone', %s, false)", [request.param])
    yield request.param
    execute("SELECT set_config('timezone', 'UTC', false)")


def active(first: date, end: date) -> dict[str, int]:
    return {f"{day:%m-%d}": people for day, _, _, people in report("active_people", first, end)}


def test_a_day_begins_at_midnight_utc_in_every_zone(zone: str) -> None:
    rolled_up(
        [
            activity(1, moment("2026-12-31 23:59:59.999999")),
            activity(1, moment("2027-01-01 00:00")),
            activity(2, moment("2027-01-01 23:59:59.999999")),
        ]
    )
    assert active(date(2026, 12, 30), date(2027, 1, 3)) == {"12-30": 0, "12-31": 1, "01-01": 2, "01-02": 0}
    assert disagreements(date(2026, 12, 30), date(2027, 1, 3)) == []


def test_leap_day_is_a_day_and_belongs_to_february(zone: str) -> None:
    rolled_up(
        [
            activity(1, moment("2028-02-28 12:00")),
            activity(2, moment("2028-02-29 00:00")),
            activity(3, moment("2028-02-29 23:59:59.999999")),
            activity(4, moment("2028-03-01 00:00")),
        ]
    )
    assert active(date(2028, 2, 28), date(2028, 3, 2)) == {"02-28": 1, "02-29": 2, "03-01": 1}
    months = report("monthly_people", date(2028, 2, 1), date(2028, 4, 1))
    assert months == [("2028-02", 3, 0, 3), ("2028-03", 1, 0, 1)]


@pytest.mark.parametrize("changed", ["2026-03-29", "2026-10-25"])
def test_the_days_clocks_change_have_24_hours(zone: str, changed: str) -> None:
    """In Berlin that day has 23 hours, or 25; the rollup's has 24 all the same."""
    hours = [moment(f"{changed} {hour:02}:30") for hour in range(24)]
    rolled_up([request(hour, when) for hour, when in enumerate(hours)])
    day = date.fromisoformat(changed)
    assert execute("SELECT day, people FROM analytics_daily_activity WHERE deployment_type = 'all'") == [(day, 24)]
    assert execute("SELECT sum(requests) FROM analytics_daily_endpoint WHERE day = %s", [day]) == [(24,)]


def test_a_return_is_on_another_day_and_within_seven_of_them(zone: str) -> None:
    rolled_up(
        [
            activity(1, moment("2026-03-01 00:00")),
            activity(1, moment("2026-03-01 23:59:59.999999")),  # the same day: no return
            activity(2, moment("2026-03-01 09:00")),
            activity(2, moment("2026-03-08 23:59:59.999999")),  # the seventh day after: a return
            activity(3, moment("2026-03-01 23:59:59.999999")),
            activity(3, moment("2026-03-09 00:00")),  # the eighth: none
            activity(4, moment("2026-03-01 12:00")),
            activity(4, moment("2026-03-02 00:00"), "session_start"),  # any event is a return
        ]
    )
    first, end = date(2026, 3, 1), date(2026, 3, 9)
    young = report("retention", first, end, now=moment("2026-03-08 23:59:59.999999"))
    assert [row[:4] for row in young] == [(first, 4, None, None)]
    judged = report("retention", first, end, now=moment("2026-03-09 00:00"))
    assert judged == [(first, 4, 2, Decimal(50), 1, 0, 0, 0, 0, 0, 1)]


def test_somebody_in_both_deployments_is_one_person(zone: str) -> None:
    rolled_up(
        [
            activity(1, moment("2026-03-01 10:00")),
            activity(1, moment("2026-03-01 11:00"), deployment="self_hosted"),
            activity(1, moment("2026-03-01 12:00"), "logout", deployment="self_hosted"),
            activity(2, moment("2026-03-01 13:00")),
            feature(3, moment("2026-03-01 13:00")),
        ]
    )
    found = execute(
        "SELECT deployment_type, people, people_signed_in, sign_ins, events FROM analytics_daily_activity ORDER BY 1"
    )
    assert found == [("all", 3, 2, 3, 4), ("cloud", 3, 2, 2, 2), ("self_hosted", 1, 1, 1, 2)]


def test_a_session_is_cut_at_midnight(zone: str) -> None:
    rolled_up(
        [
            activity(1, moment("2026-03-01 23:00"), session="a"),
            activity(1, moment("2026-03-01 23:30"), "logout", session="a"),
            activity(1, moment("2026-03-02 00:00"), "logout", session="a"),
            activity(2, moment("2026-03-02 08:00"), session="b"),
            activity(2, moment("2026-03-02 08:10"), "logout", session="b"),
        ]
    )
    first, second = report("sessions", date(2026, 3, 1), date(2026, 3, 3))
    assert first[:3] == (date(2026, 3, 1), 1, 1800.0)
    assert first[3] == pytest.approx(1800, rel=0.02)
    assert second[:3] == (date(2026, 3, 2), 2, 300.0)


def test_a_late_row_moves_a_person_to_an_earlier_cohort(zone: str) -> None:
    rolled_up([activity(1, moment("2026-03-10 10:00"))])
    store([activity(1, moment("2026-03-05 10:00"))])
    roll_up(report=silently)
    retention = report("retention", date(2026, 3, 1), date(2026, 4, 1), now=moment("2026-04-10 00:00"))
    assert retention == [(date(2026, 3, 5), 1, 1, Decimal(100), 0, 0, 0, 0, 1, 0, 0)]
