"""Reading long tables a page at a time, by the last key read: in constant memory, without a cursor of the server."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet


def newest_first(
    rows: QuerySet[Any], moment: str, before: tuple[datetime, UUID] | None, *, inclusive: bool = False
) -> QuerySet[Any]:
    """`rows` by the column `moment` and their id, newest first; only those after `before`, or it too if `inclusive`."""
    ordered = rows.order_by(f"-{moment}", "-id")
    if before is None:
        return ordered
    at, id_ = before
    same_moment = {moment: at, "id__lte" if inclusive else "id__lt": id_}
    # The first condition says nothing new, but leaves the months after it out.
    return ordered.filter(**{f"{moment}__lte": at}).filter(Q(**{f"{moment}__lt": at}) | Q(**same_moment))


def in_pages(rows: QuerySet[Any], moment: str, size: int) -> Iterator[Model]:
    """All of them, `size` in memory at a time. A row that is added meanwhile is not read twice nor pushes one out."""
    last: tuple[datetime, UUID] | None = None
    while page := list(newest_first(rows, moment, last)[:size]):
        yield from page
        last = (getattr(page[-1], moment), page[-1].pk)
