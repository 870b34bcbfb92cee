"""A processor that writes to the tests' database, and what it wrote."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import psycopg
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from analytics.ingest.serve import Processor
from analytics.models import EndpointUsage, FeatureUsage, IngestTally, UserActivity
from analytics.router import conninfo
from tests.acceptance.product import wait_until
from tests.collector.spans import request

MODELS = (UserActivity, EndpointUsage, FeatureUsage)
PATIENCE_SECONDS = 60


def rows_stored() -> int:
    return sum(model.objects.count() for model in MODELS)


def tally() -> dict[tuple[str, str], int]:
    """Spans by outcome and reason, of all days and writers."""
    found: dict[tuple[str, str], int] = {}
    for outcome, reason, spans in IngestTally.objects.values_list("outcome", "reason", "spans"):
        found[outcome, reason] = found.get((outcome, reason), 0) + spans
    return found


@contextmanager
def nobody_can_write() -> Iterator[psycopg.Connection]:
    """While this lasts, whoever writes rows of features waits."""
    with psycopg.connect(conninfo(), autocommit=True) as own, own.transaction():
        own.execute("LOCK TABLE analytics_feature_usage")
        yield own


def waiting(own: psycopg.Connection, number: int) -> None:
    """Until so many wait for a table."""
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE NOT granted AND locktype = 'relation' AND datname = current_database()"
    )
    wait_until(f"{number} waiting", lambda: own.execute(query).fetchone() == (number,))


@dataclass
class Client:
    """Somebody who sends. `metadata` goes with every call."""

    channel: grpc.Channel
    port: int
    metadata: tuple[tuple[str, str], ...] = ()

    def export(self, *spans: Any, **options: Any) -> ExportTraceServiceResponse:
        """Raises grpc.RpcError."""
        return self.send(request(spans).SerializeToString(), **options)

    def send(self, body: bytes, **options: Any) -> ExportTraceServiceResponse:
        options = {"timeout": PATIENCE_SECONDS, "metadata": self.metadata, **options}
        call = self.channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        return ExportTraceServiceResponse.FromString(call(body, **options))

    def refusal(self, *spans: Any, **options: Any) -> grpc.RpcError:
        """The error that the call ends with. Fails if it does not."""
        with pytest.raises(grpc.RpcError) as raised:
            self.export(*spans, **options)
        return raised.value


Start = Callable[..., Processor]


@pytest.fixture
def start(transactional_db: None) -> Iterator[Start]:
    """Starts a processor on a free port; all are stopped at the end."""
    started: list[Processor] = []

    def begin(address: str = "127.0.0.1:0", database: str = "", **options: Any) -> Processor:
        started.append(Processor(address, database or conninfo(), **options))
        started[-1].start()
        return started[-1]

    yield begin
    for processor in started:
        processor.stop()


@pytest.fixture
def clients() -> Iterator[Callable[..., Client]]:
    """Makes clients of a port; their channels are closed at the end."""
    channels: list[grpc.Channel] = []

    def make(port: int, *metadata: tuple[str, str], **options: Any) -> Client:
        channels.append(grpc.insecure_channel(f"127.0.0.1:{port}", **options))
        return Client(channels[-1], port, metadata)

    yield make
    for channel in channels:
        channel.close()


@pytest.fixture
def client(start: Start, clients: Callable[..., Client]) -> Client:
    """Of a processor that wants no key."""
    return clients(start().port)
