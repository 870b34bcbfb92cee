"""Collectors that fail in every way they can, at every moment in which a person could withdraw.

Two people's spans are in one batch; one of them switches off by the API while it is being sent. No attempt with a span
of theirs begins once that was answered, and no byte of one reaches the collector. The other's go on.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections
from django.test import override_settings
from grpc import StatusCode
from opentelemetry.sdk.trace import ReadableSpan

from accounts.models import User
from analytics import telemetry_for, track_feature_usage
from analytics.collect import pipeline
from analytics.collect.relay import forward
from analytics.collect.transport import Send, StillPermitted, Transport
from analytics.collect.transport.answers import Answer
from analytics.erasure.elsewhere import send_erasure_request
from analytics.models import ExportTally
from privacy import choices
from privacy.models import Source
from tests.acceptance.product import wait_until
from tests.analytics.collect.relay.conftest import Browser, body, page_view
from tests.support import collectors as c
from tests.support.clock import Clock
from tests.support.people import alias_of, someone_who_shares
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 0.4  # for one batch at a collector that hangs
NOON = "Fri, 01 May 2026 12:00:00 GMT"


def then(behave: c.Behaviour, *, reads_body: bool = True) -> Callable[..., AbstractContextManager[c.Taken]]:
    """A collector that behaves so twice, and takes what comes after."""
    return lambda hook: c.http_collector(
        _hooked(behave, hook), _hooked(behave, hook), c.answers(), reads_body=reads_body
    )


def then_call(call: c.Call) -> Callable[..., AbstractContextManager[c.Taken]]:
    return lambda hook: c.grpc_collector(_hooked(call, hook), _hooked(call, hook), c.accepts())


def _hooked(behave: Callable[[Any, c.Taken], Any], hook: Callable[[], object]) -> Callable[[Any, c.Taken], Any]:
    def hooked(of: Any, taken: c.Taken) -> Any:
        hook()
        return behave(of, taken)

    return hooked


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
COLLECTORS: dict[str, tuple[str, Callable[..., AbstractContextManager[c.Taken]]]] = {
    "takes it": ("http/protobuf", then(c.answers())),
    "503": ("http/protobuf", then(c.answers(503))),
    "503, seconds": ("http/protobuf", then(c.answers(503, Retry_After="2"))),
    "503, a date": ("http/protobuf", then(c.answers(503, Retry_After="Fri, 01 May 2026 12:00:02 GMT", Date=NOON))),
    "429": ("http/protobuf", then(c.answers(429))),
    "400": ("http/protobuf", then(c.answers(400))),
    "a redirect": ("http/protobuf", then(c.answers(307, Location="/elsewhere"))),
    "partial success": ("http/protobuf", then(c.answers(200, c.partial_success(1)))),
    "resets before the body": ("http/protobuf", then(c.resets, reads_body=False)),
    "resets after the body": ("http/protobuf", then(c.resets)),
    "half an answer": ("http/protobuf", then(c.says(HALF))),
    "nonsense": ("http/protobuf", then(c.says(b"WHAT?\r\n"))),
    "a page": ("http/protobuf", then(c.answers(200, b"<html>", Content_Type="text/html"))),
    "hangs": ("http/protobuf", then(c.hangs)),
    "dribbles": ("http/protobuf", then(c.dribbles)),
    "grpc": ("grpc", then_call(c.accepts())),
    "grpc unavailable": ("grpc", then_call(c.fails(StatusCode.UNAVAILABLE))),
    "grpc unavailable until": ("grpc", then_call(c.fails(StatusCode.UNAVAILABLE, retry_seconds=1.5))),
    "grpc exhausted until": ("grpc", then_call(c.fails(StatusCode.RESOURCE_EXHAUSTED, retry_seconds=1.5))),
    "grpc exhausted": ("grpc", then_call(c.fails(StatusCode.RESOURCE_EXHAUSTED))),
    "grpc aborts": ("grpc", then_call(c.fails(StatusCode.ABORTED))),
    "grpc nonsense": ("grpc", then_call(c.accepts(b"\xff\xff"))),
    "grpc hangs": ("grpc", then_call(c.waits)),
}
ENDLESS = {"hangs", "dribbles", "grpc hangs"}
# The first of these that comes withdraws; "waiting" is between two attempts, "answering" is at the collector.
MOMENTS = ["queued", "connecting", "connected", "permitted", "answering", "waiting"]


@dataclass
class Story:
    """What happened, in its order: ("sends", pseudonyms) for each attempt about to begin, and ("answered", ())."""

    person: User
    moment: str
    pool: ThreadPoolExecutor
    happened: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    withdrawal: "Future[None] | None" = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def comes(self, moment: str) -> None:
        """Withdraw at this moment, if it is the one: to the end if nothing is under way, else until it waits."""
        with self.lock:
            if moment != self.moment or self.withdrawal is not None:
                return
            self.withdrawal = self.pool.submit(self._withdraw)
        if moment in {"permitted", "answering"}:
            wait_until("the withdrawal to wait for the attempt", _a_withdrawal_waits)
        else:
            self.withdrawal.result(60)
        if threading.current_thread() is not threading.main_thread():
            connections.close_all()

    def _withdraw(self) -> None:
        try:
            choices.choose(self.person.pk, enabled=False, source=Source.API, actor_id=self.person.pk)
            self.happened.append(("answered", ()))
        finally:
            connections.close_all()

    def sends(self, spans: Sequence[ReadableSpan]) -> None:
        self.happened.append(("sends", tuple(str((span.attributes or {})["user.id"]) for span in spans)))

    def holds(self, taken: c.Taken) -> None:
        """No attempt with a span of the person's after the answer, and on the wire nothing but what attempts sent."""
        theirs = str(alias_of(self.person))
        names = [name for name, _ in self.happened]
        answered = names.index("answered") if "answered" in names else len(names)
        assert all(theirs not in people for _, people in self.happened[answered:]), self.happened
        attempts = sum(people.count(theirs) for _, people in self.happened)
        assert taken.people().count(theirs) <= attempts


def _a_withdrawal_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'")
        return bool(cursor.fetchone()[0])


@dataclass
class Watched:
    """The real transport, and the moments that it goes through."""

    inner: Transport
    story: Story

    @contextmanager
    def connected(self, deadline: float) -> Iterator[Send]:
        self.story.comes("connecting")
        with self.inner.connected(deadline) as send:
            self.story.comes("connected")

            def watched(spans: Sequence[ReadableSpan], still_permitted: StillPermitted) -> Answer:
                self.story.comes("permitted")

                def still() -> float:
                    until = still_permitted()
                    self.story.sends(spans)
                    return until

                return send(spans, still)

            yield watched

    def abort(self) -> None:
        self.inner.abort()


def _watched(story: Story) -> Watched:
    return Watched(pipeline.make_transport(), story)


def tally() -> dict[tuple[str, str], int]:
    return {(line.outcome, line.reason): line.spans for line in ExportTally.objects.all()}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as found:
        yield found


@pytest.mark.parametrize("name", COLLECTORS)
def test_of_the_exporter(name: str, clock: Clock, pool: ThreadPoolExecutor) -> None:
    for moment in MOMENTS:
        story = Story(someone_who_shares(), moment, pool)
        ExportTally.objects.all().delete()
        with at_a_collector(name, story) as taken:
            _export(name, story, clock)
            story.holds(taken)
        assert sum(tally().values()) == 3, "recorded = sent + withheld + dropped + failed"
        if moment == "queued":
            assert story.happened[0] == ("answered", ()) and tally()["withheld", "choice"] == 2
        elif moment in {"permitted", "answering"} and story.withdrawal is not None:
            assert story.happened.index(("answered", ())) > 0, "it was answered after the attempt it waited for"


def _export(name: str, story: Story, clock: Clock) -> None:
    clock.meanwhile = lambda: story.comes("waiting")
    patience = PATIENCE_SECONDS if name in ENDLESS else 5.0
    with pipeline.replaced(partial(_watched, story), timeout_seconds=patience) as running:
        for person in (story.person, someone_who_shares(), story.person):
            with telemetry_for(person):
                track_feature_usage("test_run", "created", test_count=1)
        story.comes("queued")
        running.flush()
        if story.withdrawal is not None:
            story.withdrawal.result(60)


@pytest.mark.parametrize("name", [name for name in COLLECTORS if name not in ENDLESS])
def test_of_the_browsers_relay(name: str, clock: Clock, pool: ThreadPoolExecutor) -> None:
    """Of a collector that hangs, the exporter's test shows the same attempt in less time."""
    for moment in ("connecting", "connected", "permitted", "answering"):
        story = Story(someone_who_shares(), moment, pool)
        with (
            at_a_collector(name, story) as taken,
            override_settings(NEXT_PUBLIC_OTEL_ENDPOINT="/v1/traces"),
            forward.replaced(partial(_watched, story)),
        ):
            browser = Browser(story.person)
            assert browser.post(body(page_view(), page_view())).status_code in {200, 503}
            assert story.withdrawal is not None
            story.withdrawal.result(60)
            clock.skipped += 600
            assert browser.post(body(page_view())).status_code == 403
            story.holds(taken)
    assert clock.waits == [], "nobody waits in a request"


@pytest.mark.parametrize("name", [name for name in COLLECTORS if name not in ENDLESS])
def test_of_requests_to_delete(name: str, clock: Clock) -> None:
    """They are sent whoever consents; what can be withdrawn is the operator's leave to send at all."""
    off = override_settings(DO_NOT_TRACK="1")
    clock.meanwhile = off.enable
    with at_a_collector(name, None) as taken:
        acknowledged = send_erasure_request([b"a secret"], datetime.now(UTC))
        waited = clock.meanwhile is None
        if waited:
            off.disable()
    assert len(taken.heads) == 1, "no second attempt was made after the switch"
    assert acknowledged is (name in {"takes it", "grpc"})
    assert not (acknowledged and waited)


@contextmanager
def at_a_collector(name: str, story: Story | None) -> Iterator[c.Taken]:
    protocol, collector = COLLECTORS[name]
    with collector(lambda: story and story.comes("answering")) as taken:
        settings = {**TELEMETRY_ON, "OTEL_EXPORTER_OTLP_ENDPOINT": taken.url, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
        with override_settings(**settings):
            yield taken
