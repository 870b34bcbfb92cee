"""The gRPC service. It only translates: bytes to verdicts, and the pool's errors to gRPC statuses.

An error that a retry can correct is UNAVAILABLE or RESOURCE_EXHAUSTED, which OTLP exporters retry. They do not retry
INTERNAL, so no code here answers it.
"""

import hmac
import logging
import time
from collections import Counter
from threading import BoundedSemaphore
from typing import NoReturn

import grpc
import psycopg
from django.db import DatabaseError, InterfaceError
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from analytics.catalogue import current_catalogue
from analytics.conf import conf
from analytics.ingest import fast, judge, metrics
from analytics.ingest.clock import DatabaseClock
from analytics.ingest.pool import Busy, Pool
from analytics.ingest.verdict import Erase, Reason, TooManyErasures, Verdict
from analytics.voucher import Vouchers

logger = logging.getLogger(__name__)

SERVICE_NAME = "opentelemetry.proto.collector.trace.v1.TraceService"
RETRY_AFTER_SECONDS = 1
# Longest wait of a request for a writer; after it, the answer is RESOURCE_EXHAUSTED.
WRITER_PATIENCE_SECONDS = 5.0
OF_TIME = {Reason.IN_FUTURE, Reason.TOO_OLD}


class TraceService:
    """`Export` of OTLP. At most `limit` requests run or wait at once; any more get RESOURCE_EXHAUSTED."""

    def __init__(
        self, pool: Pool, *, api_key: str, limit: int, clock: DatabaseClock, erase: Erase | None = None
    ) -> None:
        self._pool = pool
        self._clock, self._erase = clock, erase
        self._api_key = api_key.encode()
        self._room = BoundedSemaphore(limit)

    def handler(self) -> "grpc.GenericRpcHandler[bytes, bytes]":
        # Bytes in and out, because gRPC itself would answer INTERNAL to a body that is not protobuf.
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME, {"Export": grpc.unary_unary_rpc_method_handler(self.export)}
        )

    def export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        began = time.perf_counter()
        metrics.requests_in_flight.add(1)
        try:
            return self._export(body, context)
        except Exception as error:
            if _given(context) is not None:
                raise  # `context.abort` raises too; the status is already set
            # A bug of ours. gRPC would send and log the message, which may quote the request.
            logger.error("Failed at a request: error=%s bytes=%d", type(error).__name__, len(body))
            context.abort(grpc.StatusCode.UNKNOWN, "The processor failed at this request; its log names the error.")
        finally:
            metrics.requests_in_flight.add(-1)
            metrics.request_duration.record(time.perf_counter() - began, {"rpc.response.status_code": _code(context)})

    def _export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self._authenticate(context)
        if not self._room.acquire(blocking=False):
            _abort_for_now(context, "Too many requests at once.")
        try:
            found = _judged(body, self._clock, context)
            if not found.received and not found.doctors:
                return b""
            self._write(found, context)
            return _answer(found.rejected)
        finally:
            self._room.release()

    def _authenticate(self, context: grpc.ServicerContext) -> None:
        if not self._api_key:
            return
        metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        scheme, _, token = metadata.get("authorization", "").partition(" ")
        offered = metadata.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not hmac.compare_digest(offered.encode(), self._api_key):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Send the key as x-api-key or as a Bearer token.")

    def _write(self, found: Verdict, context: grpc.ServicerContext) -> None:
        try:
            # First, so that the erasure applies to the rows of the same request. A retry finds it already carried out.
            if found.erasures:
                if self._erase is None:
                    context.abort(grpc.StatusCode.UNAVAILABLE, "This processor carries out no requests to delete.")
                found.carry_out(self._erase)
            self._pool.write(found, patience_seconds=WRITER_PATIENCE_SECONDS)
        except (Busy, TooManyErasures) as busy:
            _abort_for_now(context, str(busy))
        except (psycopg.Error, DatabaseError, InterfaceError):
            context.abort(grpc.StatusCode.UNAVAILABLE, "The database is not available now.")


def _judged(body: bytes, clock: DatabaseClock, context: grpc.ServicerContext) -> Verdict:
    now, is_certain = clock.now()
    try:
        vouchers = Vouchers.configured()
        found = judge.verdict(
            fast.read, body, current_catalogue(), now=now, own=conf.deployment_type, vouchers=vouchers
        )
    except DecodeError:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The body is not an ExportTraceServiceRequest.")
    if not is_certain and not OF_TIME.isdisjoint(found.rejected):
        context.abort(grpc.StatusCode.UNAVAILABLE, "The processor's clock and its database's differ. Set them right.")
    return found


def _code(context: grpc.ServicerContext) -> str:
    return (_given(context) or grpc.StatusCode.OK).name


def _given(context: grpc.ServicerContext) -> grpc.StatusCode | None:
    """The status that was set, or None after a success."""
    code: grpc.StatusCode | None = context.code()  # type: ignore[attr-defined]  # missing in grpc-stubs
    return code


def _abort_for_now(context: grpc.ServicerContext, message: str) -> NoReturn:
    """Abort with RESOURCE_EXHAUSTED and RetryInfo, without which OTLP exporters do not retry.

    RetryInfo is in the status, as the specification requires, and again in the metadata that Python's exporter reads.
    """
    retry_info = RetryInfo(retry_delay=Duration(seconds=RETRY_AFTER_SECONDS))
    detail = AnyMessage()
    detail.Pack(retry_info)
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    status = Status(code=code.value[0], message=message, details=[detail])
    context.set_trailing_metadata(
        (
            ("grpc-status-details-bin", status.SerializeToString()),
            ("google.rpc.retryinfo-bin", retry_info.SerializeToString()),
        )
    )
    context.abort(code, message)


def _answer(rejected: Counter[Reason]) -> bytes:
    response = ExportTraceServiceResponse()
    if rejected.total():
        response.partial_success.rejected_spans = rejected.total()
        response.partial_success.error_message = ", ".join(
            f"{reason}: {spans}" for reason, spans in sorted(rejected.items()) if spans
        )
    return response.SerializeToString()
