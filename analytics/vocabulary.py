"""Names on the wire, shared by both ends (design, section 5; OpenTelemetry semantic conventions for HTTP)."""

from enum import StrEnum


class Category(StrEnum):
    """Value of `event.category`; decides the table a span goes to."""

    USER_ACTIVITY = "user_activity"
    ENDPOINT_USAGE = "endpoint_usage"
    FEATURE_USAGE = "feature_usage"


SPAN_NAMES = {
    Category.USER_ACTIVITY: "user.activity",
    Category.ENDPOINT_USAGE: "endpoint.usage",
    Category.FEATURE_USAGE: "feature.usage",
}

# Resource
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
DEPLOYMENT_TYPE = "deployment.type"

# Every span
EVENT_CATEGORY = "event.category"
USER_ID = "user.id"
ORGANIZATION_ID = "organization.id"
METADATA_PREFIX = "metadata."

# user.activity
EVENT_TYPE = "event.type"
SESSION_ID = "session.id"

# endpoint.usage
HTTP_METHOD = "http.request.method"
HTTP_ROUTE = "http.route"
HTTP_STATUS_CODE = "http.response.status_code"

# feature.usage
FEATURE_NAME = "feature.name"
FEATURE_ACTION = "feature.action"

# What older Rhesis clients send instead
LEGACY_HTTP_METHOD = "http.method"
LEGACY_HTTP_STATUS_CODE = "http.status_code"
LEGACY_DURATION_MS = "duration_ms"

# Whose a span is; of these there are many different ones, of everything else few.
IDENTITIES = frozenset({USER_ID, ORGANIZATION_ID, SESSION_ID})
# Every other name that a span's attribute may have, besides those that begin with METADATA_PREFIX.
WORDS = frozenset(
    {
        EVENT_CATEGORY,
        EVENT_TYPE,
        HTTP_METHOD,
        HTTP_ROUTE,
        HTTP_STATUS_CODE,
        FEATURE_NAME,
        FEATURE_ACTION,
        LEGACY_HTTP_METHOD,
        LEGACY_HTTP_STATUS_CODE,
        LEGACY_DURATION_MS,
    }
)

# A request that no URL pattern matched; its path is never sent.
OTHER_SIGN_IN_METHOD = "other"
UNMATCHED_ROUTE = "unmatched"
# A route in no notation that is known; it is never stored as text.
UNRECOGNISED_ROUTE = "{unrecognised}"
# Semantic conventions' name for a method outside the known ones.
OTHER_METHOD = "_OTHER"
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})

# Status of a request that ended in an exception before it had one; counted as an error.
UNKNOWN_STATUS = 0

# The largest integer that JSON readers, JavaScript among them, hold exactly.
LARGEST_INTEGER = 2**53 - 1

# The request to delete, travelling as an event to where the rows live (design, section 7).
ERASURE_REQUESTED = "erasure_requested"
