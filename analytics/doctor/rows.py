"""Examines telemetry's database: partitions, maintenance, rollups, deletions, sent and received counts."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from analytics.doctor.finding import Finding, Level, well
from analytics.doctor.installation import ABOUT_THE_ENDPOINT
from analytics.erasure import requests
from analytics.keep.partitions import missing_ahead
from analytics.models import Erasure, ExportTally, IngestTally, Keeping
from analytics.show.freshness import freshness

KEPT_WITHIN = timedelta(hours=25)  # once a day is enough, once an hour is usual
LONGEST_PENDING = timedelta(days=1)
# Reason of lost spans -> what to do.
ABOUT_LOSSES = {
    **ABOUT_THE_ENDPOINT,
    "queue_full": "Raise OTEL_BSP_MAX_QUEUE_SIZE, or find out why sending is slow",
}


def examine_partitions() -> Iterator[Finding]:
    missing = missing_ahead()
    this_month = [name for name in missing if name.endswith(f"_y{timezone.now():%Y}m{timezone.now():%m}")]
    if missing:
        yield Finding(
            Level.LOOK,
            "partitions",
            f"{len(missing)} of the coming months are missing{', this month too' if this_month else ''}",
            "The first row of a month must create it; keep_telemetry has not run for long",
            "Run manage.py keep_telemetry, hourly",
        )
    else:
        yield well("partitions", "created for this month and the next ones")


def examine_keeping() -> Iterator[Finding]:
    kept_at = Keeping.objects.values_list("kept_at", flat=True).first()
    if kept_at is None:
        yield Finding(
            Level.LOOK,
            "keeping",
            "keep_telemetry has never finished",
            "Nothing is rolled up, purged, or sent again",
            "Run manage.py keep_telemetry, hourly",
        )
    elif timezone.now() - kept_at > KEPT_WITHIN:
        yield Finding(
            Level.LOOK,
            "keeping",
            f"keep_telemetry last finished on {kept_at:%Y-%m-%d at %H:%M} UTC",
            "Reports are out of date, and rows are stored longer than promised",
            "Check the log of its timer, cron line or job",
        )
    else:
        yield well("keeping", f"last on {kept_at:%Y-%m-%d at %H:%M} UTC")


def examine_rollups() -> Iterator[Finding]:
    fresh = freshness()
    if fresh.oldest_waiting is not None and fresh.oldest_waiting < timezone.now().date() - timedelta(days=1):
        yield Finding(
            Level.LOOK,
            "rollups",
            f"{fresh.days_waiting} days have rows that no report counts yet, the oldest is {fresh.oldest_waiting}",
            "Reports are incomplete, and these days cannot be purged",
            f"Run {fresh.command}",
        )
    else:
        yield well("rollups", "up to date" if fresh.is_anything_stored else "nothing is stored yet")


def overdue_deletions() -> int:
    """Number of requests that the server which stores the rows has not accepted for more than a day."""
    return Erasure.objects.filter(completed_at=None, requested_at__lt=timezone.now() - LONGEST_PENDING).count()


def examine_deletions() -> Iterator[Finding]:
    noted = requests.number_noted()
    late = overdue_deletions()
    if noted:
        yield Finding(
            Level.LOOK,
            "deletions",
            f"{noted} were requested while the database was away",
            "People wait for them",
            "Run manage.py keep_telemetry",
        )
    if late:
        yield Finding(
            Level.LOOK,
            "deletions",
            f"{late} have waited for more than a day to be accepted by the server that stores the rows",
            "People wait for them",
            "Check the line about the endpoint, then run manage.py send_pending_erasures",
        )
    if not noted and not late:
        yield well("deletions", "none is overdue")


def examine_sent() -> Iterator[Finding]:
    since = timezone.now().date() - timedelta(days=1)
    of = ExportTally.objects.filter(day__gte=since)
    lost = of.filter(outcome__in=("dropped", "failed", "invalid")).values("outcome", "reason").annotate(n=Sum("spans"))
    for each in lost.order_by("-n"):
        yield Finding(
            Level.LOOK,
            "sent",
            f"{each['n']} spans since yesterday: {each['outcome']} ({each['reason'] or 'no reason'})",
            "They are lost",
            ABOUT_LOSSES.get(each["reason"], "Check the log of the site"),
        )
    sent = of.filter(outcome="sent").aggregate(n=Sum("spans"))["n"] or 0
    if not lost:
        yield well("sent", f"{sent} spans since yesterday, none lost")


def examine_received() -> Iterator[Finding]:
    since = timezone.now().date() - timedelta(days=1)
    of = IngestTally.objects.filter(day__gte=since)
    rejected = of.filter(outcome="rejected").values("reason", "sender").annotate(n=Sum("spans")).order_by("-n")
    for each in rejected:
        sender = f" of {each['sender']}" if each["sender"] else ""
        yield Finding(
            Level.LOOK,
            "received",
            f"{each['n']} spans{sender} since yesterday were rejected: {each['reason']}",
            "They are not stored",
            "docs/ingest.md explains each reason",
        )
    stored = of.filter(outcome="stored").aggregate(n=Sum("spans"))["n"] or 0
    if not rejected:
        yield well("received", f"{stored} spans stored since yesterday, none rejected")
