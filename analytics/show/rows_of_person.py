"""A person's stored rows for the privacy pages: newest first, in pages of constant cost."""

import re
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import Model

from analytics.conf import conf
from analytics.identity import pseudonyms_of
from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from privacy.clock import from_unix_us, unix_us
from privacy.gate import salt_of
from privacy.keys import Key
from privacy.keyset import newest_first
from privacy.telemetry import NoCursor, Rows, Stored

TABLES: tuple[type[UserActivity] | type[EndpointUsage] | type[FeatureUsage], ...] = (
    UserActivity,
    EndpointUsage,
    FeatureUsage,
)
# End of a page, as a sort key: timestamp and id of the last row, and the negative number of its table.
Place = tuple[datetime, UUID, int]
CURSOR = re.compile(r"[0-9]{1,16}-[0-9a-f]{32}-[0-2]")


def stored(user_id: Key) -> Stored:
    """Number of the person's rows by table; 0 if rows are stored elsewhere."""
    here, whose = conf.stored_here, _pseudonyms(user_id)
    return Stored(here, {model._meta.db_table: _of(model, whose).count() if here else 0 for model in TABLES})


def rows(user_id: Key, *, limit: int, cursor: str = "") -> Rows:
    """A page of the person's rows. Raises NoCursor."""
    after = _place(cursor) if cursor else None
    if not conf.stored_here:
        return Rows([], None)
    whose = _pseudonyms(user_id)
    # Read a full page from each table, then select the newest rows.
    found = [
        ((row.timestamp, row.id, -number), row)
        for number, model in enumerate(TABLES)
        for row in _after(_of(model, whose), number, after)[: limit + 1]
    ]
    found.sort(key=itemgetter(0), reverse=True)
    is_last = len(found) <= limit
    return Rows([_row(row) for _, row in found[:limit]], None if is_last else _cursor(found[limit - 1][0]))


def _pseudonyms(user_id: Key) -> list[UUID]:
    salt = salt_of(user_id)
    return [] if salt is None else pseudonyms_of(user_id, salt)


def _of(model: Any, pseudonyms: list[UUID]) -> Any:
    return model.objects.filter(user_id__in=pseudonyms)


def _after(rows: Any, number: int, place: Place | None) -> Any:
    """Rows of the table with this number that come after `place`, newest first."""
    if place is None:
        return newest_first(rows, "timestamp", None)
    moment, id_, of_table = place
    return newest_first(rows, "timestamp", (moment, id_), inclusive=-number < of_table)


def _cursor(place: Place) -> str:
    moment, id_, of_table = place
    return f"{unix_us(moment)}-{id_.hex}-{-of_table}"


def _place(cursor: str) -> Place:
    if not CURSOR.fullmatch(cursor):
        raise NoCursor(cursor)
    moment, id_, number = cursor.split("-")
    return from_unix_us(int(moment)), UUID(id_), -int(number)


def _row(instance: Model) -> dict[str, Any]:
    """A row as its table has it, ready for JSON; `table` comes first."""
    row: dict[str, Any] = {"table": instance._meta.db_table}
    for column in instance._meta.concrete_fields:
        value = getattr(instance, column.attname)
        if isinstance(value, UUID):
            value = str(value)
        elif hasattr(value, "isoformat"):
            value = value.isoformat()
        row[column.attname] = value
    return row
