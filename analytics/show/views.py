"""The reports page in the admin, and its downloads."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics.show.charts import chart
from analytics.show.export import as_csv, as_json
from analytics.show.period import DEFAULT_DAYS, Period, UnusablePeriod, period_of
from analytics.show.reports import REPORTS, Report, Row
from privacy.switches import DeploymentType

# Whoever may see the rows may see what they add up to.
PERMISSIONS = ("analytics.view_useractivity", "analytics.view_endpointusage", "analytics.view_featureusage")
EMPTY = "—"


def may_see_reports(request: HttpRequest) -> bool:
    return request.user.is_staff and request.user.has_perms(PERMISSIONS)


def reports_page(request: HttpRequest) -> HttpResponse:
    """All reports of one period on one page."""
    if not may_see_reports(request):
        raise PermissionDenied
    status, problem = 200, ""
    today = timezone.now().date()
    try:
        period = period_of(request.GET, today)
    except UnusablePeriod as error:
        status, problem = 400, str(error)
        period = period_of(type(request.GET)(), today)
    context = {
        **admin.site.each_context(request),
        "title": "Reports",
        "problem": problem,
        "period": period,
        "query": _query(period),
        "deployments": list(DeploymentType),
        "default_days": DEFAULT_DAYS,
        "reports": [] if problem else [_shown(report, period) for report in REPORTS.values()],
    }
    return TemplateResponse(request, "admin/analytics/reports.html", context, status=status)


def report_download(request: HttpRequest, name: str, extension: str) -> HttpResponse:
    """One report as CSV or JSON."""
    if not may_see_reports(request):
        raise PermissionDenied
    report = REPORTS.get(name)
    if report is None or extension not in {"csv", "json"}:
        raise Http404
    try:
        period = period_of(request.GET, timezone.now().date())
    except UnusablePeriod as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    rows = report.rows(period)
    if extension == "json":
        return JsonResponse({"report": name, "from": period.first, "to": period.last, "rows": as_json(report, rows)})
    response = HttpResponse(as_csv(report, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}_{period.first}_{period.last}.csv"'
    return response


def _query(period: Period) -> str:
    deployment = f"&deployment={period.deployment}" if period.deployment else ""
    return f"from={period.first}&to={period.last}{deployment}"


def _shown(report: Report, period: Period) -> dict[str, Any]:
    rows = report.rows(period)
    return {
        "report": report,
        "chart": chart(report.points(rows), unit=report.unit, upright=report.upright),
        "rows": [
            [(column.kind, _in_words(column.kind, value)) for column, value in zip(report.columns, row, strict=True)]
            for row in rows
        ],
        "headline": _headline(report, rows, report.rows(period.before)),
    }


def _headline(report: Report, rows: list[Row], before: list[Row]) -> str:
    """The period in one sentence, and the one before it."""
    now, then = _total(report, rows), _total(report, before)
    if now is None:
        return ""
    return f"{now}; in the period before: {then or 'nothing'}"


def _total(report: Report, rows: list[Row]) -> str | None:
    match report.name:
        case "active_people":
            values = [row[report.column("active_people")] for row in rows]
            return f"{sum(values) / len(values):.1f} people a day on average" if any(values) else None
        case "feature_adoption":
            uses = sum(row[report.column("total_uses")] for row in rows)
            return f"{uses:,} uses of {len(rows)} features" if uses else None
        case "endpoint_performance":
            requests = sum(row[report.column("requests")] for row in rows)
            errors = sum(row[report.column("errors")] for row in rows)
            return f"{requests:,} requests, {100 * errors / requests:.2f} % failed" if requests else None
        case _:
            judged = [row for row in rows if row[report.column("returned")] is not None]
            people = sum(row[report.column("people")] for row in judged)
            returned = sum(row[report.column("returned")] for row in judged)
            return f"{returned} of {people} new people came back ({100 * returned / people:.1f} %)" if people else None


def _in_words(kind: str, value: Any) -> str:
    if value is None:
        return EMPTY
    match kind:
        case "count":
            return f"{value:,}"
        case "ms":
            return f"{value:,.1f}"
        case "percent":
            return f"{value:.1f} %"
        case _:
            return str(value)
