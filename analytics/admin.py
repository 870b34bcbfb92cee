"""Read-only admin pages of stored rows, counts and receipts. Superusers cannot change anything here either.

No page may link a pseudonym to a person. Exact times would: the ledger, an account's last sign-in and other pages show
to the second what a person did. Pages with pseudonyms therefore show only the day, in an order that reveals no times.
Receipts of erasures, whose times match the ledger's, are shown without the pseudonym.
"""

from datetime import datetime, timedelta
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from analytics.catalogue import current_catalogue
from analytics.models import EndpointUsage, Erasure, ExportTally, FeatureUsage, IngestTally, Usage, UserActivity
from analytics.vocabulary import KNOWN_METHODS, OTHER_METHOD, Category
from privacy.clock import from_unix_us
from privacy.recorded_admin import NothingByHand

COUNT_AT_MOST = 10_000
END_MS = 4_102_444_800_000  # the year 2100
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


class OfADay(ChangeList):
    """A list of rows sorted by day and content, so that their order reveals no times."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        columns = [column for column in map(str, self.list_display) if hasattr(self.model, column)]
        self.result_list = sorted(
            self.result_list,
            key=lambda row: (-row.timestamp.date().toordinal(), *(str(getattr(row, name)) for name in columns)),
        )


class UsageAdmin(ReadOnly):
    """Rows of one of the three tables by day. Rows have no links, because a row's id contains its time."""

    date_hierarchy = "timestamp"
    lookups = ("timestamp__year", "timestamp__month", "timestamp__day")
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_display_links = None
    show_facets = admin.ShowFacets.NEVER  # each would count the whole table
    sortable_by = ()
    readonly_fields = ("day",)
    search_fields = ("user_id",)
    search_help_text = "Complete pseudonym of a person, or complete id of a row"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return OfADay

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["day", *(field.name for field in self.opts.fields if field.name not in {"id", "timestamp"})]

    @admin.display(description="Day (UTC)")
    def day(self, row: Usage) -> str:
        return f"{row.timestamp:%Y-%m-%d}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search for complete ids only; searching for a part would read the whole table."""
        if not search_term.strip():
            return queryset, False
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            messages.warning(request, "Enter a complete id: 32 hexadecimal digits, with or without hyphens.")
            return queryset.none(), False
        found = queryset.filter(user_id=wanted)
        if (moment := moment_of(wanted)) is not None:
            # A row's id begins with its time, by which the tables are indexed.
            found |= queryset.filter(timestamp__gte=moment, timestamp__lt=moment + timedelta(milliseconds=1), id=wanted)
        return found, False


def moment_of(row_id: UUID) -> datetime | None:
    """Time at the beginning of a row's id, in milliseconds; None if it is not a row's id.

    Pseudonyms have the same version, and nearly all of them begin with more than there is.
    """
    milliseconds = row_id.int >> 80
    return from_unix_us(milliseconds * 1000) if row_id.version == 8 and milliseconds < END_MS else None


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
    list_display = ("day", "event_type", "user_id", "session_id", "deployment_type")
    list_filter = (EventType, "deployment_type")


@admin.register(EndpointUsage)
class EndpointUsageAdmin(UsageAdmin):
    list_display = ("day", "method", "endpoint", "status_code", "milliseconds", "user_id", "deployment_type")
    list_filter = (Method, Status, "deployment_type")

    @admin.display(description="Milliseconds", ordering="duration_ms")
    def milliseconds(self, row: EndpointUsage) -> str:
        return f"{row.duration_ms:.1f}"


@admin.register(FeatureUsage)
class FeatureUsageAdmin(UsageAdmin):
    list_display = ("day", "feature_name", "action", "user_id", "deployment_type")
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
