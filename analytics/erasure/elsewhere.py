"""Send requests to delete to where the rows are stored, until each is acknowledged.

A request travels as an event. It is the one event that is sent without consent to sharing: the person asked for it, and
nothing but their pseudonym, the secret that opens it, and the moment goes with it. The secret proves that the request
comes from the installation that made the pseudonym.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Thread

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan

from analytics import vocabulary
from analytics.collect.attempts import Permitted, Sender
from analytics.collect.clean import SCOPE, resource
from analytics.collect.pipeline import make_transport
from analytics.collect.records import new_context
from analytics.collect.transport.answers import Fate
from analytics.conf import conf
from analytics.erasure.here import FOR_GOOD
from analytics.erasure.receipts import forget_whose, receipt_of
from analytics.events import Activity
from analytics.identity import commitment, pseudonyms_of, secrets_of
from analytics.models import Erasure, Tombstone
from privacy.clock import unix_ns
from privacy.models import PendingErasure
from privacy.outages import cause
from privacy.switches import current_switches
from privacy.telemetry import Receipt

logger = logging.getLogger(__name__)


def ask(pending: PendingErasure, *, send_now: bool) -> Receipt:
    """Record a request for sending. `send_now` tries once, in a thread, after the commit.

    The person need not wait for a far collector; what this attempt does not achieve, a later one does.
    """
    erasure, _ = Erasure.objects.get_or_create(pk=pending.id, defaults={"requested_at": pending.requested_at})
    if send_now and current_switches().allow:
        sending = Thread(target=_try_to_send, args=(pending,), name="telemetry-erasure", daemon=True)
        transaction.on_commit(sending.start)
    return receipt_of(erasure)


def send(pending: PendingErasure) -> bool:
    """Send a request now, within five seconds. Returns whether it was acknowledged; if so, its salt is deleted.

    Call `forget_whose` afterwards: until then the order of the tombstones says which request each is of.
    """
    if not send_erasure_request(secrets_of(pending.user_id, pending.salt), pending.requested_at):
        return False
    Tombstone.objects.bulk_create(
        [
            Tombstone(user_id=each, until=FOR_GOOD, erasure_id=pending.pk)
            for each in pseudonyms_of(pending.user_id, pending.salt)
        ],
        ignore_conflicts=True,
    )
    erasure, _ = Erasure.objects.get_or_create(pk=pending.id, defaults={"requested_at": pending.requested_at})
    Erasure.objects.filter(pk=erasure.pk, completed_at=None).update(completed_at=timezone.now())
    PendingErasure.objects.filter(pk=pending.pk).delete()
    return True


def send_erasure_request(secrets: Sequence[bytes], requested_at: datetime) -> bool:
    """Send the secrets of one person's pseudonyms now, within five seconds. Returns whether all were acknowledged."""
    event, moment_ns = Activity(vocabulary.ERASURE_REQUESTED), unix_ns(requested_at)
    spans = [
        ReadableSpan(
            event.span_name,
            context=new_context(),
            resource=resource(),
            attributes={
                vocabulary.EVENT_CATEGORY: event.category.value,
                **event.attributes(),
                vocabulary.USER_ID: str(commitment(secret)),
                vocabulary.ERASURE_SECRET: secret.hex(),
            },
            start_time=moment_ns,
            end_time=moment_ns,
            instrumentation_scope=SCOPE,
        )
        for secret in secrets
    ]
    answer = Sender(make_transport).send(_Batch(spans), seconds=conf.export_timeout_seconds)
    return answer is not None and answer.fate is Fate.TAKEN and not answer.rejected


class _Batch:
    """The batch of one request. Its gate is the installation's switches alone: an operator's "off" holds for it too."""

    def __init__(self, spans: Sequence[ReadableSpan]) -> None:
        self._spans = spans

    def anything_left(self) -> bool:
        return current_switches().allow

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        yield Permitted(self._spans if current_switches().allow else [], lambda: float("inf"))


def _try_to_send(pending: PendingErasure) -> None:
    try:
        if send(pending):
            forget_whose()
    except (DatabaseError, InterfaceError) as error:  # the request stays pending
        logger.warning("A deletion was not sent, and keep_telemetry will send it: %s", cause(error))
    finally:
        connections.close_all()
