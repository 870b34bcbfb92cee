"""Names of spans and attributes, shared by sender and processor (OpenTelemetry semantic conventions for HTTP)."""

from enum import StrEnum


class Category(StrEnum):
    """Value of `event.category`, which selects the table of a span."""

    USER_ACTIVITY = "user_activity"
    ENDPOINT_USAGE = "endpoint_usage"
    FEATURE_USAGE = "feature_usage"


SPAN_NAMES = {
    Category.USER_ACTIVITY: "user.activity",
    Category.ENDPOINT_USAGE: "endpoint.usage",
    Category.FEATURE_USAGE: "feature.usage",
}

# Every pseudonym is a UUID of this version (`identity`), so that no account's key, which is none, is taken for one.
PSEUDONYM_VERSION = 8

# Resource
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
DEPLOYMENT_TYPE = "deployment.type"
LONGEST_RELEASE = 32  # `declared.RELEASE` is its form

# Every span; the names of an event's own attributes are in `events`
EVENT_CATEGORY = "event.category"
USER_ID = "user.id"
ORGANIZATION_ID = "organization.id"
SESSION_ID = "session.id"
METADATA_PREFIX = "metadata."
# Milliseconds, from older Rhesis clients; others measure with the span's times
LEGACY_DURATION_MS = "duration_ms"

OTHER_SIGN_IN_METHOD = "other"
# Route of a request that no URL pattern matched; its path is never sent.
UNMATCHED_ROUTE = "unmatched"
# Stored instead of a route in an unknown notation.
UNRECOGNISED_ROUTE = "{unrecognised}"
# Name of an unknown method in the semantic conventions.
OTHER_METHOD = "_OTHER"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

# Status of a request that ended in an exception without a response; counted as an error.
UNKNOWN_STATUS = 0

# Largest integer that is exact in JSON and JavaScript.
LARGEST_INTEGER = 2**53 - 1

# Event type of a request to delete that is sent to the server with the rows.
ERASURE_REQUESTED = "erasure_requested"
# What opens its pseudonym, 64 hex digits.
ERASURE_SECRET = "erasure.secret"  # noqa: S105  a name
# A person's voucher on a span, see `voucher`; verified, never stored.
VOUCHER = "telemetry.voucher"
# `event.category` of the doctor's test span. Its trace id is the key of a DoctorSpan; it has no other attribute.
DOCTOR_SPAN = "doctor_span"
