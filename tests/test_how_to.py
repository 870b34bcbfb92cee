"""The how-to documents: their blocks, run as they are shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from analytics import telemetry_for
from analytics.models import FeatureUsage
from tests.analytics.show.rows import day, used
from tests.recipes import documented
from tests.support.people import alias_of, someone_who_shares
from tests.support.wire import wired

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_is_declared_and_recorded_in_a_view_and_in_a_task(settings: Settings, tmp_path: Path) -> None:
    shown = documented.files(DOCS / "add-an-event.md")
    (tmp_path / "telemetry.toml").write_text(shown["telemetry.toml"])
    named: dict[str, Any] = {"BASE_DIR": tmp_path}
    exec(shown["settings.py"], named)
    settings.TELEMETRY_CATALOGUES = named["TELEMETRY_CATALOGUES"]
    settings.TELEMETRY_STRICT = "true"
    exec(shown["views.py"], named)
    exec(shown["tasks.py"], named)
    person = someone_who_shares()

    with wired() as (wire, _):
        with telemetry_for(person):
            answer: HttpResponse = named["check_out"](RequestFactory().get("/"))
        named["remind"](person)

    assert answer.content == b"Thank you"
    keys = ("feature.name", "feature.action", "metadata.items", "metadata.paid_by")
    assert [tuple(span.attributes.get(key) for key in keys) for span in wire.spans] == [
        ("basket", "bought", 3, "card"),
        ("basket", "filled", 2, None),
    ]


def test_all_records_of_a_person_are_printed_a_line_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.TELEMETRY_STORED_HERE = True
    person, other = someone_who_shares(), someone_who_shares()
    type(person).objects.filter(pk=person.pk).update(username="demo")
    for ago in range(3):
        used(1, "test_run", day(ago))
    used(2, "test_set", day(0))
    FeatureUsage.objects.filter(feature_name="test_run").update(user_id=alias_of(person))
    FeatureUsage.objects.filter(feature_name="test_set").update(user_id=alias_of(other))
    block = documented.files(DOCS / "answer-requests.md")["copy"]

    exec(block.replace("limit=1000", "limit=2"), {})  # so that there are two pages

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["feature_name"] for line in lines] == ["test_run"] * 3
