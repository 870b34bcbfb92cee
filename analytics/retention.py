"""How long raw rows are kept: shared by the processor, which takes none older, and the purge, which drops them."""

from calendar import monthrange
from datetime import UTC, datetime

RETENTION_MONTHS = 12


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time `months` calendar months earlier, UTC; the month's last day where it has no such day."""
    moment = moment.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def first_of_month(moment: datetime) -> datetime:
    """The UTC month's first instant."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
