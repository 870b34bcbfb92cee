"""The API: exact paths and bodies of the original note, and what each mistake is answered with."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client, override_settings
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import User
from analytics.erasure.requests import carry_out_pending
from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from privacy import choices
from privacy.models import Source
from privacy.reach import telemetrys_database
from tests.support.people import a_person, alias_of, signed_in, with_token
from tests.support.wire import wired

pytestmark = pytest.mark.django_db
BASE = "/api/users/telemetry/"
CALLS = {
    "status": ["get"],
    "enable": ["put"],
    "disable": ["put"],
    "preview": ["get"],
    "history": ["get"],
    "data": ["get", "delete"],
    "erasures": ["get"],
}
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(autouse=True)
def _telemetry_on() -> Iterator[None]:
    cache.clear()
    with wired(TELEMETRY_STORED_HERE="true"):
        yield


@pytest.fixture
def person() -> User:
    return a_person()


@pytest.fixture(params=["token", "session"])
def client(request: pytest.FixtureRequest, person: User) -> Client:
    return with_token(person) if request.param == "token" else signed_in(person)


def test_the_three_calls_answer_as_the_note_says(client: Client, person: User) -> None:
    def status() -> Any:
        return client.get(f"{BASE}status").json()

    assert status() == {"telemetry_enabled": False, "user_id": str(person.pk)}
    enabled = client.put(f"{BASE}enable")
    assert enabled.json() == {"telemetry_enabled": True, "message": "Thank you for helping improve Rhesis!"}
    assert status()["telemetry_enabled"] is True
    disabled = client.put(f"{BASE}disable")
    assert disabled.json() == {"telemetry_enabled": False, "message": "Telemetry has been disabled."}
    assert status()["telemetry_enabled"] is False


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, "isn't set up"),
        ({"OTEL_SDK_DISABLED": "true"}, "switched OpenTelemetry off"),
        ({"DO_NOT_TRACK": "1"}, "DO_NOT_TRACK"),
    ],
)
def test_enabling_under_a_switch_keeps_the_choice_and_says_why_it_has_no_effect(
    client: Client, settings: dict[str, str], because: str
) -> None:
    with override_settings(**settings):
        answer = client.put(f"{BASE}enable").json()
        assert answer["telemetry_enabled"] is False and because in answer["message"]
    assert client.get(f"{BASE}status").json()["telemetry_enabled"] is True


def test_enabling_under_the_operators_lock(client: Client) -> None:
    choices.set_lock(locked=True, source=Source.ADMIN, actor_id=None)
    answer = client.put(f"{BASE}enable").json()
    assert answer["telemetry_enabled"] is False and "operator" in answer["message"]


@pytest.mark.parametrize("call", CALLS)
def test_every_other_method_is_405_and_no_token_is_401(client: Client, call: str) -> None:
    for method in set(METHODS) - set(CALLS[call]):
        answer = client.generic(method.upper(), BASE + call)
        assert answer.status_code == 405 and "not allowed" in answer.json()["detail"], (call, method)
    for method in CALLS[call]:
        answer = Client().generic(method.upper(), BASE + call)
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["detail"]


@pytest.mark.parametrize("token", ["", "nonsense", "a" * 64, "\x00", "é"])
def test_a_token_of_nobody_is_401(token: str) -> None:
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(f"{BASE}status")
    assert answer.status_code == 401 and answer.json()["detail"]


def test_an_expired_token_is_401(person: User) -> None:
    client = with_token(person)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert client.get(f"{BASE}status").status_code == 401


def test_a_token_of_another_person_is_that_persons(person: User) -> None:
    other = a_person()
    with_token(other).put(f"{BASE}enable")
    assert with_token(person).get(f"{BASE}status").json() == {"telemetry_enabled": False, "user_id": str(person.pk)}


@pytest.mark.parametrize("body", ["{", "not json", '{"a":', "\x00"])
@pytest.mark.parametrize("call", ["enable", "disable"])
def test_malformed_json_is_400_and_changes_nothing(client: Client, call: str, body: str) -> None:
    before = client.get(f"{BASE}history").json()
    answer = client.put(BASE + call, body, content_type="application/json")
    assert answer.status_code == 400 and "JSON parse error" in answer.json()["detail"]
    assert client.get(f"{BASE}history").json() == before


def test_another_content_type_is_415(client: Client) -> None:
    assert client.put(f"{BASE}enable", "a=b", content_type="application/x-www-form-urlencoded").status_code == 415


def test_a_browsers_session_needs_the_csrf_token(person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    answer = client.put(f"{BASE}enable")
    assert answer.status_code == 403 and "CSRF" in answer.json()["detail"]
    assert client.get(f"{BASE}status").json()["telemetry_enabled"] is False


def test_the_preview_is_otlp_json_with_pseudonyms_and_is_there_while_sharing_is_off(
    client: Client, person: User
) -> None:
    theirs = str(alias_of(person))
    preview = client.get(f"{BASE}preview").json()
    spans = preview["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert {len(bytes.fromhex(span["traceId"])) for span in spans} == {16}
    assert {len(bytes.fromhex(span["spanId"])) for span in spans} == {8}
    text = json.dumps(preview)
    assert theirs in text
    assert str(person.pk) not in text and person.pk.hex not in text and person.username not in text


def store_rows(person: User) -> UUID:
    """One row in each table, an hour apart; the person's pseudonym."""
    of = alias_of(person)
    now = timezone.now()
    shared: dict[str, Any] = {"user_id": of, "deployment_type": "cloud", "metadata": {}}
    UserActivity.objects.create(id=uuid4(), event_type="login", timestamp=now - timedelta(hours=1), **shared)
    EndpointUsage.objects.create(
        id=uuid4(),
        endpoint="/x/",
        method="GET",
        status_code=200,
        duration_ms=1.5,
        timestamp=now - timedelta(hours=2),
        **shared,
    )
    FeatureUsage.objects.create(
        id=uuid4(), feature_name="test_run", action="run", timestamp=now - timedelta(hours=3), **shared
    )
    return of


def test_the_rows_are_the_persons_own_newest_first_in_pages(client: Client, person: User) -> None:
    store_rows(a_person())
    of = store_rows(person)
    answer = client.get(f"{BASE}data?limit=2").json()
    assert (answer["stored_here"], answer["count"]) == (True, 3)
    assert [row["table"] for row in answer["results"]] == ["analytics_user_activity", "analytics_endpoint_usage"]
    last = client.get(answer["next"]).json()
    rest = last["results"]
    assert [row["table"] for row in rest] == ["analytics_feature_usage"] and last["next"] is None
    assert {row["user_id"] for row in answer["results"] + rest} == {str(of)}


def test_the_download_is_every_row_one_to_a_line(client: Client, person: User) -> None:
    store_rows(person)
    answer = client.get(f"{BASE}data?format=ndjson")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert sorted(row["table"] for row in rows) == [
        "analytics_endpoint_usage",
        "analytics_feature_usage",
        "analytics_user_activity",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=-1",
        "offset=0",
        "cursor=2",
        "cursor=-1",
        "limit=99999999999",
        "format=xml",
    ],
)
def test_a_page_that_cannot_be_is_400_with_a_reason(client: Client, query: str) -> None:
    answer = client.get(f"{BASE}data?{query}")
    assert answer.status_code == 400 and query.partition("=")[0] in answer.json()["detail"]


def test_deleting_gives_a_receipt_and_leaves_nothing(client: Client, person: User) -> None:
    bystander = a_person()
    store_rows(bystander)
    store_rows(person)
    answer = client.delete(f"{BASE}data")
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["rows_deleted"] == {
        "analytics_user_activity": 1,
        "analytics_endpoint_usage": 1,
        "analytics_feature_usage": 1,
    }
    assert client.get(f"{BASE}data").json()["count"] == 0
    assert UserActivity.objects.filter(user_id=alias_of(bystander)).count() == 1
    followed = client.get(receipt["follow_at"]).json()["results"]
    assert [each["id"] for each in followed] == [receipt["id"]]
    assert client.get(f"{BASE}history").json()["results"][0]["action"] == "erasure_requested"


def test_a_deletion_that_the_rows_database_cannot_take_is_noted_and_followed(
    client: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise DatabaseError

    store_rows(person)
    monkeypatch.setattr("analytics.erasure.here.erase", breaks)
    answer = client.delete(f"{BASE}data")
    assert answer.status_code == 202
    assert answer.json()["completed_at"] is None and answer.json()["status"].startswith("Noted.")
    assert client.get(f"{BASE}history").json()["results"][0]["action"] == "erasure_requested"
    telemetrys_database.close()
    assert [each["id"] for each in client.get(f"{BASE}erasures").json()["results"]] == [answer.json()["id"]]
    monkeypatch.undo()
    assert carry_out_pending() == (1, 0)
    done = client.get(f"{BASE}erasures").json()["results"]
    assert [each["id"] for each in done] == [answer.json()["id"]] and done[0]["completed_at"] is not None
    assert client.get(f"{BASE}data").json()["count"] == 0


def test_what_the_rows_database_cannot_show_is_503_and_the_switch_works(
    client: Client, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise DatabaseError

    for name in ("rows", "stored", "receipts"):
        monkeypatch.setattr(f"analytics.person.PersonalTelemetry.{name}", breaks)
    for path in ("data", "data?format=ndjson", "erasures"):
        answer = client.get(f"{BASE}{path}")
        assert answer.status_code == 503 and "are not available" in answer.json()["detail"]
    assert client.put(f"{BASE}enable").json()["telemetry_enabled"] is True
    assert client.put(f"{BASE}disable").json()["telemetry_enabled"] is False


def test_deleting_again_and_again_is_braked(person: User) -> None:
    client = with_token(person)
    answers = [client.delete(f"{BASE}data").status_code for _ in range(21)]
    assert answers == [202] * 20 + [429]


def test_the_history_names_staff_as_staff_and_says_from_where(
    client: Client, person: User, request: pytest.FixtureRequest
) -> None:
    """Only this site's pages have its cookie; by a token it is somebody's own program."""
    by = "settings_page" if request.node.callspec.params["client"] == "session" else "api"
    client.put(f"{BASE}enable")
    choices.choose(person.pk, enabled=False, source=Source.ADMIN, actor_id=a_person(is_staff=True).pk)
    history = client.get(f"{BASE}history").json()
    assert [(line["action"], line["by"], line["source"]) for line in history["results"]] == [
        ("disabled", "staff", "admin"),
        ("enabled", "you", by),
    ]
    assert client.get(f"{BASE}history?limit=1&offset=1").json()["results"] == history["results"][1:]


def test_where_rows_live_elsewhere_the_api_says_so(client: Client, person: User) -> None:
    store_rows(person)
    with override_settings(TELEMETRY_STORED_HERE="false", OTEL_EXPORTER_OTLP_ENDPOINT=""):
        answer = client.get(f"{BASE}data").json()
        assert (answer["stored_here"], answer["count"], answer["results"]) == (False, 0, [])
        receipt = client.delete(f"{BASE}data").json()
    assert receipt["completed_at"] is None and "has not accepted the request yet" in receipt["status"]
