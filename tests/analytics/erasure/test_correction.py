"""Erasures by page, API and admin: reports are corrected soon, besides, and the receipts say so."""

import logging
import threading
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError

from accounts.models import User
from analytics.erasure import correction
from analytics.keep.rollups import waiting_days
from analytics.models import Erasure, FeatureUsage, UserActivity
from tests.analytics.keep.conftest import Elsewhere, hold_lock
from tests.analytics.keep.rows import activity, aggregates, erase, feature, moment, person, rolled_up, silently, store
from tests.support.children import in_a_child
from tests.support.people import a_person, alias_of, signed_in, with_token

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

PAGE, DELETE, API = "/settings/privacy/", "/settings/privacy/delete/", "/api/users/telemetry"


@pytest.fixture
def somebody(months: None, settings: Any) -> User:
    """Somebody who did something on two days that others did something on as well, all of it rolled up."""
    settings.TELEMETRY_STORED_HERE = "true"
    settings.SECURE_SSL_REDIRECT = False
    user = a_person()
    theirs = [activity(1, moment("2026-03-01 11:00")), feature(1, moment("2026-03-02 11:00"))]
    for row in theirs:
        row.user_id = alias_of(user)
    rolled_up([*theirs, *OTHERS])
    return user


OTHERS = [activity(7, moment("2026-03-01 10:00")), feature(7, moment("2026-03-02 10:00"))]


def test_after_a_request_on_the_page_the_reports_are_corrected_and_the_page_says_so(somebody: User) -> None:
    before = aggregates()
    browser = signed_in(somebody)
    page = browser.post(DELETE, follow=True).text
    assert "2 records deleted." in page
    correction.wait()
    assert aggregates() != before
    assert waiting_days() == []
    page = browser.get(PAGE).text
    assert "Reports of 2 days were corrected, the last on " in page
    assert "<dt><code>analytics_feature_usage</code></dt><dd>1 record deleted</dd>" in page


def test_after_a_request_by_the_api_the_receipt_follows_what_becomes_of_the_reports(somebody: User) -> None:
    client = with_token(somebody)
    receipt = client.delete(f"{API}/data").json()
    assert receipt["rows_deleted"] == {
        "analytics_user_activity": 1,
        "analytics_endpoint_usage": 0,
        "analytics_feature_usage": 1,
    }
    assert (receipt["days_recomputed"], receipt["recomputed_at"], receipt["days_to_recompute"]) == (0, None, 2)
    correction.wait()
    (followed,) = client.get(receipt["follow_at"]).json()["results"]
    assert (followed["id"], followed["days_recomputed"], followed["days_to_recompute"]) == (receipt["id"], 2, 0)
    assert followed["recomputed_at"] > followed["requested_at"]


def test_after_an_action_in_the_admin_the_reports_are_corrected_and_the_list_of_erasures_shows_it(
    somebody: User,
) -> None:
    staff = signed_in(User.objects.create_superuser("staff"))
    action = {"action": "delete_telemetry", "_selected_action": [str(somebody.pk)]}
    assert "Deletion requested for 1 person" in staff.post("/admin/accounts/user/", action, follow=True).text
    correction.wait()
    assert Erasure.objects.get().days_recomputed == 2
    assert '<td class="field-days_recomputed">2</td>' in staff.get("/admin/analytics/erasure/").text


def test_staff_without_the_right_cannot_have_anything_deleted(somebody: User) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    action = {"action": "delete_telemetry", "_selected_action": [str(somebody.pk)]}
    signed_in(staff).post("/admin/accounts/user/", action)
    assert Erasure.objects.count() == 0


def test_corrected_reports_are_those_of_a_world_in_which_they_never_were(somebody: User) -> None:
    with_token(somebody).delete(f"{API}/data")
    correction.wait()
    corrected = aggregates()
    for model in (UserActivity, FeatureUsage):
        model.objects.all().delete()
    rolled_up(OTHERS)
    assert aggregates() == corrected


def test_asked_twice_there_are_two_receipts_and_the_second_deletes_nothing(somebody: User) -> None:
    client = with_token(somebody)
    first, second = (client.delete(f"{API}/data").json() for _ in range(2))
    assert sum(second["rows_deleted"].values()) == 0
    correction.wait()
    receipts = client.get(second["follow_at"]).json()["results"]
    assert [receipt["id"] for receipt in receipts] == [second["id"], first["id"]]
    assert sum(receipt["days_to_recompute"] for receipt in receipts) == 0
    assert sum(receipt["days_recomputed"] for receipt in receipts) == 2


def test_it_does_not_wait_for_a_command_that_keeps(somebody: User, elsewhere: Elsewhere) -> None:
    hold_lock(elsewhere(), "keep")
    with_token(somebody).delete(f"{API}/data")
    correction.wait()
    assert Erasure.objects.get().days_recomputed == 2


def test_days_that_were_only_touched_by_new_rows_are_left_to_keep_telemetry(months: None) -> None:
    rolled_up([activity(1, moment("2026-03-01 10:00")), activity(2, moment("2026-03-04 10:00"))])
    store([activity(3, moment("2026-03-04 11:00"))])
    erase(person(1))
    assert correction.correct_rollups(report=silently) == [date(2026, 3, 1)]
    assert waiting_days() == [date(2026, 3, 4)]


def test_many_requests_at_once_have_one_thread(months: None, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on, turns = threading.Event(), list[str]()

    def slowly(*, report: Any) -> None:
        turns.append(threading.current_thread().name)
        may_go_on.wait(30)

    monkeypatch.setattr(correction, "correct_rollups", slowly)
    for _ in range(50):
        correction.correct_rollups_soon()
    assert sum(thread.name == "telemetry-correction" for thread in threading.enumerate()) == 1
    may_go_on.set()
    correction.wait()
    assert 1 <= len(turns) <= 2, "what was asked for meanwhile is one more turn"


def test_one_that_fails_says_what_comes_of_it_and_the_next_one_is_tried(
    somebody: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*, report: Any) -> None:
        raise OperationalError("no database, and a row: alice@example.com")

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(correction, "correct_rollups", fails)
        with_token(somebody).delete(f"{API}/data")
        correction.wait()
    assert "keep_telemetry will correct the reports: OperationalError" in caplog.text
    assert "alice" not in caplog.text
    assert len(waiting_days()) == 2
    correction.correct_rollups_soon()
    correction.wait()
    assert waiting_days() == []


def test_a_forked_worker_corrects_in_a_thread_of_its_own() -> None:
    of_parent = correction._background
    with of_parent._turn:
        of_parent._is_running = True
        try:
            assert in_a_child(lambda: not of_parent._is_running and of_parent._turn.acquire(blocking=False))
        finally:
            of_parent._is_running = False
