"""The SQL function that makes a month's partitions."""

from datetime import UTC, datetime

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def make_month(moment: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT analytics_make_month(%s)", [moment])
        return int(cursor.fetchone()[0])


def test_makes_the_three_partitions_of_a_month_once() -> None:
    assert make_month(datetime(2031, 2, 14, tzinfo=UTC)) == 3
    assert make_month(datetime(2031, 2, 28, 23, 59, 59, tzinfo=UTC)) == 0


def test_months_are_those_of_utc_whatever_zone_the_connection_is_in() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Pacific/Kiritimati'")
        make_month(datetime(2031, 2, 28, 23, 30, tzinfo=UTC))
        cursor.execute("SELECT to_regclass('analytics_user_activity_y2031m02') IS NOT NULL")
        assert cursor.fetchone() == (True,)
