"""The shapes of the person's API, for its OpenAPI schema. What the views answer is held to them by a test."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

from privacy.models import Action, Source

PROBLEM = inline_serializer("Problem", {"detail": serializers.CharField()})
# Default, smallest, largest.
PAGES = {"limit": (50, 1, 200), "offset": (0, 0, 1_000_000)}

STATUS = inline_serializer(
    "TelemetryStatus", {"telemetry_enabled": serializers.BooleanField(), "user_id": serializers.UUIDField()}
)
CHANGE = inline_serializer(
    "TelemetryChange", {"telemetry_enabled": serializers.BooleanField(), "message": serializers.CharField()}
)


def _whole(name: str, description: str) -> OpenApiParameter:
    default, smallest, largest = PAGES[name]
    schema: dict[str, Any] = {"type": "integer", "minimum": smallest, "maximum": largest, "default": default}
    return OpenApiParameter(name, schema, description=description)


LIMIT = _whole("limit", "How many.")
PAGE = [LIMIT, _whole("offset", "How many newer ones to pass over.")]
CURSOR = OpenApiParameter(
    "cursor",
    {"type": "string", "pattern": "^[0-9]{1,16}-[0-9a-f]{32}-[0-2]$"},
    description="Where the page before ended, as its `next` has it.",
)
FORMAT = OpenApiParameter(
    "format", str, enum=["json", "ndjson"], default="json", description="`ndjson`: everything, one row a line."
)
LEDGER_LINE = inline_serializer(
    "LedgerLine",
    {
        "id": serializers.UUIDField(),
        "action": serializers.ChoiceField(Action.choices),
        "description": serializers.CharField(),
        "by": serializers.ChoiceField(["you", "staff", "system"]),
        "source": serializers.ChoiceField(Source.choices),
        "source_description": serializers.CharField(),
        "notice_version": serializers.IntegerField(allow_null=True),
        "recorded_at": serializers.DateTimeField(),
    },
    many=True,
)
HISTORY = inline_serializer("TelemetryHistory", {"count": serializers.IntegerField(), "results": LEDGER_LINE})
DATA = inline_serializer(
    "TelemetryData",
    {
        "stored_here": serializers.BooleanField(),
        "count": serializers.IntegerField(),
        "count_by_table": serializers.DictField(child=serializers.IntegerField()),
        "results": serializers.ListField(child=serializers.DictField()),
        "next": serializers.CharField(allow_null=True),
    },
)
DATA_ANSWERS: dict[Any, Any] = {
    (200, "application/json"): DATA,
    (200, "application/x-ndjson"): OpenApiTypes.STR,
}


class ErasureReceipt(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    requested_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    rows_deleted = serializers.DictField(child=serializers.IntegerField())
    status = serializers.CharField()
    follow_at = serializers.CharField()


ERASURES = inline_serializer("TelemetryErasures", {"results": ErasureReceipt(many=True)})
PREVIEW = inline_serializer("TelemetryPreview", {"resourceSpans": serializers.ListField(child=serializers.DictField())})
