"""What the address of a report asks, with every expectation written down rather than computed as the code does."""

from datetime import UTC, date, datetime

import pytest
from django.http import QueryDict

from analytics.show.question import Question, Unanswerable, asked
from privacy.switches import DeploymentType

TODAY = date(2026, 5, 31)
ALL = ("deployment", "name", "method")


def question(query: str = "", *, today: date = TODAY) -> Question:
    return asked(QueryDict(query), today, ALL)


def days(query: str = "", *, today: date = TODAY) -> tuple[date, date]:
    found = question(query, today=today)
    return found.first, found.last


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", date(2026, 5, 4), date(2026, 5, 31)),
        ("from=2026-05-03", date(2026, 5, 3), date(2026, 5, 31)),
        ("to=2026-03-30", date(2026, 3, 3), date(2026, 3, 30)),
        ("from=2026-05-03&to=2026-05-03", date(2026, 5, 3), date(2026, 5, 3)),
        ("from=+2026-05-03+&to=", date(2026, 5, 3), date(2026, 5, 31)),
        ("to=2026-06-01", date(2026, 5, 5), date(2026, 6, 1)),  # tomorrow, where that has begun
        ("from=2000-01-01&to=2002-03-10", date(2000, 1, 1), date(2002, 3, 10)),  # 800 days
        ("to=2000-01-05", date(2000, 1, 1), date(2000, 1, 5)),
    ],
)
def test_days_are_those_of_the_address_or_the_last_four_weeks(query: str, first: date, last: date) -> None:
    assert days(query) == (first, last)


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        (
            "from=2026-05-04&to=2026-05-03",
            "The range ends (2026-05-03) before it begins (2026-05-04). Choose a later end.",
        ),
        ("from=2000-01-01&to=2002-03-11", "The range is longer than 800 days. Choose fewer days."),
        ("to=2026-06-02", "The range ends in the future (2026-06-02). Choose an end up to 2026-05-31."),
        ("from=1999-12-31&to=2000-01-05", "`from` must be 2000-01-01 or later."),
        ("to=1999-12-31", "`to` must be 2000-01-01 or later."),
        ("from=20260503", "`from` must be a day such as 2026-05-03."),
        ("to=2026-02-30", "`to` must be a day such as 2026-05-03."),
        ("deployment=elsewhere", "The deployment must be cloud, self_hosted or empty."),
        ("method=get", "The method must be one of"),
        ("name=" + "a" * 513, "The name must be at most 512 printable characters."),
        ("name=a%00b", "The name must be at most 512 printable characters."),
        ("status=500", "Unknown filter. This page has from, to, deployment, method, name."),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(query: str, complaint: str) -> None:
    with pytest.raises(Unanswerable) as refusal:
        question(query)

    assert str(refusal.value).startswith(complaint)


def test_a_filter_that_a_report_does_not_have_is_refused() -> None:
    with pytest.raises(Unanswerable):
        asked(QueryDict("method=GET"), TODAY, ("deployment",))


def test_filters_are_read_and_empty_ones_filter_nothing() -> None:
    found = question("deployment=cloud&name=+test_run+&method=GET")
    assert (found.deployment, found.name, found.method) == (DeploymentType.CLOUD, "test_run", "GET")

    found = question("deployment=&name=+&method=")
    assert (found.deployment, found.name, found.method) == (None, None, None)


def test_a_name_of_a_hundred_characters_is_taken() -> None:
    assert question("name=" + "a" * 512).name == "a" * 512


def test_a_range_begins_with_its_first_day_and_ends_after_its_last() -> None:
    asking = Question(date(2026, 5, 3), date(2026, 5, 31))

    assert asking.start == datetime(2026, 5, 3, 0, 0, tzinfo=UTC)
    assert asking.end == datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
    assert asking.days == 29


def test_one_day_is_a_range_of_one() -> None:
    assert Question(date(2026, 5, 3), date(2026, 5, 3)).days == 1


def test_the_range_before_ends_the_day_before_and_is_as_long() -> None:
    before = Question(date(2026, 5, 3), date(2026, 5, 9), DeploymentType.CLOUD, "test_run", "GET").before

    assert before == Question(date(2026, 4, 26), date(2026, 5, 2), DeploymentType.CLOUD, "test_run", "GET")


def test_a_shortcut_keeps_the_filters_and_ends_on_the_given_day() -> None:
    asking = Question(date(2026, 1, 1), date(2026, 1, 2), DeploymentType.CLOUD, "test_run", "GET")

    assert asking.over(7, date(2026, 5, 31)) == Question(
        date(2026, 5, 25), date(2026, 5, 31), DeploymentType.CLOUD, "test_run", "GET"
    )
    assert asking.over(1, date(2026, 5, 31)).first == date(2026, 5, 31)


def test_every_day_stands_in_its_order_and_those_without_a_point_are_empty() -> None:
    asking = Question(date(2026, 2, 27), date(2026, 3, 2))

    assert asking.every_day([("2026-03-01", 5.0), ("2026-02-27", 3.0), ("2026-03-09", 1.0)]) == [
        ("2026-02-27", 3.0),
        ("2026-02-28", None),
        ("2026-03-01", 5.0),
        ("2026-03-02", None),
    ]


def test_the_address_has_the_days_and_only_the_filters_asked_for_that_are_set() -> None:
    asking = Question(date(2026, 5, 3), date(2026, 5, 9), DeploymentType.CLOUD, None, "GET")

    assert asking.address(("deployment", "name")) == "from=2026-05-03&to=2026-05-09&deployment=cloud"
    assert asking.address(ALL) == "from=2026-05-03&to=2026-05-09&deployment=cloud&method=GET"
