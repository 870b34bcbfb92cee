"""Counts people's choices, for the report about consent."""

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Count, Q

from analytics.models import ConsentOfDay
from analytics.router import analytics_database
from privacy.clock import database_now
from privacy.models import Preference

COUNTS = {
    "asked": Count("pk", filter=Q(notice_version__isnull=False)),
    "yes": Count("pk", filter=Q(choice=True)),
    "no": Count("pk", filter=Q(choice=False)),
    "undecided": Count("pk", filter=Q(notice_version__isnull=False, choice__isnull=True)),
}


def count_consent() -> None:
    """Store how many people were asked and what they chose until now, as the numbers of this UTC day.

    Choices and reports may be in different databases, so the numbers are copied.
    """
    day = database_now(analytics_database()).date()
    counted = Preference.objects.using(DEFAULT_DB_ALIAS).values("notice_version").annotate(**COUNTS)
    rows = [ConsentOfDay(day=day, **row | {"notice_version": row["notice_version"] or 0}) for row in counted]
    with transaction.atomic(analytics_database()):
        ConsentOfDay.objects.filter(day=day).delete()
        ConsentOfDay.objects.bulk_create(rows)
