"""What the collector has accepted is in the table, once, whatever dies or hangs meanwhile.

Processor, collector and PostgreSQL are killed with `kill -9` and frozen with SIGSTOP while four senders, two for each
protocol, send without a pause and, as OTLP clients do, repeat what was not accepted.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import grpc
import psycopg
import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests import profile
from tests.acceptance.product import wait_until
from tests.collector.parts import LOOPBACK, Collector, Part, Postgres, Processor
from tests.collector.spans import of_test_run, request

NORMAL = profile.PROFILE == "normal"
SPANS_AT_LEAST = profile.examples(5_000, middle=200_000, long=1_000_000)
SPANS_A_REQUEST = profile.examples(50, middle=200, long=500)
PAUSE_SECONDS = 0.3  # between two requests of a sender: the load is to last as long as the faults
ROUNDS = profile.examples(1, middle=3, long=5)
FROZEN_SECONDS = 2.0 if NORMAL else 10.0
SENDERS = 4
CLIENT_PATIENCE_SECONDS = 5.0  # what the site's own exporter has
SEED = 20261124
PERSON = "5f0c4d7e-0000-8000-8000-0000000000{:02}"


@dataclass
class Deployment:
    postgres: Postgres
    processor: Processor
    collector: Collector

    def stored(self, person: str) -> tuple[int, int]:
        """Rows of this person, and how many different spans they are."""
        with psycopg.connect(self.postgres.url) as connection:
            found = connection.execute(
                "SELECT count(*), count(DISTINCT metadata ->> 'test_count') FROM analytics_feature_usage"
                " WHERE user_id = %s",
                [person],
            ).fetchone()
        assert found is not None
        return found[0], found[1]

    def tally(self) -> dict[str, int]:
        """Spans by outcome."""
        with psycopg.connect(self.postgres.url) as connection:
            return dict(
                connection.execute(
                    "SELECT outcome, sum(spans)::bigint FROM analytics_ingest_tally GROUP BY outcome"
                ).fetchall()
            )


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("faults")
    folder.chmod(0o711)
    postgres = Postgres(folder)
    postgres.start()
    processor = Processor(folder, database_url=postgres.url)
    processor.manage("migrate", "--no-input")
    processor.start()
    collector = Collector(folder, processor_port=processor.port)
    collector.start()
    yield Deployment(postgres, processor, collector)
    for part in (collector, processor, postgres):
        part.stop()


class Load:
    """Spans of one person, numbered from 0, sent by several at once; each request until it is accepted."""

    def __init__(self, collector: Collector, person: str) -> None:
        self._collector, self._person = collector, person
        self._taking = threading.Lock()
        self._numbered = 0
        self._enough = threading.Event()
        self._threads = ThreadPoolExecutor(SENDERS)
        self._senders: list[Future[None]] = []

    def begin(self, spans_at_least: int) -> None:
        by = [self._by_http, self._by_grpc]
        self._senders = [self._threads.submit(self._send, by[n % 2], spans_at_least) for n in range(SENDERS)]

    def end(self) -> int:
        """How many were accepted: all that were sent."""
        self._enough.set()
        for sender in self._senders:
            sender.result()
        self._threads.shutdown()
        return self._numbered

    def _send(self, accepted: Callable[[ExportTraceServiceRequest], bool], spans_at_least: int) -> None:
        while True:
            with self._taking:
                if self._enough.is_set() and self._numbered >= spans_at_least:
                    return
                numbers = range(self._numbered, self._numbered + SPANS_A_REQUEST)
                self._numbered = numbers.stop
            spans = request([of_test_run(self._person, number) for number in numbers])
            while not accepted(spans):
                time.sleep(0.05)
            self._enough.wait(PAUSE_SECONDS)

    def _by_http(self, spans: ExportTraceServiceRequest) -> bool:
        try:
            answer = requests.post(
                f"{self._collector.http_url}/v1/traces",
                data=spans.SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
                timeout=CLIENT_PATIENCE_SECONDS,
            )
        except requests.RequestException:
            return False
        return answer.status_code == 200 and _all_of_it(ExportTraceServiceResponse.FromString(answer.content))

    def _by_grpc(self, spans: ExportTraceServiceRequest) -> bool:
        with grpc.insecure_channel(f"{LOOPBACK}:{self._collector.grpc_port}") as channel:
            try:
                answer = TraceServiceStub(channel).Export(spans, timeout=CLIENT_PATIENCE_SECONDS)
            except grpc.RpcError:
                return False
        return _all_of_it(answer)


def _all_of_it(answer: ExportTraceServiceResponse) -> bool:
    return answer.partial_success.rejected_spans == 0


def test_what_waits_survives_the_death_of_the_collector_while_the_processor_is_away(deployment: Deployment) -> None:
    deployment.processor.kill()
    load = Load(deployment.collector, PERSON.format(1))
    load.begin(spans_at_least=500)
    accepted = load.end()

    deployment.collector.kill()
    deployment.collector.start()
    deployment.processor.start()

    wait_until("every span", lambda: deployment.stored(PERSON.format(1))[1] >= accepted)
    assert deployment.stored(PERSON.format(1)) == (accepted, accepted)


def test_every_accepted_span_is_stored_once_whatever_dies_or_hangs(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    chance, before, began = random.Random(SEED), deployment.tally(), time.monotonic()
    faults: list[tuple[Part, str]] = [
        (part, fault)
        for part in (deployment.postgres, deployment.processor, deployment.collector)
        for fault in ("kill", "freeze")
    ] * ROUNDS
    chance.shuffle(faults)
    load = Load(deployment.collector, PERSON.format(2))
    load.begin(SPANS_AT_LEAST)

    for part, fault in faults:
        time.sleep(chance.uniform(0, 2))  # the random moment, not a wait for anything
        if fault == "kill":
            part.kill()
            part.start()
        else:
            part.freeze()
            time.sleep(FROZEN_SECONDS)
            part.thaw()
    accepted = load.end()

    wait_until("every span", lambda: deployment.stored(PERSON.format(2))[1] >= accepted)
    assert deployment.stored(PERSON.format(2)) == (accepted, accepted)
    tally = {outcome: spans - before.get(outcome, 0) for outcome, spans in deployment.tally().items()}
    assert (tally["stored"], tally.get("rejected", 0)) == (accepted, 0)
    with nullcontext() if NORMAL else capsys.disabled():
        seconds = time.monotonic() - began
        print(f"\n{accepted} spans, {len(faults)} faults, {seconds:.0f} s; tally {tally}")  # noqa: T201
