"""A database that goes away in the middle of a command is one line, not a stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.checks import Tags, run_checks
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from analytics.keep.locks import LOCK_NOT_AVAILABLE
from analytics.router import analytics_database

TRY_AGAIN = 1
WRONG_USAGE = 2
# A table, a column, a function that the newest migration would have made.
UNDEFINED = {"42P01", "42703", "42883"}


def refuse_unusable_sessions() -> None:
    """Raises CommandError for a pooler behind which our sessions would not be what we rely on (privacy.E020)."""
    if errors := run_checks(tags=[Tags.database], databases=[analytics_database()]):
        raise CommandError(" ".join(str(error) for error in errors), returncode=WRONG_USAGE)


@contextmanager
def database_may_go_away() -> Iterator[None]:
    """Raises CommandError for what the database refuses. Messages may quote rows; the class says enough."""
    refuse_unusable_sessions()
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise CommandError(
                "a process that writes rows does not come to its end; what was done is kept, run this again to go on",
                returncode=TRY_AGAIN,
            ) from None
        raise CommandError(
            f"the database is not available ({type(error).__name__}); what was done is kept, run this again to go on",
            returncode=TRY_AGAIN,
        ) from None
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) not in UNDEFINED:
            raise
        raise CommandError("tables are missing; run manage.py migrate first", returncode=WRONG_USAGE) from None
