"""The kinds of event: the same at both ends of the wire, and with a column for each field."""

from dataclasses import fields

import pytest
from django.apps import apps
from django.db import connection

from analytics.catalogue_export import SPAN_ATTRIBUTES
from analytics.events import EVENTS, Activity, Event, FeatureUse, Request, Value, known_method, whole_number
from analytics.exceptions import MalformedEvent
from analytics.vocabulary import OTHER_METHOD, UNKNOWN_STATUS, UNMATCHED_ROUTE

KINDS = pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
EXAMPLES = [
    Activity("login"),
    FeatureUse("test_run", "created"),
    Request("GET", "/api/tests/<uuid:id>/", 200),
    Request(OTHER_METHOD, UNMATCHED_ROUTE, UNKNOWN_STATUS),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=str)
def test_an_event_is_read_from_its_own_attributes(event: Event) -> None:
    kind = EVENTS[event.category]
    attributes = event.attributes()
    read = kind.from_attributes(attributes, failed=True) if kind is Request else kind.from_attributes(attributes)
    assert read == event


@KINDS
def test_every_field_has_an_attribute_and_a_column(kind: type[Event]) -> None:
    assert list(kind.sent) == [field.name for field in fields(kind)]


@pytest.mark.django_db
@KINDS
def test_every_column_is_in_the_table_with_its_type(kind: type[Event]) -> None:
    [model] = [model for model in apps.get_app_config("analytics").get_models() if model._meta.db_table == kind.table]
    types = {field.column: field.db_type(connection) for field in model._meta.concrete_fields}
    short = {"varchar": "varchar", "integer": "int4"}
    for column, type_ in kind.columns():
        assert short[str(types[column]).partition("(")[0]] == type_


@KINDS
def test_the_collector_lets_every_attribute_through(kind: type[Event]) -> None:
    names = {name for sent in kind.sent.values() for name in (sent.attribute, sent.older) if name}
    assert names <= set(SPAN_ATTRIBUTES)


def test_older_clients_names_are_read() -> None:
    old: dict[str, Value] = {"http.method": "post", "http.route": "/api/tests/", "http.status_code": "201"}
    assert Request.from_attributes(old) == Request("POST", "/api/tests/", 201)


def test_the_standard_name_takes_precedence_over_the_older_one() -> None:
    both: dict[str, Value] = {
        "http.request.method": "GET",
        "http.method": "POST",
        "http.response.status_code": 200,
        "http.status_code": 500,
    }
    assert Request.from_attributes(both) == Request("GET", UNMATCHED_ROUTE, 200)


@pytest.mark.parametrize(
    ("kind", "attributes", "field"),
    [
        (Activity, {}, "event_type"),
        (Activity, {"event.type": 3}, "event_type"),
        (FeatureUse, {"feature.action": "created"}, "feature"),
        (FeatureUse, {"feature.name": "test_run"}, "action"),
        (FeatureUse, {"feature.name": "test_run", "feature.action": b""}, "action"),
        (Request, {"http.route": "/", "http.response.status_code": 200}, "method"),
        (Request, {"http.route": 3, "http.request.method": "GET", "http.response.status_code": 200}, "route"),
        (Request, {"http.route": None, "http.request.method": "GET", "http.response.status_code": 200}, "route"),
        (Request, {"http.request.method": "GET"}, "status_code"),
        (Request, {"http.request.method": "GET", "http.response.status_code": 99}, "status_code"),
        (Request, {"http.request.method": "GET", "http.response.status_code": 600}, "status_code"),
        (Request, {"http.request.method": "GET", "http.response.status_code": 0}, "status_code"),
        (Request, {"http.request.method": "GET", "http.response.status_code": True}, "status_code"),
    ],
    ids=str,
)
def test_a_missing_or_unusable_attribute_is_named_by_its_field(
    kind: type[Event], attributes: dict[str, Value], field: str
) -> None:
    with pytest.raises(MalformedEvent, match=f"^{field}$"):
        kind.from_attributes(attributes)


def test_only_a_failed_request_may_be_without_a_status() -> None:
    attributes: dict[str, Value] = {"http.request.method": "GET"}
    assert Request.from_attributes(attributes, failed=True).status_code == UNKNOWN_STATUS
    attributes["http.response.status_code"] = 600
    with pytest.raises(MalformedEvent):
        Request.from_attributes(attributes, failed=True)


@pytest.mark.parametrize(
    ("method", "known"),
    [("GET", "GET"), ("patch", "PATCH"), ("BREW", OTHER_METHOD), ("", OTHER_METHOD), (None, OTHER_METHOD)],
)
def test_a_method_outside_the_known_ones_has_one_name(method: str | None, known: str) -> None:
    assert known_method(method) == known


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        ("9" * 15, 10**15 - 1),
        ("9" * 16, None),
        ("٣", None),
        ("-7", None),
        (7.0, 7),
        (7.5, None),
        (float(2**53 - 1), 2**53 - 1),
        (float(2**53), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        (b"", None),
    ],
    ids=str,
)
def test_a_whole_number_is_read_as_any_client_sends_it(value: Value, number: int | None) -> None:
    assert whole_number(value) == number
