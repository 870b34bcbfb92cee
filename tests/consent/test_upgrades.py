"""Upgrading through every migration leaves every choice, and every decision, as it was."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from accounts.models import User
from privacy.gate import decisions_for
from privacy.models import ConsentEvent, Preference
from tests.support.people import a_person
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db(transaction=True)
WHEN = datetime(2026, 3, 1, tzinfo=UTC)
STANDINGS: list[dict[str, Any]] = [
    {},
    {"notice_version": 1, "notice_shown_at": WHEN, "consenting_since": WHEN},
    {"notice_version": 1, "notice_shown_at": WHEN, "browser_signal_at": WHEN},
    {"choice": True, "chosen_at": WHEN, "consenting_since": WHEN},
    {"choice": False, "chosen_at": WHEN},
    {"choice": False, "chosen_at": WHEN, "notice_version": 1, "notice_shown_at": WHEN, "dismissed_version": 1},
]


def migrate_to(name: str) -> Any:
    """The state of the models there."""
    executor = MigrationExecutor(connection)
    executor.migrate([("privacy", name)])
    return MigrationExecutor(connection).loader.project_state([("privacy", name)]).apps


def privacys_migrations() -> list[str]:
    names = sorted(name for app, name in MigrationExecutor(connection).loader.disk_migrations if app == "privacy")
    assert len(names) >= 2
    return names


def test_every_choice_survives_every_migration() -> None:
    first, *later = privacys_migrations()
    people: list[User] = [a_person() for _ in STANDINGS]
    try:
        old = migrate_to(first)
        OldPreference = old.get_model("privacy", "Preference")  # noqa: N806
        OldEvent = old.get_model("privacy", "ConsentEvent")  # noqa: N806
        for person, standing in zip(people, STANDINGS, strict=True):
            OldPreference.objects.create(user_id=person.pk, **standing)
            OldEvent.objects.create(user_id=person.pk, action="enabled", source="api", recorded_at=WHEN)
        before = list(OldPreference.objects.order_by("pk").values())
        events = list(OldEvent.objects.order_by("pk").values())
        for name in later:
            migrate_to(name)
    finally:
        migrate_to(privacys_migrations()[-1])
    known = set(before[0])
    after = [{key: row[key] for key in known} for row in Preference.objects.order_by("pk").values()]
    assert after == before
    assert [{key: row[key] for key in events[0]} for row in ConsentEvent.objects.order_by("pk").values()] == events
    for deployment, expected in (
        ("cloud", [False, True, False, True, False, False]),
        ("self_hosted", [False, False, False, True, False, False]),
    ):
        with override_settings(DEPLOYMENT_TYPE=deployment, **TELEMETRY_ON):
            decisions = decisions_for(person.pk for person in people)
        assert [decisions[person.pk].enabled for person in people] == expected
        assert {decision.since for decision in decisions.values() if decision.enabled} == {WHEN}
