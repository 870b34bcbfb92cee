"""What a collector's answer means, by the OTLP specification: taken, try again (and when), or refused for good."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

RETRYABLE_STATUS = frozenset({429, 502, 503, 504})
RETRYABLE_CODES = frozenset(
    {
        StatusCode.CANCELLED,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.ABORTED,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
)
STATUS_DETAILS = "grpc-status-details-bin"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
# A collector may ask for a pause; one that asks for a day has lost its mind, or its clock.
LONGEST_PAUSE_SECONDS = 300.0


class Fate(StrEnum):
    """What became of one attempt."""

    TAKEN = "taken"
    AGAIN = "again"  # the same spans may be sent again
    REFUSED = "refused"  # sending them again would be refused again


class Reason(StrEnum):
    """Why spans were not sent; also the reason of `failed` in the export tally."""

    UNREACHABLE = "unreachable"  # no connection, or it was lost before the whole answer was there
    TIMEOUT = "timeout"
    BUSY = "busy"  # answered: later
    REFUSED = "refused"  # answered: never
    REJECTED = "rejected"  # partial success: the collector took the batch and rejected these spans
    NOT_OTLP = "not_otlp"  # the answer is none of a collector
    TLS = "tls"
    BROKEN = "broken"  # a transport that cannot be made from the settings, or failed in a way that nobody foresaw


@dataclass(frozen=True, slots=True)
class Answer:
    """`rejected`: how many of the spans it took the collector rejected. `pause_seconds`: its wish, None if none.

    `status` is the collector's own, such as `HTTP 401` or `gRPC UNAUTHENTICATED`; empty without an answer.
    """

    fate: Fate
    reason: str = ""
    rejected: int = 0
    pause_seconds: float | None = None
    status: str = field(default="", compare=False)

    def why(self) -> str:
        """Return the reason, and the collector's status if it answered."""
        return f"{self.reason} ({self.status})" if self.status else self.reason


def again(reason: str, pause_seconds: float | None = None) -> Answer:
    return Answer(Fate.AGAIN, reason, pause_seconds=pause_seconds)


def refused(reason: str) -> Answer:
    return Answer(Fate.REFUSED, reason)


def of_error(error: OSError) -> Answer:
    """What a failure to connect, or of a connection, means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(Reason.TLS)
    return again(Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.UNREACHABLE)


def of_http(status: int, headers: Message, body: bytes, *, now: datetime) -> Answer:
    """`now`: this host's clock, for a Retry-After date without a Date beside it."""
    return replace(_of_http(status, headers, body, now), status=f"HTTP {status}")


def _of_http(status: int, headers: Message, body: bytes, now: datetime) -> Answer:
    if 200 <= status < 300:
        return _of_body(body, _content_type(headers))
    if status in RETRYABLE_STATUS:
        return again(Reason.BUSY, retry_after(headers.get("Retry-After"), _date(headers.get("Date")) or now))
    # A redirect too: our key and our spans are for the endpoint that was configured.
    return refused(Reason.REFUSED)


def of_grpc(code: StatusCode, trailing_metadata: Iterable[Any]) -> Answer:
    """The answer of a call that did not end with OK. `trailing_metadata`: pairs of a key and text or bytes."""
    return replace(_of_grpc(code, trailing_metadata), status=f"gRPC {code.name}")


def _of_grpc(code: StatusCode, trailing_metadata: Iterable[Any]) -> Answer:
    pause_seconds = _retry_delay(trailing_metadata)
    if code is StatusCode.RESOURCE_EXHAUSTED:
        return refused(Reason.REFUSED) if pause_seconds is None else again(Reason.BUSY, pause_seconds)
    if code not in RETRYABLE_CODES:
        return refused(Reason.REFUSED)
    if code is StatusCode.DEADLINE_EXCEEDED:
        return again(Reason.TIMEOUT, pause_seconds)
    return again(Reason.UNREACHABLE if code is StatusCode.UNAVAILABLE else Reason.BUSY, pause_seconds)


def of_grpc_response(body: bytes) -> Answer:
    """The answer of a call that ended with OK."""
    return _of_body(body, PROTOBUF)


def _content_type(headers: Message) -> str:
    return str(headers.get("Content-Type", PROTOBUF)).partition(";")[0].strip().lower()


def _of_body(body: bytes, content_type: str) -> Answer:
    """An empty body is an empty ExportTraceServiceResponse, whatever its type."""
    try:
        if not body:
            response = ExportTraceServiceResponse()
        elif content_type == PROTOBUF:
            response = ExportTraceServiceResponse.FromString(body)
        elif content_type == JSON:
            response = json_format.Parse(body, ExportTraceServiceResponse(), ignore_unknown_fields=True)
        else:
            return refused(Reason.NOT_OTLP)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError):
        return refused(Reason.NOT_OTLP)
    return Answer(Fate.TAKEN, rejected=max(0, response.partial_success.rejected_spans))


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from `now`: Retry-After holds seconds or a date (RFC 9110). None where it holds neither."""
    value = (value or "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value[:10]), LONGEST_PAUSE_SECONDS)
    until = _date(value)
    return None if until is None else _bounded((until - now).total_seconds())


def _date(value: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(value or "")
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _retry_delay(metadata: Iterable[Any]) -> float | None:
    """Seconds of google.rpc.RetryInfo among the details of a status."""
    for key, value in metadata:
        if key != STATUS_DETAILS or not isinstance(value, bytes):
            continue
        try:
            for detail in Status.FromString(value).details:
                info = RetryInfo()
                if detail.Unpack(info):
                    return _bounded(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
        except DecodeError:
            continue
    return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)
