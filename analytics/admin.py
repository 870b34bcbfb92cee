"""Read-only admin pages of stored rows, counts and receipts. Superusers cannot change anything here either.

No page may link a row to a person. Ids, exact times and the moment at which a row appears would: other pages show what
a person did, and when. docs/audit.md has what staff could try, and why it fails.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import models
from django.db.models import QuerySet
from django.db.models.functions import MD5, Cast, Now, TruncDay
from django.http import HttpRequest
from django.utils.functional import cached_property

from analytics.catalogue import current_catalogue
from analytics.models import EndpointUsage, Erasure, ExportTally, FeatureUsage, IngestTally, Usage, UserActivity
from analytics.vocabulary import KNOWN_METHODS, OTHER_METHOD, Category
from privacy.recorded_admin import NothingByHand

COUNT_AT_MOST = 10_000
TALLY_LOOKUPS = ("outcome", "reason", "day__year", "day__month", "day__day")


class BoundedPaginator(Paginator[Any]):
    """Paginator that counts to COUNT_AT_MOST, because counting millions of rows would slow every page."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return len(rows.values_list("pk")[:COUNT_AT_MOST])


class ReadOnly(NothingByHand, admin.ModelAdmin[Any]):
    """Read-only rows. Addresses may contain only `lookups` and the filters'; others could query exact times."""

    actions = None
    lookups: ClassVar[tuple[str, ...]] = ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        of_filters = {
            f"{each}__exact" if isinstance(each, str) else getattr(each, "parameter_name", None)
            for each in self.list_filter or ()
        }
        return lookup in {*self.lookups, *of_filters}


class OneDay(ChangeList):
    """A list of the rows of one UTC day: the chosen one, or the newest. `day` is that day, None without rows.

    Rows are sorted by content, not by time, before they are divided into pages: a page's rows reveal no order of time.
    """

    day: date | None = None

    def get_results(self, request: HttpRequest) -> None:
        # The links to other days are made from the whole queryset.
        every = self.queryset
        newest = every.order_by("-timestamp").values_list("timestamp", flat=True).first()
        if newest is not None:
            self.day = newest.astimezone(UTC).date()
            start = datetime.combine(self.day, time(), UTC)
            columns = self.model_admin.sorted_by  # type: ignore[attr-defined]
            of_day = every.filter(timestamp__gte=start, timestamp__lt=start + timedelta(days=1))
            # Rows of equal content need some order, too, so that no page repeats one of another page.
            self.queryset = of_day.order_by(*columns, MD5(Cast("id", models.TextField())))
        super().get_results(request)
        self.queryset = every


class UsageAdmin(ReadOnly):
    """Content of the rows of one of the three tables, by day, without ids.

    Staff check here what is stored, not who did it. Rows appear once their UTC day is over, because a row that appears
    at the moment of a sign-in links the two. They have no ids, because the same pseudonym on many days, or one that
    vanishes at an erasure, leads to a person. They have no links, because a row's id contains its time.
    """

    date_hierarchy = "timestamp"
    lookups = ("timestamp__year", "timestamp__month", "timestamp__day")
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_display_links = None
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    sortable_by = ()
    readonly_fields = ("day",)
    sorted_by: ClassVar[tuple[str, ...]]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(timestamp__lt=TruncDay(Now(), tzinfo=UTC))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OneDay

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["day", *self.sorted_by]

    @admin.display(description="Day (UTC)")
    def day(self, row: Usage) -> str:
        return f"{row.timestamp:%Y-%m-%d}"


class Declared(admin.SimpleListFilter):
    """A filter with fixed values; reading them from the table would scan all of it."""

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, str]]:
        return [(value, value) for value in self.values()]

    def values(self) -> list[str]:
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.parameter_name or "": value})


class EventType(Declared):
    title, parameter_name = "event", "event_type"

    def values(self) -> list[str]:
        return [event.name for event in current_catalogue().of(Category.USER_ACTIVITY)]


class Feature(Declared):
    title, parameter_name = "feature", "feature_name"

    def values(self) -> list[str]:
        return [event.name for event in current_catalogue().of(Category.FEATURE_USAGE)]


class Action(Declared):
    title, parameter_name = "action", "action"

    def values(self) -> list[str]:
        return sorted({action for event in current_catalogue().events.values() for action in event.actions})


class Method(Declared):
    title, parameter_name = "method", "method"

    def values(self) -> list[str]:
        return [*sorted(KNOWN_METHODS), OTHER_METHOD]


class Status(Declared):
    title, parameter_name = "status", "status"

    def values(self) -> list[str]:
        return ["2xx", "3xx", "4xx", "5xx"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value not in self.values():
            return queryset
        first = int(value[0]) * 100
        return queryset.filter(status_code__gte=first, status_code__lt=first + 100)


@admin.register(UserActivity)
class UserActivityAdmin(UsageAdmin):
    list_display = ("day", "event_type", "deployment_type")
    sorted_by = ("event_type", "deployment_type")
    list_filter = (EventType, "deployment_type")


@admin.register(EndpointUsage)
class EndpointUsageAdmin(UsageAdmin):
    list_display = ("day", "method", "endpoint", "status_code", "milliseconds", "deployment_type")
    sorted_by = ("endpoint", "method", "status_code", "duration_ms", "deployment_type")
    list_filter = (Method, Status, "deployment_type")

    @admin.display(description="Milliseconds", ordering="duration_ms")
    def milliseconds(self, row: EndpointUsage) -> str:
        return f"{row.duration_ms:.1f}"


@admin.register(FeatureUsage)
class FeatureUsageAdmin(UsageAdmin):
    list_display = ("day", "feature_name", "action", "deployment_type")
    sorted_by = ("feature_name", "action", "deployment_type")
    list_filter = (Feature, Action, "deployment_type")


class ReasonOrNone(admin.AllValuesFieldListFilter):
    """Filter by reason. Successful outcomes have an empty reason, whose link needs a text."""

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "none"}


@admin.register(ExportTally)
class ExportTallyAdmin(ReadOnly):
    list_display = ("day", "outcome", "reason", "spans")
    list_filter = ("outcome", ("reason", ReasonOrNone))
    date_hierarchy = "day"
    lookups = TALLY_LOOKUPS
    ordering = ("-day", "outcome", "reason")


@admin.register(IngestTally)
class IngestTallyAdmin(ReadOnly):
    list_display = ("day", "slot", "outcome", "reason", "sender", "spans")
    list_filter = ("outcome", ("reason", ReasonOrNone))
    date_hierarchy = "day"
    lookups = TALLY_LOOKUPS
    ordering = ("-day", "slot", "outcome", "reason", "sender")


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    """Receipts of erasures, without the person; the ledger has who asked, and when."""

    list_display = ("id", "requested", "completed", "rows_deleted", "days_recomputed", "recomputed")
    fields = ("id", "requested", "completed", "rows_deleted", "days_recomputed", "recomputed")
    readonly_fields = ("requested", "completed", "recomputed")
    list_filter = (("completed_at", admin.EmptyFieldListFilter),)
    date_hierarchy = "requested_at"
    lookups = ("requested_at__year", "requested_at__month", "requested_at__day", "completed_at__isempty")
    sortable_by = ()
    search_fields = ("=id",)
    search_help_text = "Complete id of a receipt"

    @admin.display(description="Requested (UTC)")
    def requested(self, erasure: Erasure) -> str:
        return _day(erasure.requested_at)

    @admin.display(description="Completed (UTC)")
    def completed(self, erasure: Erasure) -> str:
        return _day(erasure.completed_at)

    @admin.display(description="Reports corrected (UTC)")
    def recomputed(self, erasure: Erasure) -> str:
        return _day(erasure.recomputed_at)


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "-"
