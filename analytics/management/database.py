"""Database errors of commands, as one line and an exit code instead of a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.checks import Tags, run_checks
from django.core.management.base import CommandError
from django.db import Error, InterfaceError, InternalError, OperationalError, ProgrammingError, connections

from analytics.exceptions import InUse
from analytics.keep.locks import LOCK_NOT_AVAILABLE
from analytics.router import analytics_database
from privacy.outages import cause, sqlstate

logger = logging.getLogger(__name__)

TRY_AGAIN = 1
WRONG_USAGE = 2
RUN_AGAIN = "run this again, finished steps are kept"
# SQLSTATEs of a missing table, column or function: a migration has not been run.
UNDEFINED = {"42P01", "42703", "42883"}
# A right, or the schema, is missing.
REFUSED = {"42501", "3F000"}
# No trying again helps: role, password, name or rights must be mended.
TO_MEND = {"28P01", "28000", "3D000", *REFUSED}
DatabaseErrors = (OperationalError, InterfaceError, InternalError, ProgrammingError)


def refuse_unusable_sessions() -> None:
    """Raise CommandError if a connection pooler hides session settings we rely on (privacy.E020)."""
    if errors := run_checks(tags=[Tags.database], databases=[analytics_database()]):
        raise CommandError(" ".join(str(error) for error in errors), returncode=WRONG_USAGE)


def log_an_outage() -> None:
    """Log why the database cannot be used now, if it cannot, for a process that goes on all the same."""
    alias = analytics_database()
    try:
        connections[alias].ensure_connection()
    except Error as error:
        logger.warning("The database cannot be used yet; senders are told to try again. Cause: %s", cause(error, alias))
    finally:
        connections[alias].close()


@contextmanager
def database_may_go_away() -> Iterator[None]:
    """Turn database errors into CommandError, with the cause in words of ours: messages may quote rows."""
    refuse_unusable_sessions()
    try:
        yield
    except InUse as error:
        raise CommandError(f"{error}; {RUN_AGAIN}", returncode=TRY_AGAIN) from None
    except DatabaseErrors as error:
        state, why = sqlstate(error), cause(error, analytics_database())
        if state == LOCK_NOT_AVAILABLE:
            raise CommandError(
                "a process that writes rows is blocking this command; run it again, finished steps are kept",
                returncode=TRY_AGAIN,
            ) from None
        if state in UNDEFINED:
            raise CommandError("tables are missing; run manage.py migrate first", returncode=WRONG_USAGE) from None
        if isinstance(error, ProgrammingError) and state not in REFUSED:
            raise  # a mistake of ours
        what = f"the database is not available ({type(error).__name__}): {why}"
        if state in TO_MEND:
            raise CommandError(f"{what}; mend that first", returncode=WRONG_USAGE) from None
        raise CommandError(f"{what}; {RUN_AGAIN}", returncode=TRY_AGAIN) from None
