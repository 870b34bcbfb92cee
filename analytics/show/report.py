"""A report: a named query, its columns, and what is drawn of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connections
from django.utils import timezone

from analytics.conf import conf
from analytics.router import analytics_database
from analytics.show.question import Question, Unanswerable
from analytics.sql import sql

Row = tuple[Any, ...]
# More than any page or spreadsheet of aggregates needs; held in memory at once.
MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: text, name (long text), day, count, ms (milliseconds), seconds or percent.

    None in a cell: not known, or about too few people.
    """

    name: str
    title: str
    kind: str


class Form(StrEnum):
    COLUMNS = "columns"  # upright, one for each day, week or month
    BARS = "bars"  # lying, one for each name, the longest first
    COHORTS = "cohorts"  # a grid of returns, a line for each cohort


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart of one column (`value`) over what `labels` name together; `unit` is said in its description."""

    title: str
    form: Form
    labels: tuple[str, ...]
    value: str
    unit: str
    per_unit: float = 1.0  # the column's values in one of `unit`


@dataclass(frozen=True, slots=True)
class Report:
    """`query` names a file of analytics/sql. What is `compared` is also shown of the days before."""

    name: str
    title: str
    description: str
    query: str
    columns: tuple[Column, ...]
    drawings: tuple[Drawing, ...] = ()
    compared: bool = False

    def rows(self, question: Question) -> list[Row]:
        """In the order the report is read. Raises Unanswerable if they are too many to be held."""
        parameters = {
            "start": question.start,
            "end": question.end,
            "deployment": question.deployment,
            "name": question.name,
            "method": question.method,
            "now": timezone.now(),
            "smallest": conf.smallest_group,
            "most": MOST_ROWS + 1,
        }
        with connections[analytics_database()].cursor() as cursor:
            cursor.execute(f"{sql(self.query)}\nLIMIT %(most)s", parameters)
            rows: list[Row] = cursor.fetchall()
        if len(rows) > MOST_ROWS:
            raise Unanswerable(f"{self.title} has more than {MOST_ROWS:,} rows over this range; choose fewer days.")
        return rows

    def index(self, name: str) -> int:
        return next(index for index, column in enumerate(self.columns) if column.name == name)

    def values(self, rows: Sequence[Row], name: str) -> list[Any]:
        """One column, without what is not known."""
        index = self.index(name)
        return [row[index] for row in rows if row[index] is not None]

    def points(self, drawing: Drawing, rows: Sequence[Row]) -> list[tuple[str, float | None]]:
        """Label and value of each row, for a chart."""
        labels, value = [self.index(name) for name in drawing.labels], self.index(drawing.value)
        return [
            (
                " ".join(str(row[index]) for index in labels if row[index] != ""),
                None if row[value] is None else float(row[value]) / drawing.per_unit,
            )
            for row in rows
        ]
