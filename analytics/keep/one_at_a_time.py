"""Only one process at a time rolls up or purges."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from analytics.exceptions import AnalyticsError
from analytics.router import analytics_database


class AlreadyKeeping(AnalyticsError):
    """Another process is rolling up or purging."""


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Raises AlreadyKeeping if another process is at it. The lock is the session's: it ends with the process."""
    connection = connections[analytics_database()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('analytics_keep'))")
        row = cursor.fetchone()
    if not row or not row[0]:
        raise AlreadyKeeping("another process is rolling up or purging")
    try:
        yield
    finally:
        # A connection that is lost has taken its lock with it.
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('analytics_keep'))")
