"""Age limit of raw rows: the processor rejects older spans, and the purge drops older rows."""

from calendar import monthrange
from datetime import UTC, datetime

RETENTION_MONTHS = 12


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time `months` calendar months earlier, UTC; the month's last day if it is shorter."""
    moment = moment.astimezone(UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def first_of_month(moment: datetime) -> datetime:
    """Start of the UTC month."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
