"""Reports from rollups say what the same reports say of the raw rows."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from analytics.keep import rollups
from analytics.keep.rollups import roll_up, waiting_days
from analytics.models import EndpointUsage, Erasure, FeatureUsage, Person, TouchedDay, UserActivity
from analytics.router import analytics_database
from tests import profile
from tests.analytics.keep.rows import (
    Stored,
    activity,
    aggregates,
    disagreements,
    erase,
    execute,
    feature,
    moment,
    person,
    report,
    request,
    rolled_up,
    silently,
    store,
)
from tests.support.raw_reports import raw_sql

pytestmark = pytest.mark.django_db(databases="__all__")

FIRST, END = date(2026, 2, 26), date(2026, 3, 16)
DAYS = (END - FIRST).days
# Edges of days and months are where a rollup would go wrong.
MOMENTS = st.builds(
    lambda day, offset: datetime(2026, 2, 26, tzinfo=UTC) + timedelta(days=day) + offset,
    st.integers(0, DAYS - 1),
    st.one_of(
        st.sampled_from([timedelta(), timedelta(hours=12), timedelta(days=1) - timedelta(microseconds=1)]),
        st.timedeltas(timedelta(), timedelta(days=1) - timedelta(microseconds=1)),
    ),
)
PEOPLE = st.integers(0, 6)
DEPLOYMENTS = st.sampled_from(["cloud", "self_hosted"])
ROWS: st.SearchStrategy[Stored] = st.one_of(
    st.builds(
        activity,
        PEOPLE,
        MOMENTS,
        st.sampled_from(["login", "login", "logout", "session_start"]),
        deployment=DEPLOYMENTS,
        session=st.sampled_from([None, "a", "b", "c"]),
    ),
    st.builds(
        feature,
        PEOPLE,
        MOMENTS,
        st.sampled_from(["run", "set"]),
        st.sampled_from(["created", "viewed"]),
        deployment=DEPLOYMENTS,
    ),
    st.builds(
        request,
        PEOPLE,
        MOMENTS,
        st.one_of(st.floats(0, 1e8, allow_subnormal=False), st.sampled_from([0.0, 0.5, 1.0, 1000.0])),
        endpoint=st.sampled_from(["/a/", "/b/"]),
        status=st.sampled_from([200, 404, 500, 503]),
        deployment=DEPLOYMENTS,
    ),
)
BATCHES = st.lists(ROWS, max_size=40)
# An example undoes its own rows. One that fails is shown as it was found: to shrink it takes minutes of database time.
SEARCH = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(SEARCH, max_examples=profile.examples(40, long=1000))
@given(
    batches=st.lists(BATCHES, min_size=1, max_size=4),
    erased=st.lists(st.tuples(PEOPLE, MOMENTS), max_size=2),
    late=BATCHES,
    now=MOMENTS,
)
def test_every_report_agrees_with_raw_rows_after_batches_erasures_and_late_rows(
    batches: list[list[Stored]], erased: list[tuple[int, datetime]], late: list[Stored], now: datetime
) -> None:
    with transaction.atomic(using=analytics_database()):
        for batch in batches:
            rolled_up(batch)
            assert disagreements(FIRST, END, now) == []
        for who, requested_at in erased:
            erase(person(who), requested_at=requested_at)
        roll_up(report=silently)
        assert disagreements(FIRST, END, now) == []
        rolled_up(late)
        assert disagreements(FIRST, END, now) == []
        once = aggregates()
        assert disagreements(FIRST + timedelta(days=3), FIRST + timedelta(days=9), now) == []
        rollups.touch_all_days()
        roll_up(report=silently)
        assert aggregates() == once, "computing again what has not changed changed it"
        transaction.set_rollback(True, using=analytics_database())


@settings(SEARCH, max_examples=profile.examples(20, long=500))
@given(batch=BATCHES, start=st.integers(0, DAYS), length=st.integers(0, DAYS))
def test_people_over_any_range_are_counted_exactly(batch: list[Stored], start: int, length: int) -> None:
    first = FIRST + timedelta(days=start)
    end = first + timedelta(days=length)
    with transaction.atomic(using=analytics_database()):
        rolled_up(batch)
        inside = [row for row in batch if first <= row.timestamp.date() < end]
        assert _people(first, end, "any", "") == len({row.user_id for row in inside})
        signed_in = {row.user_id for row in inside if isinstance(row, UserActivity) and row.event_type == "login"}
        assert _people(first, end, "sign_in", "") == len(signed_in)
        users = {row.user_id for row in inside if isinstance(row, FeatureUsage) and row.feature_name == "run"}
        assert _people(first, end, "feature", "run") == len(users)
        transaction.set_rollback(True, using=analytics_database())


def _people(first: date, end: date, measure: str, name: str) -> int:
    return int(
        execute(
            raw_sql("people_by_bits"),
            {
                "start": datetime.combine(first, datetime.min.time(), UTC),
                "end": datetime.combine(end, datetime.min.time(), UTC),
                "deployment": None,
                "measure": measure,
                "name": name,
            },
        )[0][0]
    )


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_percentiles_of_many_durations_are_within_two_percent(spread: float) -> None:
    execute("SELECT analytics_make_month('2026-03-01')")
    execute(
        """INSERT INTO analytics_endpoint_usage
           (id, endpoint, method, user_id, status_code, duration_ms, "timestamp", deployment_type)
           SELECT gen_random_uuid(), '/e' || n %% 3, 'GET', gen_random_uuid(), 200,
                  exp(%s * random_normal()) * 40, '2026-03-02 12:00+00'::timestamptz + n * interval '1 second', 'cloud'
           FROM generate_series(1, 5000) n""",
        [spread],
    )
    roll_up(report=silently)
    assert disagreements(date(2026, 3, 1), date(2026, 3, 8)) == []


def test_more_people_than_fit_in_a_chunk_are_counted_exactly() -> None:
    execute("SELECT analytics_make_month('2026-03-01')")
    execute(
        """INSERT INTO analytics_feature_usage (id, feature_name, user_id, action, "timestamp", deployment_type)
           SELECT gen_random_uuid(), 'run', lpad(to_hex(n %% %s + 1), 32, '0')::uuid, 'viewed',
                  '2026-03-02 00:00+00'::timestamptz + n * interval '4 seconds', 'cloud'
           FROM generate_series(1, 30000) n""",
        [17_000],
    )
    roll_up(report=silently)
    assert report("feature_adoption", FIRST, END) == [("run", 17_000, 30_000)]
    assert disagreements(FIRST, END) == []


def test_only_touched_days_are_computed_again() -> None:
    rolled_up([activity(1, moment("2026-03-01 10:00")), activity(1, moment("2026-03-05 10:00"))])
    assert waiting_days() == []
    store([activity(2, moment("2026-03-05 11:00"))])
    assert waiting_days() == [date(2026, 3, 5)]


def test_days_that_were_stored_before_there_were_marks_are_found() -> None:
    store([request(1, moment("2026-03-01 10:00")), feature(1, moment("2026-03-31 23:59:59"))])
    TouchedDay.objects.all().delete()
    assert waiting_days() == [date(2026, 3, 1), date(2026, 3, 31)]


def test_a_rollup_that_dies_half_way_leaves_the_day_as_it_was_and_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_up([activity(1, moment("2026-03-05 10:00"))])
    before = aggregates()
    store([activity(2, moment("2026-03-05 11:00"))])
    monkeypatch.setitem(rollups.OF_A_DAY, "no_such_query", "analytics_daily_sessions")
    with pytest.raises(FileNotFoundError), transaction.atomic(using=analytics_database()):
        roll_up(report=silently)
    assert aggregates() == before
    assert waiting_days() == [date(2026, 3, 5)]


def test_an_erasure_corrects_every_rollup_and_leaves_nothing_of_the_person() -> None:
    rows = [
        *(activity(who, moment(f"2026-03-0{day} 10:00"), session=f"s{who}") for who in (1, 2) for day in (1, 2, 5)),
        feature(1, moment("2026-03-02 11:00")),
        request(1, moment("2026-03-03 11:00")),
    ]
    rolled_up(rows)
    receipt = erase(person(1))
    assert waiting_days() == [date(2026, 3, day) for day in (1, 2, 3, 5)]
    roll_up(report=silently)
    corrected = aggregates()
    for model in (Person, UserActivity, FeatureUsage, EndpointUsage):
        assert not model.objects.filter(user_id=person(1)).exists()
    receipt = Erasure.objects.get(pk=receipt.id)
    assert receipt.days_recomputed == 4
    assert receipt.recomputed_at is not None

    UserActivity.objects.all().delete()
    rolled_up(row for row in rows if row.user_id == person(2))
    assert aggregates() == corrected, "the rollups are not those of a world in which they never were"


def people_of_days() -> list[tuple[object, ...]]:
    return execute("SELECT * FROM analytics_people_of_day ORDER BY day, deployment_type, measure, name, chunk")


def test_taking_somebodys_bits_away_comes_to_what_counting_again_would(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_up(
        [
            activity(1, moment("2026-03-01 10:00"), session="a"),
            activity(2, moment("2026-03-01 10:00"), deployment="self_hosted"),
            activity(1, moment("2026-03-01 11:00"), deployment="self_hosted"),
            feature(1, moment("2026-03-01 11:00"), "only_theirs"),
            request(1, moment("2026-03-02 11:00")),
        ]
    )
    erase(person(1))
    with monkeypatch.context() as without:
        # Whoever read all the others' rows for it would stumble.
        without.setattr(rollups, "OF_A_DAY", {**rollups.OF_A_DAY, "people": "no_such_table"})
        roll_up(report=silently)
    cleared = people_of_days()
    assert {row[0] for row in cleared} == {date(2026, 3, 1)}
    rollups.touch_all_days()
    roll_up(report=silently)
    assert people_of_days() == cleared


def test_somebody_who_did_more_that_day_after_their_request_is_still_counted() -> None:
    rolled_up([activity(1, moment("2026-03-01 10:00")), feature(1, moment("2026-03-01 12:00"))])
    erase(person(1), requested_at=moment("2026-03-01 11:00"))
    roll_up(report=silently)
    found = "SELECT people, people_signed_in FROM analytics_daily_activity WHERE deployment_type = 'all'"
    assert execute(found) == [(1, 0)]


def test_somebody_erased_who_comes_back_is_new() -> None:
    rolled_up([activity(1, moment("2026-03-01 10:00")), activity(1, moment("2026-03-02 10:00"))])
    erase(person(1), requested_at=moment("2026-03-03 00:00"))
    rolled_up([activity(1, moment("2026-03-04 10:00"))])
    assert [row[:2] for row in report("retention", FIRST, END)] == [(date(2026, 3, 4), 1)]
    assert disagreements(FIRST, END) == []


def test_the_planner_knows_the_rollups_once_they_are_computed() -> None:
    rolled_up(feature(1, moment("2026-03-01 10:00"), f"f{number:03}") for number in range(300))
    [(rows,)] = execute("SELECT reltuples::int FROM pg_class WHERE relname = 'analytics_daily_feature'")
    assert rows == 300
