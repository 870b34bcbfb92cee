"""Rows into their table: by COPY, and by way of a temporary table where some of them may be there already."""

import psycopg
from psycopg import sql

from analytics.ingest.packing import COLUMNS, copied
from analytics.ingest.verdicts import PACKED, TABLES, Row
from analytics.vocabulary import Category


def data(rows: list[Row]) -> bytes:
    """What a COPY of COPY is given."""
    return copied([row[PACKED] for row in rows])


def staged_rows(connection: psycopg.Connection, category: Category, rows: list[Row]) -> int:
    """By way of a temporary table, passing over what is there already; how many were new."""
    connection.execute(_STAGING_TABLE[category])
    with connection.cursor() as cursor, cursor.copy(_COPY_TO_STAGING[category]) as copy:
        copy.write(data(rows))
    return connection.execute(_FROM_STAGING[category]).rowcount


def _staging(category: Category) -> str:
    return f"{TABLES[category]}_staging"


def _composed(text: str, category: Category, table: str) -> bytes:
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS[category])
    parts = {"table": sql.Identifier(table), "staging": sql.Identifier(_staging(category)), "names": names}
    return sql.SQL(text).format(**parts).as_bytes()


_COPY_INTO = "COPY {table} ({names}) FROM STDIN (FORMAT BINARY)"
COPY = {category: _composed(_COPY_INTO, category, TABLES[category]) for category in Category}
_COPY_TO_STAGING = {category: _composed(_COPY_INTO, category, _staging(category)) for category in Category}
_STAGING_TABLE = {
    category: _composed(
        "CREATE TEMPORARY TABLE {staging} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP", category, TABLES[category]
    )
    for category in Category
}
_FROM_STAGING = {
    category: _composed(
        "INSERT INTO {table} ({names}) SELECT {names} FROM {staging} ORDER BY timestamp, id ON CONFLICT DO NOTHING",
        category,
        TABLES[category],
    )
    for category in Category
}
