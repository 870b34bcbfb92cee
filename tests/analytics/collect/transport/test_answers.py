"""What each answer means."""

from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import format_datetime

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode

from analytics.collect.transport.answers import (
    Answer,
    Fate,
    Reason,
    of_grpc,
    of_http,
    retry_after,
)
from tests.support.collectors import partial_success

LONGEST_PAUSE_SECONDS = 300.0
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def answered(status: int, body: bytes = b"", **headers: str) -> Answer:
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return of_http(status, message, body, now=NOW)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_the_specification_s_four_are_tried_again(status: int) -> None:
    assert answered(status) == Answer(Fate.AGAIN, Reason.BUSY, rejected=0)


@pytest.mark.parametrize(
    "status", [103, 199, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 408, 413, 415, 500, 501, 505, 599]
)
def test_every_other_is_final(status: int) -> None:
    assert answered(status, Retry_After="1") == Answer(Fate.REFUSED, Reason.REFUSED)


@pytest.mark.parametrize("status", [200, 202, 299])
def test_every_status_of_success_is_one(status: int) -> None:
    assert answered(status) == Answer(Fate.TAKEN)


@pytest.mark.parametrize(
    ("body", "headers", "answer"),
    [
        (b"", {}, Answer(Fate.TAKEN)),
        (b"", {"Content_Type": "text/plain"}, Answer(Fate.TAKEN)),
        (partial_success(3), {"Content_Type": "application/x-protobuf; charset=x"}, Answer(Fate.TAKEN, rejected=3)),
        (partial_success(-3), {}, Answer(Fate.TAKEN)),
        (
            b'{"partialSuccess": {"rejectedSpans": "2"}}',
            {"Content_Type": "Application/JSON"},
            Answer(Fate.TAKEN, rejected=2),
        ),
        (b"{}", {"Content_Type": "application/json"}, Answer(Fate.TAKEN)),
        (b'{"ofALaterVersion": 1}', {"Content_Type": "application/json"}, Answer(Fate.TAKEN)),
        (b"{", {"Content_Type": "application/json"}, Answer(Fate.REFUSED, Reason.NOT_OTLP)),
        (b"\xff\xfe", {"Content_Type": "application/json"}, Answer(Fate.REFUSED, Reason.NOT_OTLP)),
        (b"[" * 100_000, {"Content_Type": "application/json"}, Answer(Fate.REFUSED, Reason.NOT_OTLP)),
        (b"<html>Welcome</html>", {"Content_Type": "text/html"}, Answer(Fate.REFUSED, Reason.NOT_OTLP)),
        (b"<html>Welcome</html>", {}, Answer(Fate.REFUSED, Reason.NOT_OTLP)),
    ],
)
def test_a_success_is_one_only_in_the_collector_s_language(
    body: bytes, headers: dict[str, str], answer: Answer
) -> None:
    assert answered(200, body, **headers) == answer


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        (" 0 ", 0.0),
        (format_datetime(NOW + timedelta(seconds=7), usegmt=True), 7.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("Fri, 01 May 2026 12:00:09 -0000", 9.0),
        ("Fri, 01 May 2026 14:00:09 +0200", 9.0),
        ("Fri, 01 May 2026 12:00:09 +9999999999999999", None),
        ("99999999999999999999999", LONGEST_PAUSE_SECONDS),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), LONGEST_PAUSE_SECONDS),
        *((word, None) for word in ("", "-1", "1.5", "nan", "inf", "soon", "²", "Fri, 99 May 2026 12:00", "1e3")),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_date_is_read_by_the_collector_s_own_clock() -> None:
    theirs = NOW + timedelta(hours=5)
    answer = answered(
        503,
        Date=format_datetime(theirs, usegmt=True),
        Retry_After=format_datetime(theirs + timedelta(seconds=4), usegmt=True),
    )
    assert answer.pause_seconds == 4.0


@pytest.mark.parametrize("code", StatusCode)
def test_of_grpc_s_codes_the_specification_s_are_tried_again(code: StatusCode) -> None:
    retryable = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
    assert (of_grpc(code, ()).fate is Fate.AGAIN) is (code.name in retryable)


@pytest.mark.parametrize("details", [b"\xff\xff", "text", b""])
def test_details_that_are_none_ask_for_nothing(details: str | bytes) -> None:
    answer = of_grpc(StatusCode.RESOURCE_EXHAUSTED, (("grpc-status-details-bin", details),))
    assert answer == Answer(Fate.REFUSED, Reason.REFUSED)


def test_a_pause_is_read_from_an_answer_with_other_details() -> None:
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=1, nanos=500_000_000)))
    other = AnyMessage()
    other.Pack(Duration(seconds=9))
    metadata = (
        ("x-served-by", "somebody"),
        ("x-served-by-bin", b"\xff\xff"),
        ("grpc-status-details-bin", b"\xff\xff"),
        ("grpc-status-details-bin", Status(details=[other, detail]).SerializeToString()),
    )
    assert of_grpc(StatusCode.ABORTED, metadata) == Answer(Fate.AGAIN, Reason.BUSY, pause_seconds=1.5)
