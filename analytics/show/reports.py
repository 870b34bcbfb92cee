"""The reports: each is a named query over a period, with its columns and what to draw of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.utils import timezone

from analytics.router import analytics_database
from analytics.show.period import Period
from analytics.sql import sql

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: text, day, count, ms (milliseconds) or percent. None in a cell means: not known (yet)."""

    name: str
    title: str
    kind: str


@dataclass(frozen=True, slots=True)
class Report:
    """`label` and `value` are the columns the chart is drawn of; `unit` is said in its description."""

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    labels: tuple[str, ...]
    value: str
    unit: str
    upright: bool

    def rows(self, period: Period) -> list[Row]:
        """Straight from the stored rows, in the order the report is read."""
        parameters = {
            "start": period.start,
            "end": period.end,
            "deployment": period.deployment,
            "now": timezone.now(),
        }
        with connections[analytics_database()].cursor() as cursor:
            cursor.execute(sql(f"report_{self.name}"), parameters)
            rows: list[Row] = cursor.fetchall()
            return rows

    def column(self, name: str) -> int:
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def points(self, rows: Sequence[Row]) -> list[tuple[str, float | None]]:
        """Label and value of each row, for the chart."""
        labels, value = [self.column(name) for name in self.labels], self.column(self.value)
        return [(" ".join(str(row[index]) for index in labels), row[value]) for row in rows]


REPORTS = {
    report.name: report
    for report in (
        Report(
            name="active_people",
            title="Daily active people",
            description="People who signed in, by UTC day.",
            columns=(
                Column("day", "Day", "day"),
                Column("cloud", "Cloud", "count"),
                Column("self_hosted", "Self-hosted", "count"),
                Column("active_people", "Active people", "count"),
            ),
            labels=("day",),
            value="active_people",
            unit="people",
            upright=True,
        ),
        Report(
            name="feature_adoption",
            title="Feature adoption",
            description="How many people used each feature, and how often.",
            columns=(
                Column("feature_name", "Feature", "text"),
                Column("unique_users", "People", "count"),
                Column("total_uses", "Uses", "count"),
            ),
            labels=("feature_name",),
            value="unique_users",
            unit="people",
            upright=False,
        ),
        Report(
            name="endpoint_performance",
            title="Endpoint performance",
            description="Durations in milliseconds and server errors, by URL pattern and method.",
            columns=(
                Column("endpoint", "Endpoint", "text"),
                Column("method", "Method", "text"),
                Column("requests", "Requests", "count"),
                Column("avg_ms", "Average", "ms"),
                Column("p50_ms", "p50", "ms"),
                Column("p95_ms", "p95", "ms"),
                Column("p99_ms", "p99", "ms"),
                Column("errors", "Errors", "count"),
                Column("error_percent", "Error rate", "percent"),
            ),
            labels=("method", "endpoint"),
            value="p95_ms",
            unit="milliseconds at the 95th percentile",
            upright=False,
        ),
        Report(
            name="retention",
            title="7-day retention",
            description="Of the people who first signed in on a day, how many signed in again on one of the seven days "
            "after it. A day whose seven days are not over yet is not judged.",
            columns=(
                Column("first_day", "First day", "day"),
                Column("people", "New people", "count"),
                Column("returned", "Came back", "count"),
                Column("retention_percent", "Retention", "percent"),
            ),
            labels=("first_day",),
            value="retention_percent",
            unit="percent",
            upright=True,
        ),
    )
}
