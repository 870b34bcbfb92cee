"""The stored rows and the tallies, to read. Nothing here can be added, changed or deleted, by superusers either."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from analytics.models import EndpointUsage, Erasure, ExportTally, FeatureUsage, IngestTally, UserActivity

COUNT_AT_MOST = 10_000


class BoundedPaginator(Paginator[Any]):
    """Counts to ten thousand and no further: counting millions of rows would make every page slow."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return len(rows.values_list("pk")[:COUNT_AT_MOST])


class ReadOnly(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class UsageAdmin(ReadOnly):
    """Rows of one of the three tables. People are pseudonyms, and nothing here leads from one to a person."""

    date_hierarchy = "timestamp"
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    search_fields = ("user_id",)
    search_help_text = "A pseudonym (UUID) of a person, an organization or a row"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Whole pseudonyms only: a part of one says nothing, and finding it would read the whole table."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return queryset.none(), False
        return queryset.filter(user_id=wanted) | queryset.filter(organization_id=wanted) | queryset.filter(
            id=wanted
        ), False


@admin.register(UserActivity)
class UserActivityAdmin(UsageAdmin):
    list_display = ("timestamp", "event_type", "user_id", "session_id", "deployment_type")
    list_filter = ("event_type", "deployment_type")


@admin.register(EndpointUsage)
class EndpointUsageAdmin(UsageAdmin):
    list_display = ("timestamp", "method", "endpoint", "status_code", "milliseconds", "user_id", "deployment_type")
    list_filter = ("method", "status_code", "deployment_type")

    @admin.display(description="Milliseconds", ordering="duration_ms")
    def milliseconds(self, row: EndpointUsage) -> str:
        return f"{row.duration_ms:.1f}"


@admin.register(FeatureUsage)
class FeatureUsageAdmin(UsageAdmin):
    list_display = ("timestamp", "feature_name", "action", "user_id", "deployment_type")
    list_filter = ("feature_name", "action", "deployment_type")


@admin.register(ExportTally)
class ExportTallyAdmin(ReadOnly):
    list_display = ("day", "outcome", "reason", "spans")
    list_filter = ("outcome", "reason")
    date_hierarchy = "day"
    ordering = ("-day", "outcome", "reason")


@admin.register(IngestTally)
class IngestTallyAdmin(ReadOnly):
    list_display = ("day", "slot", "outcome", "reason", "spans")
    list_filter = ("outcome", "reason")
    date_hierarchy = "day"
    ordering = ("-day", "slot", "outcome", "reason")


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    list_display = ("requested_at", "completed_at", "user_id", "rows_deleted")
    list_filter = (("completed_at", admin.EmptyFieldListFilter),)
    date_hierarchy = "requested_at"
    search_fields = ("=user_id", "=id")
