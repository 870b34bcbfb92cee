"""A request to delete, travelling to where the rows live.

It is the one event that is sent without consent to sharing: the person asked for it, and nothing but their pseudonym
and the moment goes with it. A pseudonym only its own installation can compute is the proof.
"""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from analytics import vocabulary as words
from analytics.collect.clean import SCOPE, resource
from analytics.collect.pipeline import wire_exporter
from analytics.collect.records import new_context
from analytics.vocabulary import SPAN_NAMES, Category
from privacy.switches import current_switches

logger = logging.getLogger(__name__)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def send_erasure_request(pseudonym: UUID, requested_at: datetime) -> bool:
    """Send it now, waiting five seconds at most. Whether it was acknowledged; if not, ask again later."""
    if not current_switches().allow:
        return False
    moment_ns = (requested_at - EPOCH) // timedelta(microseconds=1) * 1000
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
    wire = wire_exporter()
    try:
        return wire.export([span]) is SpanExportResult.SUCCESS
    except Exception as error:  # noqa: BLE001  whatever the transport raises, the request stays pending
        logger.warning("A request to delete could not be sent yet: %s", type(error).__name__)
        return False
    finally:
        wire.shutdown()
