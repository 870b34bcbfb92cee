"""Access log of the admin: records what staff view, change and export, in one place for all pages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import BadRequest, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BooleanField
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from privacy.access import record, was_recorded
from privacy.keys import Key
from privacy.keyset import in_pages
from privacy.models import Access
from privacy.spreadsheet import csv_download

LONGEST_WHAT = 100
ROWS_AT_ONCE = 2000


class NothingByHand:
    """Mixin for read-only rows: no adding, changing or deleting, not even by superusers."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NamesPeople:
    """Mixin for a ModelAdmin whose rows each concern one person, whom the access log then names."""

    model: Any

    def person_of(self, row: Any) -> Key | None:
        """The person whose data the row is, if the page names them; None otherwise."""
        return None


class RecordedAdminSite(admin.AdminSite):
    """Admin site that records every page it shows and every change it makes.

    Every view wrapped by `admin_view` is recorded, so a new page needs no code of its own. The log line is written
    before the page is shown, or in the transaction of the change. If that fails, nothing is shown or changed.
    """

    # Views of the site itself that show no person's data.
    unrecorded = frozenset({"logout", "i18n_javascript", "password_change", "password_change_done", "app_index"})

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        if getattr(view, "__self__", None) is self and view.__name__ in self.unrecorded:
            return super().admin_view(view, cacheable)
        return super().admin_view(_recorded(view), cacheable)


def _recorded(view: Callable[..., Any]) -> Callable[..., Any]:
    owner = getattr(view, "__self__", None)
    model_admin = owner if isinstance(owner, admin.ModelAdmin) else None

    @wraps(view)
    def recorded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            response: HttpResponse = view(request, *args, **kwargs)
            _record_shown(request, response, view, model_admin)
            return response
        with transaction.atomic():
            # Read before the change, which may delete the rows.
            chosen = _chosen(request, view, model_admin)
            about = chosen.about if chosen else _person_of_address(request, model_admin, args, kwargs)
            response = view(request, *args, **kwargs)
            if 300 <= response.status_code < 400 or _closes_a_popup(response):
                _record_change(request, view, model_admin, about, chosen)
            else:
                _record_shown(request, response, view, model_admin)
        return response

    return recorded


def _record_shown(request: HttpRequest, response: HttpResponse, view: Callable[..., Any], model_admin: Any) -> None:
    """Record a page that was shown. Skips errors, redirects, and views that called `record` themselves."""
    if not 200 <= response.status_code < 300 or was_recorded(request):
        return
    shown: dict[str, Any] = getattr(response, "context_data", None) or {}
    if "cl" in shown:
        rows = list(shown["cl"].result_list)
        people = {_person_of(model_admin, row) for row in rows}
        access = Access.SEARCHED if shown["cl"].query else Access.LISTED
        about = people.pop() if len(people) == 1 else None
        record(request, access, _what(request, view, model_admin), about=about, lines=len(rows))
        return
    row, lines = shown.get("original") or shown.get("object"), None
    if "queryset" in shown:  # a confirmation page
        chosen = list(shown["queryset"])
        row, lines = (chosen[0] if len(chosen) == 1 else None), len(chosen)
    about = _person_of(model_admin, row) if row is not None else None
    record(request, Access.OPENED, _what(request, view, model_admin), about=about, lines=lines)


def _record_change(
    request: HttpRequest, view: Callable[..., Any], model_admin: Any, about: Key | None, chosen: "_Chosen | None"
) -> None:
    if was_recorded(request):
        return
    what = _what(request, view, model_admin)
    if chosen is not None:
        record(request, Access.CHANGED, f"{what}: {chosen.action}"[:LONGEST_WHAT], about=about, lines=chosen.rows)
    elif model_admin is None or view.__name__ != "changelist_view" or model_admin.list_editable:
        record(request, Access.CHANGED, what, about=about)


def _closes_a_popup(response: HttpResponse) -> bool:
    """Whether the response is a popup's report of its change, which other pages make by a redirect."""
    return "popup_response_data" in (getattr(response, "context_data", None) or {})


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A list action with the number of its rows, and the person if all rows are one person's."""

    action: str
    rows: int
    about: Key | None


def _chosen(request: HttpRequest, view: Callable[..., Any], model_admin: Any) -> _Chosen | None:
    """The action Django will run, or None. Raises BadRequest for invalid row keys."""
    if model_admin is None or view.__name__ != "changelist_view" or "_save" in request.POST:
        return None
    action = _picked(request.POST.getlist("action"), request.POST.get("index", "0"))
    keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
    if not keys or action not in model_admin.get_actions(request):
        return None
    try:
        rows = model_admin.get_changelist_instance(request).get_queryset(request)
        if not BooleanField(required=False).to_python(request.POST.get("select_across")):
            rows = rows.filter(pk__in=keys)
        number = rows.count()
    except IncorrectLookupParameters:
        return None  # the view redirects to the whole list
    except (ValidationError, ValueError):
        raise BadRequest("The selected rows are not in this list.") from None
    return _Chosen(action, number, _person_of(model_admin, rows.get()) if number == 1 else None)


def _picked(actions: list[str], index: str) -> str:
    """The action of the form that was submitted. Each request contains the forms above and below the list."""
    try:
        return actions[int(index)]
    except ValueError:
        return actions[0] if actions else ""
    except IndexError:
        return actions[-1] if actions else ""


def _what(request: HttpRequest, view: Callable[..., Any], model_admin: Any) -> str:
    """Name of a page in the log, such as "users", "users: history" or "report-page features"; never a person's name."""
    if model_admin is not None:
        plural = str(model_admin.opts.verbose_name_plural)
        return plural if view.__name__ in {"changelist_view", "change_view"} else f"{plural}: {_name(view)}"
    match = request.resolver_match
    if match is None:
        return _name(view)
    if match.url_name == "autocomplete":
        return f"autocomplete {request.GET.get('app_label')}.{request.GET.get('model_name')}"[:LONGEST_WHAT]
    return " ".join([match.url_name or _name(view), *map(str, match.kwargs.values())])[:LONGEST_WHAT]


def _name(view: Callable[..., Any]) -> str:
    return view.__name__.removeprefix("user_change_").removesuffix("_view")


def _person_of(model_admin: Any, row: Any) -> Key | None:
    return model_admin.person_of(row) if isinstance(model_admin, NamesPeople) else None


def _person_of_address(request: HttpRequest, model_admin: Any, args: Any, kwargs: Any) -> Key | None:
    """The person whose row the URL's arguments name."""
    key = kwargs.get("object_id") or kwargs.get("id") or (args[0] if args else None)
    if key is None or not isinstance(model_admin, NamesPeople):
        return None
    row = cast("admin.ModelAdmin[Any]", model_admin).get_object(request, unquote(str(key)))
    return None if row is None else model_admin.person_of(row)


class CsvExport(NamesPeople):
    """Mixin with an action that downloads the selected rows as CSV; needs the model's export permission.

    `export_columns` maps column names to functions of a row. Text is made safe for spreadsheets. The model must have
    `recorded_at`; rows come newest first.
    """

    actions: Any = ("export",)
    export_columns: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    def has_export_permission(self, request: HttpRequest) -> bool:
        options = self.model._meta
        return bool(request.user.has_perm(f"{options.app_label}.export_{options.model_name}"))

    @admin.action(description="Download as CSV", permissions=["export"])
    def export(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        what = str(self.model._meta.verbose_name_plural)
        record(request, Access.EXPORTED, what, lines=queryset.count())
        name = f"{self.model._meta.model_name}_{timezone.now():%Y-%m-%d}.csv"
        rows = in_pages(queryset, "recorded_at", ROWS_AT_ONCE)
        lines = ([read(row) for read in self.export_columns.values()] for row in rows)
        return csv_download(request, name, list(self.export_columns), lines)
