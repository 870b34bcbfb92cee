"""Exports reports as CSV and JSON."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from analytics.show.question import Question
from analytics.show.report import Report, Row
from privacy.spreadsheet import csv_lines

DECIMALS = 4


def as_csv(report: Report, rows: Sequence[Row]) -> str:
    """The report as RFC 4180 CSV, header first. Text that a spreadsheet would run gets an apostrophe in front."""
    return "".join(csv_lines([column.name for column in report.columns], [[*map(_plain, row)] for row in rows]))


def as_json(report: Report, question: Question, rows: Sequence[Row]) -> dict[str, Any]:
    """The report with its range; each row is an object of its columns, null where a number is unknown or hidden."""
    return {
        "report": report.name,
        "from": question.first,
        "to": question.last,
        "rows": [
            {column.name: _plain(value) for column, value in zip(report.columns, row, strict=True)} for row in rows
        ],
    }


def _plain(value: Any) -> Any:
    """A plain value: a number with at most four decimals, such as 0, 12 or 0.3984; a day such as 2026-05-03."""
    if isinstance(value, float | Decimal):
        number = round(float(value), DECIMALS)
        return int(number) if number.is_integer() else number
    return value.isoformat() if hasattr(value, "isoformat") else value
