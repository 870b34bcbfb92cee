"""The ledger is append-only by the database's own word."""

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from privacy.models import Action, ConsentEvent, Source

pytestmark = pytest.mark.django_db


@pytest.fixture
def entry() -> ConsentEvent:
    line = ConsentEvent.objects.create(action=Action.LOCKED, source=Source.ADMIN, recorded_at=timezone.now())
    connection.check_constraints()  # runs the deferred triggers, like a commit
    return line


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy_consent_event SET action = 'enabled'",
        "DELETE FROM privacy_consent_event",
        "TRUNCATE privacy_consent_event",
    ],
)
def test_plain_sql_cannot_change_it(entry: ConsentEvent, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert ConsentEvent.objects.get().action == Action.LOCKED


def test_the_orm_cannot_change_it(entry: ConsentEvent) -> None:
    entry.action = Action.ENABLED
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        entry.save()
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
        entry.delete()
