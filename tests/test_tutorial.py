"""docs/tutorial.md: its catalogue and its code, run as they are shown."""

import re
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from privacy import choices
from privacy.models import Source
from tests.support.people import a_person
from tests.support.wire import wired

TUTORIAL = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text()


def block(opening: str) -> str:
    found = re.search(rf"^```{re.escape(opening)}\n(.*?)^```", TUTORIAL, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shares", [True, False])
def test_the_tutorials_event_is_sent_for_a_person_who_shares(
    settings: Settings, tmp_path: Path, *, shares: bool
) -> None:
    catalogue = tmp_path / "mine.toml"
    catalogue.write_text(block("toml mine.toml"))
    settings.TELEMETRY_CATALOGUES = str(catalogue)
    person = a_person()
    person.username = "demo"
    person.save()
    choices.choose(person.pk, enabled=shares, source=Source.API, actor_id=person.pk)
    names: dict[str, Any] = {}

    with wired() as (wire, _):
        exec(block("python"), names)

    sent = [span.attributes for span in wire.spans]
    assert [(each["feature.name"], each["feature.action"], each["metadata.cups"]) for each in sent] == (
        [("coffee_break", "started", 2)] if shares else []
    )
