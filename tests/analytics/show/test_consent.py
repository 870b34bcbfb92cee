"""The report about consent: whom the site asked and what they chose, without a single person's choice."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connections
from pytest_django import Settings

from analytics.keep.consent import count_consent
from analytics.models import ConsentOfDay, ViewThreshold
from analytics.router import analytics_database
from analytics.show.bi_views import publish_threshold
from analytics.show.question import Question
from analytics.show.report import Row
from analytics.show.reports import CONSENT, CONSENT_BY_NOTICE
from privacy import choices
from privacy.clock import database_now
from privacy.models import Source
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")


def people(number: int, *, notice: int | None, choice: bool | None) -> None:
    for _ in range(number):
        person = a_person()
        if notice is not None:
            choices.note_notice_shown(person.pk, notice, browser_signal=False)
        if choice is not None:
            choices.choose(person.pk, enabled=choice, source=Source.NOTICE, actor_id=person.pk)


@pytest.fixture
def today() -> Question:
    day = database_now(analytics_database()).date()
    return Question(day - timedelta(days=1), day)


@pytest.fixture(autouse=True)
def _counted() -> None:
    people(7, notice=1, choice=True)
    people(6, notice=2, choice=True)
    people(3, notice=2, choice=False)
    people(9, notice=2, choice=None)
    people(1, notice=None, choice=True)
    people(2, notice=None, choice=None)  # never asked: in no number
    count_consent()


def viewed() -> list[Row]:
    publish_threshold()
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute("SELECT * FROM analytics_report_consent ORDER BY day, notice_version")
        return cursor.fetchall()


def test_the_exact_numbers_for_who_may_see_them(settings: Settings, today: Question) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = settings.TELEMETRY_SMALLEST_GROUP_BI = "1"
    assert CONSENT.rows(today) == [(today.first, None, None, None, None), (today.last, 25, 14, 3, 9)]
    by_notice = [("none", 0, 1, 0, 0), ("1", 7, 7, 0, 0), ("2", 18, 6, 3, 9)]
    assert CONSENT_BY_NOTICE.rows(today) == by_notice
    assert [row[2:] for row in viewed()] == [row[1:] for row in by_notice]


def test_small_groups_are_hidden_and_all_others_rounded_down(settings: Settings, today: Question) -> None:
    """Exact numbers would give the hidden ones away: asked, less yes, less undecided, is no."""
    settings.TELEMETRY_SMALLEST_GROUP = settings.TELEMETRY_SMALLEST_GROUP_BI = "5"
    assert CONSENT.rows(today)[1:] == [(today.last, 25, 10, None, 5)]
    assert CONSENT_BY_NOTICE.rows(today) == [("none", 0, None, 0, 0), ("1", 5, 5, 0, 0), ("2", 15, 5, None, 5)]
    assert [row[2:] for row in viewed()] == [row[1:] for row in CONSENT_BY_NOTICE.rows(today)]


def test_a_view_without_its_threshold_shows_nothing() -> None:
    publish_threshold()
    ViewThreshold.objects.all().delete()
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM analytics_report_consent")
        assert cursor.fetchone() == (0,)


def test_counted_again_a_day_has_its_last_numbers(settings: Settings, today: Question) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "1"
    people(2, notice=1, choice=False)
    count_consent()
    assert CONSENT.rows(today)[1:] == [(today.last, 27, 14, 5, 9)]
    ConsentOfDay.objects.update(day=today.first)
    count_consent()
    assert [row[1] for row in CONSENT.rows(today)] == [27, 27]


def test_the_page_has_the_numbers_and_warns_of_the_bias(settings: Settings) -> None:
    staff = a_person(is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    page = signed_in(staff).get("/admin/analytics/reports/consent/").content.decode()
    assert "Consent by notice" in page and "no sample of all people" in page
    assert "Nothing" not in page and "Only people who share" not in page
