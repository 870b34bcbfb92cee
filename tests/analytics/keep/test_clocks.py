"""Rows go by the database's clock, and not where clocks, or how much would go, make that doubtful."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.keep import partitions, purge
from analytics.keep.rollups import close_days, roll_up
from analytics.models import Cohort, Keeping, RolledUpDay, UserActivity
from analytics.retention import first_of_month, months_before
from analytics.router import analytics_database
from privacy.clock import database_now
from tests.analytics.keep.rows import activity, aggregates, execute, feature, request, rolled_up, silently, store
from tests.analytics.keep.test_commands import said

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

YEAR = timedelta(days=365)
SetClock = Callable[[timedelta], None]


@pytest.fixture
def this_machine(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets this machine's clock ahead."""
    right = timezone.now
    return lambda ahead: monkeypatch.setattr(timezone, "now", lambda: right() + ahead)


@pytest.fixture
def both_clocks(monkeypatch: pytest.MonkeyPatch, this_machine: SetClock) -> SetClock:
    """Sets this machine's clock and the database's ahead, as where they share a host."""

    def set_both(ahead: timedelta) -> None:
        this_machine(ahead)
        for module in (partitions, purge):
            monkeypatch.setattr(module, "database_now", lambda using: database_now(using) + ahead)

    return set_both


def refused(*words: str, output: StringIO | None = None) -> str:
    with pytest.raises(CommandError) as raised:
        call_command(*words, stdout=output or StringIO())
    assert raised.value.returncode == 2
    assert "\n" not in str(raised.value)
    return str(raised.value)


def rows_of_a_year() -> list[UserActivity]:
    now = timezone.now()
    return [activity(1, months_before(now, back)) for back in range(12)]


@pytest.mark.parametrize("command", ["keep_telemetry", "purge_old_telemetry"])
@pytest.mark.parametrize("ahead", [YEAR, -YEAR, timedelta(days=32)])
def test_a_machine_whose_clock_is_wrong_drops_nothing(
    months: None, this_machine: SetClock, command: str, ahead: timedelta
) -> None:
    rolled_up(rows_of_a_year())
    this_machine(ahead)
    message = refused(command)
    assert f"this machine's clock is {abs(ahead).days}" in message and "--yes" in message
    assert "only with --yes: this machine's clock" in said(command, "--dry-run")
    assert "nothing to purge" in said(command, "--yes"), "the database's clock decides"
    assert UserActivity.objects.count() == 12
    assert not RolledUpDay.objects.filter(closed=True).exists()


def test_reports_go_on_while_a_machines_clock_is_wrong(months: None, this_machine: SetClock) -> None:
    this_machine(YEAR)
    store([activity(1, database_now(analytics_database()))])
    output = StringIO()
    refused("keep_telemetry", output=output)
    assert "2/4 rollups: 1 days" in output.getvalue()
    assert "4/4 deletions elsewhere" in output.getvalue()
    assert f"y{database_now(analytics_database()):%Ym%m}" in str(partitions.partitions()[0].name), (
        "no month of next year"
    )


def test_clocks_that_differ_by_less_than_a_month_need_nobodys_yes(months: None, this_machine: SetClock) -> None:
    this_machine(timedelta(days=30))
    rolled_up(rows_of_a_year())
    said("keep_telemetry")
    assert UserActivity.objects.count() == 12


def test_a_database_whose_clock_leaps_ahead_drops_nothing(months: None, both_clocks: SetClock) -> None:
    """Few months are there, so that their number makes nobody suspicious; but keeping ran a moment ago."""
    rolled_up([activity(1, timezone.now())])
    said("keep_telemetry")
    both_clocks(2 * YEAR)
    assert "by the database's clock" in refused("keep_telemetry")
    assert "by the database's clock" in refused("purge_old_telemetry")
    assert UserActivity.objects.count() == 1
    both_clocks(timedelta())
    said("keep_telemetry")
    assert UserActivity.objects.count() == 1


def test_a_good_run_under_a_clock_that_was_ahead_vouches_for_nothing(months: None, both_clocks: SetClock) -> None:
    said("keep_telemetry")
    both_clocks(3 * YEAR)
    said("keep_telemetry", "--yes")  # there are no rows to lose
    both_clocks(timedelta())
    rolled_up([activity(1, months_before(timezone.now(), 14))])
    assert "the last run was on" in refused("purge_old_telemetry")


def test_more_than_two_months_at_once_need_somebodys_yes(months: None) -> None:
    now = timezone.now()
    old = [months_before(now, back) for back in (14, 15, 16)]
    rolled_up([activity(1, when) for when in old])
    assert "3 months would be dropped at once" in refused("purge_old_telemetry")
    assert "3 months would be dropped at once" in refused("keep_telemetry")
    assert UserActivity.objects.count() == 3
    said("keep_telemetry", "--yes")
    assert UserActivity.objects.count() == 0


def test_two_months_at_once_need_nobodys(months: None) -> None:
    now = timezone.now()
    rolled_up([row(1, months_before(now, back)) for back in (14, 15) for row in (activity, feature, request)])
    said("keep_telemetry")
    assert UserActivity.objects.count() == 0


def test_closed_days_whose_rows_are_kept_are_opened_again_and_come_to_the_same(months: None) -> None:
    now = timezone.now()
    rows = [
        row(person, months_before(now, 3) + timedelta(days=day))
        for person in range(4)
        for day in range(0, 60, 3 + person)
        for row in (activity, feature, request)
    ]
    rolled_up(rows)
    before = aggregates()
    tomorrow = (now + timedelta(days=1)).date()
    close_days(before=tomorrow)
    store([activity(9, now)])
    roll_up(report=silently)
    assert aggregates() == before, "a row of a closed day is not counted"
    first = min(row.timestamp for row in rows).date()
    assert "are open again" in said("keep_telemetry", f"--reopen={first}")
    execute("DELETE FROM analytics_user_activity WHERE user_id = %s", [activity(9, now).user_id])
    roll_up(report=silently)
    assert aggregates() == before
    assert not RolledUpDay.objects.filter(closed=True, day__gte=first).exists()
    assert execute("SELECT max(day) < %s FROM analytics_rolled_up_day", [tomorrow]) == [(True,)]


def test_a_reopened_day_counts_its_late_rows_and_leaves_cohorts_as_they_were(months: None) -> None:
    now = timezone.now()
    rolled_up([activity(1, now - timedelta(days=5))])
    close_days(before=now.date())
    store([activity(2, now - timedelta(days=5))])
    said("keep_telemetry", f"--reopen={(now - timedelta(days=6)).date()}")
    people = "SELECT people FROM analytics_daily_activity WHERE deployment_type = 'all'"
    assert execute(people) == [(2,)]
    assert Cohort.objects.get(deployment_type="all").people == 1
    store([activity(3, now), activity(1, now)])
    roll_up(report=silently)
    assert Cohort.objects.get(deployment_type="all", first_day=now.date()).people == 1, "only one of them is new"


@pytest.fixture
def dropped_until() -> Iterator[date]:
    """The first day whose month was not dropped."""
    now = timezone.now()
    rolled_up([activity(1, months_before(now, 14)), activity(1, now)])
    said("keep_telemetry")
    yield first_of_month(Keeping.objects.get().dropped_before or now).date()


def test_days_whose_rows_were_dropped_stay_closed(months: None, dropped_until: date) -> None:
    before = aggregates()
    day = dropped_until - timedelta(days=1)
    assert f"rows older than {dropped_until} were dropped" in refused("keep_telemetry", f"--reopen={day}")
    said("keep_telemetry", f"--reopen={dropped_until}")
    assert aggregates() == before


def test_an_invalid_day_is_reported_in_one_line() -> None:
    for word in ("yesterday", "2026-02-30", "", "31.3.2026"):
        assert "--reopen must be a day" in refused("keep_telemetry", f"--reopen={word}")
    assert "cannot be combined" in refused("keep_telemetry", "--reopen=2026-03-01", "--dry-run")


def test_rows_past_their_time_are_out_of_sight_until_their_month_goes_and_none_is_deleted_one_by_one(
    months: None,
) -> None:
    """Keeping every hour for two months."""
    rows = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(0, 59 * 24, 24)]
    rolled_up([row(1, when) for when in rows for row in (activity, feature, request)])
    execute("CREATE TABLE deleted (moment timestamptz)")
    execute("""CREATE FUNCTION count_deleted() RETURNS trigger LANGUAGE plpgsql
               AS $$ BEGIN INSERT INTO deleted VALUES (OLD."timestamp"); RETURN OLD; END $$""")
    for table in partitions.TABLES:
        execute(f"CREATE TRIGGER counted BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION count_deleted()")
    try:
        before, shown_from = aggregates(), rows[0]
        for hour in range(0, 59 * 24 + 1, 7):
            plan = purge.plan_purge(1, datetime(2026, 2, 1, tzinfo=UTC) + timedelta(hours=hour))
            purge.purge(plan, report=silently)
            shown_from = max(shown_from, plan.cutoff)  # at the end of a short month the cut-off steps back
            assert UserActivity.objects.count() == len([when for when in rows if when >= shown_from])
        assert execute("SELECT count(*) FROM deleted") == [(0,)]
        assert execute("SELECT to_regclass('analytics_user_activity_y2026m01')") == [(None,)]
        assert aggregates() == before
    finally:
        for table in partitions.TABLES:
            execute(f"DROP TRIGGER counted ON {table}")
        execute("DROP FUNCTION count_deleted; DROP TABLE deleted")
