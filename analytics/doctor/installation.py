"""Examines settings, databases, switches, clock, endpoint and disk."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.checks import ERROR, WARNING, run_checks
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.utils import timezone
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect.pipeline import make_transport
from analytics.collect.transport.answers import Answer, Fate, Reason, of_error
from analytics.conf import EXPORT_TIMEOUT_SECONDS, conf
from analytics.doctor.finding import Finding, Level, well
from privacy.clock import from_unix_us, read_database_clock
from privacy.elapsed import elapsed, elapsed_ns
from privacy.gate import current_control
from privacy.outages import cause
from privacy.schema import missing_tables, unapplied
from privacy.switches import CONFIG_FILE, DO_NOT_TRACK, SDK_DISABLED, TRACES_EXPORTER, current_switches
from privacy.waits import at_most

PATIENCE_SECONDS = 15.0
OLDEST_SERVER = 140000
CLOCK_LOOK, CLOCK_BROKEN = timedelta(seconds=5), timedelta(minutes=10)
LEAST_FREE = 0.05
# Reason of a failing endpoint, or of lost spans -> what to do.
ABOUT_THE_ENDPOINT: dict[str, str] = {
    Reason.UNREACHABLE: "Start it, or correct OTEL_EXPORTER_OTLP_ENDPOINT; also check firewalls",
    Reason.TIMEOUT: "It accepts connections but does not answer in time: check its log and firewalls",
    Reason.BUSY: "The collector or the processor is overloaded, or its database is away: check its log",
    Reason.REFUSED: "It rejects spans permanently: check OTEL_API_KEY and OTEL_EXPORTER_OTLP_HEADERS",
    Reason.TLS: "Check OTEL_EXPORTER_OTLP_CERTIFICATE",
    Reason.NOT_OTLP: "OTEL_EXPORTER_OTLP_ENDPOINT does not speak OTLP; port 4318 is HTTP, 4317 is gRPC",
}


def examine_settings() -> Iterator[Finding]:
    found = [each for each in run_checks() if not each.is_silenced()]
    for each in found:
        if each.level >= WARNING:
            level = Level.BROKEN if each.level >= ERROR else Level.LOOK
            yield Finding(level, "settings", f"{each.id}: {each.msg}".rstrip("."), do=(each.hint or "").rstrip("."))
    if not any(each.level >= WARNING for each in found):
        yield well("settings", "all are valid")


def examine_database(alias: str) -> Iterator[Finding]:
    topic = "database" if alias == DEFAULT_DB_ALIAS else f"database {alias}"
    try:
        with at_most(PATIENCE_SECONDS):
            connections[alias].ensure_connection()
            version = connections[alias].connection.info.server_version
            waiting, missing = unapplied(alias), missing_tables(alias)
    except Error as error:
        means = "Nobody can use the site" if alias == DEFAULT_DB_ALIAS else "Nothing is stored, and reports do not work"
        yield Finding(Level.BROKEN, topic, cause(error, alias), means, "Correct that; everything recovers by itself")
        return
    if version < OLDEST_SERVER:
        yield Finding(
            Level.BROKEN, topic, f"PostgreSQL {version // 10000}", "The oldest supported version is 14", "Upgrade it"
        )
    if waiting:
        yield Finding(
            Level.BROKEN,
            topic,
            f"{len(waiting)} migrations are not applied, the first is {waiting[0]}",
            "This version of the code expects other tables",
            "Run manage.py migrate",
        )
    elif missing:
        yield Finding(
            Level.BROKEN,
            topic,
            f"tables of applied migrations are missing ({', '.join(missing[:3])})",
            "They were in another database, or a backup was restored in part",
            f"For each app of these run manage.py migrate APP zero --fake --database {alias}, then manage.py migrate",
        )
    else:
        yield well(topic, f"PostgreSQL {version // 10000} answers, all migrations are applied")


def examine_switches(is_readable: bool) -> Iterator[Finding]:
    switches = current_switches()
    off = [each.name for each in (DO_NOT_TRACK, SDK_DISABLED, TRACES_EXPORTER, CONFIG_FILE) if each.value]
    if off:
        yield Finding(
            Level.LOOK,
            "switches",
            f"{off[0]} switches telemetry off",
            "Nothing is recorded",
            "Unset it to collect usage data",
        )
    if not switches.endpoint_set:
        yield Finding(
            Level.LOOK,
            "switches",
            "OTEL_EXPORTER_OTLP_ENDPOINT is empty",
            "Nothing is recorded, whatever people chose",
            "To collect usage data, set it to the address of your collector or processor",
        )
    with suppress(Error):
        if is_readable and current_control().locked:
            yield Finding(
                Level.LOOK,
                "switches",
                "staff have stopped collecting for everyone",
                "Nothing is recorded",
                "To collect usage data, allow it in the admin, under Privacy",
            )
            return
    if switches.allow:
        yield well("switches", "telemetry is on for people who share")


def clock_difference() -> timedelta:
    """Clock of this machine less clock of the database. Raises django.db.Error."""
    clock, here = read_database_clock(), timezone.now()
    return here - from_unix_us(clock.earliest_ns(elapsed_ns()) // 1000)


def examine_clock() -> Iterator[Finding]:
    difference = clock_difference()
    seconds = difference.total_seconds()
    level = Level.WELL if abs(difference) < CLOCK_LOOK else Level.LOOK
    if abs(difference) >= CLOCK_BROKEN:
        level = Level.BROKEN
    what = f"this machine is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} the database"
    if level is Level.WELL:
        yield well("clock", "this machine and the database agree")
    else:
        yield Finding(level, "clock", what, "Spans are rejected as in_future, or dated wrong", "Set both clocks by NTP")


def examine_endpoint() -> Iterator[Finding]:
    if not current_switches().allow:
        return
    try:
        answer = sent([])
    except ValueError:
        return  # invalid settings are findings already
    if answer.fate is Fate.TAKEN:
        yield well("endpoint", f"{conf.endpoint} accepts OTLP ({conf.protocol.value})")
        return
    yield Finding(
        Level.BROKEN,
        "endpoint",
        f"{conf.endpoint} ({conf.protocol.value}) does not accept an empty request: {answer.why()}",
        "No usage data arrives",
        about_the_endpoint(answer),
    )


def about_the_endpoint(answer: Answer) -> str:
    """Return what to do about an endpoint that does not accept a request."""
    return ABOUT_THE_ENDPOINT.get(answer.reason, "Check whether it runs, and its log")


def sent(spans: Sequence[ReadableSpan]) -> Answer:
    """Send one request to the configured endpoint, as the site does. Raises ValueError for invalid settings."""
    deadline = elapsed.now() + EXPORT_TIMEOUT_SECONDS
    try:
        with make_transport().connected(deadline) as send:
            return send(spans, lambda: deadline)
    except OSError as error:
        return of_error(error)


def examine_disk() -> Iterator[Finding]:
    directory = Path(settings.BASE_DIR)
    usage = shutil.disk_usage(directory)
    share = usage.free / usage.total
    if share < LEAST_FREE:
        yield Finding(
            Level.LOOK,
            "disk",
            f"{share:.0%} of the disk of {directory} is free",
            "A full disk stops the database and the collector, if they use it",
            "Free some space",
        )
    else:
        yield well(
            "disk", f"{share:.0%} free on the site's disk; check those of the database and the collector yourself"
        )
