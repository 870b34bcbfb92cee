"""Send requests to delete to where the rows are stored, until each is acknowledged.

A request travels as an event. It is the one event that is sent without consent to sharing: the person asked for it, and
nothing but their pseudonym and the moment goes with it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from uuid import UUID

from django.db import connections, transaction
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan

from analytics import vocabulary
from analytics.collect.attempts import Permitted, Sender
from analytics.collect.clean import SCOPE, resource
from analytics.collect.pipeline import make_transport
from analytics.collect.records import new_context
from analytics.collect.transport.answers import Fate
from analytics.conf import conf
from analytics.erasure.here import Request
from analytics.erasure.receipts import receipt
from analytics.events import Activity
from analytics.models import Erasure
from privacy.clock import unix_ns
from privacy.switches import current_switches
from privacy.telemetry import Receipt


def ask(pseudonym: UUID, *, request_id: UUID, send_now: bool, requested_at: datetime | None = None) -> Receipt:
    """Note a request, pending until it is acknowledged. `send_now` tries once, in a thread, after the commit.

    The person need not wait for a far collector; a later `send_pending` does what this attempt does not achieve.
    """
    erasure = Erasure.objects.create(id=request_id, user_id=pseudonym, requested_at=requested_at or timezone.now())
    if send_now and current_switches().allow:
        sending = Thread(target=_try_to_send, args=(erasure,), name="telemetry-erasure", daemon=True)
        transaction.on_commit(sending.start)
    return receipt(erasure, 0)


def ask_again(logged: Iterable[Request]) -> None:
    """Make every request pending again, those of the log as well that the table lacks."""
    Erasure.objects.update(completed_at=None)
    Erasure.objects.bulk_create(
        (Erasure(id=each.id, user_id=each.user_id, requested_at=each.requested_at) for each in logged),
        ignore_conflicts=True,
    )


def number_pending() -> int:
    """Number of requests that are not acknowledged."""
    return Erasure.objects.filter(completed_at=None).count()


def send_pending() -> tuple[int, int]:
    """Send every request that is not acknowledged, oldest first; how many are now, and how many still are not."""
    waiting = list(Erasure.objects.filter(completed_at=None).order_by("requested_at"))
    acknowledged = sum(_send(erasure) for erasure in waiting)
    return acknowledged, len(waiting) - acknowledged


def send_erasure_request(pseudonym: UUID, requested_at: datetime) -> bool:
    """Send one request now, within five seconds. Whether it was acknowledged; if not, send it again later."""
    event, moment_ns = Activity(vocabulary.ERASURE_REQUESTED), unix_ns(requested_at)
    span = ReadableSpan(
        event.span_name,
        context=new_context(),
        resource=resource(),
        attributes={
            vocabulary.EVENT_CATEGORY: event.category.value,
            **event.attributes(),
            vocabulary.USER_ID: str(pseudonym),
        },
        start_time=moment_ns,
        end_time=moment_ns,
        instrumentation_scope=SCOPE,
    )
    answer = Sender(make_transport).send(_Batch(span), seconds=conf.export_timeout_seconds)
    return answer is not None and answer.fate is Fate.TAKEN and not answer.rejected


class _Batch:
    """The batch of one request. Its gate is the installation's switches alone: an operator's "off" holds for it too."""

    def __init__(self, span: ReadableSpan) -> None:
        self._span = span

    def anything_left(self) -> bool:
        return current_switches().allow

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        yield Permitted([self._span] if current_switches().allow else [], lambda: float("inf"))


def _send(erasure: Erasure) -> bool:
    if not send_erasure_request(erasure.user_id, erasure.requested_at):
        return False
    Erasure.objects.filter(pk=erasure.pk, completed_at=None).update(completed_at=timezone.now())
    return True


def _try_to_send(erasure: Erasure) -> None:
    try:
        _send(erasure)
    finally:
        connections.close_all()
