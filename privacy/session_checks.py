"""Checks that ask the database.

privacy.E020  A pooler hides session settings that we rely on. Run by `migrate` and `check --database`.
privacy.W004  This process's role could change the ledger. Run by `check --deploy --database default`.
"""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  Django's name for it
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from privacy.sessions import ALIASES, described, how_to_mend, settle

COULD_CHANGE = """
SELECT current_user FROM pg_class
WHERE oid = to_regclass('privacy_consent_event')
  AND (pg_has_role(relowner, 'USAGE') OR has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER'))
"""


@register(Tags.database)
def check_sessions(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    for alias in sorted(ALIASES.intersection(databases or ())):
        connection = connections[alias]
        if connection.vendor != "postgresql" or connection.in_atomic_block:
            continue
        try:
            connection.ensure_connection()
            with connection.wrap_database_errors:
                settled = settle(connection.connection)
        except DatabaseError:
            continue  # code that needs the database reports that it is unavailable
        if settled.unmet:
            errors.append(
                Error(
                    f"The database {alias!r} is behind a connection pooler, and {described(settled.unmet)}.",
                    hint=how_to_mend(settled.unmet),
                    id="privacy.E020",
                )
            )
    return errors


@register(Tags.database, deploy=True)
def check_ledger_rights(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    connection = connections[DEFAULT_DB_ALIAS]
    if DEFAULT_DB_ALIAS not in (databases or ()) or connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(COULD_CHANGE)
            found = cursor.fetchone()
    except DatabaseError:
        return []  # code that needs the database reports that it is unavailable
    if found is None:
        return []
    return [
        Warning(
            f"The database role {found[0]} of DATABASE_URL could change the ledger of choices, or lift its triggers.",
            hint="Run manage.py grant_roles, and give site, processor and keeper the addresses that it prints.",
            id="privacy.W004",
        )
    ]
