"""One database or two, and the calendar of retention."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.conf import settings
from django.test import override_settings

from accounts.models import User
from analytics.models import UserActivity
from analytics.retention import first_of_month, months_before
from analytics.router import AnalyticsRouter, analytics_database

TWO = {**settings.DATABASES, "analytics": settings.DATABASES["default"]}


def test_with_one_database_everything_is_in_it() -> None:
    router = AnalyticsRouter()
    assert analytics_database() == "default" == router.db_for_read(UserActivity) == router.db_for_write(UserActivity)
    assert router.db_for_read(User) is None
    assert router.allow_migrate("default", "analytics") is True
    assert router.allow_migrate("default", "accounts") is None


def test_with_two_analytics_has_its_own_and_nothing_else_goes_there() -> None:
    router = AnalyticsRouter()
    with override_settings(DATABASES=TWO):
        assert analytics_database() == "analytics" == router.db_for_write(UserActivity)
        assert router.db_for_read(User) is None
        assert router.allow_migrate("analytics", "analytics") is True
        assert router.allow_migrate("default", "analytics") is False
        assert router.allow_migrate("analytics", "accounts") is False


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        (datetime(2026, 11, 24, 12, tzinfo=UTC), 12, datetime(2025, 11, 24, 12, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 12, datetime(2023, 2, 28, tzinfo=UTC)),
        (datetime(2025, 2, 28, tzinfo=UTC), 12, datetime(2024, 2, 28, tzinfo=UTC)),
        (datetime(2026, 3, 31, tzinfo=UTC), 1, datetime(2026, 2, 28, tzinfo=UTC)),
        (datetime(2026, 1, 15, tzinfo=UTC), 1, datetime(2025, 12, 15, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), -2, datetime(2027, 2, 28, tzinfo=UTC)),
        (datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=2))), 1, datetime(2026, 1, 28, 23, tzinfo=UTC)),
    ],
)
def test_months_are_the_calendars(moment: datetime, months: int, expected: datetime) -> None:
    assert months_before(moment, months) == expected


def test_a_month_begins_in_utc() -> None:
    just_after_midnight_in_kiribati = datetime(2026, 6, 1, 0, 30, tzinfo=timezone(timedelta(hours=14)))
    assert first_of_month(just_after_midnight_in_kiribati) == datetime(2026, 5, 1, tzinfo=UTC)
