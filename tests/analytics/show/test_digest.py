"""The weekly digest: chosen by each member of staff, sent once by SMTP, with the numbers of the page."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from analytics.models import TouchedDay
from analytics.show import digest
from analytics.show.digest import Digests, last_week, send_digests, subscribe
from privacy.models import Access, AccessEvent, DigestSubscription
from tests.analytics.keep.rows import activity, rolled_up
from tests.analytics.show.page import figures_of
from tests.analytics.show.rows import day
from tests.support.mail import mail_server
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
ADDRESS, PAGE = "/admin/analytics/reports/digest", "/admin/analytics/reports/"
WEEK = last_week(timezone.now().date())


@pytest.fixture
def analyst() -> User:
    return a_person(is_staff=True, is_superuser=True, email="analyst@example.org")


def week_of(people: int) -> None:
    """So many people on a day of the week before this one."""
    ago = (timezone.now().date() - WEEK).days - 2
    rolled_up(activity(who, day(ago)) for who in range(people))


def due(user: User, weeks: int = 1) -> None:
    """A digest that was last sent so many weeks before the one that is over."""
    subscribe(user, "https://rhesis.example/admin/analytics/reports/")
    DigestSubscription.objects.filter(user=user).update(sent_for=WEEK - timedelta(weeks=weeks), tried_at=None)


def test_staff_choose_it_on_a_page_that_the_overview_leads_to_and_end_it_there(analyst: User) -> None:
    client = signed_in(analyst)
    assert f'href="{ADDRESS}"' in client.get(PAGE).text and "analyst@example.org" in client.get(ADDRESS).text
    page = client.post(ADDRESS, {"weekly": "on"}, follow=True).text
    assert "You receive the figures of each week" in page and "End my weekly e-mail" in page
    assert DigestSubscription.objects.get().reports_url == f"http://testserver{PAGE}"
    week_of(8)
    assert send_digests() == Digests(), "the week that was over before the choice is not sent"
    page = client.post(ADDRESS, {"weekly": "off"}, follow=True).text
    assert "You receive no weekly digest." in page and "E-mail me these figures every week" in page
    assert not DigestSubscription.objects.exists()


def test_an_account_without_an_address_and_a_site_without_a_mail_server_have_a_sentence(analyst: User) -> None:
    nameless = a_person(is_staff=True, is_superuser=True, email="")
    page = signed_in(nameless).get(ADDRESS).text
    assert "Add one to receive the overview's figures every week, or alerts." in page and 'name="weekly"' not in page
    page = signed_in(nameless).post(ADDRESS, {"weekly": "on"}, follow=True).text
    assert "Your account has no e-mail address." in page
    with override_settings(EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend"):
        page = signed_in(analyst).post(ADDRESS, {"weekly": "on"}, follow=True).text
        assert "This site has no mail server." in page
        assert "every week" not in signed_in(analyst).get(PAGE).text
    assert not DigestSubscription.objects.exists()
    assert Client().post(ADDRESS, {"weekly": "on"}).status_code == 302


@pytest.mark.parametrize("smallest", ["1", "5"])
def test_it_is_sent_once_by_smtp_with_the_figures_of_the_page(analyst: User, settings: Settings, smallest: str) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = smallest
    week_of(8)
    due(analyst)
    with mail_server() as server, override_settings(**server.settings):
        assert [send_digests() for _ in range(2)] == [Digests(sent=1), Digests()]
    (message,) = server.received
    assert message["To"] == "analyst@example.org" and message["Subject"].startswith("Usage from ")
    text = message.get_content()
    asked = {"from": str(WEEK), "to": str(WEEK + timedelta(days=6))}
    shown = figures_of(signed_in(analyst).get(PAGE, asked).text)
    for title, (value, before) in shown.items():
        assert f"{title}: {value} (before: {before}".replace("\xa0", " ") in text
    assert "https://rhesis.example/admin/analytics/reports/" in text
    assert ("Numbers about fewer than 5 people are hidden" in text) is (smallest == "5")
    assert list(AccessEvent.objects.filter(what="weekly digest").values_list("actor_id", "access")) == [
        (analyst.pk, Access.EXPORTED)
    ]


def test_no_number_is_about_fewer_people_than_the_smallest_group(analyst: User, settings: Settings) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    week_of(4)
    due(analyst)
    assert send_digests() == Digests(sent=1)
    text = mail.outbox[0].body
    assert "Active people: — (before: 0)" in text


def test_it_waits_until_the_week_is_counted(analyst: User) -> None:
    week_of(8)
    due(analyst)
    waiting = TouchedDay.objects.create(day=WEEK)
    assert send_digests() == Digests()
    TouchedDay.objects.filter(pk=waiting.pk).delete()
    assert send_digests() == Digests(sent=1)


def test_who_may_no_longer_see_reports_receives_nothing(analyst: User) -> None:
    week_of(8)
    for change in ({"is_active": False}, {"is_superuser": False}, {"is_staff": False}):
        user = a_person(is_staff=True, is_superuser=True, email="former@example.org")
        due(user)
        User.objects.filter(pk=user.pk).update(**change)
    due(analyst)
    assert send_digests() == Digests(sent=1)
    assert [message.to for message in mail.outbox] == [["analyst@example.org"]]


def test_one_mailbox_that_is_refused_costs_nobody_else_the_digest(analyst: User) -> None:
    week_of(8)
    due(a_person(is_staff=True, is_superuser=True, email="nobody@example.org"))
    due(analyst)
    with mail_server(refused=("nobody@example.org",)) as server, override_settings(**server.settings):
        assert send_digests() == Digests(sent=1, failed=1)
        assert send_digests() == Digests(), "it is tried again after an hour, not at once"
        DigestSubscription.objects.update(tried_at=timezone.now() - digest.TRY_AGAIN_AFTER)
        server.refused = ()
        assert send_digests() == Digests(sent=1)
    assert sorted(str(message["To"]) for message in server.received) == ["analyst@example.org", "nobody@example.org"]


@pytest.mark.parametrize("address", ["", "nobody", "a@b@c", "two\nlines@example.org", "x@" + "ü" * 300])
def test_an_address_that_is_none_costs_nobody_else_the_digest(analyst: User, address: str) -> None:
    week_of(8)
    wrong = a_person(is_staff=True, is_superuser=True)
    User.objects.filter(pk=wrong.pk).update(email=address[:254])
    due(wrong)
    due(analyst)
    with mail_server(refused=("nobody",)) as server, override_settings(**server.settings):
        assert send_digests().sent >= 1
    assert "analyst@example.org" in [str(message["To"]) for message in server.received]


def test_a_mail_server_that_hangs_is_left_after_a_moment_for_an_hour(
    analyst: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(digest, "PATIENCE_SECONDS", 0.2)
    week_of(8)
    due(analyst)
    due(a_person(is_staff=True, is_superuser=True, email="another@example.org"))
    with mail_server(hangs=True) as server, override_settings(**server.settings):
        out = StringIO()
        call_command("keep_telemetry", stdout=out)
        assert "digests: 0 sent, 2 failed" in out.getvalue()
        assert send_digests() == Digests() and server.connections == 1
    assert "The mail server failed at a weekly digest" in caplog.text and "@" not in caplog.text


def test_a_mail_server_that_is_away_is_no_error_of_keeping(analyst: User) -> None:
    week_of(8)
    due(analyst)
    with mail_server() as server:
        settings: dict[str, Any] = server.settings
    with override_settings(**settings):
        assert send_digests() == Digests(failed=1)
