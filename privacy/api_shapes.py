"""The answers of the person's API: each serializer makes its answer, and documents it in the OpenAPI schema."""

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from privacy import models, receipts
from privacy.models import Action, ConsentEvent, Source
from privacy.organizations import may_change
from privacy.people import Person
from privacy.telemetry import Receipt

# Default, smallest, largest.
PAGES = {"limit": (50, 1, 200), "offset": (0, 0, 1_000_000)}
ACTORS = ["you", "staff", "system"]
ORGANIZATION_OFF = "Sharing is off for everyone in your organization."
ORGANIZATION_LIFTED = "Each person in your organization decides about sharing."


class Shape(serializers.Serializer[Any]):
    """What one kind of answer has in it. A field that the answer has no value for is an error of ours."""

    @classmethod
    def answer(cls, instance: Any, *, status: int = 200, person: Person | None = None) -> Response:
        """`instance` has an attribute or a key for each field; anything else in it is not sent."""
        return Response(cls(instance, context={"person": person}).data, status=status)


class TelemetryStatus(Shape):
    telemetry_enabled = serializers.BooleanField()
    user_id = serializers.CharField()


class TelemetryChange(Shape):
    telemetry_enabled = serializers.BooleanField()
    message = serializers.CharField()


class TelemetryPreview(Shape):
    resourceSpans = serializers.ListField(child=serializers.DictField())  # noqa: N815  OTLP's name


class LedgerLine(Shape):
    """A line of the ledger as the person sees it: "you" or "staff", never which member of staff.

    Made of a ConsentEvent from `with_password_source()`; `person` of the context is whose ledger it is.
    """

    id = serializers.UUIDField()
    action = serializers.ChoiceField(Action.choices)
    description = serializers.SerializerMethodField()
    by = serializers.SerializerMethodField()
    source = serializers.ChoiceField(Source.choices)  # type: ignore[assignment]  # a field of this name, not its source
    source_description = serializers.CharField(source="get_source_display")
    notice_version = serializers.IntegerField(allow_null=True)
    recorded_at = serializers.DateTimeField()
    receipt = serializers.SerializerMethodField(help_text="Address of the signed receipt; null for what is no choice.")

    def get_receipt(self, event: ConsentEvent) -> str | None:
        return reverse("telemetry-receipt", args=[event.pk]) if event.action in receipts.CHOICES else None

    @extend_schema_field(serializers.ChoiceField(ACTORS))
    def get_by(self, event: ConsentEvent) -> str:
        if event.actor_id is None:
            return "system"
        return "you" if event.actor_id == self.context["person"].pk else "staff"

    def get_description(self, event: ConsentEvent) -> str:
        described = str(event.get_action_display())
        if event.action == Action.PASSWORD_SET:
            by = self.get_by(event)
            described = "You set a new password" if by == "you" else f"{by.title()} set your password"
        return f"{described}, signed in with a password set by staff" if event.password_known_to_staff else described


class TelemetryHistory(Shape):
    count = serializers.IntegerField()
    results = LedgerLine(many=True)


class TelemetryData(Shape):
    stored_here = serializers.BooleanField()
    count = serializers.IntegerField()
    count_by_table = serializers.DictField(child=serializers.IntegerField())
    results = serializers.ListField(
        child=serializers.DictField(), help_text="Rows: `table`, and the columns of that table."
    )
    next = serializers.CharField(allow_null=True)


class ErasureReceipt(Shape):
    """Made of a Receipt."""

    id = serializers.UUIDField()
    requested_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    rows_deleted = serializers.DictField(child=serializers.IntegerField())
    days_recomputed = serializers.IntegerField()
    recomputed_at = serializers.DateTimeField(allow_null=True)
    days_to_recompute = serializers.IntegerField()
    status = serializers.CharField()
    follow_at = serializers.SerializerMethodField()

    def get_follow_at(self, receipt: Receipt) -> str:
        return reverse("telemetry-erasures")


class TelemetryErasures(Shape):
    results = ErasureReceipt(many=True)


class OrganizationPolicy(Shape):
    """Made of an OrganizationPolicy; `person` of the context asks."""

    organization_id = serializers.CharField()
    sharing_off = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True)
    may_change = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()

    def get_may_change(self, policy: models.OrganizationPolicy) -> bool:
        return may_change(self.context["person"], policy)

    def get_message(self, policy: models.OrganizationPolicy) -> str:
        return ORGANIZATION_OFF if policy.sharing_off else ORGANIZATION_LIFTED


class Problem(Shape):
    """The body of an error, which DRF makes."""

    detail = serializers.CharField()


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
EVENT = OpenApiParameter("event", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Id of a line of the history.")
RECEIPT_ANSWERS: dict[Any, Any] = {(200, "application/ld+json"): OpenApiTypes.OBJECT, 404: Problem}
DATA_ANSWERS: dict[Any, Any] = {
    (200, "application/json"): TelemetryData,
    (200, "application/x-ndjson"): OpenApiTypes.STR,
}
