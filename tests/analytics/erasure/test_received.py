"""Requests to delete that the processor receives: each in a transaction of its own, before the rows of its batch."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from django.db import OperationalError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from analytics.erasure import here
from analytics.erasure.here import FOR_GOOD, erase_received
from analytics.identity import commitment
from analytics.ingest.pool import Busy
from analytics.ingest.verdict import ErasureRequest, Row, Verdict
from analytics.ingest.write import Counts, Writer
from analytics.models import Erasure, FeatureUsage, Tombstone
from analytics.router import conninfo
from analytics.vocabulary import Category
from privacy.clock import unix_us
from tests.acceptance.product import wait_until
from tests.analytics.ingest import packed
from tests.analytics.ingest.conftest import Client, Start, rows_stored, tally
from tests.analytics.ingest.spans import ERASURE, SECRET, span
from tests.analytics.keep.conftest import Elsewhere
from tests.collector.spans import Value

NOW = datetime.now(UTC)
SOMEBODY = UUID(int=0xBEEF)
STORED, DUPLICATE, ERASED = ("stored", "", ""), ("duplicate", "", ""), ("rejected", "erased", "")


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Writer]:
    with Writer(conninfo(), slot=0) as writing:
        yield writing


def feature(number: int, *, when: datetime = NOW, person: UUID = SOMEBODY) -> Row:
    return packed.row(Category.FEATURE_USAGE, "test_run", "created", when=when, id_=UUID(int=number), person=person)


def of(*rows: Row, erasures: tuple[ErasureRequest, ...] = ()) -> Verdict:
    found = Verdict(received=len(rows) + len(erasures), erasures=list(erasures))
    found.rows[Category.FEATURE_USAGE] += rows
    return found


def erasure(when: datetime, person: UUID = SOMEBODY, id_: UUID | None = None) -> ErasureRequest:
    return ErasureRequest((id_ or uuid4()).bytes, person.bytes, unix_us(when))


def carried_out(request: Verdict) -> bool:
    try:
        request.carry_out(erase_received)
    except Busy:
        return False
    return True


def received(writer: Writer, *requests: Verdict) -> Counts:
    """As the service does it: the erasures of each request, then its rows. Sent again as often as it is told to."""
    for request in requests:
        while not carried_out(request):
            request.erased.clear()
    return writer.write(*requests)


def test_a_request_to_delete_that_comes_as_an_event_deletes_and_keeps_the_rest_of_its_batch(writer: Writer) -> None:
    writer.write(of(feature(1), feature(2, person=uuid4())))

    counts = received(
        writer,
        of(
            feature(3),
            feature(4, when=NOW + timedelta(seconds=1)),
            feature(5, person=uuid4()),
            erasures=(erasure(NOW),),
        ),
    )

    assert counts == {("stored", "erasure", ""): 1, STORED: 1, DUPLICATE: 0, ERASED: 2}
    assert {row.pk.int for row in FeatureUsage.objects.all()} == {2, 5}, "whoever goes on has a new pseudonym"


def test_a_request_to_delete_is_honoured_whatever_shares_its_transaction(writer: Writer) -> None:
    writer.write(of(feature(1)))
    plain, asks = [of(feature(number, person=uuid4())) for number in (2, 3)], of(erasures=(erasure(NOW),))

    counts = received(writer, plain[0], asks, plain[1])

    assert counts == {("stored", "erasure", ""): 1, STORED: 2, DUPLICATE: 0}
    assert {row.pk.int for row in FeatureUsage.objects.all()} == {2, 3}


def test_the_same_request_to_delete_again_is_a_duplicate(writer: Writer) -> None:
    same, known = erasure(NOW), ("duplicate", "erasure", "")

    assert +received(writer, of(erasures=(same, same))) == {("stored", "erasure", ""): 1, known: 1}
    assert +received(writer, of(erasures=(same,))) == {known: 1}


def test_a_request_to_delete_with_the_id_of_somebody_elses_is_carried_out(writer: Writer) -> None:
    """The id is made of what the sender chooses: whoever sees a request on its way could have it taken for known."""
    first, ask = uuid4(), ("stored", "erasure", "")
    writer.write(of(feature(1)))

    received(writer, of(erasures=(erasure(NOW, uuid4(), first),)))
    counts = received(writer, of(erasures=(erasure(NOW, id_=first),)))

    assert +counts == {ask: 1}
    assert rows_stored() == 0 and Tombstone.objects.filter(user_id=SOMEBODY).exists()


def test_the_same_request_to_delete_from_several_writers_at_once_is_carried_out_once(writer: Writer) -> None:
    same = erasure(NOW)

    def write(slot: int) -> None:
        with Writer(conninfo(), slot) as own:
            together.wait()
            received(own, of(feature(slot), erasures=(same,)))

    together = threading.Barrier(4)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))

    counted = tally()
    assert (counted["stored", "erasure"], counted["duplicate", "erasure"]) == (1, 3)
    assert counted["rejected", "erased"] == 4


def test_a_row_never_slips_past_a_request_to_delete_that_runs_meanwhile(writer: Writer, elsewhere: Elsewhere) -> None:
    """Erasure waits for those who have looked for tombstones and not yet committed; who comes later sees its own."""
    with ThreadPoolExecutor(1) as thread:
        eraser = elsewhere()
        with eraser.transaction():
            eraser.execute("SELECT analytics_erase_person(%s, %s, %s, %s)", [uuid4(), [SOMEBODY], FOR_GOOD, NOW])
            writing = thread.submit(writer.write, of(feature(1)))
            waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'analytics_lock_rows'::regclass"
            with psycopg.connect(conninfo(), autocommit=True) as watching:
                wait_until("the writer waits", lambda: watching.execute(waiting).fetchone())
        counts = writing.result(30)

    assert counts[ERASED] == 1
    assert rows_stored() == 0


def asks(secret: bytes = SECRET) -> Span:
    return span({**ERASURE, "user.id": str(commitment(secret)), "erasure.secret": secret.hex()})


def test_a_processor_that_carries_out_no_requests_has_them_sent_again(client: Client) -> None:
    error = client.refusal(asks())

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert tally() == {}


def test_a_request_that_the_database_cannot_take_is_sent_again_and_then_counted_once(
    start: Start, clients: Callable[..., Client]
) -> None:
    fails = [OperationalError("no database")]

    def erase(asked: ErasureRequest) -> bool:
        if fails:
            raise fails.pop()
        return erase_received(asked)

    client, same = clients(start(erase=erase).port), asks()
    assert client.refusal(same).code() is grpc.StatusCode.UNAVAILABLE
    client.export(same)
    client.export(same)

    assert tally() == {("stored", "erasure"): 1, ("duplicate", "erasure"): 1}


def test_whoever_has_only_read_rows_erases_nobody(start: Start, clients: Callable[..., Client], writer: Writer) -> None:
    theirs = commitment(SECRET)
    writer.write(of(feature(1, person=theirs)))
    client = clients(start(erase=erase_received).port)

    guesses: list[Value] = [None, str(theirs), theirs.hex * 2, os.urandom(32).hex()]
    spans = [span({**ERASURE, "erasure.secret": guess}) for guess in guesses]

    assert client.export(*spans).partial_success.error_message == "bad_secret: 4"
    assert rows_stored() == 1 and not Erasure.objects.exists() and not Tombstone.objects.exists()
    client.export(asks())
    assert rows_stored() == 0 and Tombstone.objects.get().user_id == theirs


def test_a_replayed_request_deletes_nothing_of_a_person_who_goes_on(
    start: Start, clients: Callable[..., Client], writer: Writer
) -> None:
    """Who has caught one on its way has the secret of a pseudonym that nobody has any more."""
    client = clients(start(erase=erase_received).port)
    client.export(asks())
    writer.write(of(feature(1, person=commitment(b"the person's next secret"))))

    client.export(asks())

    assert rows_stored() == 1


def test_many_at_once_are_carried_out_a_few_at_a_time_until_all_are_done(
    start: Start, clients: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Collector may bring them together. None is lost, and none is answered before all are done."""
    monkeypatch.setattr(here, "REST", 0)
    client = clients(start(erase=erase_received).port)
    spans = [asks(bytes([number]) * 32) for number in range(20)]

    for done in (8, 16):
        assert client.refusal(*spans).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert Tombstone.objects.count() == done and tally() == {}
    client.export(*spans)

    assert Tombstone.objects.count() == 20
    assert sum(tally().values()) == 20


def test_a_flood_of_them_leaves_threads_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come, a few wait and the others are to come again at once."""
    turns, may_end, inside = here._Turns(), threading.Event(), threading.Barrier(2)

    def one() -> bool:
        try:
            with turns.one():
                inside.wait(60)
                may_end.wait(60)
        except Busy:
            return False
        return True

    monkeypatch.setattr(here, "PATIENCE_SECONDS", 0.0)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(one)
        inside.wait(60)
        assert [threads.submit(one).result(60) for _ in range(20)] == [False] * 20
        may_end.set()
        assert first.result(60)


def test_after_each_there_is_a_rest_of_nine_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    now = iter([100.0, 100.0, 100.05, 100.05, 101.0, 101.02])
    monkeypatch.setattr(here, "time", SimpleNamespace(monotonic=lambda: next(now), sleep=slept.append))
    turns = here._Turns()
    for _ in range(2):
        with turns.one():
            pass
    assert slept == [0.0, pytest.approx(0.45)]
