"""The four queries of the original note, letter by letter, against numbers worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection

from analytics.retention import first_of_month, months_before
from tests.analytics.show.rows import day, login, requested, used

pytestmark = pytest.mark.django_db

DAILY_ACTIVE_USERS = """
SELECT 
    DATE(timestamp) as date,
    deployment_type,
    COUNT(DISTINCT user_id) as daily_active_users
FROM analytics_user_activity
WHERE event_type = 'login'
    AND timestamp >= CURRENT_DATE - INTERVAL '30 days'
GROUP BY date, deployment_type
ORDER BY date DESC;
"""  # noqa: W291  as it stands in the note

FEATURE_ADOPTION = """
SELECT 
    feature_name,
    deployment_type,
    COUNT(DISTINCT user_id) as unique_users,
    COUNT(*) as total_uses
FROM analytics_feature_usage
WHERE timestamp >= CURRENT_DATE - INTERVAL '30 days'
GROUP BY feature_name, deployment_type
ORDER BY unique_users DESC;
"""  # noqa: W291

ENDPOINT_PERFORMANCE = """
SELECT 
    endpoint,
    method,
    AVG(duration_ms) as avg_duration,
    PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY duration_ms) as p95_duration,
    COUNT(*) as request_count,
    SUM(CASE WHEN status_code >= 500 THEN 1 ELSE 0 END) as error_count
FROM analytics_endpoint_usage
WHERE timestamp >= CURRENT_DATE - INTERVAL '7 days'
GROUP BY endpoint, method
ORDER BY request_count DESC;
"""  # noqa: W291

RETENTION = """
WITH first_login AS (
    SELECT user_id, MIN(timestamp) as first_login_date
    FROM analytics_user_activity
    WHERE event_type = 'login'
    GROUP BY user_id
),
return_users AS (
    SELECT 
        f.user_id,
        f.first_login_date,
        MAX(a.timestamp) as last_login_date
    FROM first_login f
    LEFT JOIN analytics_user_activity a 
        ON f.user_id = a.user_id 
        AND a.event_type = 'login'
        AND a.timestamp > f.first_login_date
        AND a.timestamp <= f.first_login_date + INTERVAL '7 days'
    GROUP BY f.user_id, f.first_login_date
)
SELECT 
    COUNT(DISTINCT user_id) as total_users,
    COUNT(DISTINCT CASE WHEN last_login_date IS NOT NULL THEN user_id END) as retained_users,
    ROUND(100.0 * COUNT(DISTINCT CASE WHEN last_login_date IS NOT NULL THEN user_id END) / COUNT(DISTINCT user_id), 2) as retention_rate
FROM return_users
WHERE first_login_date >= CURRENT_DATE - INTERVAL '30 days';
"""  # noqa: W291, E501


def answer(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


@pytest.fixture(autouse=True)
def _months() -> None:
    with connection.cursor() as cursor:
        for ago in (0, 1, 2):
            cursor.execute("SELECT analytics_make_month(%s)", [months_before(first_of_month(day(0)), ago)])


def test_daily_active_users() -> None:
    for who, when, deployment in (
        (1, day(0), "cloud"),
        (1, day(0, 13), "cloud"),  # twice on one day is one person
        (2, day(0), "cloud"),
        (3, day(0), "self_hosted"),
        (1, day(3), "cloud"),
        (2, day(40), "cloud"),  # before the 30 days
    ):
        login(who, when, deployment)
    login(9, day(0), event_type="logout")  # no sign-in
    assert answer(DAILY_ACTIVE_USERS) in (
        [(day(0).date(), "cloud", 2), (day(0).date(), "self_hosted", 1), (day(3).date(), "cloud", 1)],
        [(day(0).date(), "self_hosted", 1), (day(0).date(), "cloud", 2), (day(3).date(), "cloud", 1)],
    )


def test_feature_adoption() -> None:
    for who in (1, 2, 3):
        used(who, "test_run", day(1))
    used(1, "test_run", day(2), action="viewed")
    used(1, "prompt", day(1))
    used(1, "prompt", day(1, 13))
    used(4, "metric", day(1), "self_hosted")
    used(5, "metric", day(1), "self_hosted")
    used(5, "metric", day(45), "self_hosted")
    assert answer(FEATURE_ADOPTION) == [
        ("test_run", "cloud", 3, 4),
        ("metric", "self_hosted", 2, 2),
        ("prompt", "cloud", 1, 2),
    ]


def test_endpoint_performance() -> None:
    for ms in (10.0, 20.0, 30.0, 40.0, 100.0):
        requested(1, "/api/a/", ms, day(1), status=500 if ms == 100.0 else 200)
    requested(1, "/api/b/", 7.0, day(1), method="POST", status=404)
    requested(1, "/api/b/", 9.0, day(1), method="POST", status=503)
    requested(1, "/api/a/", 9000.0, day(10))  # before the 7 days
    # 95 % of the way from the first to the fifth value is 3.8 steps: 40 + 0.8 * (100 - 40); of two: 7 + 0.95 * 2.
    assert answer(ENDPOINT_PERFORMANCE) == [
        ("/api/a/", "GET", 40.0, pytest.approx(88.0), 5, 1),
        ("/api/b/", "POST", 8.0, pytest.approx(8.9), 2, 1),
    ]


def test_retention() -> None:
    login(1, day(20))
    login(1, day(14))  # on the sixth day: came back
    login(2, day(20))
    login(2, day(12))  # on the eighth: too late
    login(3, day(20))  # never again
    login(4, day(45))  # first seen before the 30 days
    login(4, day(41))
    assert answer(RETENTION) == [(3, 1, Decimal("33.33"))]


def test_on_an_empty_table_three_give_nothing_and_the_notes_retention_divides_by_zero() -> None:
    for query in (DAILY_ACTIVE_USERS, FEATURE_ADOPTION, ENDPOINT_PERFORMANCE):
        assert answer(query) == []
    with pytest.raises(DataError, match="division by zero"):
        answer(RETENTION)
