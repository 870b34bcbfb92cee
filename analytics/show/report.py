"""Reports: a named SQL query with its columns and charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from django.db import connections
from django.utils import timezone

from analytics.conf import conf
from analytics.models import EVERYWHERE
from analytics.router import analytics_database
from analytics.show.question import Question, Unanswerable
from analytics.sql import sql
from privacy.switches import DeploymentType

Row = tuple[Any, ...]
# More rows than any page or spreadsheet of aggregates needs; all are held in memory.
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `kind` is text, name (long text), day, count, ms (milliseconds), seconds or percent.

    A cell is None if the value is unknown or about too few people.
    """

    name: str
    title: str
    kind: str


def query_parameters(question: Question, *, today: date, smallest: int) -> dict[str, Any]:
    """Parameters of every query in analytics/sql/reports, typed so that the SQL need not cast them.

    `after` is exclusive. `part` is a deployment type, or `all`. An empty `name` or `method` filters nothing. Written as
    literals, as they are, conditions that filter nothing cost nothing: PostgreSQL's planner takes them out.
    """
    return {
        "first": question.first,
        "after": question.last + timedelta(days=1),
        "today": today,
        "part": question.deployment.value if question.deployment else EVERYWHERE,
        "name": question.name or "",
        "method": question.method or "",
        "smallest": smallest,
    }


class Form(StrEnum):
    COLUMNS = "columns"  # upright, one for each line, in the order of the query
    BARS = "bars"  # lying, one for each name, the longest first: for reports ordered by number
    COHORTS = "cohorts"  # a grid of returns, a line for each cohort


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart of the column `value`, labelled by the columns `labels`; its description names the `unit`."""

    title: str
    form: Form
    labels: tuple[str, ...]
    value: str
    unit: str
    per_unit: float = 1.0  # the column's values in one of `unit`


@dataclass(frozen=True, slots=True)
class Report:
    """A report, whose query is the file of its name in analytics/sql/reports.

    `compared` reports also show the preceding days: in figures, and in charts by day and in bars.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    drawings: tuple[Drawing, ...] = ()
    compared: bool = False

    def rows(self, question: Question) -> list[Row]:
        """Rows in the report's order. Raises Unanswerable if there are more than MOST_ROWS."""
        smallest = conf.smallest_group
        rows = self._read(question, smallest)
        if question.deployment is None or smallest <= 1:
            return rows
        # Both deployments minus this one is the other one, so its small cells must be hidden too.
        [other] = set(DeploymentType) - {question.deployment}
        return self._without(rows, self._small_cells(replace(question, deployment=other), smallest))

    def _read(self, question: Question, smallest: int) -> list[Row]:
        parameters = query_parameters(question, today=timezone.now().date(), smallest=smallest)
        with connections[analytics_database()].cursor() as cursor:
            cursor.execute(f"{sql(f'reports/{self.name}')}\nLIMIT {MOST_ROWS + 1}", parameters)
            rows: list[Row] = cursor.fetchall()
        if len(rows) > MOST_ROWS:
            raise Unanswerable(f"{self.title} has more than {MOST_ROWS:,} rows in this range. Choose fewer days.")
        return rows

    def _small_cells(self, question: Question, smallest: int) -> dict[Row, set[int]]:
        """Row key -> indices of the row's cells that are hidden because they are about too few people."""
        shown = {self._key(row): row for row in self._read(question, smallest)}
        return {
            key: {index for index, value in enumerate(row) if value is not None and shown[key][index] is None}
            for row in self._read(question, 1)
            if (key := self._key(row)) in shown
        }

    def _without(self, rows: Sequence[Row], small: Mapping[Row, set[int]]) -> list[Row]:
        """`rows` without the `small` cells. In reports ordered by number, affected rows move to the end, by name."""
        left = [
            tuple(None if index in small.get(self._key(row), ()) else value for index, value in enumerate(row))
            for row in rows
        ]
        if not any(drawing.form is Form.BARS for drawing in self.drawings):
            return left
        whole, cut = ([row for row in left if bool(small.get(self._key(row))) is is_cut] for is_cut in (False, True))
        return [*whole, *sorted(cut, key=self._key)]

    def _key(self, row: Row) -> Row:
        """Key of the row in its report: day and names."""
        return tuple(
            value for column, value in zip(self.columns, row, strict=True) if column.kind in {"day", "text", "name"}
        )

    def index(self, name: str) -> int:
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def values(self, rows: Sequence[Row], name: str) -> list[Any]:
        """Known values of one column."""
        index = self.index(name)
        return [row[index] for row in rows if row[index] is not None]

    def points(self, drawing: Drawing, rows: Sequence[Row]) -> list[tuple[str, float | None]]:
        """Label and value of each row for a chart."""
        labels, value = [self.index(name) for name in drawing.labels], self.index(drawing.value)
        return [
            (
                " ".join(str(row[index]) for index in labels if row[index] != ""),
                None if row[value] is None else float(row[value]) / drawing.per_unit,
            )
            for row in rows
        ]
