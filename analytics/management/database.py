"""Database errors of commands, as one line and an exit code instead of a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.checks import Tags, run_checks
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from analytics.keep.locks import LOCK_NOT_AVAILABLE
from analytics.router import analytics_database

TRY_AGAIN = 1
WRONG_USAGE = 2
# SQLSTATEs of a missing table, column or function: a migration has not been run.
UNDEFINED = {"42P01", "42703", "42883"}


def refuse_unusable_sessions() -> None:
    """Raise CommandError if a connection pooler hides session settings we rely on (privacy.E020)."""
    if errors := run_checks(tags=[Tags.database], databases=[analytics_database()]):
        raise CommandError(" ".join(str(error) for error in errors), returncode=WRONG_USAGE)


@contextmanager
def database_may_go_away() -> Iterator[None]:
    """Turn database errors into CommandError. Only the error's class is printed, since its message may quote rows."""
    refuse_unusable_sessions()
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if getattr(error.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise CommandError(
                "a process that writes rows is blocking this command; run it again, finished steps are kept",
                returncode=TRY_AGAIN,
            ) from None
        raise CommandError(
            f"the database is not available ({type(error).__name__}); run this again, finished steps are kept",
            returncode=TRY_AGAIN,
        ) from None
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) not in UNDEFINED:
            raise
        raise CommandError("tables are missing; run manage.py migrate first", returncode=WRONG_USAGE) from None
