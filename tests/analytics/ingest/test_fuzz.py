"""Damaged requests against a live processor: it neither falls nor grows, and stores what is sound among them."""

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from analytics.catalogue import current_catalogue
from analytics.ingest import decode, judge
from analytics.ingest.verdict import Verdict
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest.conftest import Client, rows_stored, tally
from tests.analytics.ingest.mutations import damaged, odd_request
from tests.analytics.ingest.processes import command

REQUESTS = profile.examples(3_000, middle=100_000, long=1_000_000)
SENDERS = 4
SEED = 20261125
KEY_BYTES = 2 + 4 + 8 + 4 + 16  # of a row: timestamp and id, which it begins with
MIB = 1024 * 1024
# Python's own allocator and PostgreSQL's buffers breathe; a leak of one request in ten would be far more than this.
BREATH = 48 * MIB
TO_COME_AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}


def reference(body: bytes) -> Verdict | None:
    try:
        own = DeploymentType.SELF_HOSTED
        return judge.verdict(decode.read, body, current_catalogue(), now=datetime.now(UTC), own=own)
    except DecodeError:
        return None


class Sender:
    """Sends `number` requests, most of them damaged, and notes what should have come of them."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client, self._chance = client, random.Random(seed)
        self.keys: set[bytes] = set()
        self.expected: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()

    def send(self, number: int) -> None:
        for _ in range(number):
            body = odd_request(self._chance)
            if self._chance.random() < 0.6:
                body = damaged(body, self._chance)
            wanted = reference(body)
            answer = self._answer(body)
            if wanted is None:
                assert answer is None, body
                continue
            assert answer is not None, body
            assert answer.partial_success.rejected_spans == wanted.rejected.total(), body
            rows = [row for of_table in wanted.rows.values() for row in of_table]
            self.keys.update(row[:KEY_BYTES] for row in rows)
            self.expected["rows"] += len(rows)
            self.expected["rejected"] += wanted.rejected.total()

    def _answer(self, body: bytes) -> ExportTraceServiceResponse | None:
        """None for INVALID_ARGUMENT, the only refusal there may be."""
        while True:
            try:
                answer = self._client.send(body)
            except grpc.RpcError as error:
                self.statuses[error.code().name] += 1
                if error.code() in TO_COME_AGAIN:
                    continue
                assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (error.code(), body)
                return None
            self.statuses["OK"] += 1
            return answer


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.timeout(7200)
def test_damaged_requests_neither_fell_nor_swell_the_processor_and_cost_sound_spans_nothing(
    transactional_db: None, clients: Callable[..., Client], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    began = time.monotonic()
    with command("--listen", "127.0.0.1:0") as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        senders = [Sender(clients(port), SEED + number) for number in range(SENDERS)]
        with ThreadPoolExecutor(SENDERS) as threads:
            list(threads.map(lambda sender: sender.send(REQUESTS // 4 // SENDERS), senders))
            warm = resident_bytes(process.pid)
            list(threads.map(lambda sender: sender.send(REQUESTS * 3 // 4 // SENDERS), senders))
        grown = resident_bytes(process.pid) - warm
        assert process.poll() is None

    statuses = sum((sender.statuses for sender in senders), Counter[str]())
    expected = sum((sender.expected for sender in senders), Counter[str]())
    counted: Counter[str] = Counter()
    for (outcome, _), spans in tally().items():
        counted[outcome] += spans
    assert rows_stored() == counted["stored"] == sum(len(sender.keys) for sender in senders)
    assert counted["stored"] + counted["duplicate"] == expected["rows"]
    assert counted["rejected"] == expected["rejected"]
    assert grown < BREATH
    with capsys.disabled() if profile.PROFILE != "normal" else nullcontext():
        seconds = time.monotonic() - began
        print(  # noqa: T201
            f"\n{REQUESTS} requests in {seconds:.0f} s: {dict(statuses)}; {dict(counted)};"
            f" resident {warm // MIB} MiB after a quarter, {grown / MIB:+.1f} MiB by the end"
        )
