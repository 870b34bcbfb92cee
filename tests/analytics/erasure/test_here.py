"""Erasing one person, by command; and again after a backup brought the rows back."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from accounts.models import User
from analytics.erasure.correction import correct_rollups
from analytics.erasure.here import FOR_GOOD
from analytics.erasure.here import erase as erase_here
from analytics.erasure.receipts import days_to_recompute
from analytics.erasure.requests import receipts
from analytics.identity import pseudonyms_of
from analytics.keep.rollups import roll_up
from analytics.models import Erasure, FeatureUsage, RolledUpDay, Tombstone, TouchedDay, UserActivity
from analytics.person import PersonalTelemetry
from analytics.router import analytics_database
from analytics.show import rows_of_person
from privacy.choices import request_deletion
from privacy.clock import database_now
from privacy.models import Action, ConsentEvent, PendingErasure, Preference, Source
from privacy.telemetry import Receipt
from tests.analytics.keep.conftest import Elsewhere, hold_lock
from tests.analytics.keep.rows import (
    activity,
    aggregates,
    erase,
    execute,
    feature,
    moment,
    person,
    rolled_up,
    silently,
    store,
)
from tests.support.people import a_person, alias_of, salt

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
        row.user_id = alias_of(user)
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
    one, other = uuid4(), uuid4()
    for who, request in ((1, one), (2, other)):
        Tombstone.objects.create(user_id=person(who), until=now, erasure_id=request)
    assert days_to_recompute(one) == 2
    assert days_to_recompute(other) == 0
    RolledUpDay.objects.all().delete()
    assert days_to_recompute(one) == 4


def test_somebody_with_no_rows_is_told_so_in_one_line(months: None) -> None:
    user = a_person()
    whose = alias_of(user)
    receipt, *rest = said(user.username).splitlines()
    assert receipt.startswith("receipt ")
    assert rest == ["nothing was stored about this person; late events from before now will be rejected"]
    assert Tombstone.objects.get().user_id == whose


def test_a_pseudonym_is_no_person(months: None) -> None:
    user = a_person()
    store(of(user, activity(1, moment("2026-03-01 11:00"))))
    with pytest.raises(CommandError, match="not a pseudonym") as raised:
        said(str(alias_of(user)))
    assert raised.value.returncode == 2
    assert UserActivity.objects.count() == 1


def test_a_log_may_hold_the_earliest_time_there_is(months: None, tmp_path: Path) -> None:
    log = tmp_path / "erasures.jsonl"
    log.write_text(json.dumps({**GOOD, "until": "0001-01-01T00:00:00+00:00"}))
    for repeated in (1, 0):
        assert f"{repeated} deletions repeated" in said("--replay", "--log", str(log))


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
    """What a backup from before the erasures brings back: the rows, and the tables of erasures without them."""
    Erasure.objects.all().delete()
    Tombstone.objects.all().delete()
    store(rows)


def test_replay_deletes_again_what_a_restore_brought_back_by_the_tables_own_log(months: None) -> None:
    rows = [activity(1, moment("2026-03-01 11:00")), activity(2, moment("2026-03-01 11:00"))]
    rolled_up([rows[1]])
    without = aggregates()
    erase(person(1))
    execute("INSERT INTO analytics_touched_day (day) VALUES ('2026-03-01')")
    UserActivity.objects.bulk_create([rows[0]])
    roll_up(report=silently)
    assert aggregates() != without
    assert "1 deletions repeated, 1 rows deleted" in said("--replay")
    assert aggregates() == without
    assert "0 deletions repeated, 0 rows deleted" in said("--replay")


def test_rows_that_a_restore_of_telemetrys_database_brought_back_lead_to_nobody(months: None) -> None:
    """With the key and every table of the site at hand: the salt has gone with the deletion."""
    user = a_person()
    erased, rows = alias_of(user), of(user, activity(1, moment("2026-03-01 11:00")))
    request_deletion(user.pk, source=Source.SETTINGS_PAGE, actor_id=user.pk)
    restore(rows)
    salts = {*Preference.objects.values_list("salt", flat=True), *PendingErasure.objects.values_list("salt", flat=True)}
    people = set(User.objects.values_list("pk", flat=True))
    assert salts and erased not in {each for pk in people for salt in salts for each in pseudonyms_of(pk, salt)}
    assert execute("SELECT count(*) FROM analytics_erasure t WHERE t::text LIKE '%%' || %s || '%%'", [str(erased)]) == [
        (0,)
    ]


def test_replay_gives_everybody_a_new_salt_whose_old_one_a_restore_of_the_site_brought_back(months: None) -> None:
    """The salts first: then the rows that came back, of whoever was erased and of nobody else."""
    user, other = a_person(), a_person()
    before = {each.pk: (salt(each), alias_of(each)) for each in (user, other)}
    rows = [*of(user, activity(1, moment("2026-03-01 11:00"))), *of(other, activity(1, moment("2026-03-01 11:00")))]
    request_deletion(user.pk, source=Source.SETTINGS_PAGE, actor_id=user.pk)
    Preference.objects.filter(pk=user.pk).update(salt=before[user.pk][0], erased_at=None)
    store(rows)
    assert alias_of(user) == before[user.pk][1]
    assert "1 deletions repeated, 1 rows deleted" in said("--replay")
    assert alias_of(user) != before[user.pk][1] and alias_of(other) == before[other.pk][1]
    assert Preference.objects.get(pk=user.pk).erased_at is not None
    assert [row.user_id for row in UserActivity.objects.all()] == [before[other.pk][1]]


def test_replay_destroys_salts_that_only_a_saved_log_knows_to_be_erased(months: None, tmp_path: Path) -> None:
    """After a restore of both databases, to before the deletion."""
    user, log = a_person(), tmp_path / "erasures.jsonl"
    old, whose = salt(user), alias_of(user)
    request_deletion(user.pk, source=Source.SETTINGS_PAGE, actor_id=user.pk)
    said("--save-log", str(log))
    Preference.objects.filter(pk=user.pk).update(salt=old)
    rows = of(user, activity(1, moment("2026-03-01 11:00")))
    restore(rows)
    assert "1 deletions repeated, 1 rows deleted" in said("--replay", "--log", str(log))
    assert UserActivity.objects.count() == 0
    assert alias_of(user) != whose and Tombstone.objects.get().user_id == whose


def test_replay_knows_the_erasures_of_a_saved_log(months: None, tmp_path: Path) -> None:
    log = tmp_path / "erasures.jsonl"
    erase(person(1), requested_at=moment("2026-03-01 12:00"))
    assert "1 requests written" in said("--save-log", str(log))
    restore([activity(1, moment("2026-03-01 11:00")), activity(1, moment("2026-03-01 13:00"))])
    assert "1 deletions repeated, 1 rows deleted" in said("--replay", "--log", str(log))
    assert [row.timestamp for row in UserActivity.objects.all()] == [moment("2026-03-01 13:00")]
    assert "0 deletions repeated" in said("--replay", "--log", str(log))


def test_replay_repeats_of_a_log_only_what_no_tombstone_covers(months: None, tmp_path: Path) -> None:
    log = tmp_path / "erasures.jsonl"
    logged = [(1, "12:00"), (2, "15:00"), (3, "13:00"), (4, "14:00")]
    log.write_text(
        "".join(
            json.dumps({"user_id": str(person(who)), "until": moment(f"2026-03-01 {time}").isoformat()}) + "\n"
            for who, time in logged
        )
    )
    for who, time in [(1, "14:00"), (1, "11:00"), (2, "14:00"), (4, "14:00")]:
        erase(person(who), requested_at=moment(f"2026-03-01 {time}"))
    assert "2 deletions repeated, 0 rows deleted" in said("--replay", "--log", str(log))
    assert dict(Tombstone.objects.values_list("user_id", "until")) == {
        person(1): moment("2026-03-01 14:00"),
        person(2): moment("2026-03-01 15:00"),
        person(3): moment("2026-03-01 13:00"),
        person(4): moment("2026-03-01 14:00"),
    }


def test_what_a_restore_brought_back_of_somebody_is_deleted_up_to_their_tombstones_moment(months: None) -> None:
    for time in ("14:00", "12:00"):
        erase(person(1), requested_at=moment(f"2026-03-01 {time}"))
    store([activity(1, moment(f"2026-03-01 {time}")) for time in ("11:00", "13:00", "14:00", "14:01")])
    assert "1 deletions repeated, 3 rows deleted" in said("--replay")
    assert [row.timestamp for row in UserActivity.objects.all()] == [moment("2026-03-01 14:01")]


GOOD = {"user_id": str(person(1)), "until": "2026-03-01T12:00:00+00:00"}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        json.dumps({**GOOD, "user_id": 7}),
        json.dumps({**GOOD, "until": "yesterday"}),
        json.dumps({**GOOD, "until": "2026-03-01T12:00:00"}),
        json.dumps({**GOOD, "until": "0001-01-01T00:00:00+12:00"}),
        json.dumps({**GOOD, "until": "9999-12-31T23:59:59-12:00"}),
        pytest.param("[" * 100_000, id="nested too deeply"),
        pytest.param(json.dumps({"user_id": str(uuid4())}), id="no moment"),
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


def test_once_the_reports_are_corrected_nothing_says_whose_a_tombstone_is_nor_in_what_order_they_came(
    months: None,
) -> None:
    people = [a_person() for _ in range(5)]
    for number, user in enumerate(people):
        rolled_up(of(user, activity(number, moment("2026-03-01 11:00"))))
        request_deletion(user.pk, source=Source.API, actor_id=user.pk)
    correct_rollups(report=silently)
    assert set(Tombstone.objects.values_list("erasure_id", "until")) == {(None, FOR_GOOD)}
    stored = execute("SELECT user_id, xmin::text FROM analytics_tombstone ORDER BY ctid")
    assert [user_id for user_id, _ in stored] == sorted(user_id for user_id, _ in stored)
    assert len({transaction for _, transaction in stored}) == 1


def test_rows_stored_under_a_previous_key_are_seen_and_deleted(months: None, settings: Any) -> None:
    user = a_person()
    settings.TELEMETRY_HASH_KEY = "the key of the first year"
    first = alias_of(user)
    store(of(user, activity(1, moment("2026-03-01 11:00"))))
    settings.TELEMETRY_HASH_KEY = "the key of the second year"
    settings.TELEMETRY_HASH_KEY_PREVIOUS = "the key of the first year"
    assert alias_of(user) != first
    store(of(user, activity(1, moment("2026-03-01 12:00"))))
    assert rows_of_person.stored(user.pk).count == 2
    assert sum(request_deletion(user.pk, source=Source.API, actor_id=user.pk).rows_deleted.values()) == 2
    assert UserActivity.objects.count() == 0


def test_a_deletion_for_which_telemetrys_database_was_away_is_carried_out_by_keep_telemetry(
    months: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError

    user = a_person()
    whose, rows = alias_of(user), of(user, activity(1, moment("2026-03-01 11:00")))
    store(rows)
    with monkeypatch.context() as patch:
        patch.setattr(PersonalTelemetry, "erase", away)
        request_deletion(user.pk, source=Source.API, actor_id=user.pk)
    assert UserActivity.objects.count() == 1 and alias_of(user) != whose, "nothing more is stored under the old one"
    call_command("keep_telemetry", stdout=StringIO())
    assert UserActivity.objects.count() == 0 and not PendingErasure.objects.exists()
    [receipt] = receipts(user.pk)
    assert receipt.completed_at is not None and sum(receipt.rows_deleted.values()) == 1


def test_a_request_that_is_carried_out_again_keeps_what_its_receipt_says(
    months: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by two commands at once, or where the rows were deleted and the answer was lost."""
    user = a_person()
    store(of(user, activity(1, moment("2026-03-01 11:00")), feature(1, moment("2026-03-01 12:00"))))
    carry_out = PersonalTelemetry.erase

    def answer_lost(self: PersonalTelemetry, pending: PendingErasure, *, go_on: bool) -> Receipt:
        erase_here(pending.id, pseudonyms_of(pending.user_id, pending.salt), requested_at=pending.requested_at)
        return carry_out(self, pending, go_on=go_on)

    monkeypatch.setattr(PersonalTelemetry, "erase", answer_lost)
    receipt = request_deletion(user.pk, source=Source.COMMAND, actor_id=user.pk)
    assert sum(receipt.rows_deleted.values()) == 2
    assert UserActivity.objects.count() == 0


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


def test_where_rows_live_elsewhere_replay_leaves_what_is_pending_pending(settings: object) -> None:
    settings.TELEMETRY_STORED_HERE = "false"  # type: ignore[attr-defined]
    user = a_person()
    request_deletion(user.pk, source=Source.API, actor_id=user.pk)
    for _ in range(2):
        assert "1 waiting" in said("--replay")
    assert PendingErasure.objects.get().user_id == str(user.pk) and Erasure.objects.get().completed_at is None


def test_a_machine_whose_clock_is_ahead_dates_a_deletion_by_the_databases(
    months: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, user = timezone.now, a_person()
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(days=365))
    request_deletion(user.pk, source=Source.API, actor_id=user.pk)
    assert Erasure.objects.get().requested_at <= database_now(analytics_database())
