"""A person's stored rows, a page at a time: each page costs the same, however far down it is."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from analytics.show import rows_of_person
from privacy import api
from tests.profile import examples
from tests.support.people import a_person, alias_of

pytestmark = pytest.mark.django_db
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def _rows_are_here() -> Iterator[None]:
    with override_settings(TELEMETRY_STORED_HERE="true"):
        yield


def store(person: User, table: type[Any], moment: datetime, id_: UUID | None = None) -> None:
    of: dict[str, Any] = {
        UserActivity: {"event_type": "login"},
        EndpointUsage: {"endpoint": "/x/", "method": "GET", "status_code": 200, "duration_ms": 1.0},
        FeatureUsage: {"feature_name": "test_run", "action": "run"},
    }[table]
    table.objects.create(
        id=id_ or uuid4(),
        user_id=alias_of(person),
        timestamp=moment,
        deployment_type="cloud",
        metadata={},
        **of,
    )


def every_page(person: User, limit: int) -> list[list[dict[str, Any]]]:
    pages, cursor = [], ""
    while True:
        page = rows_of_person.rows(person.pk, limit=limit, cursor=cursor)
        pages.append(page.rows)
        if page.next is None:
            return pages
        cursor = page.next


@settings(max_examples=examples(30, long=1000), deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([UserActivity, EndpointUsage, FeatureUsage]), st.integers(0, 3), st.integers(1, 3)),
        unique=True,
        max_size=20,
    ),
    limit=st.integers(1, 7),
)
def test_pages_have_every_row_once_newest_first_also_of_one_moment_and_one_id(
    rows: list[tuple[type[Any], int, int]], limit: int
) -> None:
    with transaction.atomic():
        person = a_person()
        for table, half_seconds, number in rows:
            store(person, table, START + timedelta(seconds=half_seconds / 2), UUID(int=number))
        pages = every_page(person, limit)
        transaction.set_rollback(True)
    assert all(len(page) == limit for page in pages[:-1])
    found = [(row["table"], row["timestamp"], row["id"]) for page in pages for row in page]
    assert len(found) == len(set(found)) == len(rows)
    moments = [datetime.fromisoformat(moment) for _, moment, _ in found]
    assert moments == sorted(moments, reverse=True)


def test_a_row_that_comes_meanwhile_moves_no_other_to_another_page() -> None:
    person = a_person()
    for number in range(4):
        store(person, UserActivity, START - timedelta(minutes=number))
    first = rows_of_person.rows(person.pk, limit=2)
    store(person, UserActivity, START + timedelta(minutes=1))
    second = rows_of_person.rows(person.pk, limit=2, cursor=str(first.next))
    assert len({row["id"] for row in first.rows + second.rows}) == 4


def rows_read(ask: Callable[[], Any]) -> list[int]:
    """The most rows that each query of `ask` can answer with: what its LIMIT says."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    found = [query["sql"] for query in asked if '"timestamp" DESC' in query["sql"]]
    assert found and all("LIMIT" in sql and "OFFSET" not in sql for sql in found)
    return [int(sql.rsplit("LIMIT", 1)[1]) for sql in found]


def test_the_last_page_reads_no_more_than_the_first() -> None:
    person = a_person()
    for number in range(30):
        store(person, EndpointUsage, START - timedelta(minutes=number))
    cursors = [""]
    while (following := rows_of_person.rows(person.pk, limit=3, cursor=cursors[-1]).next) is not None:
        cursors.append(following)
    assert len(cursors) == 10
    for cursor in (cursors[0], cursors[-1]):
        assert rows_read(lambda cursor=cursor: rows_of_person.rows(person.pk, limit=3, cursor=cursor)) == [4, 4, 4]  # type: ignore[misc]


def test_a_download_has_so_many_rows_in_memory_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    person = a_person()
    for number in range(10):
        store(person, FeatureUsage, START - timedelta(minutes=number))
    monkeypatch.setattr(api, "ROWS_AT_ONCE", 4)
    pieces: list[bytes] = []
    answer = api.download(RequestFactory().get("/"), person)
    read = rows_read(lambda: pieces.extend(iter(answer)))  # type: ignore[arg-type]
    assert [piece.count(b"\n") for piece in pieces] == [4, 4, 2]
    assert set(read) == {5}


def test_under_asgi_a_download_is_not_gathered_first() -> None:
    """Django reads a plain iterator to its end there before it sends anything."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    answer = api.download(ASGIRequest(scope, None), a_person())
    assert answer.is_async
