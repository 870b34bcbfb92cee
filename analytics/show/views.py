"""Report pages in the admin, and their downloads."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from analytics.conf import conf
from analytics.show.charts import bars, columns
from analytics.show.cohort_grid import cohort_grid
from analytics.show.export import as_csv, as_json
from analytics.show.figures import compared
from analytics.show.formatting import formatted
from analytics.show.freshness import freshness
from analytics.show.pages import PAGE_OF, PAGES, REPORTS, Page
from analytics.show.question import METHODS, Question, Unanswerable, asked
from analytics.show.report import Drawing, Form, Report, Row
from privacy.access import record
from privacy.models import Access
from privacy.switches import DeploymentType

# Permission to view the rows includes permission to view reports.
PERMISSIONS = ("analytics.view_useractivity", "analytics.view_endpointusage", "analytics.view_featureusage")
SHORTCUTS_DAYS = (7, 30, 90, 365)
MOST_ROWS_SHOWN = 1000


def may_see_reports(request: HttpRequest) -> bool:
    return request.user.is_staff and request.user.has_perms(PERMISSIONS)


def reports_page(request: HttpRequest, name: str = "overview") -> HttpResponse:
    """One page of reports; status 400 with the reason for an invalid address."""
    if not may_see_reports(request):
        raise PermissionDenied
    page = PAGES.get(name)
    if page is None:
        raise Http404
    today = timezone.now().date()
    try:
        question = asked(request.GET, today, page.filters)
        answers: dict[str, Any] = {"answered": True, **_answered(page, question)}
    except Unanswerable as error:
        question = asked(type(request.GET)(), today, page.filters)
        answers = {"problem": str(error)}
    context = {
        **admin.site.each_context(request),
        # The pages have their own navigation, tables need the width, and the sidebar shifts the page when it opens.
        "is_nav_sidebar_enabled": False,
        "title": page.title,
        "page": page,
        "pages": [(each, question.address(each.filters & {"deployment"})) for each in PAGES.values()],
        "question": question,
        "deployments": list(DeploymentType),
        "methods": METHODS,
        "shortcuts": [
            (days, question.over(days, today).address(page.filters), question.over(days, today) == question)
            for days in SHORTCUTS_DAYS
        ],
        "smallest_group": conf.smallest_group,
        "freshness": freshness(),
        **answers,
    }
    status = 400 if "problem" in answers else 200
    return TemplateResponse(request, "admin/analytics/reports.html", context, status=status)


def report_download(request: HttpRequest, name: str, extension: str) -> HttpResponse:
    """One report as CSV or JSON."""
    if not may_see_reports(request):
        raise PermissionDenied
    report = REPORTS.get(name)
    if report is None or extension not in {"csv", "json"}:
        raise Http404
    try:
        question = asked(request.GET, timezone.now().date(), PAGE_OF[name].filters)
        rows = report.rows(question)
    except Unanswerable as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    record(request, Access.EXPORTED, f"report {name}", lines=len(rows))
    if extension == "json":
        return JsonResponse(
            {"report": name, "from": question.first, "to": question.last, "rows": as_json(report, rows)}
        )
    response = HttpResponse(as_csv(report, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}_{question.first}_{question.last}.csv"'
    return response


def _answered(page: Page, question: Question) -> dict[str, Any]:
    every = (*page.summed, *page.reports)
    now = {report.name: report.rows(question) for report in every}
    before = {report.name: report.rows(question.before) for report in every if report.compared}
    # Figures use only compared reports.
    pairs = zip(page.figures(now), page.figures(before), strict=True)
    return {
        "figures": [compared(figure, then) for figure, then in pairs],
        "sections": [
            _section(report, now[report.name], before.get(report.name, []), question) for report in page.reports
        ],
    }


def _section(report: Report, rows: Sequence[Row], before: Sequence[Row], question: Question) -> dict[str, Any]:
    charts = [(drawing, _drawn(report, drawing, rows, before, question)) for drawing in report.drawings]
    return {
        "report": report,
        "charts": [(drawing, chart) for drawing, chart in charts if chart is not None],
        "rows": [
            [(column.kind, formatted(column.kind, value)) for column, value in zip(report.columns, row, strict=True)]
            for row in rows[:MOST_ROWS_SHOWN]
        ],
        "row_count": len(rows),
        "address": question.address(PAGE_OF[report.name].filters),
    }


def _drawn(report: Report, drawing: Drawing, rows: Sequence[Row], before: Sequence[Row], question: Question) -> Any:
    """A chart, or None if there is nothing to draw."""
    now, then = report.points(drawing, rows), report.points(drawing, before)
    match drawing.form:
        case Form.COLUMNS if report.columns[report.index(drawing.labels[0])].kind == "day":
            return columns(question.every_day(now), unit=drawing.unit, before=question.before.every_day(then))
        case Form.COLUMNS:
            return columns(now, unit=drawing.unit)
        case Form.BARS:
            return bars(now, unit=drawing.unit, before=dict(then))
        case Form.COHORTS:
            return cohort_grid(report, drawing.labels[0], rows)
