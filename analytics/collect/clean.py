"""Builds the span to send from a recorded span: declared attributes only, pseudonyms instead of ids.

It builds a new span instead of filtering: what is not copied here cannot leak, whatever the source's span contains.
"""

from dataclasses import replace
from uuid import UUID

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from analytics import vocabulary
from analytics.catalogue import FieldType, current_catalogue
from analytics.collect.records import RecordedSpan
from analytics.conf import conf
from analytics.events import Request, Scalar, known_method
from analytics.identity import Kind, pseudonym
from analytics.routes import IsQuery, canonical
from analytics.voucher import voucher_of_own_span

VERSION = "0.1.0"
SCOPE = InstrumentationScope("rhesis.telemetry", VERSION)


def resource() -> Resource:
    """Resource with our attributes only: OTEL_RESOURCE_ATTRIBUTES and detectors may name hosts and people."""
    attributes = {vocabulary.SERVICE_NAME: conf.service_name, vocabulary.DEPLOYMENT_TYPE: conf.deployment_type.value}
    if conf.service_version:
        attributes[vocabulary.SERVICE_VERSION] = conf.service_version
    return Resource(attributes)


def clean_span(recorded: RecordedSpan, of: Resource, salt: UUID) -> ReadableSpan:
    """The span to send. `salt` is the person's. Raises AnalyticsError for anything undeclared."""
    subject, event = recorded.subject, recorded.event
    if isinstance(event, Request):
        event = replace(event, method=known_method(event.method), route=_route(event.route))
    declared = current_catalogue().current_declaration(*event.key)
    person = pseudonym(Kind.USER, subject.user_id, salt)
    attributes: dict[str, Scalar] = {
        vocabulary.EVENT_CATEGORY: event.category.value,
        vocabulary.USER_ID: str(person),
    }
    if (vouched := voucher_of_own_span(person, recorded.start_time or 0)) is not None:
        attributes[vocabulary.VOUCHER] = vouched
    if subject.organization_id is not None:
        attributes[vocabulary.ORGANIZATION_ID] = str(pseudonym(Kind.ORGANIZATION, subject.organization_id))
    if recorded.session_key is not None:
        attributes[vocabulary.SESSION_ID] = str(pseudonym(Kind.SESSION, recorded.session_key, salt))
    attributes |= event.attributes()
    for key, value in recorded.metadata.items():
        field = declared.field(key)
        if field.type is FieldType.PSEUDONYM:
            value = str(pseudonym(Kind.METADATA, f"{key}\0{value}", salt))  # noqa: PLW2901  an id until here
        attributes[vocabulary.METADATA_PREFIX + key] = field.checked(value)
    return ReadableSpan(
        recorded.name,
        context=recorded.context,
        resource=of,
        attributes=attributes,
        kind=event.span_kind,
        start_time=recorded.start_time,
        end_time=recorded.end_time,
        instrumentation_scope=SCOPE,
    )


def _route(pattern: str) -> str:
    """Normalized route of one of this site's URL patterns."""
    try:
        return canonical(pattern, trusted=True, declared=current_catalogue().route_words).pattern
    except IsQuery:
        return vocabulary.UNRECOGNISED_ROUTE
