"""privacy.E020  A pooler keeps connections from setting what they rely on. Run by `migrate` and `check --database`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections

from privacy.sessions import ALIASES, how_to_mend, in_words, settle


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
            continue  # a database that is away is for whoever needs it now to report
        if settled.unmet:
            errors.append(
                Error(
                    f"The database {alias!r} is reached through a connection pooler, and {in_words(settled.unmet)}.",
                    hint=how_to_mend(settled.unmet),
                    id="privacy.E020",
                )
            )
    return errors
