"""A request to delete, travelling to where the rows live.

It is the one event that is sent without consent to sharing: the person asked for it, and nothing but their pseudonym
and the moment goes with it. A pseudonym only its own installation can compute is the proof.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from opentelemetry.sdk.trace import ReadableSpan

from analytics import vocabulary as words
from analytics.collect.attempts import Permitted, Sender
from analytics.collect.clean import SCOPE, resource
from analytics.collect.pipeline import make_transport
from analytics.collect.records import new_context
from analytics.collect.transport.answers import Fate
from analytics.conf import conf
from analytics.vocabulary import SPAN_NAMES, Category
from privacy.clock import unix_ns
from privacy.switches import current_switches


class _Request:
    """The batch of one event. Its gate is the installation's switches alone: an operator's "off" holds for it too."""

    def __init__(self, span: ReadableSpan) -> None:
        self._span = span

    def anything_left(self) -> bool:
        return current_switches().allow

    @contextmanager
    def permitted(self) -> Iterator[Permitted]:
        yield Permitted([self._span] if current_switches().allow else [], lambda: float("inf"))


def send_erasure_request(pseudonym: UUID, requested_at: datetime) -> bool:
    """Send it now, waiting five seconds at most. Whether it was acknowledged; if not, ask again later."""
    moment_ns = unix_ns(requested_at)
    span = ReadableSpan(
        SPAN_NAMES[Category.USER_ACTIVITY],
        context=new_context(),
        resource=resource(),
        attributes={
            words.EVENT_CATEGORY: Category.USER_ACTIVITY.value,
            words.EVENT_TYPE: words.ERASURE_REQUESTED,
            words.USER_ID: str(pseudonym),
        },
        start_time=moment_ns,
        end_time=moment_ns,
        instrumentation_scope=SCOPE,
    )
    answer = Sender(make_transport).send(_Request(span), seconds=conf.export_timeout_seconds)
    return answer is not None and answer.fate is Fate.TAKEN and not answer.rejected
