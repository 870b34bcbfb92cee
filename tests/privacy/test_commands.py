"""`disable_telemetry` and `telemetry_decision`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from privacy.gate import decision_for
from privacy.models import Action, ConsentEvent, Source
from tests.support.people import someone_who_shares
from tests.support.wire import TELEMETRY_ON

pytestmark = pytest.mark.django_db


def said(command: str, *arguments: str) -> str:
    out = StringIO()
    with override_settings(**TELEMETRY_ON):
        call_command(command, *arguments, stdout=out)
    return out.getvalue()


def test_an_operator_switches_someone_off_by_name_or_id() -> None:
    for person in (someone_who_shares(), someone_who_shares()):
        word = person.username if ConsentEvent.objects.count() < 2 else str(person.pk)
        assert said("disable_telemetry", word).startswith("Off. Switched off on")
        with override_settings(**TELEMETRY_ON):
            assert not decision_for(person.pk).enabled
        assert ConsentEvent.objects.get(user_id=person.pk, action=Action.DISABLED).source == Source.COMMAND


def test_the_decision_is_said_with_its_reason_and_since_when() -> None:
    person = someone_who_shares()
    assert said("telemetry_decision", person.username).splitlines()[0].startswith("On. You switched this on on")
    assert "since " in said("telemetry_decision", str(person.pk))


@pytest.mark.parametrize("command", ["disable_telemetry", "telemetry_decision", "erase_user_telemetry"])
@pytest.mark.parametrize("word", ["nobody", "00000000-0000-0000-0000-000000000000", "'; DROP TABLE"])
def test_nobody_of_that_name_is_one_line_and_exit_code_2(command: str, word: str) -> None:
    with pytest.raises(CommandError, match="no such user") as raised:
        said(command, word)
    assert raised.value.returncode == 2 and word not in str(raised.value)
