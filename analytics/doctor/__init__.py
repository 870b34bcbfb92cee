"""Examines an installation for its operator: findings, their meaning, and what to do.

Changes nothing, but for the row that waits for a test span until it is stored; see `round_trip`.
"""

import platform
from collections.abc import Callable, Iterator
from functools import partial

import django
import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, connections

from analytics.doctor import installation, round_trip, rows
from analytics.doctor.finding import Finding, Level, well
from analytics.doctor.installation import PATIENCE_SECONDS
from analytics.router import analytics_database
from privacy.gate import decision_for
from privacy.outages import cause
from privacy.people import Person
from privacy.waits import at_most

OF_THE_ROWS: dict[str, Callable[[], Iterator[Finding]]] = {
    "partitions": rows.examine_partitions,
    "keeping": rows.examine_keeping,
    "rollups": rows.examine_rollups,
    "sent": rows.examine_sent,
    "received": rows.examine_received,
}


def examine(user: Person | None = None, *, with_test_span: bool = False) -> Iterator[Finding]:
    """All findings, in the order to correct them. An unavailable database is a finding.

    `with_test_span` sends a span, and waits up to STORED_WITHIN_SECONDS until the processor has stored it.
    """
    yield from installation.examine_settings()
    usable = set()
    for alias in connections:
        found = list(installation.examine_database(alias))
        yield from found
        if all(finding.level is not Level.BROKEN for finding in found):
            usable.add(alias)
    yield from installation.examine_switches(DEFAULT_DB_ALIAS in usable)
    if DEFAULT_DB_ALIAS in usable:
        yield from _examined("clock", installation.examine_clock)
    if analytics_database() in usable:
        for topic, examination in OF_THE_ROWS.items():
            yield from _examined(topic, examination)
        if DEFAULT_DB_ALIAS in usable:
            yield from _examined("deletions", rows.examine_deletions)
    endpoint = list(installation.examine_endpoint())
    yield from endpoint
    if with_test_span:
        is_accepting = all(finding.level is Level.WELL for finding in endpoint)
        are_readable = {DEFAULT_DB_ALIAS, analytics_database()} <= usable
        yield from round_trip.examine_round_trip(is_accepting=is_accepting, are_readable=are_readable)
    yield from installation.examine_disk()
    if user is not None and DEFAULT_DB_ALIAS in usable:
        yield from _examined("person", partial(_person, user))
    yield well(
        "versions",
        f"Python {platform.python_version()}, Django {django.get_version()}, psycopg {psycopg.__version__}, "
        f"libpq {psycopg.pq.version()}",
    )


def _examined(topic: str, examination: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        with at_most(PATIENCE_SECONDS):
            yield from list(examination())
    except Error as error:
        why = cause(error, analytics_database())
        yield Finding(Level.BROKEN, topic, f"could not be read: {why}", do="Correct the database first")


def _person(user: Person) -> Iterator[Finding]:
    decision = decision_for(user.pk)
    since = f", since {decision.since:%Y-%m-%d %H:%M} UTC" if decision.since else ""
    yield well("person", f"{decision.explanation.rstrip('.')} ({decision.reason.value}{since})")
