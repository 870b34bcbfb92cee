"""Months: made once, attached again where a purge that was killed has left them."""

from collections.abc import Callable

import pytest

from analytics.keep.partitions import Partition, State, drop, make_month, make_months_ahead, partitions, statement
from analytics.keep.rollups import waiting_days
from analytics.models import UserActivity
from tests.analytics.keep.conftest import Elsewhere, month_of
from tests.analytics.keep.rows import activity, erase, execute, moment, names_of_months, person, rolled_up, store

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

MARCH = moment("2026-03-01 00:00")
TABLE = "analytics_user_activity"


def detach(partition: Partition) -> None:
    execute(statement("ALTER TABLE {} DETACH PARTITION {}", partition.table, partition.name))


def test_this_month_and_the_next_three_are_made_once(months: None) -> None:
    assert make_months_ahead(moment("2027-11-30 23:59:59")) == 12
    assert make_months_ahead(moment("2027-11-30 23:59:59")) == 0
    made = [name for name in names_of_months() if name >= "2027-11"]
    assert made == ["2027-11", "2027-12", "2028-01", "2028-02"]


def test_bounds_are_months_of_utc_in_any_zone(months: None, elsewhere: Elsewhere) -> None:
    connection = elsewhere()
    connection.execute("SET timezone = 'Pacific/Kiritimati'")
    connection.execute("SELECT analytics_make_month(%s)", [moment("2028-02-29 23:59:59")])
    found = month_of(TABLE, moment("2028-02-01 00:00"))
    assert (found.name, found.end) == (f"{TABLE}_y2028m02", moment("2028-03-01 00:00"))
    bounds = "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s"
    assert "'2028-02-01 00:00:00+00'" in execute(bounds, [found.name])[0][0]


def test_there_is_no_default_partition(months: None) -> None:
    assert execute("SELECT partrelid::regclass FROM pg_partitioned_table WHERE partdefid <> 0") == []


def test_other_tables_of_like_names_are_none_of_them(months: None) -> None:
    execute(f"CREATE TABLE {TABLE}_y2026m13 ()")
    execute(f"CREATE TABLE {TABLE}_y2026m01_copy ()")
    try:
        assert not {f"{TABLE}_y2026m13", f"{TABLE}_y2026m01_copy"} & {each.name for each in partitions()}
    finally:
        execute(f"DROP TABLE {TABLE}_y2026m13, {TABLE}_y2026m01_copy")


def test_a_detached_month_that_is_wanted_again_is_attached_with_its_rows(months: None) -> None:
    rolled_up([activity(1, moment("2026-03-05 10:00"))])
    detach(month_of(TABLE, MARCH))
    assert month_of(TABLE, MARCH).state is State.DETACHED
    assert make_month(moment("2026-03-31 10:00")) == 1
    store([activity(2, moment("2026-03-06 10:00"))])
    assert set(UserActivity.objects.values_list("user_id", flat=True)) == {person(1), person(2)}


def test_a_half_detached_month_that_is_wanted_again_is_attached(
    months: None, half_detach: Callable[[Partition], None]
) -> None:
    rolled_up([activity(1, moment("2026-03-05 10:00"))])
    half_detach(month_of(TABLE, MARCH))
    store([activity(2, moment("2026-03-06 10:00"))])
    assert month_of(TABLE, MARCH).state is State.ATTACHED
    assert UserActivity.objects.count() == 2


def test_who_was_erased_while_a_month_was_detached_does_not_come_back_with_it(months: None) -> None:
    rolled_up([activity(who, moment("2026-03-05 10:00")) for who in (1, 2)])
    detach(month_of(TABLE, MARCH))
    erase(person(1))
    make_month(MARCH)
    assert [row.user_id for row in UserActivity.objects.all()] == [person(2)]
    assert waiting_days() == [moment("2026-03-05 00:00").date()]


@pytest.mark.parametrize("state", State)
def test_a_month_is_dropped_from_whatever_state(
    months: None, half_detach: Callable[[Partition], None], state: State
) -> None:
    make_month(MARCH)
    if state is State.DETACHED:
        detach(month_of(TABLE, MARCH))
    elif state is State.HALF_DETACHED:
        half_detach(month_of(TABLE, MARCH))
    drop(month_of(TABLE, MARCH))
    assert execute("SELECT to_regclass(%s)", [f"{TABLE}_y2026m03"]) == [(None,)]
