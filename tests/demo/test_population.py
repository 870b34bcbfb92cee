"""The made-up population: always the same for the same seed, believable, and marked."""

from collections import Counter
from datetime import date, timedelta
from statistics import mean, median
from uuid import uuid4

import pytest

from analytics.events import Activity, FeatureUse, Request
from analytics.identity import Kind, pseudonym
from demo.days import SATURDAY, Calendar, Happening, happenings_of
from demo.ids import FIRST, LAST, object_id, organization_id, person_id, session_id
from demo.people import Person, population
from privacy.switches import DeploymentType

LAST_DAY = date(2026, 5, 31)
CALENDAR = Calendar(LAST_DAY - timedelta(days=89), LAST_DAY)
DAYS = [CALENDAR.first + timedelta(days=number) for number in range(90)]
Story = list[tuple[Person, date, Happening]]


def told(people: int = 150, seed: int = 1) -> Story:
    return [
        (person, day, each)
        for person in population(people, CALENDAR.first, CALENDAR.last, seed)
        for day in DAYS
        for each in happenings_of(person, day, CALENDAR, seed)
    ]


@pytest.fixture(scope="module")
def story() -> Story:
    return told()


def people_a_day(story: Story) -> Counter[date]:
    return Counter(day for _, day in {(person.number, day) for person, day, _ in story})


def test_the_same_seed_generates_the_same_data_and_another_seed_different_data() -> None:
    assert told(10) == told(10)
    assert told(10) != told(10, seed=2)


def test_everybody_comes_and_most_come_back(story: Story) -> None:
    days = Counter(who for who, _ in {(person.number, day) for person, day, _ in story})
    assert len(days) == 150
    assert 0.6 < sum(number > 1 for number in days.values()) / 150 < 0.95


def test_few_come_at_weekends(story: Story) -> None:
    count = people_a_day(story)
    weekday = mean(count[day] for day in DAYS if day.weekday() < SATURDAY)
    weekend = mean(count[day] for day in DAYS if day.weekday() >= SATURDAY)
    assert weekday > 3 * weekend > 0


def test_they_become_more(story: Story) -> None:
    count = people_a_day(story)
    assert mean(count[day] for day in DAYS[-28:]) > 1.8 * mean(count[day] for day in DAYS[7:35])


def test_who_has_left_does_not_come_any_more(story: Story) -> None:
    assert all(person.joins <= day <= person.leaves for person, day, _ in story)
    assert any(person.leaves < CALENDAR.last - timedelta(days=14) for person, _, _ in story)


def test_features_are_adopted_after_their_release(story: Story) -> None:
    uses = [(day, each.event.feature) for _, day, each in story if isinstance(each.event, FeatureUse)]
    assert min(day for day, name in uses if name == "task") >= CALENDAR.released(0.75)
    source = Counter(day for day, name in uses if name == "source")
    first, last = DAYS[54:61], DAYS[-7:]
    assert sum(source[day] for day in last) > 2 * sum(source[day] for day in first)


def test_one_endpoint_that_is_often_asked_is_slow(story: Story) -> None:
    requests = [(each.event.route, each.duration) for _, _, each in story if isinstance(each.event, Request)]
    by_route: dict[object, list[float]] = {}
    for route, duration in requests:
        by_route.setdefault(route, []).append(duration / timedelta(milliseconds=1))
    often = {route: median(times) for route, times in by_route.items() if len(times) > len(requests) / 20}
    assert max(often, key=lambda route: often[route]) == "/api/test-runs/<uuid:id>/results"


def test_much_fails_on_the_day_of_the_incident_and_little_on_others(story: Story) -> None:
    requests = [(day, each.event.status_code) for _, day, each in story if isinstance(each.event, Request)]
    assert CALENDAR.incident.weekday() < SATURDAY

    def failed(wanted: bool) -> float:
        return mean(int(str(status)) >= 500 for day, status in requests if (day == CALENDAR.incident) is wanted)

    assert failed(True) > 0.08
    assert failed(False) < 0.02


def test_sessions_begin_with_a_sign_in_and_end(story: Story) -> None:
    sessions: dict[str, list[tuple[object, object]]] = {}
    for _, _, each in story:
        if each.session and isinstance(each.event, Activity):
            sessions.setdefault(each.session, []).append((each.at, each.event.event_type))
    for events in sessions.values():
        words = [word for _, word in sorted(events, key=lambda each: str(each[0]))]
        assert words[:2] == ["login", "session_start"] and words[2] in {"logout", "session_end"} and len(words) == 3


def test_there_are_both_deployments_and_an_organization_is_in_one(story: Story) -> None:
    places = {(person.organization, person.deployment) for person, _, _ in story}
    assert {deployment for _, deployment in places} == set(DeploymentType)
    assert len({organization for organization, _ in places}) == len(places)


def test_every_id_is_marked_and_none_is_another() -> None:
    ids = [make(number) for make in (person_id, organization_id, session_id, object_id) for number in (0, 1, 7, 2**47)]
    assert len(set(ids)) == len(ids)
    assert all(
        str(each).startswith("64656d6f-0000-8000-") and each.version == 8 and FIRST <= each <= LAST for each in ids
    )
    assert bytes.fromhex("64656d6f") == b"demo"


def test_no_pseudonym_is_marked() -> None:
    assert not any(FIRST <= pseudonym(Kind.USER, uuid4()) <= LAST for _ in range(1000))
