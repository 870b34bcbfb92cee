"""An expired event is neither sent nor stored, and counted so; no problem of a catalogue stops anything else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.checks import WARNING, run_checks
from django.core.management import call_command, get_commands, load_command_class
from django.test import override_settings

from analytics import track_feature_usage
from analytics.catalogue import Catalogue, current_catalogue, usable_catalogue
from analytics.collect.scope import telemetry_for
from analytics.conf import conf
from analytics.exceptions import ExpiredEvent
from analytics.ingest import fast
from analytics.ingest.judge import verdict
from analytics.ingest.verdict import Reason
from analytics.models import ExportTally
from analytics.vocabulary import Category
from privacy.switches import DeploymentType
from tests.analytics.ingest.spans import PERSON, of, span
from tests.support.people import someone_who_shares
from tests.support.wire import wired


def entry(name: str, expires: date) -> str:
    return (
        f'[feature_usage.{name}]\ndescription = "d"\npurpose = "p"\nowner = "o@example.org"\n'
        f'expires = {expires}\nactions = ["used"]\n'
    )


def today() -> date:
    return datetime.now(UTC).date()


def catalogue_file(path: Path, **expiries: date) -> str:
    path.write_text("\n".join(entry(name, expires) for name, expires in expiries.items()))
    return str(path)


@pytest.fixture
def expired(tmp_path: Path) -> str:
    return catalogue_file(tmp_path / "own.toml", old=today(), new=today() + timedelta(days=400))


def ids() -> list[str]:
    findings = run_checks(tags=["analytics"])
    assert all(finding.level == WARNING for finding in findings)
    return [str(finding.id) for finding in findings]


@pytest.mark.django_db(transaction=True)
def test_an_expired_event_is_withheld_and_counted(expired: str) -> None:
    person = someone_who_shares()
    with wired(TELEMETRY_CATALOGUES=[expired]) as (wire, running):
        with telemetry_for(person):
            track_feature_usage("old", "used")
            track_feature_usage("new", "used")
        running.flush()
        assert [each["feature.name"] for each in wire.attributes()] == ["new"]
    tally = {(line.outcome, line.reason): line.spans for line in ExportTally.objects.all()}
    assert tally == {("withheld", "expired"): 1, ("sent", ""): 1}


def test_an_expired_event_is_rejected_by_name(expired: str) -> None:
    with override_settings(TELEMETRY_CATALOGUES=[expired]):
        body = of(*(span(feature(name)) for name in ("old", "new"))).SerializeToString()
        found = verdict(fast.read, body, current_catalogue(), now=datetime.now(UTC), own=DeploymentType.SELF_HOSTED)
    assert found.rejected == {Reason.EXPIRED: 1} and len(found.rows[Category.FEATURE_USAGE]) == 1


def feature(name: str) -> dict[str, Any]:
    return {"event.category": "feature_usage", "user.id": PERSON, "feature.name": name, "feature.action": "used"}


def test_it_expires_at_midnight_and_the_catalogue_is_the_same_object_all_day(tmp_path: Path) -> None:
    path = Path(catalogue_file(tmp_path / "own.toml", old=date(2030, 1, 1)))
    catalogue = usable_catalogue([path])
    for day, is_expired in ((date(2029, 12, 31), False), (date(2030, 1, 1), True)):
        of_day = Catalogue(catalogue.events, today=day)
        if is_expired:
            with pytest.raises(ExpiredEvent):
                of_day.current_declaration(Category.FEATURE_USAGE, "old", "used")
        else:
            of_day.current_declaration(Category.FEATURE_USAGE, "old", "used")
        assert len(of_day.current()) == (not is_expired)
    assert current_catalogue() is current_catalogue()


@pytest.mark.parametrize(("days", "number"), [(-1, "analytics.W001"), (0, "analytics.W001"), (1, "analytics.W002")])
def test_a_warning_names_what_has_expired_or_soon_will(days: int, number: str, tmp_path: Path) -> None:
    path = catalogue_file(tmp_path / "own.toml", one=today() + timedelta(days), two=today() + timedelta(days))
    with override_settings(TELEMETRY_CATALOGUES=[path]):
        assert ids() == [number]
        (finding,) = run_checks(tags=["analytics"])
    assert "own.toml" in finding.msg and "feature_usage.one, feature_usage.two" in finding.msg


@pytest.mark.parametrize(("days", "numbers"), [(90, ["analytics.W002"]), (91, [])])
def test_ninety_days_are_the_notice(days: int, numbers: list[str], tmp_path: Path) -> None:
    with override_settings(TELEMETRY_CATALOGUES=[catalogue_file(tmp_path / "o.toml", one=today() + timedelta(days))]):
        assert ids() == numbers


def test_not_all_shipped_events_expire_on_one_day() -> None:
    days = {event.expires for event in usable_catalogue(conf.catalogue_paths).events.values()}
    assert len(days) > 2


@pytest.mark.parametrize("text", ["", "[feature_usage.broken]\n", "not TOML", entry("test_run", date(2030, 1, 1))])
def test_a_broken_file_costs_its_own_events_alone_and_says_so(text: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    if text:
        broken.write_text(entry("fine", date(2030, 1, 1)) + text)
    good = catalogue_file(tmp_path / "good.toml", good=today() + timedelta(days=400))
    with override_settings(TELEMETRY_CATALOGUES=[str(broken), good]):
        assert ids() == ["analytics.E005"] and "broken.toml" in run_checks(tags=["analytics"])[0].msg
        names = {event.name for event in current_catalogue().events.values()}
    assert {"good", "test_run", "login"} <= names and "fine" not in names


@pytest.mark.django_db
@pytest.mark.parametrize(
    "command",
    [
        ["keep_telemetry"],
        ["purge_old_telemetry", "--dry-run"],
        ["erase_user_telemetry", "nobody"],
        ["disable_telemetry", "nobody"],
        ["send_pending_erasures"],
        ["run_telemetry_processor", "--listen", "nonsense"],
    ],
    ids=" ".join,
)
def test_no_command_stops_for_a_catalogue(command: list[str], tmp_path: Path) -> None:
    name, *words = command
    own = catalogue_file(tmp_path / "own.toml", old=today())
    with (
        override_settings(TELEMETRY_CATALOGUES=[str(tmp_path / "missing.toml"), own]),
        patch.object(load_command_class(get_commands()[name], name).__class__, "handle", return_value=None) as handle,
    ):
        call_command(name, *words, skip_checks=False)
        call_command("migrate", "--check", skip_checks=False)  # which makes its checks in `handle`
    assert handle.called
