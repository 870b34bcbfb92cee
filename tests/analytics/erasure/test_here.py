"""Erasing one person, by command; and again after a backup brought the rows back."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from analytics.erasure.here import erase
from analytics.erasure.receipts import days_to_recompute
from analytics.identity import Kind, pseudonym
from analytics.keep.rollups import roll_up
from analytics.models import Erasure, FeatureUsage, RolledUpDay, TouchedDay, UserActivity
from analytics.router import analytics_database
from privacy.choices import request_deletion
from privacy.clock import database_now
from privacy.models import Action, ConsentEvent, Source
from tests.analytics.keep.conftest import Elsewhere, hold_lock
from tests.analytics.keep.rows import activity, aggregates, execute, feature, moment, person, rolled_up, silently, store
from tests.support.people import a_person

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)


@pytest.fixture(autouse=True)
def _rows_are_stored_here(settings: object) -> None:
    settings.TELEMETRY_STORED_HERE = "true"  # type: ignore[attr-defined]


def said(*words: str, **options: object) -> str:
    out = StringIO()
    call_command("erase_user_telemetry", *words, stdout=out, **options)
    return out.getvalue()


def of(user: User, *rows: UserActivity | FeatureUsage) -> list[UserActivity | FeatureUsage]:
    """The rows, as this user's."""
    for row in rows:
        row.user_id = pseudonym(Kind.USER, user.pk)
    return list(rows)


def test_the_command_prints_a_receipt_and_corrects_the_rollups(months: None) -> None:
    user = a_person()
    others = [activity(7, moment("2026-03-01 10:00")), feature(7, moment("2026-03-04 10:00"))]
    rolled_up(others)
    without = aggregates()
    rolled_up(of(user, activity(1, moment("2026-03-01 11:00")), feature(1, moment("2026-03-02 11:00"))))
    text = said(user.username)
    assert "analytics_user_activity: 1 rows deleted" in text
    assert "analytics_feature_usage: 1 rows deleted" in text
    assert "rolled up 2026-03-01 (1 of 2)" in text
    assert "rollups: 2 days recomputed, the last at " in text
    assert text.splitlines()[-1] == "done: 2 rows deleted"
    assert aggregates() == without
    receipt = Erasure.objects.get()
    assert receipt.days_recomputed == 2
    assert str(receipt.pk) in text
    assert ConsentEvent.objects.get(action=Action.ERASURE_REQUESTED).source == Source.COMMAND


def test_days_whose_reports_are_final_are_not_waited_for(months: None) -> None:
    now = timezone.now()
    for day, closed in (("2026-03-01", True), ("2026-03-02", True), ("2026-03-05", False)):
        RolledUpDay.objects.create(day=day, rolled_up_at=now, closed=closed)
    for day in ("2026-03-01", "2026-03-02", "2026-03-04", "2026-03-05", "2026-03-05"):
        TouchedDay.objects.create(day=day, user_id=person(1))
    assert days_to_recompute(person(1)) == 2
    assert days_to_recompute(person(2)) == 0
    RolledUpDay.objects.all().delete()
    assert days_to_recompute(person(1)) == 4


def test_somebody_with_no_rows_is_told_so_in_one_line(months: None) -> None:
    user = a_person()
    receipt, *rest = said(user.username).splitlines()
    assert receipt.startswith("receipt ")
    assert rest == ["nothing was stored about this person; late events from before now will be rejected"]
    assert Erasure.objects.get().user_id == pseudonym(Kind.USER, user.pk)


def test_a_pseudonym_is_no_person(months: None) -> None:
    user = a_person()
    store(of(user, activity(1, moment("2026-03-01 11:00"))))
    with pytest.raises(CommandError, match="not a pseudonym") as raised:
        said(str(pseudonym(Kind.USER, user.pk)))
    assert raised.value.returncode == 2
    assert UserActivity.objects.count() == 1


@pytest.mark.parametrize(
    "words", [[], ["somebody", "--replay"], ["somebody", "--log", "file"], ["--replay", "--save-log", "f"]]
)
def test_options_that_do_not_go_together_are_one_line(words: list[str]) -> None:
    with pytest.raises(CommandError, match="choose one") as raised:
        said(*words)
    assert raised.value.returncode == 2


def test_while_another_process_keeps_the_reports_are_corrected_all_the_same(months: None, elsewhere: Elsewhere) -> None:
    user = a_person()
    rolled_up(of(user, activity(1, moment("2026-03-01 11:00"))))
    hold_lock(elsewhere(), "keep")
    assert "rollups: 1 days recomputed" in said(user.username)
    assert UserActivity.objects.count() == 0
    assert execute("SELECT count(*) FROM analytics_daily_activity") == [(0,)]


def restore(rows: list[UserActivity | FeatureUsage]) -> None:
    """What a backup from before the erasures brings back: the rows, and the table of erasures without them."""
    Erasure.objects.all().delete()
    store(rows)


def test_replay_deletes_again_what_a_restore_brought_back_by_the_tables_own_log(months: None) -> None:
    rows = [activity(1, moment("2026-03-01 11:00")), activity(2, moment("2026-03-01 11:00"))]
    rolled_up([rows[1]])
    without = aggregates()
    erase(person(1))
    execute("INSERT INTO analytics_touched_day (day) VALUES ('2026-03-01')")
    UserActivity.objects.bulk_create([rows[0]])
    roll_up(say=silently)
    assert aggregates() != without
    assert "1 deletions repeated, 1 rows deleted" in said("--replay")
    assert aggregates() == without
    assert "0 deletions repeated, 0 rows deleted" in said("--replay")


def test_replay_knows_the_requests_of_this_sites_ledger(months: None) -> None:
    user, other = a_person(), a_person()
    request_deletion(user.pk, source=Source.SETTINGS_PAGE, actor_id=user.pk)
    restore([*of(user, activity(1, moment("2026-03-01 11:00"))), *of(other, activity(1, moment("2026-03-01 11:00")))])
    assert "1 deletions repeated, 1 rows deleted" in said("--replay")
    assert [row.user_id for row in UserActivity.objects.all()] == [pseudonym(Kind.USER, other.pk)]
    tombstone = Erasure.objects.get()
    assert tombstone.requested_at == ConsentEvent.objects.get(action=Action.ERASURE_REQUESTED).recorded_at


def test_replay_knows_the_requests_of_a_saved_log(months: None, tmp_path: Path) -> None:
    log = tmp_path / "erasures.jsonl"
    erase(person(1), requested_at=moment("2026-03-01 12:00"))
    assert "1 requests written" in said("--save-log", str(log))
    restore([activity(1, moment("2026-03-01 11:00")), activity(1, moment("2026-03-01 13:00"))])
    assert "1 deletions repeated, 1 rows deleted" in said("--replay", "--log", str(log))
    assert [row.timestamp for row in UserActivity.objects.all()] == [moment("2026-03-01 13:00")]
    assert "0 deletions repeated" in said("--replay", "--log", str(log))


def test_replay_carries_out_of_a_log_only_what_is_later_than_all_that_is_known(months: None, tmp_path: Path) -> None:
    """One request of a person stands for those before it; the table and the log are looked at together."""
    log = tmp_path / "erasures.jsonl"
    logged = [(1, "12:00"), (2, "15:00"), (2, "12:00"), (3, "12:00"), (3, "13:00"), (4, "14:00")]
    log.write_text(
        "".join(
            json.dumps(
                {
                    "id": str(uuid4()),
                    "user_id": str(person(who)),
                    "requested_at": moment(f"2026-03-01 {time}").isoformat(),
                }
            )
            + "\n"
            for who, time in logged
        )
    )
    for who, time in [(1, "14:00"), (1, "11:00"), (2, "14:00"), (4, "14:00")]:
        erase(person(who), requested_at=moment(f"2026-03-01 {time}"))
    known = set(Erasure.objects.values_list("pk", flat=True))
    assert "2 deletions repeated, 0 rows deleted" in said("--replay", "--log", str(log))
    new = Erasure.objects.exclude(pk__in=known).order_by("user_id").values_list("user_id", "requested_at")
    assert list(new) == [(person(2), moment("2026-03-01 15:00")), (person(3), moment("2026-03-01 13:00"))]


def test_what_a_restore_brought_back_of_somebody_is_deleted_up_to_their_latest_request(months: None) -> None:
    for time in ("14:00", "12:00"):
        erase(person(1), requested_at=moment(f"2026-03-01 {time}"))
    store([activity(1, moment(f"2026-03-01 {time}")) for time in ("11:00", "13:00", "14:00", "14:01")])
    assert "1 deletions repeated, 3 rows deleted" in said("--replay")
    assert [row.timestamp for row in UserActivity.objects.all()] == [moment("2026-03-01 14:01")]


GOOD = {"id": str(uuid4()), "user_id": str(person(1)), "requested_at": "2026-03-01T12:00:00+00:00"}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        json.dumps({**GOOD, "id": "x"}),
        json.dumps({**GOOD, "user_id": 7}),
        json.dumps({**GOOD, "requested_at": "yesterday"}),
        json.dumps({**GOOD, "requested_at": "2026-03-01T12:00:00"}),
        json.dumps({"id": str(uuid4())}),
    ],
)
def test_a_log_that_is_none_is_named_by_its_line_and_nothing_is_replayed(
    months: None, tmp_path: Path, line: str
) -> None:
    log = tmp_path / "erasures.jsonl"
    log.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    store([activity(1, moment("2026-03-01 11:00"))])
    with pytest.raises(CommandError, match=r"erasures\.jsonl:2") as raised:
        said("--replay", "--log", str(log))
    assert raised.value.returncode == 2
    assert UserActivity.objects.count() == 1


def test_files_that_cannot_be_read_or_written_are_one_line(tmp_path: Path) -> None:
    for words in (["--replay", "--log", str(tmp_path)], ["--save-log", str(tmp_path / "none" / "file")]):
        with pytest.raises(CommandError, match=r"cannot be (read|written)") as raised:
            said(*words)
        assert raised.value.returncode == 2


def test_where_rows_live_elsewhere_a_request_stays_pending_until_it_is_acknowledged(settings: object) -> None:
    settings.TELEMETRY_STORED_HERE = "false"  # type: ignore[attr-defined]
    user = a_person()
    assert "0 accepted, 1 waiting" in said(user.username)
    assert Erasure.objects.get().completed_at is None
    with pytest.raises(CommandError, match="did not accept every request") as raised:
        call_command("send_pending_erasures", stdout=StringIO())
    assert raised.value.returncode == 1


def test_where_rows_live_elsewhere_replay_asks_again_for_everything(settings: object) -> None:
    settings.TELEMETRY_STORED_HERE = "false"  # type: ignore[attr-defined]
    user = a_person()
    request_deletion(user.pk, source=Source.API, actor_id=user.pk)
    Erasure.objects.update(completed_at=moment("2026-03-01 12:00"))
    for _ in range(2):  # the second time all of them are known
        assert "wait" in said("--replay")
    assert Erasure.objects.filter(user_id=pseudonym(Kind.USER, user.pk), completed_at=None).exists()


def test_a_machine_whose_clock_is_ahead_leaves_no_tombstone_that_rejects_rows_to_come(
    months: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(days=365))
    erase(person(1))
    assert Erasure.objects.get().requested_at <= database_now(analytics_database())
