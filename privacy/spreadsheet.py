"""CSV that can be opened in a spreadsheet: streamed, and nothing in it is run."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from privacy.streaming import as_the_server_reads

LINES_AT_ONCE = 1000
# What a spreadsheet would run as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: Any) -> Any:
    """Text that a spreadsheet would run is put behind an apostrophe; None is an empty cell."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value


class _Line:
    """What `csv.writer` writes to, and hands back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """RFC 4180, line by line, the names of the columns first."""
    writer = csv.writer(_Line())
    yield writer.writerow(header)
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])


def csv_download(
    request: HttpRequest, filename: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> StreamingHttpResponse:
    """A download that never holds more than LINES_AT_ONCE of a long table."""
    lines = csv_lines(header, rows)
    pieces = iter(lambda: "".join(islice(lines, LINES_AT_ONCE)), "")
    response = StreamingHttpResponse(as_the_server_reads(request, pieces), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "no-store"
    return response
