"""privacy.E020  A pooler hides session settings that we rely on. Run by `migrate` and `check --database`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

from privacy.sessions import ALIASES, described, how_to_mend, settle


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
