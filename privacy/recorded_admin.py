"""For admin pages that show people's data: looking at them is recorded, and so is taking it away as CSV."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from privacy.access import record
from privacy.models import Access
from privacy.spreadsheet import csv_download


class NothingByHand:
    """Rows that only the program itself writes: no adding, changing or deleting here, for superusers either."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AccessRecorded:
    """Mixed into a ModelAdmin. The line is written before the page is shown; if that fails, there is no page."""

    model: Any

    def person_of(self, row: Any) -> UUID | None:
        """Whose data the row is, where the page says whose; None for rows that name nobody."""
        return None

    @property
    def _what(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().changelist_view(request, *args, **kwargs)  # type: ignore[misc]
        shown = getattr(response, "context_data", None) or {}
        if "cl" in shown:
            rows = list(shown["cl"].result_list)
            people = {self.person_of(row) for row in rows}
            record(
                request,
                Access.SEARCHED if shown["cl"].query else Access.LISTED,
                self._what,
                about=people.pop() if len(people) == 1 else None,
                lines=len(rows),
            )
        return response

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().change_view(request, object_id, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, TemplateResponse):
            row = (response.context_data or {}).get("original")
            record(request, Access.OPENED, self._what, about=self.person_of(row) if row is not None else None)
        return response


class CsvExport(AccessRecorded):
    """An action that downloads the chosen rows, for those with the permission to export this model.

    `export_columns` are the columns' names and how each is read from a row; text comes out safe for spreadsheets.
    """

    actions: Any = ("export",)
    export_columns: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def has_export_permission(self, request: HttpRequest) -> bool:
        options = self.model._meta
        return bool(request.user.has_perm(f"{options.app_label}.export_{options.model_name}"))

    @admin.action(description="Download as CSV", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        record(request, Access.EXPORTED, self._what, lines=queryset.count())
        name = f"{self.model._meta.model_name}_{timezone.now():%Y-%m-%d}.csv"
        rows = queryset.iterator(chunk_size=2000)
        return csv_download(
            name, list(self.export_columns), ([read(row) for read in self.export_columns.values()] for row in rows)
        )
