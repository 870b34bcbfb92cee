"""Alerts: told once by e-mail and by web hook, by the documented rule, with nothing that the pages hide."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from analytics.management.commands import keep_telemetry
from analytics.models import Alert, IngestTally, RolledUpDay, TouchedDay
from analytics.show import alerts, digest
from analytics.show.alerts import Told, send_alerts
from privacy.models import Access, AccessEvent, AlertSubscription
from tests.analytics.keep.rows import Stored, activity, execute, request, rolled_up
from tests.analytics.show.page import tables_of
from tests.analytics.show.rows import day
from tests.support.mail import mail_server
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__")
ADDRESS, PAGE = "/admin/analytics/reports/digest", "/admin/analytics/reports/"


@pytest.fixture
def analyst() -> User:
    user = a_person(is_staff=True, is_superuser=True, email="analyst@example.org")
    alerts.subscribe(user, "https://rhesis.example/admin/analytics/reports/")
    return user


def requests(ago: int, *, failing: int = 0, number: int = 120, ms: float = 20.0, people: int = 30) -> list[Stored]:
    """So many requests on that day, the first of which fail, by so many people in turn."""
    return [request(who % people, day(ago), ms, status=500 if who < failing else 200) for who in range(number)]


def usual(*days: int) -> list[Stored]:
    """Days that the rule compares with: eight for response times, four for people; and `days`."""
    return [row for ago in (*range(2, 9), 15, 22, 29, *days) for row in requests(ago)]


def kinds() -> dict[str, str]:
    return dict(Alert.objects.values_list("kind", "text"))


@pytest.mark.usefixtures("analyst")
def test_a_usual_month_has_no_alert() -> None:
    rolled_up(usual(0, 1))
    assert send_alerts(is_kept=True) == Told() and not kinds() and not mail.outbox


@pytest.mark.usefixtures("analyst")
def test_errors_of_today_are_told_once_and_again_only_after_a_day_without_them() -> None:
    rolled_up([*usual(1), *requests(0, failing=12)])
    assert [send_alerts(is_kept=True) for _ in range(3)] == [Told(sent=1), Told(), Told()]
    (message,) = mail.outbox
    assert message.subject == "Alert: Error rate" and message.to == ["analyst@example.org"]
    assert "Error rate: 10.0 % of 120 requests failed today so far (UTC); in the 28 days before, 0.0 %." in message.body
    # Right again within the day: it lasts, so the next rise within it is not told again.
    rolled_up(requests(0, number=1200))
    assert send_alerts(is_kept=True) == Told() and set(kinds()) == {"errors"}
    Alert.objects.update(began_at=timezone.now() - timedelta(days=1))
    assert send_alerts(is_kept=True) == Told() and not kinds()


@pytest.mark.parametrize(
    ("kind", "days", "expected"),
    [
        ("errors", [*usual(), *requests(1, failing=3)], "2.5 % of 120 requests failed on "),
        ("p95", [*usual(), *requests(1, ms=90.0)], "95 % of 120 requests took up to 9"),
        ("people", [*usual(), *requests(1, people=15)], "15 people were active on "),
        ("people", usual(), "0 people were active on "),
    ],
)
@pytest.mark.usefixtures("analyst")
def test_each_rule_begins_at_its_threshold(kind: str, days: list[Stored], expected: str) -> None:
    rolled_up([*days, *requests(0)])
    assert send_alerts(is_kept=True) == Told(sent=1)
    ((found, text),) = kinds().items()
    assert found == kind and text.startswith(expected), text


@pytest.mark.parametrize(
    "days",
    [
        requests(1, failing=2),
        requests(1, failing=90, number=99),
        requests(1, ms=65.0),
        requests(1, people=16),
    ],
)
@pytest.mark.usefixtures("analyst")
def test_no_rule_begins_below_its_threshold(days: list[Stored]) -> None:
    rolled_up([*usual(), *days, *requests(0)])
    assert send_alerts(is_kept=True) == Told() and not kinds()


@pytest.mark.usefixtures("analyst")
def test_a_few_people_or_a_new_site_are_no_fall() -> None:
    rolled_up([row for ago in (8, 15, 22, 29) for row in requests(ago, people=19)])
    assert send_alerts(is_kept=True) == Told()
    execute("DELETE FROM analytics_endpoint_usage")
    rolled_up([row for ago in (8, 15, 22) for row in requests(ago)])
    assert send_alerts(is_kept=True) == Told(), "the day four weeks before was not counted"
    rolled_up(requests(29))
    assert send_alerts(is_kept=True) == Told(sent=1)


@pytest.mark.parametrize(("rejected", "is_told"), [(99, False), (100, True)])
@pytest.mark.usefixtures("analyst")
def test_rejections_are_told(rejected: int, *, is_told: bool) -> None:
    today = timezone.now().date()
    for outcome, spans in (("stored", 10_000 - rejected), ("rejected", rejected)):
        IngestTally.objects.create(day=today, slot=0, outcome=outcome, reason="undeclared", spans=spans)
    assert send_alerts(is_kept=True) == Told(sent=int(is_told))
    assert ("rejected" in kinds()) is is_told


@pytest.mark.usefixtures("analyst")
def test_rollups_that_are_behind_are_told_by_the_run_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    rolled_up([activity(1, day(1))])
    TouchedDay.objects.create(day=day(0).date())

    def fails(*_: object, **__: object) -> None:
        raise keep_telemetry.InUse("the tables are in use")

    monkeypatch.setattr(keep_telemetry, "roll_up", fails)
    out = StringIO()
    with pytest.raises(CommandError, match="the tables are in use"):
        call_command("keep_telemetry", stdout=out)
    assert "alerts" not in out.getvalue(), "they were computed a moment ago"
    RolledUpDay.objects.update(rolled_up_at=timezone.now() - alerts.BEHIND_AFTER * 2)
    for expected in ("alerts: 1 sent, 0 failed", ""):
        out = StringIO()
        with pytest.raises(CommandError, match="the tables are in use"):
            call_command("keep_telemetry", stdout=out)
        assert expected in out.getvalue() and ("alerts" in out.getvalue()) is bool(expected)
    assert "1 day has rows not counted" in mail.outbox[0].body
    assert send_alerts(is_kept=True) == Told() and "behind" in kinds()
    Alert.objects.update(began_at=timezone.now() - alerts.BEHIND_AT_LEAST)
    send_alerts(is_kept=True)
    assert not kinds()


def test_the_smallest_group_hides_from_alerts_what_it_hides_from_pages(analyst: User, settings: Settings) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    rolled_up([*usual(1), *requests(0, failing=120, people=4)])
    assert send_alerts(is_kept=True) == Told(), "four people failed"
    rolled_up([*requests(0, failing=120, people=30), *(activity(who, day(1)) for who in range(30))])
    assert send_alerts(is_kept=True) == Told(sent=1)
    today = str(day(0).date())
    shown = tables_of(signed_in(analyst).get(PAGE, {"from": today, "to": today}).text)["Day by day"][0]
    percent, number = shown[4].replace("\xa0", " "), shown[10]
    assert f"{percent} of {number} requests failed today" in mail.outbox[0].body


@pytest.mark.usefixtures("analyst")
def test_a_fall_to_a_hidden_number_is_told_without_it(settings: Settings) -> None:
    settings.TELEMETRY_SMALLEST_GROUP = "5"
    rolled_up([*usual(), *requests(1, people=3), *requests(0)])
    assert send_alerts(is_kept=True) == Told(sent=1)
    assert kinds()["people"].startswith("Too few people to show, less than 8, were active on ")


def test_staff_choose_alerts_and_end_them(analyst: User) -> None:
    client = signed_in(analyst)
    assert "End my alerts" in client.get(ADDRESS).text
    page = client.post(ADDRESS, {"alerts": "off"}, follow=True).text
    assert "You receive no alerts." in page and "E-mail me alerts" in page and not AlertSubscription.objects.exists()
    rolled_up([*usual(1), *requests(0, failing=12)])
    assert send_alerts(is_kept=True) == Told() and not kinds(), "nobody wants to know"
    assert "You are told of each alert once." in client.post(ADDRESS, {"alerts": "on"}, follow=True).text
    assert send_alerts(is_kept=True) == Told(sent=1), "what lasts is told to those who choose it now"
    assert "http://testserver/admin/analytics/reports/" in mail.outbox[0].body
    assert list(AccessEvent.objects.filter(what="alert").values_list("actor_id", "access")) == [
        (analyst.pk, Access.EXPORTED)
    ]
    User.objects.filter(pk=analyst.pk).update(is_superuser=False)
    AlertSubscription.objects.update(told=[])
    assert send_alerts(is_kept=True) == Told(), "who may no longer see reports is told nothing"


def test_a_mail_server_that_hangs_is_tried_again_each_hour_for_a_day(
    analyst: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(digest, "PATIENCE_SECONDS", 0.1)
    rolled_up([*usual(1), *requests(0, failing=12)])
    with mail_server(hangs=True) as server, override_settings(**server.settings):
        out = StringIO()
        call_command("keep_telemetry", stdout=out)
        assert "alerts: 0 sent, 1 failed" in out.getvalue()
        assert send_alerts(is_kept=True) == Told() and server.connections == 1
        AlertSubscription.objects.update(tried_at=day(2), failures=alerts.MOST_MAIL_FAILURES - 1)
        assert send_alerts(is_kept=True) == Told(failed=1)
        AlertSubscription.objects.filter(tried_at__isnull=False).update(tried_at=day(2))
        assert send_alerts(is_kept=True) == Told() and server.connections == 2
    assert "The mail server failed at an alert: " in caplog.text and "gave up after 24 tries, for 1 rec" in caplog.text
    assert "@" not in caplog.text and analyst.email
