"""Rows made by hand for reports: days back from now, at noon UTC, and people by number."""

from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.utils import timezone

from analytics.models import EndpointUsage, FeatureUsage, UserActivity

_numbers = count(1)


def day(ago: int, hour: int = 12) -> datetime:
    """`ago` UTC days before today, at `hour`."""
    return datetime.combine(timezone.now().astimezone(UTC).date() - timedelta(days=ago), time(hour), UTC)


def person(number: int) -> UUID:
    return UUID(int=0xA0000000000000000000000000000000 + number)


def shared(who: int, when: datetime, deployment: str) -> dict[str, Any]:
    return {
        "id": UUID(int=next(_numbers)),
        "user_id": person(who),
        "timestamp": when,
        "deployment_type": deployment,
        "metadata": {},
    }


def login(who: int, when: datetime, deployment: str = "cloud", event_type: str = "login") -> None:
    UserActivity.objects.create(event_type=event_type, **shared(who, when, deployment))


def used(
    who: int, feature: str, when: datetime, deployment: str = "cloud", action: str = "created", **metadata: str
) -> None:
    row = {**shared(who, when, deployment), "metadata": metadata}
    FeatureUsage.objects.create(feature_name=feature, action=action, **row)


def requested(
    who: int,
    endpoint: str,
    ms: float,
    when: datetime,
    *,
    status: int = 200,
    method: str = "GET",
    deployment: str = "cloud",
) -> None:
    EndpointUsage.objects.create(
        endpoint=endpoint, method=method, status_code=status, duration_ms=ms, **shared(who, when, deployment)
    )
