"""From a recorded span to one that may leave: the catalogue's allow-list only, pseudonyms instead of ids.

Built anew rather than scrubbed: what is not copied here cannot leak, whatever a source put on its span.
"""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind

from analytics import vocabulary as words
from analytics.catalogue import current_catalogue
from analytics.collect.records import RecordedSpan
from analytics.conf import conf
from analytics.identity import Kind, pseudonym
from analytics.routes import IsQuery, canonical
from analytics.vocabulary import Category

VERSION = "0.1.0"
SCOPE = InstrumentationScope("rhesis.telemetry", VERSION)
REQUEST = "request"  # the one endpoint_usage entry of the catalogue

Attributes = dict[str, str | int | float | bool]


def resource() -> Resource:
    """Only our own three attributes: OTEL_RESOURCE_ATTRIBUTES and detectors may name hosts and people."""
    return Resource(
        {
            words.SERVICE_NAME: conf.service_name,
            words.SERVICE_VERSION: VERSION,
            words.DEPLOYMENT_TYPE: conf.deployment_type.value,
        }
    )


def clean_span(recorded: RecordedSpan, of: Resource) -> ReadableSpan:
    """The span that goes on the wire. Raises AnalyticsError for what the catalogue does not declare."""
    subject = recorded.subject
    attributes: Attributes = {
        words.EVENT_CATEGORY: recorded.category.value,
        words.USER_ID: str(pseudonym(Kind.USER, subject.user_id)),
    }
    if subject.organization_id is not None:
        attributes[words.ORGANIZATION_ID] = str(pseudonym(Kind.ORGANIZATION, subject.organization_id))
    kind = SpanKind.INTERNAL
    match recorded.category:
        case Category.USER_ACTIVITY:
            event_type, session_key = recorded.what
            event = current_catalogue().event(recorded.category, event_type)
            # Whose it is stands together, where the processor looks for it first.
            if session_key is not None:
                attributes[words.SESSION_ID] = str(pseudonym(Kind.SESSION, session_key))
            attributes[words.EVENT_TYPE] = event_type
        case Category.FEATURE_USAGE:
            feature, action = recorded.what
            event = current_catalogue().event(recorded.category, feature, action)
            attributes[words.FEATURE_NAME] = feature
            attributes[words.FEATURE_ACTION] = action
        case Category.ENDPOINT_USAGE:
            method, route, status_code = recorded.what
            event = current_catalogue().event(recorded.category, REQUEST)
            attributes[words.HTTP_METHOD] = method if method in words.KNOWN_METHODS else words.OTHER_METHOD
            attributes[words.HTTP_ROUTE] = _route(route)
            attributes[words.HTTP_STATUS_CODE] = status_code
            kind = SpanKind.SERVER
    for key, value in recorded.metadata.items():
        attributes[words.METADATA_PREFIX + key] = event.field(key).checked(value)
    return ReadableSpan(
        recorded.name,
        context=recorded.context,
        resource=of,
        attributes=attributes,
        kind=kind,
        start_time=recorded.start_time,
        end_time=recorded.end_time,
        instrumentation_scope=SCOPE,
    )


def _route(pattern: str) -> str:
    """The grammar's route of a URL pattern of this site."""
    try:
        return canonical(pattern, trusted=True, declared=current_catalogue().route_words).pattern
    except IsQuery:
        return words.UNRECOGNISED_ROUTE
