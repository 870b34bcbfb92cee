"""Reports as CSV and JSON."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from analytics.show.report import Report, Row

# What a spreadsheet would run as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def as_csv(report: Report, rows: Sequence[Row]) -> str:
    """RFC 4180, with a header of column names. Text that a spreadsheet would run is put behind an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(column.name for column in report.columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def as_json(report: Report, rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{column.name: _plain(value) for column, value in zip(report.columns, row, strict=True)} for row in rows]


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else float(value)
