"""Measurements of an installation for Prometheus, from the tables in which site, processor and keeper count.

Every process counts in the database, so one scrape of the site covers all of them. None is about a person.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, time

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from analytics.catalogue import current_catalogue
from analytics.doctor.installation import clock_difference
from analytics.doctor.rows import overdue_deletions
from analytics.erasure import requests
from analytics.keep.partitions import missing_ahead
from analytics.models import ExportTally, IngestTally, Keeping
from analytics.router import analytics_database
from analytics.show.freshness import freshness
from privacy.waits import at_most

# Of each database. Prometheus usually waits 10 s for all.
PATIENCE_SECONDS = 4.0


def exposition() -> bytes:
    """All measurements in Prometheus' text format, without those of a database that cannot be read."""
    registry = CollectorRegistry()
    registry.register(_Installation())
    return generate_latest(registry)


class _Installation(Collector):
    def collect(self) -> Iterator[Metric]:
        readable = GaugeMetricFamily(
            "rhesis_database_readable", "Whether the database answers and has its tables.", labels=["database"]
        )
        sources = ((DEFAULT_DB_ALIAS, _of_the_site), (analytics_database(), _of_telemetry))
        for alias, read in sources:
            found = _read(alias, read)
            readable.add_metric([alias if read is _of_the_site else "telemetry"], float(found is not None))
            yield from found or []
        yield readable
        expiries = [event.expires for event in current_catalogue().current()]
        if expiries:
            yield GaugeMetricFamily(
                "rhesis_catalogue_first_expiry_timestamp_seconds",
                "Start of the UTC day on which the next event of the catalogue expires.",
                datetime.combine(min(expiries), time(), UTC).timestamp(),
            )


def _read(alias: str, read: Callable[[], Iterator[Metric]]) -> list[Metric] | None:
    try:
        with at_most(PATIENCE_SECONDS):
            connections[alias].ensure_connection()
            return list(read())
    except Error:
        return None


def _of_the_site() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "rhesis_clock_difference_seconds",
        "Clock of the site less clock of its database.",
        clock_difference().total_seconds(),
    )
    yield GaugeMetricFamily(
        "rhesis_deletions_pending", "Requests to delete that are not carried out.", requests.number_pending()
    )


def _of_telemetry() -> Iterator[Metric]:
    kept_at = Keeping.objects.values_list("kept_at", flat=True).first()
    fresh = freshness()
    behind = (timezone.now().date() - fresh.oldest_waiting).days if fresh.oldest_waiting else 0
    for name, help_text, value in (
        (
            "rhesis_keep_last_success_timestamp_seconds",
            "When keep_telemetry last finished; 0 before its first run.",
            kept_at.timestamp() if kept_at else 0,
        ),
        ("rhesis_partitions_missing", "Missing partitions of this month and the next ones.", len(missing_ahead())),
        ("rhesis_rollups_waiting_days", "Days with rows that no report counts yet.", fresh.days_waiting),
        ("rhesis_rollups_behind_days", "Age of the oldest of these days; today's is 0.", behind),
        (
            "rhesis_deletions_overdue",
            "Requests to delete that have waited for more than a day for the server with the rows.",
            overdue_deletions(),
        ),
    ):
        yield GaugeMetricFamily(name, help_text, value)
    yield _counter(
        "rhesis_spans_recorded",
        "Spans that the site recorded, by what became of them.",
        ("outcome", "reason"),
        ExportTally.objects.values_list("outcome", "reason").annotate(Sum("spans")),
    )
    yield _counter(
        "rhesis_spans_received",
        "Spans that the processor received, by what became of them. Outcome part: parts that stored spans are without.",
        ("outcome", "reason", "sender"),
        IngestTally.objects.values_list("outcome", "reason", "sender").annotate(Sum("spans")),
    )


def _counter(
    name: str, help_text: str, labels: tuple[str, ...], rows: Iterable[tuple[str | int, ...]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for *values, spans in rows:
        family.add_metric([str(value) for value in values], float(spans))
    return family
