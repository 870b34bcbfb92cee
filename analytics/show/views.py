"""Report pages in the admin, and their downloads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from analytics.conf import conf
from analytics.show import alerts, digest
from analytics.show.answered import answered
from analytics.show.charts import bars, columns, line
from analytics.show.cohort_grid import cohort_grid
from analytics.show.digest import address_of, can_send, may_see_reports
from analytics.show.export import as_csv, as_json
from analytics.show.figures import Answers, Better, Compared, Figure, compared
from analytics.show.formatting import formatted
from analytics.show.freshness import freshness
from analytics.show.pages import PAGE_OF, PAGES, REPORTS, Page
from analytics.show.question import MEASURES, METHODS, PERIODS, Question, Unanswerable, asked, next_start, start_of
from analytics.show.report import Column, Drawing, Form, Report, Row, noise_bound
from analytics.show.steps import DEFAULT_WINDOW, MOST_STEPS, WINDOWS, choices
from analytics.show.vouched import who_is_counted
from privacy.access import record
from privacy.labels import label_of
from privacy.models import Access, AlertSubscription, DigestSubscription
from privacy.switches import DeploymentType

RANGES_DAYS = (7, 28, 90)
MOST_ROWS_SHOWN = 1000


def reports_page(request: HttpRequest, name: str = "overview") -> HttpResponse:
    """One page of reports; status 400 with the reason for an invalid address."""
    if not may_see_reports(request.user):
        raise PermissionDenied
    page = PAGES.get(name)
    if page is None:
        raise Http404
    today, state = timezone.now().date(), freshness()
    try:
        question = asked(request.GET, today, page.filters)
        answers: dict[str, Any] = {"answered": True, **_answered(page, question, today, since=state.first_day)}
    except Unanswerable as error:
        question = asked(type(request.GET)(), today, page.filters)
        answers = {"problem": str(error)}
    context = {
        **admin.site.each_context(request),
        # The pages have their own navigation, tables need the width, and the sidebar shifts the page when it opens.
        "is_nav_sidebar_enabled": False,
        "title": (page.within and question.name) or page.title,
        "page": page,
        "within": PAGES.get(page.within),
        "pages": [
            (each, question.address(each.filters & {"deployment"})) for each in PAGES.values() if not each.within
        ],
        "question": question,
        "deployments": list(DeploymentType),
        "methods": METHODS,
        "periods": [
            (period, replace(question, by=period, sort="").address(page.filters), period == question.period)
            for period in PERIODS
            if "by" in page.filters
        ],
        **_ranges(page, question, today),
        **(_steps(request) if "step" in page.filters else {}),
        "smallest_group": conf.smallest_group,
        "noise_bound": noise_bound(conf.smallest_group),
        "freshness": state,
        "offers_digest": page.name == "overview" and can_send(),
        **answers,
    }
    status = 400 if "problem" in answers else 200
    return TemplateResponse(request, "admin/analytics/reports.html", context, status=status)


def report_download(request: HttpRequest, name: str, extension: str) -> HttpResponse:
    """One report as CSV or JSON."""
    if not may_see_reports(request.user):
        raise PermissionDenied
    report = REPORTS.get(name)
    if report is None or extension not in {"csv", "json"}:
        raise Http404
    try:
        question = asked(request.GET, timezone.now().date(), PAGE_OF[name].filters - {"sort"})
        rows = report.rows(question)
    except Unanswerable as error:
        return HttpResponse(f"{error}\n", status=400, content_type="text/plain; charset=utf-8")
    record(request, Access.EXPORTED, f"report {name}", lines=len(rows))
    if extension == "json":
        return JsonResponse(as_json(report, question, rows))
    response = HttpResponse(as_csv(report, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}_{question.first}_{question.last}.csv"'
    return response


@require_http_methods(["GET", "POST"])
def digest_page(request: HttpRequest) -> HttpResponse:
    """Begin or end the weekly digest (`weekly` is on or off) or the alerts (`alerts`) of the signed-in user."""
    if not may_see_reports(request.user):
        raise PermissionDenied
    if request.method == "GET":
        context = {
            **admin.site.each_context(request),
            "title": "E-mail of reports",
            "label": label_of("analytics"),
            "has_digest": DigestSubscription.objects.filter(pk=request.user.pk).exists(),
            "has_alerts": AlertSubscription.objects.filter(pk=request.user.pk).exists(),
            "address": address_of(request.user),
        }
        return TemplateResponse(request, "admin/analytics/digest.html", context)
    choice = "alerts" if "alerts" in request.POST else "weekly"
    kind, ended, begun = {
        "alerts": (alerts, "You receive no alerts.", "You are told of each alert once."),
        "weekly": (
            digest,
            "You receive no weekly digest.",
            "You receive the figures of each week once it is over and counted.",
        ),
    }[choice]
    if request.POST.get(choice) != "on":
        kind.unsubscribe(request.user)
        messages.success(request, ended)
    elif not can_send():
        messages.error(request, "This site has no mail server. Its operator sets EMAIL_URL.")
    elif not address_of(request.user):
        messages.error(request, "Your account has no e-mail address. Add one, then choose again.")
    else:
        kind.subscribe(request.user, request.build_absolute_uri(reverse("reports")))
        messages.success(request, begun)
    return redirect("reports-digest")


def _steps(request: HttpRequest) -> dict[str, Any]:
    """Steps and windows to choose, and those chosen, also where they have no answer; two steps more may be chosen."""
    chosen = [step for step in request.GET.getlist("step") if step][:MOST_STEPS]
    fields = min(max(4, len(chosen) + 2), MOST_STEPS)
    return {
        "step_choices": choices(),
        "steps": [*chosen, *[""] * (fields - len(chosen))],
        "windows": WINDOWS,
        "within": request.GET.get("within") or DEFAULT_WINDOW,
    }


def _ranges(page: Page, question: Question, today: date) -> dict[str, Any]:
    """Ranges to choose by a link: name, address, whether it is the range shown."""
    named = {
        "Today": question.over(1, today),
        **{f"{days} days": question.over(days, today) for days in RANGES_DAYS},
        "This month": replace(question, first=today.replace(day=1), last=today),
    }
    ranges = [(name, each.address(page.filters), each == question) for name, each in named.items()]
    return {"ranges": ranges, "is_range_named": any(current for _, _, current in ranges)}


def _answered(page: Page, question: Question, today: date, *, since: date | None) -> dict[str, Any]:
    """Context of the page's reports. `since` is the first day counted."""
    if question.sort.partition(".")[0] not in {"", *(report.name for report in page.every_report)}:
        raise Unanswerable("This page has no such report to order. Select the title of a column to order by it.")
    answers = answered(page, question, today)
    if "deployment" not in page.filters:
        since = None  # pages that are not about people show what may have been counted before them
    context: dict[str, Any] = {
        "who_is_counted": who_is_counted(question),
        "figures": answers.figures,
        "compared_with": question.until(today - timedelta(days=1)).before,
        "days_not_over": question.days_from(today),
        "sections": [
            _of_periods(page.periods, question, today, since)
            if page.periods and report is page.reports[0] and question.period != "day"
            else _section(
                report,
                _from(since, report, answers.now[report.name]),
                _from(since, report, answers.before.get(report.name, [])),
                question,
                today,
            )
            | _table(report, answers.now[report.name], question, _changes(report, answers.over, answers.over_before))
            for report in page.reports
        ],
    }
    if "measure" in page.filters:
        context["tiles"] = [
            (measure, replace(question, measure=measure).address(page.filters), figure)
            for measure, figure in zip(MEASURES, answers.figures, strict=True)
        ]
    return context


def _of_periods(report: Report, question: Question, today: date, since: date | None) -> dict[str, Any]:
    """The section of weeks or months, with as many before. One that is not over yet is hatched in the chart."""
    title = f"{question.period} by {question.period}".capitalize()
    drawings = (replace(each, title=each.title.format(period=question.period)) for each in report.drawings)
    report = replace(report, title=title, drawings=tuple(drawings))
    first = since and start_of(since, question.period)
    now, before = (_from(first, report, report.rows(each)) for each in (question, question.periods_before))
    return {
        **_section(report, now, before, question, today),
        **_table(report, now, question, {}),
        "compared_with": question.periods_before,
    }


def _from(first: date | None, report: Report, rows: Sequence[Row]) -> Sequence[Row]:
    """Rows without the days before `first`: nothing was counted then, which is not zero."""
    if first is None or report.columns[0].kind != "day":
        return rows
    return [row for row in rows if row[0] >= first]


def _section(
    report: Report, rows: Sequence[Row], before: Sequence[Row], question: Question, today: date
) -> dict[str, Any]:
    drawings = report.drawings
    if PAGE_OF[report.name].name == "overview":
        drawings = (drawings[MEASURES.index(question.measure)],)
    charts = [(drawing, _drawn(report, drawing, rows, before, question=question, today=today)) for drawing in drawings]
    return {
        "report": report,
        "charts": [(drawing, chart) for drawing, chart in charts if chart is not None],
        "address": question.address(PAGE_OF[report.name].filters - {"sort"}),
    }


def _heads(report: Report, question: Question) -> list[tuple[Column, str, str]]:
    """Each column, the address of the page ordered by it, and its order now as `aria-sort` has it, if any."""
    sort, found = question.sort_of(report.name), []
    for column in report.columns:
        is_now = sort.removeprefix("-") == column.name
        # The first choice is what is looked for: the largest number, the first name.
        is_falling = sort[0] != "-" if is_now else column.kind not in {"text", "name"}
        wanted = replace(question, sort=f"{report.name}.{'-' * is_falling}{column.name}")
        now = ("descending" if sort[0] == "-" else "ascending") if is_now else ""
        found.append((column, wanted.address(PAGE_OF[report.name].filters), now))
    return found


def _cells(report: Report, row: Row, question: Question) -> list[tuple[str, str, str]]:
    """Kind and text of each cell, and the address that its name leads to, if any."""
    return [
        (column.kind, formatted(column.kind, value), _leads_to(report, column, row, question))
        for column, value in zip(report.columns, row, strict=True)
    ]


def _leads_to(report: Report, column: Column, row: Row, question: Question) -> str:
    """The page of the feature or endpoint in this cell, with the same range and deployment."""
    match column.name:
        case "feature_name" if row[report.index("feature_name")] != question.name:
            page, about = "feature", replace(question, name=row[report.index("feature_name")], sort="")
        case "endpoint" if not PAGE_OF[report.name].within:
            method = row[report.index("method")]
            page, about = "endpoint", replace(question, name=row[report.index("endpoint")], method=method, sort="")
        case _:
            return ""
    return f"{reverse('report-page', args=[page])}?{about.address(PAGES[page].filters)}"


def _key(report: Report, row: Row) -> tuple[Any, ...]:
    return tuple(value for column, value in zip(report.columns, row, strict=True) if column.kind in {"text", "name"})


def _changes(report: Report, now: Answers, before: Answers) -> dict[tuple[Any, ...], Compared]:
    """Change of the report's column of that name, by the names of a row; empty where it has none."""
    if not report.change:
        return {}
    index = report.index(report.change)
    column = report.columns[index]
    better = Better.LESS if column.kind == "ms" else Better.MORE
    was = {_key(report, row): row[index] for row in before[report.name]}
    found = {}
    for row in now[report.name]:
        figure = Figure(column.title, column.kind, row[index], better=better)
        then = replace(figure, value=was.get(_key(report, row)))
        found[_key(report, row)] = compared(figure, figure, then, comparable=True)
    return found


def _table(
    report: Report, rows: Sequence[Row], question: Question, changes: dict[tuple[Any, ...], Compared]
) -> dict[str, Any]:
    """The report's table: ordered rows with their changes, and totals."""
    shown = report.ordered(rows, question.sort_of(report.name))[:MOST_ROWS_SHOWN]
    return {
        "heads": _heads(report, question),
        "row_count": len(rows),
        "rows": [(_cells(report, row, question), changes.get(_key(report, row))) for row in shown],
        "totals": [
            (column.kind, "" if total is None else formatted(column.kind, total))
            for column, total in zip(report.columns, report.totals(rows), strict=False)
        ],
        "change": report.columns[report.index(report.change)].title if report.change else "",
    }


def _drawn(
    report: Report, drawing: Drawing, rows: Sequence[Row], before: Sequence[Row], *, question: Question, today: date
) -> Any:
    """A chart, or None if there is nothing to draw."""
    now, then = report.points(drawing, rows), report.points(drawing, before)
    match drawing.form:
        case Form.LINE if report.by_period:
            ends = [next_start(first, question.period) for first in question.periods]
            return line(
                question.every_period(now),
                unit=drawing.unit,
                before=question.periods_before.every_period(then),
                not_over=sum(end > today for end in ends),
                period=question.period,
            )
        case Form.LINE:
            was, not_over = question.before.every_day(then), question.days_from(today)
            return line(question.every_day(now), unit=drawing.unit, before=was, not_over=not_over)
        case Form.COLUMNS if report.columns[report.index(drawing.labels[0])].kind == "day":
            return columns(question.every_day(now), unit=drawing.unit, before=question.before.every_day(then))
        case Form.COLUMNS:
            return columns(now, unit=drawing.unit)
        case Form.BARS:
            return bars(now, unit=drawing.unit, before=dict(then))
        case Form.COHORTS:
            return cohort_grid(report, drawing.labels[0], rows)
