"""Each kind of request, and each trouble of ours, has its gRPC status."""

import gzip
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import grpc
import pytest
from django.db import connection
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from psycopg.conninfo import make_conninfo

from analytics.ingest import answer, pool, serve
from analytics.models import EndpointUsage, FeatureUsage
from analytics.router import conninfo
from tests.analytics.ingest.conftest import Client, Start, nobody_can_write, rows_stored, tally, waiting
from tests.analytics.ingest.spans import LOGIN, OLD_REQUEST, REQUEST, STOCK_REQUEST, of, span

KEY = "a key of the processor's"
Clients = Callable[..., Client]


def test_what_is_accepted_is_stored_and_answered_with_nothing(client: Client) -> None:
    answer = client.export(span(), span(LOGIN), span(REQUEST))

    assert not answer.HasField("partial_success")
    assert (rows_stored(), tally()) == (3, {("stored", ""): 3})


def test_what_is_rejected_is_answered_with_its_reasons_and_the_rest_is_stored(client: Client) -> None:
    answer = client.export(span(), span({}), span({}), span(trace_id=b"x"))

    assert answer.partial_success.rejected_spans == 3
    assert answer.partial_success.error_message == "bad_span_id: 1, not_telemetry: 2"
    assert tally() == {("stored", ""): 1, ("rejected", "bad_span_id"): 1, ("rejected", "not_telemetry"): 2}


def test_a_duplicate_is_no_rejection(client: Client) -> None:
    same = span()
    client.export(same)

    assert not client.export(same).HasField("partial_success")
    assert tally() == {("stored", ""): 1, ("duplicate", ""): 1}


def test_an_empty_request_is_well_and_counts_nothing(client: Client) -> None:
    assert client.send(b"").ByteSize() == 0
    assert client.send(of().SerializeToString()).ByteSize() == 0
    assert tally() == {}


@pytest.mark.parametrize(
    "body", [b"\x0a\xff", b"GET / HTTP/1.1\r\n\r\n", pytest.param(gzip.compress(b"\x0a\x00"), id="gzip")]
)
def test_what_is_no_request_is_an_invalid_argument(client: Client, body: bytes) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        client.send(body)

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_lone_surrogate_from_one_client_costs_the_others_of_its_batch_nothing(client: Client) -> None:
    body = of(span(), span({**REQUEST, "http.route": "@@@"})).SerializeToString()

    answer = client.send(body.replace(b"@@@", b"\xed\xa0\x80"))

    assert answer.partial_success.error_message == "bad_http: 1"
    assert FeatureUsage.objects.count() == 1


def test_older_clients_and_other_languages_are_stored(client: Client) -> None:
    client.export(span(OLD_REQUEST), span(STOCK_REQUEST))

    stored = EndpointUsage.objects.values_list("endpoint", "method", "status_code")
    assert set(stored) == {("/tests/{id}", "POST", 201), ("/owners/{ownerId}", "GET", 200)}


def test_gzip_is_understood(client: Client) -> None:
    client.export(span(), compression=grpc.Compression.Gzip)

    assert rows_stored() == 1


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_request_of_more_than_4_mib_is_refused_for_good(client: Client, compression: grpc.Compression) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        client.send(bytes(4 * 1024 * 1024 + 1), compression=compression)

    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not raised.value.trailing_metadata(), "without RetryInfo nobody sends it again"


def test_a_request_of_nearly_4_mib_is_stored(client: Client) -> None:
    spans = [span() for _ in range(5000)]
    body = of(*spans, *(span({"event.category": "x" * 1_000_000}) for _ in range(2))).SerializeToString()
    assert 3_000_000 < len(body) < 4 * 1024 * 1024

    answer = client.send(body)

    assert (answer.partial_success.error_message, rows_stored()) == ("not_telemetry: 2", 5000)


@pytest.mark.parametrize("signal", ["metrics.v1.MetricsService", "logs.v1.LogsService"])
def test_metrics_and_logs_are_not_taken(client: Client, signal: str) -> None:
    call = client.channel.unary_unary(f"/opentelemetry.proto.collector.{signal}/Export")

    with pytest.raises(grpc.RpcError) as raised:
        call(b"", timeout=30)

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "metadata",
    [
        [("x-api-key", KEY)],
        [("authorization", f"Bearer {KEY}")],
        [("authorization", f"bearer  {KEY}")],
    ],
)
def test_the_key_opens(start: Start, clients: Clients, metadata: list[tuple[str, str]]) -> None:
    clients(start(api_key=KEY).port, *metadata).export(span())

    assert rows_stored() == 1


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("x-api-key", "wrong")],
        [("x-api-key", "")],
        [("x-api-key", KEY + "x")],
        [("x-api-key", "wrong"), ("authorization", f"Bearer {KEY}")],
        [("authorization", f"Basic {KEY}")],
        [("authorization", KEY)],
        [("authorization", "Bearer")],
        [("x-api-key-bin", KEY.encode())],
    ],
)
def test_anything_else_does_not(start: Start, clients: Clients, metadata: list[tuple[str, str]]) -> None:
    client = clients(start(api_key=KEY).port, *metadata)

    assert client.refusal(span()).code() is grpc.StatusCode.UNAUTHENTICATED
    assert (rows_stored(), tally()) == (0, {})


def test_a_key_that_no_client_can_send_opens_to_nobody(start: Start, clients: Clients) -> None:
    client = clients(start(api_key="clé").port, ("x-api-key", "cl\\xe9"))

    assert client.refusal(span()).code() is grpc.StatusCode.UNAUTHENTICATED


def test_without_a_key_any_is_taken(client: Client) -> None:
    client.export(span(), metadata=(("x-api-key", "whatever"),))

    assert rows_stored() == 1


def assert_to_come_again(refusal: grpc.RpcError) -> None:
    assert refusal.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailing = dict(refusal.trailing_metadata())
    status, retry_info = Status.FromString(trailing["grpc-status-details-bin"]), RetryInfo()
    assert status.details[0].Unpack(retry_info)
    assert retry_info.retry_delay.seconds == 1
    assert RetryInfo.FromString(trailing["google.rpc.retryinfo-bin"]) == retry_info


def test_one_request_too_many_is_told_when_to_come_again(
    start: Start, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LIMIT", 1)
    client = clients(start().port)
    with ThreadPoolExecutor(1) as thread:
        with nobody_can_write() as own:
            first = thread.submit(client.export, span())
            waiting(own, 1)
            assert_to_come_again(client.refusal(span()))
        first.result(30)

    client.export(span())
    assert rows_stored() == 2, "there is room again"


def test_whoever_waits_too_long_for_a_writer_is_told_to_come_again(
    start: Start, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WRITERS", 1)
    monkeypatch.setattr(answer, "WRITER_PATIENCE_SECONDS", 0.05)
    client = clients(start().port)
    with ThreadPoolExecutor(1) as thread:
        with nobody_can_write() as own:
            first: Future[object] = thread.submit(client.export, span())
            waiting(own, 1)
            assert_to_come_again(client.refusal(span()))
        first.result(30)

    assert rows_stored() == 1


def test_a_database_that_is_away_is_unavailable(start: Start, clients: Clients) -> None:
    client = clients(start(database="host=/nonexistent dbname=none").port)

    assert client.refusal(span()).code() is grpc.StatusCode.UNAVAILABLE
    assert not client.send(b"").HasField("partial_success"), "it lives, and says so of what needs no database"


def test_a_database_that_was_never_migrated_is_unavailable_too(start: Start, clients: Clients) -> None:
    """Somebody will migrate it, and what waits at the sender's is stored then."""
    client = clients(start(database=make_conninfo(conninfo(), dbname="postgres")).port)

    assert client.refusal(span()).code() is grpc.StatusCode.UNAVAILABLE


def test_what_could_not_be_stored_is_logged_without_what_it_was(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    sent = span()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_feature_usage ADD CONSTRAINT never CHECK (feature_name = 'x') NOT VALID")
    try:
        with caplog.at_level(logging.INFO):
            assert client.refusal(sent).code() is grpc.StatusCode.UNAVAILABLE
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE analytics_feature_usage DROP CONSTRAINT never")

    [record] = [each for each in caplog.records if each.name == "analytics.ingest.pool"]
    said, _, why = record.getMessage().partition(" cause=")
    assert said == "Not stored: requests=1 spans=1 error=OperationalError"
    assert why.startswith("it cannot be used") and "feature" not in why
    assert "5f0c4d7e" not in caplog.text and "test_run" not in caplog.text


def test_a_fault_of_our_own_is_told_and_logged_without_what_was_sent(
    client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("5f0c4d7e-1111-8000-8000-000000000001 did test_run")

    monkeypatch.setattr(answer.fast, "read", fail)
    with caplog.at_level(logging.INFO):
        refusal = client.refusal(span())

    assert refusal.code() is grpc.StatusCode.UNKNOWN
    assert refusal.details() == "The processor failed at this request; its log names the error."
    assert "error=ValueError" in caplog.text
    assert "5f0c4d7e" not in caplog.text and "test_run" not in caplog.text
