"""The views for BI: each row is what plain SQL says of the raw rows, and no row is about few people."""

import io
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import DataError, connections
from django.test import override_settings
from django.utils import timezone

from analytics.models import IngestTally, ViewThreshold
from analytics.router import analytics_database
from analytics.show.bi_views import REPORTS, VIEWS, publish_threshold
from tests.analytics.keep.rows import Stored, activity, execute, feature, moment, request, rolled_up

pytestmark = pytest.mark.django_db(databases="__all__")
WEEK_OF = date(2026, 3, 2)  # a Monday, long enough ago for its cohorts to be judged


def at(day: int, hour: int = 9, minute: int = 0) -> Any:
    return moment(f"2026-03-{day:02} {hour:02}:{minute:02}")


def everything() -> list[Stored]:
    """Twelve people in the cloud and two at home over ten days, some of whom come back, each with sessions."""
    rows: list[Stored] = []
    for who in range(14):
        deployment = "cloud" if who < 12 else "self_hosted"
        for day in range(2, 12):
            if (who * 7 + day * 3) % 4 == 0 and day != 2:
                continue
            session = f"{who}-{day}"
            rows.append(activity(who, at(day), deployment=deployment, session=session))
            rows.append(activity(who, at(day, 9, 5 + who), "logout", deployment=deployment, session=session))
            rows += [feature(who, at(day, 10, n), "run" if n else "set", deployment=deployment) for n in range(who % 3)]
            rows += [
                request(
                    who,
                    at(day, 11, n),
                    10.0 * (who + 1) * (n + 1),
                    endpoint="/a/" if n else "/b/",
                    status=500 if who == 3 else 200,
                    deployment=deployment,
                )
                for n in range(3)
            ]
    return rows


@pytest.fixture
def _rows() -> None:
    rolled_up(everything())


def view(name: str) -> list[tuple[Any, ...]]:
    return sorted(execute(f"SELECT * FROM analytics_report_{name}"))


def with_smallest(number: int) -> None:
    ViewThreshold.objects.update_or_create(pk=1, defaults={"smallest_group": number})


UTC_DAY = "(\"timestamp\" AT TIME ZONE 'UTC')::date"
RAW = {
    "active_people": f"""
        SELECT {UTC_DAY}, deployment_type, count(DISTINCT user_id) FROM analytics_user_activity
        WHERE event_type = 'login' GROUP BY 1, 2 HAVING count(DISTINCT user_id) >= 5""",
    "sign_ins": f"""
        SELECT {UTC_DAY}, deployment_type, count(*), count(DISTINCT user_id) FROM analytics_user_activity
        WHERE event_type = 'login' GROUP BY 1, 2 HAVING count(DISTINCT user_id) >= 5""",
    "weekly_people": """
        SELECT date_trunc('week', "timestamp", 'UTC')::date, deployment_type, count(DISTINCT user_id)
        FROM analytics_user_activity WHERE event_type = 'login' GROUP BY 1, 2 HAVING count(DISTINCT user_id) >= 5""",
    "monthly_people": """
        SELECT date_trunc('month', "timestamp", 'UTC')::date, deployment_type, count(DISTINCT user_id)
        FROM analytics_user_activity WHERE event_type = 'login' GROUP BY 1, 2 HAVING count(DISTINCT user_id) >= 5""",
    "feature_adoption": f"""
        SELECT {UTC_DAY}, deployment_type, feature_name, count(DISTINCT user_id), count(*)
        FROM analytics_feature_usage GROUP BY 1, 2, 3 HAVING count(DISTINCT user_id) >= 5""",
    "endpoint_performance": f"""
        SELECT {UTC_DAY}, deployment_type, endpoint, method, count(DISTINCT user_id), count(*),
               count(*) FILTER (WHERE status_code >= 500),
               100.0 * count(*) FILTER (WHERE status_code >= 500) / count(*), avg(duration_ms),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms),
               percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_ms)
        FROM analytics_endpoint_usage GROUP BY 1, 2, 3, 4 HAVING count(DISTINCT user_id) >= 5""",
    "sessions": f"""
        SELECT day, deployment_type, count(*), avg(s), percentile_cont(0.5) WITHIN GROUP (ORDER BY s),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY s)
        FROM (SELECT {UTC_DAY} AS day, deployment_type, user_id,
                     extract(epoch FROM max("timestamp") - min("timestamp"))::float8 AS s
              FROM analytics_user_activity WHERE session_id IS NOT NULL GROUP BY 1, 2, 3, session_id) AS sessions
        GROUP BY 1, 2 HAVING count(DISTINCT user_id) >= 5""",
    "retention": f"""
        SELECT first_day, deployment_type, count(*),
               CASE WHEN count(*) FILTER (WHERE back) NOT BETWEEN 1 AND 4 THEN count(*) FILTER (WHERE back) END,
               CASE WHEN count(*) FILTER (WHERE back) NOT BETWEEN 1 AND 4
                    THEN 100.0 * count(*) FILTER (WHERE back) / count(*) END
        FROM (SELECT f.*, EXISTS (SELECT FROM analytics_user_activity a
                                  WHERE a.user_id = f.user_id AND event_type = 'login'
                                  AND {UTC_DAY} > first_day AND {UTC_DAY} <= first_day + 7) AS back
              FROM (SELECT user_id, deployment_type, min({UTC_DAY}) AS first_day FROM analytics_user_activity
                    WHERE event_type = 'login' GROUP BY 1, 2) AS f) AS people
        GROUP BY 1, 2 HAVING count(*) >= 5""",
}
EXACT = {"endpoint_performance": 8, "sessions": 3}


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", sorted(RAW))
def test_a_view_says_what_plain_sql_says_of_the_rows(name: str) -> None:
    expected = sorted(execute(RAW[name]))
    found = view(name)
    exact = EXACT.get(name, len(expected[0]))
    assert [row[:exact] for row in found] == [row[:exact] for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row[exact:] == pytest.approx(other[exact:], rel=0.02)


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", sorted(RAW))
def test_no_row_is_about_a_small_group(name: str) -> None:
    assert {row[1] for row in view(name)} == {"cloud"}, "two people at home are too few"
    with_smallest(1)
    assert {row[1] for row in view(name)} == {"cloud", "self_hosted"}
    with_smallest(100)
    assert view(name) == []


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", sorted(RAW))
def test_a_threshold_that_is_missing_shows_nothing(name: str) -> None:
    ViewThreshold.objects.all().delete()
    assert view(name) == []


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", sorted(RAW))
def test_a_condition_is_not_tried_on_rows_that_are_left_out(name: str) -> None:
    """Of a division by zero, somebody would learn what it was tried on."""
    alias = analytics_database()
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pg_temp.tell(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS "
            "$$ BEGIN IF $1 = 'self_hosted' THEN RAISE division_by_zero; END IF; RETURN true; END $$"
        )
        cursor.execute(f"SELECT count(*) FROM analytics_report_{name} WHERE pg_temp.tell(deployment_type)")
        assert cursor.fetchone()[0] > 0
        with_smallest(1)
        with pytest.raises(DataError):
            cursor.execute(f"SELECT count(*) FROM analytics_report_{name} WHERE pg_temp.tell(deployment_type)")


def test_people_who_came_back_are_not_told_where_they_are_few_nor_before_a_week_is_over() -> None:
    today = timezone.now().date()
    rows: list[Stored] = [activity(who, at(2)) for who in range(6)]
    rows += [activity(who, at(3)) for who in range(2)]
    young = moment(f"{today - timedelta(days=3)} 09:00")
    rows += [activity(who, young) for who in range(20, 26)]
    rolled_up(rows)
    assert view("retention") == [
        (WEEK_OF, "cloud", 6, None, None),
        (young.date(), "cloud", 6, None, None),
    ]
    with_smallest(2)
    returned, percent = view("retention")[0][3:]
    assert (returned, float(percent)) == (2, pytest.approx(100 / 3))


def test_what_came_in_is_counted_in_spans_of_the_tally() -> None:
    day = date(2026, 3, 2)
    for outcome, reason, spans in (("stored", "", 7), ("duplicate", "", 2), ("rejected", "bad_user", 3)):
        IngestTally.objects.create(day=day, slot=0, outcome=outcome, reason=reason, spans=spans)
    assert view("received") == [(day, 12, 7, 2, 3)]
    assert view("rejected") == [(day, "bad_user", 3)]


def test_the_threshold_is_the_setting_from_migrate_on() -> None:
    assert ViewThreshold.objects.get().smallest_group == 5
    with override_settings(TELEMETRY_SMALLEST_GROUP_BI="12"):
        assert publish_threshold() == 12
        assert ViewThreshold.objects.get().smallest_group == 12
    call_command("migrate", "analytics", database=analytics_database(), verbosity=0)
    assert ViewThreshold.objects.get().smallest_group == 5
    with override_settings(TELEMETRY_SMALLEST_GROUP_BI="7"):
        call_command("keep_telemetry", stdout=io.StringIO())
    assert ViewThreshold.objects.get().smallest_group == 7


def test_there_is_a_view_of_each_name_and_no_other_that_begins_like_them() -> None:
    there = execute("SELECT viewname FROM pg_views WHERE viewname LIKE 'analytics\\_%'")
    assert {name for (name,) in there} == set(VIEWS) and len(VIEWS) == len(set(REPORTS))
    assert all(UUID(int=0).hex not in name for name in VIEWS)
