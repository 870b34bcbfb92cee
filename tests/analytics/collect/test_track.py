"""What may be tracked: what the catalogue declares, of the type it declares. Everything else is refused by name."""

import math
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from analytics import telemetry_for, track_feature_usage, track_user_activity
from analytics.exceptions import AnalyticsError, InvalidValue, NobodysTelemetry, UndeclaredEvent
from analytics.identity import Kind, pseudonym
from analytics.models import ExportTally
from tests.support.people import salt, someone_who_shares
from tests.support.wire import wired

LONG = "secret" * 200_000
NOT_AN_INTEGER: list[Any] = [
    True,
    1.0,
    "1",
    None,
    [1],
    {"a": 1},
    -1,
    1_000_001,
    10**400,
    math.nan,
    math.inf,
    b"1",
    LONG,
]
NOT_A_NUMBER: list[Any] = [True, "1.0", None, [1.0], -0.1, 604_800.1, math.nan, math.inf, -math.inf, 10**400, LONG]
NOT_A_BOOLEAN: list[Any] = [0, 1, "true", None, [], LONG]
NOT_A_CHOICE: list[Any] = ["no_such", "", None, 1, True, "password\0", "PASSWORD", ["password"], LONG]
NOT_AN_ID: list[Any] = [None, True, 1.5, ["a"], {"a": 1}, b"a", "x" * 200, LONG, date(2026, 1, 1)]
CASES: list[tuple[Any, Any]] = [
    *((track_feature_usage, ("test_run", "created", {"test_count": value})) for value in NOT_AN_INTEGER),
    *((track_feature_usage, ("test_run", "created", {"duration_s": value})) for value in NOT_A_NUMBER),
    *((track_feature_usage, ("test_set", "created", {"generated": value})) for value in NOT_A_BOOLEAN),
    *((track_feature_usage, ("test_run", "created", {"test_id": value})) for value in NOT_AN_ID),
]


def shown(value: object) -> str:
    text = repr(value)
    return text[:30]


def is_refused(call: Any, *arguments: Any, **metadata: Any) -> None:
    with pytest.raises(AnalyticsError) as raised:
        call(*arguments, **metadata)
    message = str(raised.value)
    assert message and len(message) < 300 and "secret" not in message and "\0" not in message


@pytest.mark.parametrize(("call", "what"), CASES, ids=shown)
def test_a_value_of_another_type_or_out_of_range_is_refused(call: Any, what: Any) -> None:
    feature, action, metadata = what
    is_refused(call, feature, action, **metadata)


@pytest.mark.parametrize("value", NOT_A_CHOICE, ids=shown)
def test_a_choice_that_is_not_on_the_list_is_refused(value: Any) -> None:
    is_refused(track_user_activity, "login", method=value)


@pytest.mark.parametrize(
    "name", ["no_such", "", "Test_Run", "a\0b", "secret" * 100, None, 7, ["login"], LONG], ids=shown
)
def test_what_is_not_declared_is_refused_whatever_its_name(name: Any) -> None:
    is_refused(track_user_activity, name)
    is_refused(track_feature_usage, name, "created")
    is_refused(track_feature_usage, "test_run", name)


@pytest.mark.parametrize("key", ["no_such_key", "a\0b", "secret key", "e-mail", "Test_Count"])
def test_a_key_that_is_not_declared_is_refused(key: str) -> None:
    with pytest.raises(UndeclaredEvent):
        track_feature_usage("test_run", "created", **{key: 1})


def test_a_request_to_delete_cannot_be_tracked() -> None:
    with pytest.raises(UndeclaredEvent):
        track_user_activity("erasure_requested")


@pytest.mark.django_db(transaction=True)
def test_in_production_each_is_dropped_and_counted_and_nothing_raised(caplog: pytest.LogCaptureFixture) -> None:
    person = someone_who_shares()
    with wired(TELEMETRY_STRICT=False) as (wire, running), telemetry_for(person):
        for call, (feature, action, metadata) in CASES:
            call(feature, action, **metadata)
        track_user_activity("no_such_event")
        track_user_activity("erasure_requested")
        track_feature_usage("test_run", "created", test_count=1)
        running.flush()
        counted = {line.reason: line.spans for line in ExportTally.objects.filter(outcome="invalid")}
    assert counted == {"feature_usage": len(CASES), "user_activity": 2}
    assert [each["metadata.test_count"] for each in wire.attributes()] == [1]
    assert "secret" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_what_fits_goes_out_with_its_type_and_ids_as_pseudonyms() -> None:
    person, test_id = someone_who_shares(), uuid4()
    with wired() as (wire, running), telemetry_for(person):
        track_feature_usage("test_run", "created", test_id=test_id, test_count=0, duration_s=3)
        track_feature_usage("test_run", "created", test_id=str(test_id))
        track_feature_usage("test_set", "created", generated=False)
        track_user_activity("login", session_id="a session key", method="token")
        running.flush()
    first, second, third, fourth = wire.attributes()
    assert (first["metadata.test_count"], first["metadata.duration_s"]) == (0, 3.0)
    assert type(first["metadata.duration_s"]) is float and third["metadata.generated"] is False
    assert first["metadata.test_id"] == second["metadata.test_id"] != str(test_id)
    assert UUID(first["metadata.test_id"]) == pseudonym(Kind.METADATA, f"test_id\0{test_id}", salt(person))
    assert fourth["session.id"] == str(pseudonym(Kind.SESSION, "a session key", salt(person)))


@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(),
        st.binary(),
        st.none(),
        st.booleans(),
        st.lists(st.integers(), max_size=3),
    )
)
def test_whatever_is_given_is_taken_or_refused_by_name(value: Any) -> None:
    for key in ("test_count", "duration_s", "test_id"):
        try:
            track_feature_usage("test_run", "created", **{key: value})
        except InvalidValue as error:
            assert key in str(error)


@override_settings(TELEMETRY_STRICT=False)
def test_where_telemetry_is_off_a_mistake_is_still_no_error() -> None:
    track_feature_usage("no_such_feature", "created")


@pytest.mark.parametrize("nobody", [None, "demo", 7, User(username="never saved", pk=None)])
def test_a_job_of_nobody_is_a_developers_mistake(nobody: Any) -> None:
    with pytest.raises(NobodysTelemetry), telemetry_for(nobody):
        pass


@pytest.mark.django_db(transaction=True)
def test_in_production_a_job_of_nobody_is_done_and_nothing_of_it_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """Not as whose the job around it is either."""
    with wired(TELEMETRY_STRICT=False) as (wire, running), telemetry_for(someone_who_shares()):
        with telemetry_for(None):  # type: ignore[arg-type]
            track_feature_usage("test_run", "created", test_count=1)
        track_feature_usage("test_run", "created", test_count=2)
        running.flush()

    assert [each["metadata.test_count"] for each in wire.attributes()] == [2]
    assert "An event was dropped: NobodysTelemetry" in caplog.text
