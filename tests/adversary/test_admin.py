"""Staff who try to link pseudonyms to people by the pages of the admin, with all pseudonyms known to them.

An adversary reads pages before and after an act of a person or of staff, and guesses the pseudonym whose mentions
changed; without a change it guesses by chance. Each also runs against an admin as it once was, with ids, rows of today
and the order of time. There it links nearly everybody, which shows that its method works.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import sqrt
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics.admin import ReadOnly, UserActivityAdmin
from analytics.models import UserActivity
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
POPULATIONS, PEOPLE = 20, 5
LIST = "/admin/analytics/useractivity/"


class Population:
    """People who share, in no order, and a member of staff who may see everything."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.people = [someone_who_shares() for _ in range(PEOPLE)]
        self.alias = {person.pk: alias_of(person) for person in self.people}
        self.pseudonyms = sorted(self.alias.values())
        self.chance.shuffle(self.people)
        self.staff = signed_in(a_person(is_staff=True, is_superuser=True))
        for person in self.people:
            for days in (1, 2):
                self.signs_in(person, ago=timedelta(days=days, minutes=self.chance.randrange(600)))

    def signs_in(self, person: User, ago: timedelta = timedelta()) -> None:
        UserActivity.objects.create(
            id=uuid4(),
            user_id=self.alias[person.pk],
            timestamp=timezone.now() - ago,
            deployment_type="cloud",
            event_type="login",
            session_id=str(uuid4()),
        )

    def guess(self, candidates: list[UUID]) -> UUID:
        return self.chance.choice(candidates or self.pseudonyms)

    def mentions(self, *texts: str) -> dict[UUID, int]:
        return {each: sum(text.count(str(each)) for text in texts) for each in self.pseudonyms}


def changed(before: dict[UUID, int], after: dict[UUID, int]) -> list[UUID]:
    return [each for each in before if before[each] != after[each]]


def lists(staff: Client) -> list[str]:
    """All pages of the list, also for every day that it links to, and of what is around it."""
    addresses = [
        f"{LIST}?event_type=login",
        f"{LIST}?p=2",
        "/admin/analytics/erasure/",
        "/admin/analytics/ingesttally/",
    ]
    return [staff.get(address).text for address in addresses]


def poll(found: Population) -> Iterator[tuple[User, UUID]]:
    """Look at the sign-ins whenever somebody's last sign-in has changed."""
    before = found.mentions(*lists(found.staff))
    for person in found.people:
        found.signs_in(person)
        after = found.mentions(*lists(found.staff))
        yield person, found.guess(changed(before, after))
        before = after


def push(found: Population) -> Iterator[tuple[User, UUID]]:
    """Know the order of today's sign-ins, and read the order of the list."""
    for person in found.people:
        found.signs_in(person)
    text = found.staff.get(f"{LIST}?event_type=login").text
    listed = sorted((each for each in found.pseudonyms if str(each) in text), key=lambda each: text.index(str(each)))
    for person, guessed in zip(
        found.people, reversed(listed or found.chance.sample(found.pseudonyms, PEOPLE)), strict=True
    ):
        yield person, guessed


def erase(found: Population) -> Iterator[tuple[User, UUID]]:
    """Delete a person's data, and see whose rows are gone."""
    before = found.mentions(*lists(found.staff))
    for person in found.people[:3]:
        chosen = {"action": "delete_telemetry", "_selected_action": [str(person.pk)]}
        assert found.staff.post("/admin/accounts/user/", chosen).status_code == 302
        after = found.mentions(*lists(found.staff))
        yield person, found.guess(changed(before, after))
        before = after


def search(found: Population) -> Iterator[tuple[User, UUID]]:
    """Search every page for a pseudonym, before and after a sign-in, and count."""

    def counts() -> dict[UUID, int]:
        answers = {each: found.staff.get(LIST, {"q": str(each)}).context["cl"] for each in found.pseudonyms}
        return {each: answer.result_count for each, answer in answers.items()}

    for person in found.people[:2]:
        before = counts()
        found.signs_in(person)
        after = counts()
        # A number that changes for all of them says nothing.
        same = len({after[each] - before[each] for each in before}) == 1
        yield person, found.guess([] if same else changed(before, after))


@contextmanager
def as_it_was() -> Iterator[None]:
    """Rows of today, with ids, in the order of time, and a search."""

    def every_row(self: UserActivityAdmin, request: object) -> QuerySet[UserActivity]:
        return ReadOnly.get_queryset(self, request)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UserActivityAdmin, "get_queryset", every_row)
        patch.setattr(UserActivityAdmin, "get_changelist", lambda *_, **__: ChangeList)
        patch.setattr(UserActivityAdmin, "list_display", ("day", "event_type", "user_id"))
        patch.setattr(UserActivityAdmin, "search_fields", ("user_id",))
        yield


Adversary = Callable[[Population], Iterator[tuple[User, UUID]]]


def links(adversary: Adversary, populations: int) -> tuple[int, int]:
    """Right guesses, and all guesses."""
    right = guesses = 0
    for seed in range(populations):
        UserActivity.objects.all().delete()
        found = Population(seed)
        for person, guessed in adversary(found):
            right += guessed == found.alias[person.pk]
            guesses += 1
    return right, guesses


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.mark.parametrize("adversary", [poll, push, erase, search])
def test_an_adversary_links_no_better_than_by_chance(adversary: Adversary) -> None:
    right, guesses = links(adversary, POPULATIONS)
    expected = guesses / PEOPLE
    # Three standard deviations above chance.
    assert right <= expected + 3 * sqrt(expected * (1 - 1 / PEOPLE)), f"{right} of {guesses}"


@pytest.mark.parametrize("adversary", [poll, push, erase, search])
def test_on_an_admin_as_it_was_the_adversary_links_nearly_everybody(adversary: Adversary) -> None:
    with as_it_was():
        right, guesses = links(adversary, 2)
    assert right >= 0.8 * guesses, f"{right} of {guesses}"
