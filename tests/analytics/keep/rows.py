"""Rows as the processor stores them: with a mark on each day they touch, in the same transaction."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connections, transaction
from django.utils import timezone

from analytics.erasure import here
from analytics.keep.partitions import State, make_months_ahead, partitions, statement
from analytics.keep.rollups import roll_up
from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from analytics.retention import first_of_month
from analytics.router import analytics_database
from analytics.show.question import Question
from analytics.show.report import query_parameters
from analytics.sql import sql
from privacy.switches import DeploymentType
from privacy.telemetry import Receipt
from tests.support.raw_reports import UNFILTERED, raw_sql

Stored = UserActivity | EndpointUsage | FeatureUsage
REPORTS = ("active_people", "feature_adoption", "feature_actions", "endpoint_performance", "retention", "sessions")
# All that stays for good.
AGGREGATES = (
    "analytics_daily_activity",
    "analytics_daily_feature",
    "analytics_daily_endpoint",
    "analytics_daily_sessions",
    "analytics_cohort",
    "analytics_monthly_people",
)
PERCENTILES_AGREE_WITHIN = 0.02


def person(number: int) -> UUID:
    return UUID(int=0xA000 + number)


def moment(text: str) -> datetime:
    """`2026-03-01 12:30`, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def activity(
    who: int, when: datetime, event: str = "login", *, deployment: str = "cloud", session: str | None = None
) -> UserActivity:
    return UserActivity(
        id=uuid4(),
        user_id=person(who),
        timestamp=when,
        deployment_type=deployment,
        event_type=event,
        session_id=session,
    )


def feature(
    who: int,
    when: datetime,
    name: str = "test_run",
    action: str = "created",
    *,
    deployment: str = "cloud",
    **metadata: str,
) -> FeatureUsage:
    return FeatureUsage(
        id=uuid4(),
        user_id=person(who),
        timestamp=when,
        deployment_type=deployment,
        feature_name=name,
        action=action,
        metadata=metadata,
    )


def request(
    who: int,
    when: datetime,
    duration_ms: float = 12.0,
    *,
    endpoint: str = "/api/tests/",
    status: int = 200,
    deployment: str = "cloud",
) -> EndpointUsage:
    return EndpointUsage(
        id=uuid4(),
        user_id=person(who),
        timestamp=when,
        deployment_type=deployment,
        endpoint=endpoint,
        method="GET",
        status_code=status,
        duration_ms=duration_ms,
    )


def execute(statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connections[analytics_database()].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def store(rows: Iterable[Stored]) -> None:
    rows = list(rows)
    with transaction.atomic(using=analytics_database()):
        for month in sorted({first_of_month(row.timestamp) for row in rows}):
            execute("SELECT analytics_make_month(%s)", [month])
        for model in (UserActivity, EndpointUsage, FeatureUsage):
            model.objects.bulk_create([row for row in rows if isinstance(row, model)])
        execute("SELECT analytics_touch_days(%s::date[])", [sorted({row.timestamp.date() for row in rows})])


def silently(_: str) -> None:
    """Progress that nobody reads."""


def rolled_up(rows: Iterable[Stored] = ()) -> None:
    """Store rows and roll up what is behind."""
    store(rows)
    roll_up(report=silently)


def report(name: str, first: date, end: date, *, deployment: str | None = None, now: datetime | None = None) -> Any:
    """Rows of a report from the rollups, no group too small; `end` is exclusive."""
    asked = Question(first, end - timedelta(days=1), DeploymentType(deployment) if deployment else None)
    return execute(sql(f"reports/{name}"), query_parameters(asked, today=(now or midnight(end)).date(), smallest=1))


def raw_report(name: str, first: date, end: date, *, deployment: str | None = None, now: datetime | None = None) -> Any:
    """The same rows from the raw rows, computed the plain way."""
    bounds = {"start": midnight(first), "end": midnight(end), "now": now or midnight(end)}
    return execute(raw_sql(name), {**UNFILTERED, **bounds, "deployment": deployment})


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def differences(name: str, raw: Sequence[tuple[Any, ...]], rollup: Sequence[tuple[Any, ...]]) -> list[str]:
    """How a report from rollups differs from the one from raw rows; percentiles may, a little."""
    if len(raw) != len(rollup):
        return [f"{name}: {len(raw)} rows raw, {len(rollup)} rolled up"]
    found = []
    for expected_row, row in zip(raw, rollup, strict=True):
        for column, (expected, got) in enumerate(zip(expected_row, row, strict=True)):
            if isinstance(expected, float) and got is not None:
                # Averages only differ by the rounding of floating point, and of durations to nanoseconds.
                average = {"endpoint_performance": 3, "sessions": 2}[name]
                allowed = 1e-9 * expected + 1e-6 if column == average else PERCENTILES_AGREE_WITHIN * expected
                if abs(got - expected) > allowed:
                    found.append(f"{name}: {row} is not near {expected_row} in column {column}")
            elif expected != got or isinstance(expected, Decimal) is not isinstance(got, Decimal):
                found.append(f"{name}: {row} is not {expected_row}")
    return found


def disagreements(first: date, end: date, now: datetime | None = None) -> list[str]:
    """Where any report from rollups over the range does not say what the same report from raw rows says."""
    return [
        difference
        for name in REPORTS
        for deployment in (None, "cloud", "self_hosted")
        for difference in differences(
            name,
            raw_report(name, first, end, deployment=deployment, now=now),
            report(name, first, end, deployment=deployment, now=now),
        )
    ]


def aggregates() -> dict[str, list[str]]:
    """Every row of all that stays for good, as text."""
    lines = "SELECT (to_jsonb({0}) - 'noise')::text FROM {0}"
    return {table: sorted(line for (line,) in execute(lines.format(table))) for table in AGGREGATES}


def drop_all_months() -> None:
    """No partition but this and the next three months', whatever earlier tests have made."""
    for partition in partitions():
        execute(statement("DROP TABLE {}", partition.name))
    make_months_ahead()


def names_of_months(table: str = "analytics_user_activity") -> list[str]:
    """The months of a table that are attached, as `2026-03`."""
    return [f"{each.start:%Y-%m}" for each in partitions() if each.table == table and each.state is State.ATTACHED]


def erase(pseudonym: UUID, requested_at: datetime | None = None) -> Receipt:
    """Rows up to that moment (default: now), of a person who goes on under the same pseudonym."""
    moment = requested_at or timezone.now()
    return here.erase(uuid4(), [pseudonym], requested_at=moment, until=moment)
