"""Tables read in pages: each row once, newest first, wherever a page ends."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db.models import Model

from privacy.keyset import in_pages, newest_first
from privacy.models import Action, ConsentEvent, Source

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
# Hours and ids: two rows of one moment, and ids in the order of the moments and against it.
ROWS = [(1, 5), (2, 4), (3, 6), (3, 7), (4, 2), (5, 3), (6, 1)]


@pytest.fixture(autouse=True)
def rows() -> None:
    for hour, id_ in ROWS:
        ConsentEvent.objects.create(
            pk=UUID(int=id_), action=Action.LOCKED, source=Source.ADMIN, recorded_at=NOON + timedelta(hours=hour)
        )


def ids(found: Iterable[Model]) -> list[int]:
    return [row.pk.int for row in found]


NEWEST_FIRST = [id_ for _, id_ in sorted(ROWS, reverse=True)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_pages_of_any_size_have_each_row_once(size: int) -> None:
    assert ids(in_pages(ConsentEvent.objects.all(), "recorded_at", size)) == NEWEST_FIRST


@pytest.mark.parametrize("place", range(len(ROWS)))
@pytest.mark.parametrize("inclusive", [True, False])
def test_a_page_begins_behind_the_row_that_is_named_or_with_it(place: int, inclusive: bool) -> None:
    hour, id_ = sorted(ROWS, reverse=True)[place]
    before = NOON + timedelta(hours=hour), UUID(int=id_)

    found = newest_first(ConsentEvent.objects.all(), "recorded_at", before, inclusive=inclusive)

    assert ids(found) == NEWEST_FIRST[place + (not inclusive) :]


def test_a_page_begins_behind_the_row_that_is_named_unless_told_otherwise() -> None:
    before = NOON + timedelta(hours=3), UUID(int=7)

    assert ids(newest_first(ConsentEvent.objects.all(), "recorded_at", before)) == [6, 4, 5]
