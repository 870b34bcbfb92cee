"""Events tracked while a response's body is produced: whose they are, how long it took, and that no scope leaks."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import path

from accounts.models import User
from analytics import track_feature_usage
from analytics.collect.scope import current_scope
from analytics.models import ExportTally
from privacy import choices
from privacy.models import Source
from tests.analytics.collect.test_requests import endpoints
from tests.analytics.collect.test_stock import instrumented
from tests.support.people import a_person, alias_of, signed_in, someone_who_shares
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(transaction=True)
PART_SECONDS = 0.05


def used(number: int) -> None:
    track_feature_usage("test_run", "created", test_count=number)


def parts(first: int) -> Iterator[bytes]:
    try:
        for number in range(first, first + 3):
            used(number)
            yield b"part"
            time.sleep(PART_SECONDS)
    finally:
        used(first + 100)


async def async_parts(first: int) -> AsyncIterator[bytes]:
    try:
        for number in range(first, first + 3):
            used(number)
            yield b"part"
            await asyncio.sleep(PART_SECONDS)
    finally:
        used(first + 100)


async def endless_parts(first: int) -> AsyncIterator[bytes]:
    try:
        used(first)
        yield b"part"
        await asyncio.Event().wait()
    finally:
        used(first + 100)


class Report:
    """A file that is written while it is read."""

    def __init__(self) -> None:
        self.left = 2

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        self.left -= 1
        used(self.left)
        return b"part"


def streams(request: HttpRequest, first: int) -> HttpResponseBase:
    str(request.user)
    used(first + 50)
    return StreamingHttpResponse(parts(first))


async def streams_async(request: HttpRequest, first: int) -> HttpResponseBase:
    await request.auser()  # type: ignore[attr-defined]
    used(first + 50)
    return StreamingHttpResponse(async_parts(first))


async def streams_endlessly(request: HttpRequest, first: int) -> HttpResponseBase:
    await request.auser()  # type: ignore[attr-defined]
    used(first + 50)
    return StreamingHttpResponse(endless_parts(first))


def streams_and_asks_who_later(request: HttpRequest, first: int) -> HttpResponseBase:
    def body() -> Iterator[bytes]:
        used(first)
        yield str(request.user).encode()

    return StreamingHttpResponse(body())


def sends_a_report(request: HttpRequest) -> HttpResponseBase:
    str(request.user)
    return FileResponse(Report())


def sends_a_file(request: HttpRequest) -> HttpResponseBase:
    str(request.user)
    file = tempfile.TemporaryFile()  # noqa: SIM115  the response closes it
    file.write(b"content")
    file.seek(0)
    return FileResponse(file)


def breaks_in_the_middle(request: HttpRequest) -> HttpResponseBase:
    str(request.user)

    def body() -> Iterator[bytes]:
        used(1)
        yield b"part"
        raise RuntimeError("in the middle")

    return StreamingHttpResponse(body())


async def waits(request: HttpRequest) -> HttpResponseBase:
    await request.auser()  # type: ignore[attr-defined]
    used(1)
    reached.append(1)
    await asyncio.Event().wait()
    return HttpResponse("never")


async def starts_a_task(request: HttpRequest) -> HttpResponseBase:
    await request.auser()  # type: ignore[attr-defined]

    async def later() -> None:
        await asyncio.sleep(0)
        used(1)

    tasks.append(asyncio.create_task(later()))
    return HttpResponse("ok")


reached: list[int] = []
tasks: list[asyncio.Task[None]] = []
urlpatterns = [
    path("stream/<int:first>/", streams),
    path("async/<int:first>/", streams_async),
    path("endless/<int:first>/", streams_endlessly),
    path("later/<int:first>/", streams_and_asks_who_later),
    path("report/", sends_a_report),
    path("file/", sends_a_file),
    path("breaks/", breaks_in_the_middle),
    path("waits/", waits),
    path("task/", starts_a_task),
]
HERE = {"ROOT_URLCONF": __name__}


def counts(wire: Any) -> list[int]:
    return [each["metadata.test_count"] for each in wire.of("feature_usage")]


def whose(wire: Any) -> dict[int, str]:
    return {each["metadata.test_count"]: each["user.id"] for each in wire.of("feature_usage")}


def expected(people: dict[int, User]) -> dict[int, str]:
    return {first + offset: str(alias_of(person)) for first, person in people.items() for offset in (0, 1, 2, 50, 100)}


def duration_s(wire: Any) -> float:
    (span,) = [span for span in wire.spans if (span.attributes or {})["event.category"] == "endpoint_usage"]
    return float(span.end_time - span.start_time) / 1e9


def cookie_of(person: User) -> str:
    return f"sessionid={signed_in(person).cookies['sessionid'].value}"


def wsgi_body(where: str, person: User, **more: Any) -> Any:
    """The body as a server gets it, to be iterated and closed by the test."""
    environ = RequestFactory().get(where, headers={"Cookie": cookie_of(person)}).environ
    return WSGIHandler()({**environ, **more}, lambda status, headers: None)


async def asgi(where: str, cookie: str, gone_after: int | None = None) -> None:
    """One request as a server hands it on; its client leaves after `gone_after` parts of the body, or never.

    0: before there is a response, once the view has been reached.
    """
    scope = AsyncRequestFactory().get(where).scope
    scope["headers"] = [(b"host", b"testserver"), (b"cookie", cookie.encode())]
    left, sent, asked = asyncio.Event(), 0, 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 1:
            return {"type": "http.request", "body": b""}
        while not (left.is_set() or (gone_after == 0 and reached)):
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal sent
        if message["type"] == "http.response.body" and message.get("body"):
            sent += 1
        if sent == gone_after:
            left.set()

    reached.clear()
    await ASGIHandler()(scope, receive, send)


@pytest.mark.parametrize("where", ["/stream/7/", "/async/7/"])
def test_events_of_a_body_are_recorded_and_the_duration_includes_it(where: str) -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        if where.startswith("/stream"):
            assert b"".join(signed_in(person).get(where).streaming_content) == b"part" * 3  # type: ignore[arg-type]
        else:
            async_to_sync(asgi)(where, cookie_of(person))
        running.flush()
    assert sorted(counts(wire)) == [7, 8, 9, 57, 107]
    assert len(endpoints(wire)) == 1
    assert duration_s(wire) >= 3 * PART_SECONDS
    assert {each["user.id"] for each in wire.attributes()} == {str(alias_of(person))}


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")
def test_a_body_of_the_other_kind_of_server_is_recorded_too() -> None:
    person = someone_who_shares()
    cookie = cookie_of(person)
    with wired(**HERE) as (wire, running):
        async_to_sync(asgi)("/stream/7/", cookie)
        body = wsgi_body("/async/17/", person)
        assert b"".join(body) == b"part" * 3
        body.close()
        running.flush()
    assert sorted(counts(wire)) == [7, 8, 9, 17, 18, 19, 57, 67, 107, 117]
    assert len(endpoints(wire)) == 2


@pytest.mark.parametrize("where", ["/stream/7/", "/endless/7/"])
def test_a_client_that_leaves_in_the_middle_is_recorded_with_what_was_done_until_then(where: str) -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        if where.startswith("/stream"):
            body = wsgi_body(where, person)
            next(iter(body))
            body.close()
        else:
            async_to_sync(asgi)(where, cookie_of(person), 1)
        running.flush()
    assert sorted(counts(wire)) == [7, 57, 107]
    assert len(endpoints(wire)) == 1


def test_a_client_that_leaves_before_there_is_a_status_leaves_its_events() -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        async_to_sync(asgi)("/waits/", cookie_of(person), 0)
        running.flush()
    assert counts(wire) == [1]
    assert endpoints(wire) == []


def test_a_body_that_breaks_is_recorded() -> None:
    with wired(**HERE) as (wire, running):
        body = wsgi_body("/breaks/", someone_who_shares())
        with pytest.raises(RuntimeError, match="in the middle"):
            list(body)
        body.close()
        running.flush()
    assert counts(wire) == [1]
    assert endpoints(wire) == [("GET", "/breaks/", 200)]


class SendsAnotherResponse:
    """A middleware of the host's, outside of ours, that sends the content by a response of its own."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(self.get_response(request).streaming_content)


@pytest.mark.parametrize("where", ["/stream/0/", "/breaks/"])
def test_a_body_that_another_response_sends_is_recorded_once(where: str) -> None:
    person = someone_who_shares()
    middleware = [f"{__name__}.SendsAnotherResponse", *settings.MIDDLEWARE]
    with override_settings(**HERE, MIDDLEWARE=middleware), wired() as (wire, running):
        body = wsgi_body(where, person)
        with suppress(RuntimeError):
            list(body)
        body.close()
        running.flush()
        assert len(endpoints(wire)) == 1
        assert counts(wire)


def test_a_body_that_nobody_reads_is_recorded_once_however_often_it_is_closed() -> None:
    with wired(**HERE) as (wire, running):
        body = wsgi_body("/stream/7/", someone_who_shares())
        body.close()
        body.close()
        running.flush()
    assert counts(wire) == [57]
    assert len(endpoints(wire)) == 1


def test_events_of_a_body_are_queued_at_once_when_the_person_is_known() -> None:
    with wired(**HERE) as (wire, running):
        body = wsgi_body("/stream/7/", someone_who_shares())
        next(iter(body))
        running.flush()
        assert counts(wire) == [57, 7]
        assert endpoints(wire) == []
        body.close()


def test_whose_body_it_is_may_turn_out_while_it_is_produced() -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        list(signed_in(person).get("/later/7/").streaming_content)  # type: ignore[arg-type]
        list(Client().get("/later/8/").streaming_content)  # type: ignore[arg-type]
        running.flush()
        assert ExportTally.objects.get(outcome="invalid").spans == 1
    assert counts(wire) == [7]
    assert len(endpoints(wire)) == 1


def test_nobody_elses_work_between_two_parts_is_the_persons() -> None:
    people = {number: someone_who_shares() for number in (10, 20)}
    with wired(**HERE) as (wire, running):
        bodies = {number: wsgi_body(f"/stream/{number}/", person) for number, person in people.items()}
        iterators = [iter(body) for body in bodies.values()]
        for _ in range(3):
            for each in iterators:
                next(each)
                assert current_scope() is None
        for body in bodies.values():
            body.close()
            assert current_scope() is None
        running.flush()
    assert whose(wire) == expected(people)


def test_bodies_side_by_side_in_one_event_loop_are_never_mixed_up() -> None:
    people = {number: someone_who_shares() for number in (1, 11, 21, 31)}
    cookies = {number: cookie_of(person) for number, person in people.items()}

    async def visits() -> None:
        await asyncio.gather(*(asgi(f"/async/{number}/", cookie) for number, cookie in cookies.items()))

    with wired(**HERE) as (wire, running):
        async_to_sync(visits)()
        running.flush()
    assert whose(wire) == expected(people)


def test_a_report_written_while_it_is_read_is_recorded_and_a_real_file_is_left_to_the_server() -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        body = wsgi_body("/report/", person)
        assert b"".join(body) == b"part" * 2
        body.close()
        by_the_server = wsgi_body("/file/", person, **{"wsgi.file_wrapper": FileWrapper})
        assert isinstance(by_the_server, FileWrapper)
        assert b"".join(by_the_server) == b"content"
        by_the_server.close()
        running.flush()
    assert counts(wire) == [1, 0]
    assert endpoints(wire) == [("GET", "/report/", 200), ("GET", "/file/", 200)]


def test_after_a_withdrawal_in_the_middle_nothing_of_the_request_goes() -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        body = wsgi_body("/stream/7/", person)
        next(iter(body))
        choices.choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)
        list(body)
        body.close()
        running.flush()
        choices.choose(person.pk, enabled=True, source=Source.API, actor_id=person.pk)
        running.flush()
    assert wire.spans == []


def test_of_someone_who_refuses_no_part_is_recorded() -> None:
    person = a_person()
    with wired(**HERE) as (wire, running):
        for _ in range(2):  # the second time the hint knows
            list(signed_in(person).get("/stream/7/").streaming_content)  # type: ignore[arg-type]
            running.flush()
    assert wire.spans == []


def test_a_task_that_outlives_its_request_is_the_persons() -> None:
    person = someone_who_shares()

    async def visit() -> None:
        client = AsyncClient()
        await client.aforce_login(person)
        await client.get("/task/")
        await asyncio.gather(*tasks)

    with wired(**HERE) as (wire, running):
        async_to_sync(visit)()
        running.flush()
    assert counts(wire) == [1]
    assert len(endpoints(wire)) == 1


def test_under_the_stock_instrumentor_the_duration_includes_the_body_as_well() -> None:
    person = someone_who_shares()
    with instrumented(OTEL_PYTHON_DJANGO_INSTRUMENT="true") as (wire, running):
        with override_settings(**HERE):
            list(signed_in(person).get("/stream/7/").streaming_content)  # type: ignore[arg-type]
        running.flush()
    assert sorted(counts(wire)) == [7, 8, 9, 57, 107]
    assert endpoints(wire) == [("GET", "/stream/{first}/", 200)]
    assert duration_s(wire) >= 3 * PART_SECONDS
