"""`manage.py load_demo_telemetry`: through the real processor, told from real people, and gone without a trace."""

import io
import re
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from analytics.ingest.serve import Processor
from analytics.keep.partitions import make_month
from analytics.models import EndpointUsage, Erasure, FeatureUsage, IngestTally, Person, UserActivity
from analytics.router import conninfo
from demo.ids import FIRST, LAST
from tests.analytics.keep.rows import aggregates, disagreements, drop_all_months, rolled_up
from tests.analytics.show.rows import day, login, person, requested, used

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
MODELS = (UserActivity, EndpointUsage, FeatureUsage)
SMALL = ("--people", "25", "--days", "12")


@pytest.fixture(autouse=True)
def _a_site_for_trying() -> Iterator[None]:
    drop_all_months()
    with override_settings(HTTPS=False):
        yield


def command(*words: str) -> str:
    said = io.StringIO()
    call_command("load_demo_telemetry", *words, stdout=said)
    return said.getvalue()


def refusal(*words: str) -> CommandError:
    with pytest.raises(CommandError) as caught:
        command(*words)
    assert "\n" not in str(caught.value)
    return caught.value


def rows() -> int:
    return sum(model.objects.count() for model in MODELS)


def marked() -> int:
    return sum(model.objects.filter(user_id__range=(FIRST, LAST)).count() for model in MODELS)


def real_people() -> None:
    for ago in (1, 5):
        make_month(day(ago))
        for who in range(3):
            login(who, day(ago))
            used(who, "test_run", day(ago))
            requested(who, "/api/tests/", 20.0, day(ago))
    rolled_up()


def test_all_that_was_sent_is_stored_marked_past_and_rolled_up() -> None:
    said = command(*SMALL)
    sent = int(re.search(r"([\d,]+) spans sent", said)[1].replace(",", ""))  # type: ignore[index]
    assert f"{sent:,} spans sent, {sent:,} of them stored" in said
    # So early in the day that nobody has come yet, today is not among them.
    assert re.search(r"1[12] days rolled up", said)
    assert rows() == marked() == sent > 500
    assert dict(IngestTally.objects.values_list("outcome", "spans")).keys() == {"stored"}
    assert all(model.objects.latest().timestamp <= timezone.now() for model in MODELS)
    assert all(set(model.objects.values_list("deployment_type", flat=True)) for model in MODELS)
    assert disagreements(day(12).date(), day(-1).date(), timezone.now()) == []


def test_a_running_processor_is_used_if_one_is_named() -> None:
    key = "a key of some length"
    processor = Processor("127.0.0.1:0", conninfo(), api_key=key)
    processor.start()
    try:
        endpoint = ("--endpoint", f"http://127.0.0.1:{processor.port}")
        with override_settings(OTEL_API_KEY="another key that is wrong"):
            assert "UNAUTHENTICATED" in str(refusal(*SMALL, *endpoint))
        with override_settings(OTEL_API_KEY=key):
            command(*SMALL, *endpoint)
    finally:
        processor.stop()
    assert rows() == marked() > 500


def test_once_means_once_and_twice_is_refused() -> None:
    command(*SMALL)
    before = rows()
    assert "exist already" in command(*SMALL, "--once")
    error = refusal(*SMALL, "--yes")
    assert "exist already; --remove" in str(error) and error.returncode == 2
    assert rows() == before


def test_once_beside_real_people_loads_nobody_and_names_the_command_that_does() -> None:
    real_people()
    before = rows()
    said = command(*SMALL, "--once")
    assert "demo people not loaded: the database has rows of real people" in said
    assert re.search(r"manage\.py load_demo_telemetry --people \d+ --days \d+ --yes$", said.strip())
    assert rows() == before


def test_removal_takes_exactly_the_demo_and_the_reports_are_as_they_were() -> None:
    real_people()
    rows_before, reports_before = rows(), aggregates()
    command(*SMALL, "--yes")
    assert aggregates() != reports_before
    said = command("--remove")
    assert "rows deleted" in said and re.search(r"reports of 1[12] days recomputed", said)
    assert rows() == rows_before and marked() == 0
    assert aggregates() == reports_before
    assert not Erasure.objects.exists(), "nobody asked for an erasure"
    assert not Person.objects.filter(user_id__range=(FIRST, LAST)).exists()
    assert Person.objects.filter(user_id=person(1)).exists()
    assert "no demo people found" in command("--remove")


def test_what_was_removed_can_be_loaded_again() -> None:
    command(*SMALL)
    before = rows()
    command("--remove")
    command(*SMALL)
    assert rows() >= before > 500


def test_a_removal_that_was_cut_short_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    command(*SMALL)

    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("demo.store.correct_rollups", die)
        with pytest.raises(KeyboardInterrupt):
            command("--remove")
    assert any(aggregates()["analytics_daily_activity"])
    assert re.search(r"reports of 1[12] days recomputed", command("--remove"))
    assert not any(aggregates().values())


def test_beside_real_people_it_wants_to_be_told_twice() -> None:
    real_people()
    before = rows()
    error = refusal(*SMALL)
    assert "rows of real people" in str(error) and "--yes" in str(error) and error.returncode == 2
    assert rows() == before


def test_on_what_looks_like_the_real_thing_it_wants_to_be_told_twice() -> None:
    with override_settings(HTTPS=True):
        assert "DJANGO_HTTPS" in str(refusal(*SMALL))
    assert "another machine" in str(refusal(*SMALL, "--endpoint", "https://telemetry.example.org:4317"))
    assert rows() == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--days", "0"), "--days must be a whole number from 1 to 360"),
        (("--days", "361"), "--days must be a whole number"),
        (("--days", "ninety"), "--days must be a whole number"),
        (("--people", "-1"), "--people must be a whole number"),
        (("--people", "1e9"), "--people must be a whole number"),
        (("--people", "٣"), "--people must be a whole number"),
        (("--seed", "x"), "--seed must be a whole number"),
        (("--endpoint", "127.0.0.1:4317"), "--endpoint is not a usable address"),
        (("--endpoint", "http://"), "--endpoint is not a usable address"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(words: tuple[str, ...], reason: str) -> None:
    error = refusal(*words)
    assert reason in str(error) and error.returncode == 2


def test_a_processor_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.sending.ATTEMPTS", 1)
    error = refusal(*SMALL, "--endpoint", "http://127.0.0.1:9")
    assert "the processor at 127.0.0.1:9 answers UNAVAILABLE" in str(error) and error.returncode == 1


def test_a_terminal_is_shown_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    call_command("load_demo_telemetry", "--people", "30", "--days", "4", stdout=terminal)
    said = terminal.getvalue()
    assert re.search(r"\r\[#{7}\.{23}\] 1 of 4 days sent, [\d,]+ spans", said)
    assert f"\r[{'#' * 30}] 4 of 4 days sent, " in said
    assert re.search(r"\r\[#{30}\] (\d) of \1 days rolled up\n", said)
