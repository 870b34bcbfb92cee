"""The purge: drops what is past its time and nothing else; what was counted stays counted."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ingest.verdict import Verdict
from analytics.ingest.write import Writer
from analytics.keep.partitions import Partition, statement
from analytics.keep.purge import Plan, plan_purge, purge
from analytics.keep.rollups import NotRolledUp, roll_up
from analytics.models import EndpointUsage, FeatureUsage, MonthlyPeople, Person, UserActivity
from analytics.vocabulary import Category
from tests import profile
from tests.analytics.ingest import packed
from tests.analytics.keep.conftest import Elsewhere, conninfo, month_of, somebody_reading
from tests.analytics.keep.rows import (
    REPORTS,
    Stored,
    activity,
    aggregates,
    differences,
    drop_all_months,
    erase,
    execute,
    feature,
    moment,
    names_of_months,
    person,
    raw_report,
    report,
    request,
    rolled_up,
    silently,
    store,
)
from tests.analytics.keep.test_rollups import BATCHES, END, FIRST, MOMENTS, PEOPLE, SEARCH

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


def plan_with_cutoff(cutoff: datetime) -> Plan:
    """What a purge of rows older than a month finds, run a month after `cutoff`."""
    month_later = cutoff.replace(month=cutoff.month + 1)
    plan = plan_purge(1, month_later)
    assert plan.cutoff == cutoff
    return plan


def purge_before(cutoff: datetime) -> None:
    purge(plan_with_cutoff(cutoff), report=silently)


def raw_rows() -> list[Stored]:
    return [row for model in (UserActivity, EndpointUsage, FeatureUsage) for row in model.objects.all()]


def start_over() -> None:
    tables = ", ".join(model._meta.db_table for model in apps.get_app_config("analytics").get_models())
    execute(f"TRUNCATE {tables}")
    drop_all_months()


class Remembered:
    """What the rollups may know of people, in plain sets: who came before the window, and is still known."""

    def __init__(self) -> None:
        self.earlier: set[tuple[str, UUID]] = set()

    def close(self, rows: list[Stored], open_from: date) -> None:
        known = {row.user_id for row in rows if row.timestamp.date() >= open_from}
        closing = {(row.deployment_type, row.user_id) for row in rows if row.timestamp.date() < open_from}
        self.earlier = {(deployment, who) for deployment, who in self.earlier | closing if who in known}

    def cohorts(self, rows: list[Stored], open_from: date) -> dict[date, tuple[int, int]]:
        """People and how many returned, by first day, over all deployment types."""
        days: dict[UUID, set[date]] = defaultdict(set)
        for row in rows:
            if row.timestamp.date() >= open_from:
                days[row.user_id].add(row.timestamp.date())
        found: dict[date, tuple[int, int]] = {}
        earlier = {who for _, who in self.earlier}
        for who, came in days.items():
            if who not in earlier:
                first = min(came)
                returned = any(0 < (day - first).days <= 7 for day in came)
                people, came_back = found.get(first, (0, 0))
                found[first] = (people + 1, came_back + returned)
        return found


@settings(SEARCH, max_examples=profile.examples(15, long=300))
@given(rows=BATCHES, cutoff=MOMENTS, late=BATCHES, erased=st.lists(PEOPLE, max_size=1), second_cutoff=MOMENTS)
def test_aggregates_are_the_same_after_a_purge_and_what_stays_can_still_be_computed(
    rows: list[Stored], cutoff: datetime, late: list[Stored], erased: list[int], second_cutoff: datetime
) -> None:
    start_over()
    remembered = Remembered()
    rolled_up(rows)
    before, plan, stored = aggregates(), plan_with_cutoff(cutoff), raw_rows()
    purge(plan, report=silently)
    assert aggregates() == before, "the purge changed an aggregate"
    assert {row.id for row in raw_rows()} == {row.id for row in stored if row.timestamp >= cutoff}
    open_from = date.min
    if not plan.is_empty:
        open_from = plan.open_from
        remembered.close(stored, open_from)
    assert set(Person.objects.values_list("user_id", flat=True)) == {
        row.user_id for row in stored if row.timestamp.date() >= open_from
    }

    closed = {table: [line for line in lines if _day_of(line) < open_from] for table, lines in before.items()}
    for who in erased:
        erase(person(who), requested_at=moment("2026-05-01 00:00"))
        remembered.earlier = {pair for pair in remembered.earlier if pair[1] != person(who)}
    rolled_up([row for row in late if row.timestamp >= cutoff])
    now_open = [row for row in raw_rows() if row.timestamp.date() >= open_from]
    for table, lines in closed.items():
        assert [line for line in aggregates()[table] if _day_of(line) < open_from] == lines, "a closed day changed"
    first = max(FIRST, open_from)
    for name in set(REPORTS) - {"retention"}:
        assert differences(name, raw_report(name, first, END), report(name, first, END)) == []
    found = report("retention", first, END, now=moment("2026-05-01 00:00"))
    assert {day: (people, returned) for day, people, returned, *_ in found} == remembered.cohorts(now_open, open_from)

    before = aggregates()
    purge_before(max(cutoff, second_cutoff))
    assert aggregates() == before, "the second purge changed an aggregate"


def _day_of(line: str) -> date:
    found = re.search(r"\d{4}-\d\d-\d\d", line)
    assert found
    return date.fromisoformat(found[0])


def test_of_the_cut_off_month_goes_what_is_too_old_to_the_microsecond(months: None) -> None:
    cutoff = moment("2026-03-10 15:00")
    old = [
        activity(1, moment("2026-01-31 23:59:59.999999")),
        feature(1, moment("2026-02-28 23:59:59.999999")),
        request(1, moment("2026-03-01 00:00")),
        request(1, moment("2026-03-10 14:59:59.999999")),
    ]
    young = [request(1, cutoff), activity(1, moment("2026-03-10 23:00")), feature(1, moment("2026-04-01 00:00"))]
    rolled_up([*old, *young])
    plan = plan_with_cutoff(cutoff)
    assert [(each.name, rows) for each, rows in plan.partly] == [("analytics_endpoint_usage_y2026m03", 2)]
    assert len(plan.whole) == 6
    printed: list[str] = []
    purge(plan, report=printed.append)
    assert printed[0].startswith("hid 2 rows of analytics_endpoint_usage_y2026m03")
    assert {row.id for row in raw_rows()} == {row.id for row in young}
    assert names_of_months()[0] == "2026-03"


@pytest.mark.parametrize("time", ["00:00:00.000001", "02:00", "05:59:59.999999", "06:00", "06:00:00.000001"])
def test_a_cut_off_in_the_first_hours_of_a_month_takes_nothing_from_after_it(months: None, time: str) -> None:
    cutoff = moment(f"2026-03-01 {time}")
    moments = [cutoff + timedelta(microseconds=number) for number in (-1, 0, 1)]
    moments += [moment("2026-03-01 00:00"), moment("2026-03-01 07:00"), cutoff + timedelta(hours=6)]
    rolled_up([activity(1, when) for when in moments])
    purge_before(cutoff)
    assert sorted(row.timestamp for row in raw_rows()) == sorted({when for when in moments if when >= cutoff})


@pytest.mark.parametrize(
    ("cutoff", "open_from"),
    [
        ("2026-03-10 00:00", date(2026, 3, 10)),
        ("2026-03-10 00:00:00.000001", date(2026, 3, 11)),
        ("2026-03-10 23:59", date(2026, 3, 11)),
    ],
)
def test_the_first_day_that_stays_open_is_the_first_all_of_whose_rows_stay(cutoff: str, open_from: date) -> None:
    assert Plan(moment(cutoff), (), (), (), ()).open_from == open_from


def test_people_of_a_range_whose_rows_have_gone_in_part_are_not_known(months: None) -> None:
    rolled_up([feature(1, moment("2026-02-10 10:00")), feature(2, moment("2026-03-15 10:00"))])
    purge_before(moment("2026-03-01 00:00"))
    assert report("feature_adoption", date(2026, 2, 1), END) == [("test_run", None, 2)]
    assert report("feature_adoption", date(2026, 3, 1), END) == [("test_run", 1, 1)]
    monthly = MonthlyPeople.objects.filter(deployment_type="all", measure="feature").order_by("month")
    assert list(monthly.values_list("month", "name", "people")) == [
        (date(2026, 2, 1), "test_run", 1),
        (date(2026, 3, 1), "test_run", 1),
    ]


def test_nothing_goes_while_a_day_of_it_is_not_rolled_up(months: None) -> None:
    rolled_up([activity(1, moment("2026-02-10 10:00"))])
    store([activity(1, moment("2026-02-11 10:00"))])
    before = execute("SELECT * FROM analytics_rolled_up_day")
    with pytest.raises(NotRolledUp, match="1 days from 2026-02-11 to 2026-02-11"):
        purge_before(moment("2026-03-01 00:00"))
    assert UserActivity.objects.count() == 2
    assert execute("SELECT * FROM analytics_rolled_up_day") == before
    roll_up(report=silently)
    purge_before(moment("2026-03-01 00:00"))
    assert UserActivity.objects.count() == 0


def test_a_row_too_late_for_a_closed_day_changes_no_aggregate(months: None) -> None:
    rolled_up([activity(1, moment("2026-02-10 10:00"))])
    before = aggregates()
    purge_before(moment("2026-03-01 00:00"))
    rolled_up([activity(2, moment("2026-02-10 11:00")), activity(2, moment("2026-02-11 11:00"))])
    assert aggregates() == before
    purge_before(moment("2026-03-01 00:00"))
    assert UserActivity.objects.count() == 0


def test_months_left_detached_or_half_detached_go_with_the_next_purge(
    months: None, half_detach: Callable[[Partition], None]
) -> None:
    rolled_up([activity(1, moment(f"2026-0{month}-10 10:00")) for month in (1, 2, 3)])
    before = aggregates()
    january, february = (month_of("analytics_user_activity", moment(f"2026-0{month}-01 00:00")) for month in (1, 2))
    execute(statement("ALTER TABLE {} DETACH PARTITION {}", january.table, january.name))
    half_detach(february)
    purge_before(moment("2026-03-01 00:00"))
    assert [row.timestamp.month for row in raw_rows()] == [3]
    for partition in (january, february):
        assert execute("SELECT to_regclass(%s)", [partition.name]) == [(None,)]
    assert aggregates() == before


def test_a_month_left_half_detached_goes_before_it_stops_the_others(
    months: None, half_detach: Callable[[Partition], None]
) -> None:
    rolled_up([activity(1, moment(f"2026-0{month}-10 10:00")) for month in (1, 2, 3)])
    half_detach(month_of("analytics_user_activity", moment("2026-02-01 00:00")))
    purge_before(moment("2026-03-01 00:00"))
    assert [row.timestamp.month for row in raw_rows()] == [3]


def test_a_detached_month_that_was_never_rolled_up_comes_back_to_be(months: None) -> None:
    store([activity(1, moment("2026-01-10 10:00"))])
    execute("DELETE FROM analytics_touched_day")
    january = month_of("analytics_user_activity", moment("2026-01-01 00:00"))
    execute(statement("ALTER TABLE {} DETACH PARTITION {}", january.table, january.name))
    with pytest.raises(NotRolledUp):
        purge_before(moment("2026-03-01 00:00"))
    roll_up(report=silently)
    purge_before(moment("2026-03-01 00:00"))
    assert raw_rows() == []
    assert [row[3] for row in report("active_people", date(2026, 1, 10), date(2026, 1, 11))] == [1]


def test_a_month_inside_the_window_left_detached_is_attached_again(
    months: None, half_detach: Callable[[Partition], None]
) -> None:
    """A purge of fewer months was killed; this one keeps more, and must not stumble over it."""
    rolled_up([activity(1, moment(f"2026-0{month}-10 10:00")) for month in (1, 3)])
    half_detach(month_of("analytics_user_activity", moment("2026-03-01 00:00")))
    purge_before(moment("2026-02-01 00:00"))
    assert [row.timestamp.month for row in raw_rows()] == [3]


def test_a_purge_loses_no_row_inside_the_window_and_holds_no_insert_up(months: None, elsewhere: Elsewhere) -> None:
    """Inserts that waited a second for a lock would fail; a reader holds the purge up until some were stored."""
    rolled_up([activity(1, moment(f"2026-0{month}-10 10:00")) for month in (1, 2, 3)])
    database = execute("SELECT current_database()")[0][0]
    enough, stop, errors = threading.Event(), threading.Event(), list[Exception]()
    written: list[UUID] = []

    def ingest() -> None:
        with Writer(conninfo(), slot=0) as writer:
            while not stop.is_set():
                verdicts = Verdict(received=2)
                for day in (5, 25):  # one in a month that exists, one in a month that the writer makes
                    id_ = uuid4()
                    when = datetime(2026, 3 if day == 5 else 4 + len(written) % 8, day, tzinfo=UTC)
                    verdicts.rows[Category.USER_ACTIVITY].append(
                        packed.row(Category.USER_ACTIVITY, "login", when=when, id_=id_, person=person(2))
                    )
                    written.append(id_)
                try:
                    writer.write(verdicts)
                except Exception as error:  # noqa: BLE001  any failure is this test's
                    errors.append(error)
                    return
                if len(written) > 60:
                    enough.set()

    def read() -> None:
        with somebody_reading(reader, "analytics_user_activity"):
            enough.wait(30)

    reader = elsewhere()
    execute(statement("ALTER DATABASE {} SET lock_timeout = '1s'", database))
    try:
        threads = [threading.Thread(target=read), threading.Thread(target=ingest)]
        for thread in threads:
            thread.start()
        purge_before(moment("2026-03-01 00:00"))
        assert enough.is_set(), "the purge did not wait for the reader: nothing was tried"
    finally:
        stop.set()
        enough.set()
        for thread in threads:
            thread.join()
        execute(statement("ALTER DATABASE {} RESET lock_timeout", database))
    assert errors == []
    found = {row.id for row in UserActivity.objects.filter(user_id=person(2))}
    assert found == set(written)
    roll_up(report=silently)
    march = date(2026, 3, 5)
    assert report("active_people", march, march + timedelta(days=1))[0][3] == 1
