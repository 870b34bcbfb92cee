"""What became of each span of a request: a row, an erasure, or a rejection with a reason from a short list."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from analytics.vocabulary import Category

Row = tuple[Any, ...]

TABLES = {
    Category.USER_ACTIVITY: "analytics_user_activity",
    Category.ENDPOINT_USAGE: "analytics_endpoint_usage",
    Category.FEATURE_USAGE: "analytics_feature_usage",
}
# The first three columns are the same everywhere: who writes asks rows for their key and their person.
SHARED_COLUMNS = (
    ("timestamp", "timestamptz"),
    ("id", "uuid"),
    ("user_id", "uuid"),
    ("organization_id", "uuid"),
    ("deployment_type", "varchar"),
    ("metadata", "jsonb"),
)
COLUMNS = {
    Category.USER_ACTIVITY: (*SHARED_COLUMNS, ("event_type", "varchar"), ("session_id", "varchar")),
    Category.ENDPOINT_USAGE: (
        *SHARED_COLUMNS,
        ("endpoint", "varchar"),
        ("method", "varchar"),
        ("status_code", "int4"),
        ("duration_ms", "float8"),
    ),
    Category.FEATURE_USAGE: (*SHARED_COLUMNS, ("feature_name", "varchar"), ("action", "varchar")),
}
TIMESTAMP, ID, USER = 0, 1, 2


class Reason(StrEnum):
    """Why a span is not stored. docs/ingest.md lists them with what to do."""

    NOT_TELEMETRY = "not_telemetry"  # no category and no user: somebody else's span
    BAD_SPAN_ID = "bad_span_id"  # trace or span id of the wrong length, or all zero
    BAD_USER = "bad_user"  # user.id missing or no pseudonym
    BAD_ORGANIZATION = "bad_organization"
    BAD_SESSION = "bad_session"
    BAD_DEPLOYMENT = "bad_deployment"  # deployment.type is none of cloud, self_hosted
    BAD_TIMESTAMP = "bad_timestamp"  # zero, or the end before the start
    IN_FUTURE = "in_future"  # more than ten minutes ahead of the processor's clock
    TOO_OLD = "too_old"  # older than raw rows are kept
    UNDECLARED = "undeclared"  # event, feature, action or metadata key that the catalogue does not have
    BAD_METADATA = "bad_metadata"  # a value that does not fit its declaration
    BAD_HTTP = "bad_http"  # route, method, status or duration unusable
    TOO_LARGE = "too_large"  # more attributes than any of ours has
    ERASED = "erased"  # the person has asked for deletion since


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """A request to delete that came as an event: its id is the span's, so that a repeated one is the same."""

    id: UUID
    user_id: UUID
    requested_at: datetime


@dataclass(slots=True)
class Verdicts:
    """Of one request. received = number of rows + erasures + rejected, always."""

    received: int = 0
    rows: dict[Category, list[Row]] = field(default_factory=lambda: {category: [] for category in Category})
    erasures: list[ErasureRequest] = field(default_factory=list)
    rejected: Counter[Reason] = field(default_factory=Counter)
