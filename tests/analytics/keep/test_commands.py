"""What the commands print, refuse and survive."""

import re
from io import StringIO
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections
from django.utils import timezone

from analytics.erasure import here
from analytics.keep.partitions import make_months_ahead, missing_ahead, partitions
from analytics.management.commands import keep_telemetry
from analytics.models import Erasure, RolledUpDay, UserActivity
from analytics.retention import months_before
from analytics.router import analytics_database
from privacy.models import Action, ConsentEvent
from tests.analytics.keep.conftest import Elsewhere, hold_lock
from tests.analytics.keep.rows import activity, aggregates, execute, feature, moment, request, rolled_up, store
from tests.support.people import a_person, alias_of

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

# Long past its time, whenever the test runs.
OLD = moment("2024-02-29 12:00")


def said(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def recent() -> list[UserActivity]:
    return [activity(1, timezone.now())]


NONSENSE = ["0", "-1", "1201", "99999999999999999999", "12.5", "twelve", "", " 12", "1e1", "٣", "12;DROP"]


@pytest.mark.parametrize("command", ["purge_old_telemetry", "keep_telemetry"])
def test_months_of_nonsense_are_one_line_and_change_nothing(months: None, command: str) -> None:
    rolled_up([activity(1, OLD)])
    for word in NONSENSE:
        with pytest.raises(CommandError, match="--months must be a whole number from 1 to 1200") as raised:
            said(command, f"--months={word}")
        assert raised.value.returncode == 2
        assert "\n" not in str(raised.value)
    assert UserActivity.objects.count() == 1


def test_a_dry_run_says_what_would_go_and_leaves_it(months: None) -> None:
    rolled_up([activity(1, OLD), *recent()])
    text = said("purge_old_telemetry", "--dry-run")
    assert "drop   analytics_user_activity_y2024m02" in text
    assert " bytes" in text
    assert text.endswith("dry run: nothing was changed\n")
    assert UserActivity.objects.count() == 2
    assert not RolledUpDay.objects.filter(closed=True).exists()


def test_a_dry_run_says_that_rollups_are_behind(months: None) -> None:
    store([activity(1, OLD)])
    assert "1 of those days are not rolled up yet" in said("purge_old_telemetry", "--dry-run")


def test_a_purge_with_rollups_behind_is_refused_in_one_line(months: None) -> None:
    store([activity(1, OLD)])
    with pytest.raises(CommandError, match="1 days from 2024-02-29 to 2024-02-29 are not rolled up") as raised:
        said("purge_old_telemetry")
    assert raised.value.returncode == 2
    assert "\n" not in str(raised.value)
    assert UserActivity.objects.count() == 1


@pytest.mark.parametrize("command", ["purge_old_telemetry", "keep_telemetry"])
def test_two_at_once_are_refused(months: None, elsewhere: Elsewhere, command: str) -> None:
    rolled_up([activity(1, OLD)])
    connection = elsewhere()
    hold_lock(connection, "keep")
    with pytest.raises(CommandError, match="another process is rolling up or purging") as raised:
        said(command)
    assert raised.value.returncode == 2
    connection.execute("ROLLBACK")
    said(command)
    assert UserActivity.objects.count() == 0


def test_keep_does_all_of_it_in_order(months: None) -> None:
    store([activity(1, OLD), feature(1, OLD), request(1, OLD), *recent()])
    text = said("keep_telemetry")
    steps = [line[:3] for line in text.splitlines() if line[:1].isdigit()]
    assert steps == ["1/4", "2/4", "3/4", "4/4"]
    assert "rolled up 2024-02-29 (1 of 2)" in text
    assert "2 days and 2 months computed" in text
    assert "dropped analytics_user_activity_y2024m02" in text
    assert UserActivity.objects.count() == 1
    again = said("keep_telemetry")
    assert "0 days and 0 months computed" in again
    assert "nothing to purge" in again


def test_keep_recomputes_everything_that_is_open_when_told_to(months: None) -> None:
    rolled_up([activity(1, OLD), *recent()])
    said("purge_old_telemetry")
    before = aggregates()
    UserActivity.objects.create(
        user_id=activity(2, OLD).user_id, timestamp=timezone.now(), deployment_type="cloud", event_type="login"
    )
    assert "0 days" in said("keep_telemetry")
    assert "1 days and" in said("keep_telemetry", "--recompute")
    assert aggregates() != before


def test_a_dry_run_of_keep_says_all_it_would_do_and_does_none_of_it(months: None) -> None:
    store([activity(1, OLD), *recent()])
    name = f"analytics_user_activity_y{timezone.now():%Ym%m}"
    execute(f"ALTER TABLE analytics_user_activity DETACH PARTITION {name}")
    text = said("keep_telemetry", "--dry-run")
    assert f"1/4 partitions: 1 to create\n  create {name}\n" in text
    assert "2/4 rollups: 1 days to compute, 2024-02-29 to 2024-02-29" in text or "2/4 rollups: 2 days" in text
    assert "  drop   analytics_user_activity_y2024m02" in text
    assert text.endswith("4/4 deletions elsewhere: 0 to carry out\ndry run: nothing was changed\n")
    assert execute("SELECT count(*) FROM analytics_rolled_up_day") == [(0,)]
    assert UserActivity.objects.count() == 1
    with pytest.raises(CommandError, match="cannot be combined") as raised:
        said("keep_telemetry", "--dry-run", "--every=5")
    assert raised.value.returncode == 2


def test_what_a_dry_run_of_keep_names_is_what_is_made(months: None) -> None:
    now = moment("2030-11-30 23:59:59")
    named = missing_ahead(now)
    assert make_months_ahead(now) == len(named) == 12
    assert set(named) <= {each.name for each in partitions()}
    assert missing_ahead(now) == []


def test_the_window_is_twelve_months_unless_told_otherwise(months: None) -> None:
    now = timezone.now()
    rolled_up([activity(1, months_before(now, back)) for back in (1, 5, 11)])
    said("purge_old_telemetry")
    assert UserActivity.objects.count() == 3
    said("purge_old_telemetry", "--months", "4")
    assert UserActivity.objects.count() == 1


class CutsTheLine(StringIO):
    """Output that ends the command's database connection when a line appears."""

    def __init__(self, at: str, elsewhere: Elsewhere) -> None:
        super().__init__()
        self.at, self.elsewhere, self.cut = at, elsewhere(), False

    def write(self, text: str) -> int:
        if self.at in text and not self.cut:
            self.cut = True
            pid = connections[analytics_database()].connection.info.backend_pid
            self.elsewhere.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        return super().write(text)


@pytest.mark.parametrize("at", ["1/4 partitions", "(1 of 3)", "3/4 purge", "dropped analytics_endpoint"])
def test_a_database_that_goes_away_half_way_is_one_line_and_the_next_run_finishes(
    months: None, elsewhere: Elsewhere, at: str
) -> None:
    rows = [activity(1, OLD), request(1, moment("2024-03-01 10:00")), *recent()]
    store(rows)
    out = CutsTheLine(at, elsewhere)
    with pytest.raises(CommandError, match="the database is not available") as raised:
        call_command("keep_telemetry", stdout=out)
    assert out.cut
    assert raised.value.returncode == 1
    assert "\n" not in str(raised.value)
    connections[analytics_database()].close()
    said("keep_telemetry")
    assert UserActivity.objects.count() == 1
    found = aggregates()
    assert len(found["analytics_daily_activity"]) == 6
    assert len(found["analytics_daily_endpoint"]) == 1


def test_a_database_that_goes_away_during_a_purge_is_one_line_and_the_next_one_finishes(
    months: None, elsewhere: Elsewhere
) -> None:
    rolled_up([activity(1, OLD), request(1, OLD), *recent()])
    before = aggregates()
    out = CutsTheLine("dropped analytics_endpoint", elsewhere)
    with pytest.raises(CommandError, match="the database is not available") as raised:
        call_command("purge_old_telemetry", stdout=out)
    assert (raised.value.returncode, out.cut) == (1, True)
    connections[analytics_database()].close()
    said("purge_old_telemetry")
    assert UserActivity.objects.count() == 1
    assert aggregates() == before


def test_a_database_that_goes_away_during_an_erasure_leaves_the_receipt_and_what_is_owed(
    months: None, elsewhere: Elsewhere, settings: Any
) -> None:
    settings.TELEMETRY_STORED_HERE = "true"
    user = a_person()
    rows = [activity(1, moment(f"2026-03-0{day} 10:00")) for day in (1, 2, 3)]
    for row in rows:
        row.user_id = alias_of(user)
    rolled_up(rows)
    out = CutsTheLine("rolled up 2026-03-02", elsewhere)
    with pytest.raises(CommandError, match="the database is not available") as raised:
        call_command("erase_user_telemetry", user.username, stdout=out)
    assert (raised.value.returncode, out.cut) == (1, True)
    connections[analytics_database()].close()
    assert UserActivity.objects.count() == 0
    said("keep_telemetry")
    assert Erasure.objects.get().days_recomputed == 3
    assert aggregates()["analytics_daily_activity"] == []


def test_a_database_that_goes_away_before_an_erasure_leaves_everything(
    months: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TELEMETRY_STORED_HERE = "true"
    user = a_person()
    row = activity(1, moment("2026-03-01 10:00"))
    row.user_id = alias_of(user)
    rolled_up([row])

    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("terminating connection")

    monkeypatch.setattr(here, "erase", gone)
    with pytest.raises(CommandError, match="the database is not available"):
        said("erase_user_telemetry", user.username)
    assert UserActivity.objects.count() == 1
    assert not ConsentEvent.objects.filter(action=Action.ERASURE_REQUESTED).exists()


def test_nobody_of_that_name_is_one_line(months: None) -> None:
    for word in ("nobody", str(uuid4())):
        with pytest.raises(CommandError) as raised:
            said("erase_user_telemetry", word)
        assert raised.value.returncode == 2
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("now", "months", "cutoff"),
    [
        ("2028-02-29 12:00", 12, "2027-02-28 12:00"),  # of a leap day, the last day of that month
        ("2029-02-28 12:00", 12, "2028-02-28 12:00"),
        ("2026-03-31 23:59", 1, "2026-02-28 23:59"),
        ("2028-03-31 00:00", 1, "2028-02-29 00:00"),
        ("2026-01-01 00:00", 12, "2025-01-01 00:00"),
        ("2026-01-15 08:00", 25, "2023-12-15 08:00"),
    ],
)
def test_so_many_months_before_is_a_day_of_the_calendar(now: str, months: int, cutoff: str) -> None:
    assert months_before(moment(now), months) == moment(cutoff)


def test_tables_that_are_missing_are_one_line(months: None) -> None:
    alias = analytics_database()
    with connections[alias].cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_touched_day RENAME TO hidden")
    try:
        with pytest.raises(CommandError, match=r"run manage\.py migrate first") as raised:
            said("keep_telemetry")
        assert raised.value.returncode == 2
    finally:
        with connections[alias].cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO analytics_touched_day")


def test_every_so_often_is_a_whole_number_of_seconds_or_one_line() -> None:
    for word in ["0", "-1", "86401", "9" * 30, "1.5", "soon", "", "٣"]:
        with pytest.raises(CommandError, match="--every must be a whole number of seconds") as raised:
            said("keep_telemetry", f"--every={word}")
        assert raised.value.returncode == 2


def test_it_goes_on_after_a_time_that_failed_and_says_what_is_new(
    months: None, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, out, times = elsewhere(), StringIO(), count(1)
    hold_lock(connection, "keep")

    def wait(seconds: float) -> None:
        match next(times):
            case 2:
                connection.execute("ROLLBACK")
            case 3:
                store(recent())
            case 6:
                raise KeyboardInterrupt

    monkeypatch.setattr(keep_telemetry.time, "sleep", wait)
    call_command("keep_telemetry", "--every=7", stdout=out)
    text = out.getvalue()
    assert text.count("another process is rolling up or purging") == 1, "the same twice is said once"
    assert re.findall(r"rollups: (\d) days", text) == ["0", "1", "0"]
    assert RolledUpDay.objects.filter(closed=False).count() == 1
