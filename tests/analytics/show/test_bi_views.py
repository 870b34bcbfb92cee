"""The views for BI: what they show and what they leave out, whoever reads them; no row is about few people."""

import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import DataError, connections
from django.test import override_settings
from django.utils import timezone

from analytics.models import IngestTally, ViewThreshold
from analytics.router import analytics_database
from analytics.show.bi_views import REPORTS, SCHEMA, VIEWS, VIEWS_OF_SCHEMA, publish_threshold
from analytics.show.reporting_role import RAW_TABLES
from tests.analytics.keep.rows import Stored, activity, execute, feature, moment, request, rolled_up, store
from tests.analytics.show.judging import COUNTING_VIEWS

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


# Those about people who share; that their numbers are right is shown in test_numbers.py. Of consent: test_consent.py.
OF_PEOPLE = sorted(set(COUNTING_VIEWS) - {"consent", "received", "rejected"})


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_no_row_is_about_a_small_group(name: str) -> None:
    assert {row[1] for row in view(name)} == {"cloud"}, "two people at home are too few"
    with_smallest(1)
    assert {row[1] for row in view(name)} == {"cloud", "self_hosted"}
    with_smallest(100)
    assert view(name) == []


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_a_threshold_that_is_missing_shows_nothing(name: str) -> None:
    ViewThreshold.objects.all().delete()
    assert view(name) == []


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("name", OF_PEOPLE)
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
    rows: list[Stored] = [activity(who, at(2)) for who in range(9)]
    rows += [activity(who, at(3)) for who in range(2)]
    young = moment(f"{today - timedelta(days=3)} 09:00")
    rows += [activity(who, young) for who in range(20, 29)]
    rolled_up(rows)
    none_on_other_days = (None, 0, 0, 0, 0, 0, 0)
    old, new = view("retention")
    assert (old[:2], old[3:]) == ((WEEK_OF, "cloud"), (None, None, *none_on_other_days))
    assert (new[:2], new[3:]) == ((young.date(), "cloud"), (None, None, 0, 0, None, None, None, None, None))
    assert {old[2], new[2]} <= {*range(6, 13)}
    with_smallest(1)
    assert view("retention")[0][2:6] == (9, 2, Decimal("22.2222"), 2)


def test_a_week_of_small_days_is_shown_by_the_week() -> None:
    """Of a site with two new people a day, no day is large enough."""
    rolled_up(activity(who, at(2 + who // 2 + later)) for who in range(10) for later in (0, 3))
    assert view("retention") == []
    ((*of_week, people, returned, percent, day_1, day_2, day_3, day_4, _, _, _),) = view("weekly_retention")
    assert (of_week, people in range(7, 14), percent) == ([WEEK_OF, "cloud"], True, Decimal(100))
    # The same people came back, on the third day, and the same people have the same noise.
    assert people == returned == day_3 and day_1 == day_2 == day_4 == 0


def test_a_row_that_is_short_of_sign_ins_hides_them_and_not_the_people() -> None:
    rows: list[Stored] = [request(who, at(2)) for who in range(8)]
    rolled_up([*rows, *(activity(who, at(2)) for who in range(3))])
    for name in ("active_people", "weekly_people", "monthly_people"):
        ((_, *row),) = view(name)
        assert (row[0], row[1] in range(5, 12), row[2]) == ("cloud", True, None)
    assert view("sign_ins") == []


@pytest.mark.usefixtures("_rows")
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Europe/Berlin", "Pacific/Kiritimati"])
def test_no_view_depends_on_the_zone_of_who_reads_it(zone: str) -> None:
    """Whatever a client sets: that of Java, for one, sets its machine's zone over the role's."""
    rows = "SELECT v::text FROM {}.{} v ORDER BY 1"
    expected = {name: execute(rows.format(SCHEMA, name)) for name in REPORTS if name != "freshness"}
    ((own,),) = execute("SHOW TimeZone")
    execute("SELECT set_config('TimeZone', %s, false)", [zone])
    try:
        assert {name: execute(rows.format(SCHEMA, name)) for name in expected} == expected
    finally:
        execute("SELECT set_config('TimeZone', %s, false)", [own])


@pytest.mark.usefixtures("_rows")
def test_the_schema_has_just_the_views_and_every_view_and_column_has_a_comment() -> None:
    execute("CREATE VIEW analytics_report_of_somebody_else AS SELECT 1 AS number")
    found = execute("SELECT relname, relkind::text FROM pg_class WHERE relnamespace = %s::regnamespace", [SCHEMA])
    assert sorted(found) == sorted((name, "v") for name in REPORTS)
    without = """SELECT attrelid::regclass::text, attname FROM pg_attribute
                 WHERE attrelid = %s::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL
                 UNION ALL SELECT %s, '' WHERE obj_description(%s::regclass, 'pg_class') IS NULL"""
    for name in (*VIEWS_OF_SCHEMA, *VIEWS, *RAW_TABLES):
        assert execute(without, [name, name, name]) == []


def test_the_calendar_has_every_day_from_the_first_that_was_counted_to_today() -> None:
    rolled_up([request(1, moment("2026-02-27 23:59:59"))])
    days = execute(f"SELECT * FROM {SCHEMA}.calendar ORDER BY day")
    assert days[:3] == [
        (
            date(2026, 2, 27),
            date(2026, 2, 23),
            "2026-W09",
            date(2026, 2, 1),
            "2026-02",
            date(2026, 1, 1),
            2026,
            5,
            False,
        ),
        (
            date(2026, 2, 28),
            date(2026, 2, 23),
            "2026-W09",
            date(2026, 2, 1),
            "2026-02",
            date(2026, 1, 1),
            2026,
            6,
            True,
        ),
        (date(2026, 3, 1), date(2026, 2, 23), "2026-W09", date(2026, 3, 1), "2026-03", date(2026, 1, 1), 2026, 7, True),
    ]
    assert days[-1][0] in {timezone.now().date(), timezone.now().date() - timedelta(days=1)}
    assert len(days) == (days[-1][0] - days[0][0]).days + 1


def test_freshness_says_until_when_the_views_know_what_was_stored() -> None:
    rolled_up([request(1, at(2)), request(1, at(4))])
    ((computed_at, *rest),) = execute(f"SELECT * FROM {SCHEMA}.freshness")
    assert rest == [date(2026, 3, 4), 0, None] and timezone.now() - computed_at < timedelta(minutes=30)
    store([request(1, at(3)), request(1, at(5))])
    assert execute(f"SELECT days_waiting, oldest_waiting FROM {SCHEMA}.freshness") == [(2, date(2026, 3, 3))]


def test_numbers_are_as_a_person_writes_them() -> None:
    # With the lowest noise of seven people they would be hidden.
    rolled_up(request(who, at(2), 10.0 / 3) for who in range(8))
    assert execute("SELECT error_percent::text, avg_ms::text FROM analytics_bi.endpoint_performance") == [
        ("0", "3.3333")
    ]


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
