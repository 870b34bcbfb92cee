"""Reports: a named SQL query with its columns and charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any

from django.db import connections
from django.utils import timezone

from analytics.conf import conf
from analytics.models import EVERYWHERE
from analytics.router import analytics_database
from analytics.show.question import Question, Unanswerable
from analytics.show.steps import WINDOWS
from analytics.sql import sql

Row = tuple[Any, ...]
# More rows than any page or spreadsheet of aggregates needs; all are held in memory.
MOST_ROWS = 100_000
# Columns of which the numbers of several lines may be added up; people would be counted twice.
ADDED_UP = frozenset({"total_uses", "feature_uses", "requests", "errors", "sign_ins", "sessions"})


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

    `after` is exclusive. `part` is a deployment type, or `all`. `counted`: whether people are counted over this range.
    `start` and `until` (exclusive) are for queries of raw rows. Where small groups are protected, these leave out the
    day that is not over: whoever reloads a page would see each row as it comes.
    An empty `name` or `method` filters nothing. Written as literals, as they are, conditions that filter nothing cost
    nothing: PostgreSQL's planner takes them out.
    """
    over = datetime.combine(today, time(), UTC)
    return {
        "first": question.first,
        "after": question.last + timedelta(days=1),
        "today": today,
        "part": question.deployment.value if question.deployment else EVERYWHERE,
        "name": question.name or "",
        "method": question.method or "",
        "period": question.period,
        "start": question.start,
        "until": question.end if smallest == 1 else min(question.end, over),
        "steps": [*question.steps],
        "within": WINDOWS[question.within],
        "counted": smallest == 1 or question.counts_people,
        "smallest": smallest,
    }


def noise_bound(smallest: int) -> int:
    """How many people a number may be off by; `analytics_noise_bound` in SQL."""
    return -(-smallest // 2) if smallest > 1 else 0


class Form(StrEnum):
    LINE = "line"  # of days, one chart at a time: the overview's
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
    """A report, whose query is the file of its name in analytics/sql/reports, or of `query`.

    `compared` reports also show the preceding days: in figures, and in charts by day and in bars. An `exact` report has
    only the rows whose first column is the question's name. Its table shows the change of the column `change`.
    A report `by_period` has a line for each whole period that the range has days of.
    """

    name: str
    title: str
    description: str
    columns: tuple[Column, ...]
    drawings: tuple[Drawing, ...] = ()
    compared: bool = False
    query: str = ""
    exact: bool = False
    change: str = ""
    by_period: bool = False

    def rows(self, question: Question) -> list[Row]:
        """Rows in the report's order. Raises Unanswerable if there are more than MOST_ROWS."""
        question = question.whole if self.by_period else question
        parameters = query_parameters(question, today=timezone.now().date(), smallest=conf.smallest_group)
        with connections[analytics_database()].cursor() as cursor:
            cursor.execute(f"{sql(f'reports/{self.query or self.name}')}\nLIMIT {MOST_ROWS + 1}", parameters)
            rows: list[Row] = cursor.fetchall()
        if len(rows) > MOST_ROWS:
            raise Unanswerable(f"{self.title} has more than {MOST_ROWS:,} rows in this range. Choose fewer days.")
        return [row for row in rows if row[0] == question.name] if self.exact else rows

    @property
    def is_by_time(self) -> bool:
        """Whether each line is of a day, week or month."""
        return self.columns[0].kind == "day" or self.columns[0].name in {"week", "month"}

    def index(self, name: str) -> int:
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def ordered(self, rows: Sequence[Row], sort: str) -> list[Row]:
        """Rows by the column that `sort` names, `-` before it for the largest first; unknown values come last.

        Without `sort`, lines of days, weeks or months come newest first, all others in the report's order. Raises
        Unanswerable for a column that the report does not have.
        """
        if not sort:
            return list(rows[::-1] if self.is_by_time else rows)
        name = sort.removeprefix("-")
        if name not in {column.name for column in self.columns}:
            raise Unanswerable(f"{self.title} has no column {name}. Select the title of a column to order by it.")
        index = self.index(name)
        known = sorted((row for row in rows if row[index] is not None), key=itemgetter(index), reverse=sort[0] == "-")
        return known + [row for row in rows if row[index] is None]

    def totals(self, rows: Sequence[Row]) -> list[int | None]:
        """Sum of each column that adds up, None for the others; empty if none does."""
        added = [column.name in ADDED_UP for column in self.columns]
        if not any(added):
            return []
        return [sum(self.values(rows, c.name)) if adds else None for c, adds in zip(self.columns, added, strict=True)]

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
