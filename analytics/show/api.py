"""API for reports: the rows of the pages and downloads, for services whose token has the right to read reports.

Each answer is made by the code of the downloads, so it has the same noise, and hides the same small groups.
"""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.conf import conf
from analytics.show.export import as_json
from analytics.show.freshness import freshness
from analytics.show.pages import PAGE_OF, REPORTS
from analytics.show.question import LONGEST_NAME, MEASURES, METHODS, PERIODS, SORT, Unanswerable, asked
from analytics.show.report import noise_bound
from analytics.show.steps import WINDOWS
from privacy.access import record
from privacy.api_shapes import Problem, Shape
from privacy.models import Access, Right, ServiceToken
from privacy.services import ServiceView, TokenThrottle
from privacy.switches import DeploymentType

REFUSALS: dict[Any, Any] = dict.fromkeys((400, 401, 403, 429), Problem)
FILTERS = [
    OpenApiParameter("from", OpenApiTypes.DATE, description="First UTC day. Without it, 28 days up to `to`."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last UTC day, inclusive. Without it, today."),
    OpenApiParameter("deployment", str, enum=[each.value for each in DeploymentType]),
    OpenApiParameter(
        "name",
        {"type": "string", "maxLength": LONGEST_NAME},
        description="Part of a feature's or endpoint's name; the whole name for reports of a single one.",
    ),
    OpenApiParameter("method", str, enum=METHODS),
    OpenApiParameter("measure", str, enum=MEASURES, description="The figure that the overview draws; changes no row."),
    OpenApiParameter(
        "by", str, enum=PERIODS, description="Periods of `overview_periods`; otherwise those that suit the range."
    ),
    OpenApiParameter(
        "step",
        str,
        many=True,
        description="Of `funnel`, two to eight, in order: `user_activity.login`, `feature_usage.NAME` (any action) or "
        "`feature_usage.NAME.ACTION`; the action of `page_view` is a page.",
    ),
    OpenApiParameter(
        "within", str, enum=[*WINDOWS], description="Window of `funnel`, from the first step. Without it, 7d."
    ),
    OpenApiParameter(
        "sort",
        {"type": "string", "pattern": f"^{SORT.pattern}$"},
        description="The report and a column, `-` before it for the largest first: `feature_adoption.-total_uses`.",
    ),
]


class ReportsThrottle(TokenThrottle):
    """Enough for a dashboard of every report."""

    scope = "reports"
    rate = "60/min"


class ColumnShape(Shape):
    name = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.CharField()


class ReportShape(Shape):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    filters = serializers.ListField(child=serializers.CharField())
    columns = ColumnShape(many=True)


class ReportsShape(Shape):
    smallest_group = serializers.IntegerField()
    noise_bound = serializers.IntegerField()
    computed_at = serializers.DateTimeField(allow_null=True)
    days_waiting = serializers.IntegerField()
    reports = ReportShape(many=True)


class RowsShape(Shape):
    """Also has `from`, which Python reserves; see `get_fields`."""

    report = serializers.CharField()
    to = serializers.DateField()
    rows = serializers.ListField(child=serializers.DictField())

    def get_fields(self) -> dict[str, Any]:
        report, to, rows = super().get_fields().values()
        return {"report": report, "from": serializers.DateField(), "to": to, "rows": rows}


class Reports(ServiceView):
    right = Right.REPORTS
    throttle_classes = (ReportsThrottle,)

    @extend_schema(operation_id="reports_list", responses={200: ReportsShape, **REFUSALS})
    def get(self, request: Request) -> Response:
        """The reports there are, with their columns and filters, and how current they are.

        `smallest_group` is the smallest number of people a number may be about, `noise_bound` how many people a number
        may be off by. Rows of `days_waiting` days are not counted yet; `computed_at` is null before the first count.
        """
        state = freshness()
        return ReportsShape.answer(
            {
                "smallest_group": conf.smallest_group,
                "noise_bound": noise_bound(conf.smallest_group),
                "computed_at": state.computed_at,
                "days_waiting": state.days_waiting,
                "reports": [
                    {
                        "name": report.name,
                        "title": report.title,
                        "description": report.description,
                        "filters": ["from", "to", *sorted(PAGE_OF[report.name].filters)],
                        "columns": report.columns,
                    }
                    for report in REPORTS.values()
                ],
            }
        )


class ReportRows(ServiceView):
    right = Right.REPORTS
    throttle_classes = (ReportsThrottle,)

    @extend_schema(
        parameters=[OpenApiParameter("name", str, OpenApiParameter.PATH, enum=[*REPORTS]), *FILTERS],
        responses={200: RowsShape, 404: Problem, **REFUSALS},
    )
    def get(self, request: Request, name: str) -> Response:
        """The rows of a report, as its page and its JSON download have them. The query of a page's address works here.

        A filter that the report does not have is refused. A number is null if it is unknown or about fewer people than
        the smallest group.
        """
        report = REPORTS.get(name)
        if report is None:
            raise NotFound("There is no report of this name. GET /api/reports lists them.")
        try:
            question = asked(request.query_params, timezone.now().date(), PAGE_OF[name].filters)
            rows = report.rows(question)
            if question.sort:
                if not (sort := question.sort_of(name)):
                    raise Unanswerable(f"The order is another report's. Write {name} before the dot.")
                rows = report.ordered(rows, sort)
        except Unanswerable as error:
            raise ParseError(str(error)) from None
        token = cast(ServiceToken, request.auth)
        record(request._request, Access.EXPORTED, f"report {name}, token {token.name}", lines=len(rows))
        return RowsShape.answer(as_json(report, question, rows))
