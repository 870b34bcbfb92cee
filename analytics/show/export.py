"""Reports as CSV and JSON."""

from collections.abc import Sequence
from typing import Any

from analytics.show.report import Report, Row
from privacy.spreadsheet import csv_lines


def as_csv(report: Report, rows: Sequence[Row]) -> str:
    """RFC 4180, with a header of column names. Text that a spreadsheet would run is put behind an apostrophe."""
    return "".join(csv_lines([column.name for column in report.columns], rows))


def as_json(report: Report, rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{column.name: _plain(value) for column, value in zip(report.columns, row, strict=True)} for row in rows]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else float(value)
