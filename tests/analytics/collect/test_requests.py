"""What requests record, what they cost, and what they never touch: session, token and anonymous, sync and async."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, re_path

from analytics import telemetry_for, track_feature_usage, track_user_activity
from analytics.collect import ends, pipeline
from analytics.collect.middleware import TelemetryMiddleware, route
from analytics.exceptions import AnalyticsError
from analytics.identity import Kind, pseudonym
from analytics.models import ExportTally
from privacy import choices
from tests.support.people import a_person, alias_of, salt, signed_in, someone_who_shares, with_token
from tests.support.wire import wired

pytestmark = pytest.mark.django_db(transaction=True)
STATUS = "/api/users/telemetry/status"


def uses_a_feature(request: HttpRequest, number: int) -> HttpResponse:
    str(request.user)  # as a view that has to know who it is does
    track_feature_usage("test_run", "created", test_count=number)
    return HttpResponse("ok")


async def uses_a_feature_async(request: HttpRequest, number: int) -> HttpResponse:
    await request.auser()  # type: ignore[attr-defined]
    track_feature_usage("test_run", "created", test_count=number)
    return HttpResponse("ok")


def never_asks_who(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def breaks(request: HttpRequest) -> HttpResponse:
    str(request.user)
    raise RuntimeError("secret-in-an-exception")


def gone(request: HttpRequest, number: int) -> HttpResponse:
    str(request.user)
    raise Http404


def things(request: HttpRequest, format: str) -> HttpResponse:  # noqa: A002  DRF's name
    str(request.user)
    return HttpResponse(format)


def undeclared(request: HttpRequest) -> HttpResponse:
    str(request.user)
    track_feature_usage("no_such_feature", "created")
    return HttpResponse("ok")


def floods(request: HttpRequest) -> HttpResponse:
    str(request.user)
    for _ in range(250):
        track_feature_usage("prompt", "created")
    return HttpResponse("ok")


urlpatterns = [
    path("feature/<int:number>/", uses_a_feature),
    path("async/<int:number>/", uses_a_feature_async),
    path("quiet/", never_asks_who),
    path("breaks/", breaks),
    path("undeclared/", undeclared),
    path("floods/", floods),
    path("gone/<int:number>/", gone),
    re_path(r"^things\.(?P<format>[a-z0-9]+)/?$", things),
    path("", include("rhesis_site.urls")),
]
HERE = {"ROOT_URLCONF": __name__}


def endpoints(wire: Any) -> list[tuple[str, str, int]]:
    return [
        (each["http.request.method"], each["http.route"], each["http.response.status_code"])
        for each in wire.of("endpoint_usage")
    ]


def test_a_request_is_its_pattern_method_and_status() -> None:
    person = someone_who_shares()
    browser = signed_in(person)
    with wired(**HERE) as (wire, running):
        browser.get("/feature/4711/?q=secret")
        browser.post("/feature/4711/", {"a": "b"})
        browser.generic("BREW", "/feature/1/")
        browser.raise_request_exception = False
        browser.get("/breaks/")
        browser.get("/things.csv")
        running.flush()
    assert endpoints(wire) == [
        ("GET", "/feature/{number}/", 200),
        ("POST", "/feature/{number}/", 200),
        ("_OTHER", "/feature/{number}/", 200),
        ("GET", "/breaks/", 500),
        ("GET", "/things.{format}", 200),
    ]
    span = wire.spans[0]
    assert span.start_time is not None and span.end_time is not None and span.end_time > span.start_time
    assert {each["user.id"] for each in wire.attributes()} == {str(alias_of(person))}


def test_a_404_is_unmatched_and_its_path_goes_nowhere() -> None:
    request = RequestFactory().get("/no/such/place/4711/")
    assert route(request) == "unmatched"
    browser = signed_in(someone_who_shares())
    with wired(**HERE) as (wire, running):
        browser.get("/no/such/place/4711/")
        browser.get("/gone/4711/")
        running.flush()
    assert ("GET", "/gone/{number}/", 404) in endpoints(wire)
    assert "4711" not in str(wire.attributes())


def test_a_program_with_a_token_is_recorded_like_a_browser() -> None:
    person = someone_who_shares()
    with wired() as (wire, running):
        with_token(person).get(STATUS)
        signed_in(person).get(STATUS)
        running.flush()
    assert endpoints(wire) == [("GET", STATUS, 200)] * 2


def test_anonymous_requests_and_those_that_never_ask_who_record_nothing() -> None:
    browser = signed_in(someone_who_shares())
    with wired(**HERE) as (wire, running):
        browser.get("/quiet/")
        Client().get("/feature/1/")
        Client().get(STATUS)
        Client(headers={"Authorization": "Bearer nobody"}).get(STATUS)
        running.flush()
    assert wire.spans == []


def test_a_feature_used_by_nobody_in_particular_is_counted_and_not_sent() -> None:
    sharing = signed_in(someone_who_shares())
    with wired(**HERE) as (wire, running):
        Client().get("/feature/1/")
        sharing.get("/feature/2/")
        running.flush()
        counted = ExportTally.objects.get(outcome="invalid")
    assert (counted.reason, counted.spans) == ("no_user", 1)
    assert [each["metadata.test_count"] for each in wire.of("feature_usage")] == [2]


def the_requests() -> dict[str, tuple[Callable[[], Any], str]]:
    sharing, refusing = someone_who_shares(), a_person()
    return {
        "session": (lambda: signed_in(sharing), "/feature/1/"),
        "session, refusing": (lambda: signed_in(refusing), "/feature/1/"),
        "token": (lambda: with_token(sharing), STATUS),
        "anonymous": (Client, "/feature/1/"),
        "never asks": (lambda: signed_in(sharing), "/quiet/"),
    }


def test_telemetry_adds_no_query_to_any_request() -> None:
    def queries(client: Any, where: str) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(where).status_code == 200
        return [query["sql"].split("WHERE")[0] for query in captured]

    for kind, (make, where) in the_requests().items():
        with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="", **HERE):
            without = queries(make(), where)
        with wired(**HERE) as (_, running):
            with_telemetry = queries(make(), where)
            running.flush()
            again = queries(make(), where)  # now the hint knows who refuses
        assert with_telemetry == without, kind
        assert again == without, kind


def test_telemetry_adds_no_query_to_an_async_request_either() -> None:
    person = someone_who_shares()

    client = AsyncClient()
    async_to_sync(client.aforce_login)(person)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert async_to_sync(client.get)("/async/7/").status_code == 200
        return len(captured)

    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="", **HERE):
        without = queries()
    client.handler._middleware_chain = None  # built anew, with telemetry
    with wired(**HERE) as (wire, running):
        assert queries() == without > 0
        running.flush()
    assert endpoints(wire) == [("GET", "/async/{number}/", 200)]
    assert [each["metadata.test_count"] for each in wire.of("feature_usage")] == [7]


@pytest.mark.parametrize("is_async", [False, True], ids=["threads", "coroutines"])
def test_neither_kind_of_server_has_to_adapt_the_middleware(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """An adapted middleware costs a change of threads in every request; Django logs it while debugging."""
    here = ["analytics.collect.middleware.TelemetryMiddleware"]
    with wired(DEBUG=True, MIDDLEWARE=here), caplog.at_level(logging.DEBUG, "django.request"):
        BaseHandler().load_middleware(is_async=is_async)
    assert caplog.messages == []


def test_whatever_ends_this_process_hears_that_it_serves_under_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    monkeypatch.setattr(ends, "under_asgi", False)
    with wired():
        TelemetryMiddleware(lambda request: HttpResponse())
        assert not ends.under_asgi
        TelemetryMiddleware(answer)
        assert ends.under_asgi


def test_requests_side_by_side_in_one_event_loop_are_never_mixed_up() -> None:
    people = [someone_who_shares() for _ in range(5)]

    async def visits() -> None:
        clients = []
        for person in people:
            client = AsyncClient()
            await client.aforce_login(person)
            clients.append(client)
        await asyncio.gather(*(client.get(f"/async/{number}/") for number, client in enumerate(clients)))

    with wired(**HERE) as (wire, running):
        async_to_sync(visits)()
        running.flush()
    assert {each["metadata.test_count"]: each["user.id"] for each in wire.of("feature_usage")} == {
        number: str(alias_of(person)) for number, person in enumerate(people)
    }


def test_a_browser_that_asks_not_to_be_tracked_is_not_recorded_by_default() -> None:
    person = a_person()
    browser = signed_in(person)
    with wired(DEPLOYMENT_TYPE="cloud", **HERE) as (wire, running):
        choices.note_notice_shown(person.pk, 1, browser_signal=False)
        browser.get("/feature/1/")
        running.flush()
        assert len(wire.spans) == 2, "until then it is recorded by default"
        browser.get("/feature/2/", headers={"Sec-GPC": "1"})
        browser.get("/feature/3/")
        running.flush()
    assert len(wire.spans) == 2


def test_a_persons_own_choice_stands_above_a_browser_that_asks_not_to_be_tracked() -> None:
    person = someone_who_shares()
    with wired(**HERE) as (wire, running):
        signed_in(person).get("/feature/1/", headers={"Sec-GPC": "1"})
        running.flush()
    assert len(wire.spans) == 2


@override_settings(TELEMETRY_STRICT=False)
def test_in_production_an_undeclared_event_is_dropped_and_counted_and_the_request_goes_on() -> None:
    browser = signed_in(someone_who_shares())
    with wired(**HERE) as (wire, running):
        assert browser.get("/undeclared/").status_code == 200
        running.flush()
        assert ExportTally.objects.get(outcome="invalid").reason == "feature_usage"
    assert endpoints(wire) == [("GET", "/undeclared/", 200)]


def test_in_tests_and_under_debug_it_raises() -> None:
    browser = signed_in(someone_who_shares())
    with wired(**HERE), pytest.raises(AnalyticsError, match="declares no feature_usage 'no_such_feature'"):
        browser.get("/undeclared/")


def test_a_request_records_no_more_than_two_hundred_events() -> None:
    browser = signed_in(someone_who_shares())
    with wired(**HERE) as (wire, running):
        browser.get("/floods/")
        running.flush()
        assert ExportTally.objects.get(outcome="invalid", reason="too_many_in_one_request").spans == 50
    assert len(wire.of("feature_usage")) == 200


def test_signing_in_and_out_is_recorded_with_the_sessions_pseudonym() -> None:
    person = someone_who_shares()
    person.set_password("correct horse battery")
    person.save()
    browser = Client()
    with wired() as (wire, running):
        form = {"username": person.username, "password": "correct horse battery"}
        browser.post("/sign-in/", form)
        key = browser.session.session_key
        browser.post("/sign-out/")
        running.flush()
    activity = wire.of("user_activity")
    assert [each["event.type"] for each in activity] == ["login", "session_start", "logout"]
    assert key is not None
    assert {each["session.id"] for each in activity} == {str(pseudonym(Kind.SESSION, key, salt(person)))}
    assert [each.get("metadata.method") for each in activity] == ["password", None, "password"]
    assert endpoints(wire) == [("POST", "/sign-in/", 302), ("POST", "/sign-out/", 302)]


def test_a_programs_sign_in_and_out_have_no_session() -> None:
    person = someone_who_shares()
    person.set_password("correct horse battery")
    person.save()
    with wired() as (wire, running):
        answer = Client().post(
            "/api/auth/login",
            {"username": person.username, "password": "correct horse battery"},
            content_type="application/json",
        )
        Client(headers={"Authorization": f"Bearer {answer.json()['session_token']}"}).post("/api/auth/logout")
        running.flush()
    activity = wire.of("user_activity")
    assert [(each["event.type"], each["metadata.method"]) for each in activity] == [
        ("login", "token"),
        ("logout", "token"),
    ]
    assert all("session.id" not in each for each in activity)


def test_a_background_job_is_the_persons_it_is_done_for() -> None:
    person, other = someone_who_shares(), someone_who_shares()
    with wired() as (wire, running):
        with telemetry_for(person):
            track_feature_usage("test_set", "run", test_count=120)
            with telemetry_for(other.pk):
                track_user_activity("login", method="token")
            track_feature_usage("test_set", "viewed")
        running.flush()
    assert [(each["event.category"], each["user.id"]) for each in wire.attributes()] == [
        ("feature_usage", str(alias_of(person))),
        ("user_activity", str(alias_of(other))),
        ("feature_usage", str(alias_of(person))),
    ]
    organizations = [each.get("organization.id") for each in wire.attributes()]
    assert organizations[1] is None and organizations[0] == str(
        pseudonym(Kind.ORGANIZATION, person.organization_id or "")
    )


def test_outside_of_both_nothing_is_recorded() -> None:
    with wired() as (wire, running):
        track_feature_usage("test_set", "viewed")
        running.flush()
    assert wire.spans == []


def test_telemetry_that_breaks_breaks_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = signed_in(someone_who_shares())

    def broken(*_: object) -> None:
        raise RuntimeError("secret-in-a-message")

    with wired(**HERE):
        monkeypatch.setattr(pipeline, "record", broken)
        assert browser.get("/feature/1/").status_code == 200
    assert "Telemetry failed: RuntimeError" in caplog.text and "secret-in-a-message" not in caplog.text


@pytest.mark.parametrize(
    "settings",
    [{"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_SDK_DISABLED": "true"}, {"DO_NOT_TRACK": "1"}],
)
def test_switched_off_the_middleware_is_not_even_there(settings: dict[str, str]) -> None:
    from django.core.exceptions import MiddlewareNotUsed

    with wired(), override_settings(**settings), pytest.raises(MiddlewareNotUsed):
        TelemetryMiddleware(lambda request: HttpResponse())
