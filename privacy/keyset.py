"""Keyset pagination: read long tables page by page, in constant memory and without server-side cursors."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet


def newest_first(
    rows: QuerySet[Any], moment: str, before: tuple[datetime, UUID] | None, *, inclusive: bool = False
) -> QuerySet[Any]:
    """`rows` ordered by the column `moment` and id, newest first; only those older than the key `before`.

    With `inclusive`, a row with exactly that key is included.
    """
    ordered = rows.order_by(f"-{moment}", "-id")
    if before is None:
        return ordered
    at, id_ = before
    same_moment = {moment: at, "id__lte" if inclusive else "id__lt": id_}
    # The first filter is redundant, but lets PostgreSQL skip later partitions.
    return ordered.filter(**{f"{moment}__lte": at}).filter(Q(**{f"{moment}__lt": at}) | Q(**same_moment))


def in_pages(rows: QuerySet[Any], moment: str, size: int) -> Iterator[Model]:
    """All rows, newest first, with `size` in memory at a time. Rows added meanwhile cause no repeats or gaps."""
    last: tuple[datetime, UUID] | None = None
    while page := list(newest_first(rows, moment, last)[:size]):
        yield from page
        last = (getattr(page[-1], moment), page[-1].pk)
