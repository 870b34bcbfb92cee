"""Streamed CSV downloads that are safe to open in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from privacy.streaming import as_the_server_reads

LINES_AT_ONCE = 1000
# First characters of text that a spreadsheet would run as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """Prefix text that a spreadsheet would run with an apostrophe; None becomes an empty cell."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value


class _Line:
    """File-like object for `csv.writer` that returns each line."""

    def write(self, line: str) -> str:
        return line


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines of RFC 4180 CSV, header first."""
    writer = csv.writer(_Line())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])


def csv_download(
    request: HttpRequest, filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """A streamed download that holds at most LINES_AT_ONCE lines in memory."""
    lines = csv_lines(header, rows)
    pieces = iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")
    response = StreamingHttpResponse(as_the_server_reads(request, pieces), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response
