"""What every test may use."""

import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.core.management.commands.flush import Command as Flush
from django.db import connections
from opentelemetry.sdk.trace.export import SpanExportResult

from analytics.collect import pipeline
from analytics.collect.exporter import GatedExporter
from analytics.collect.relay import forward
from analytics.erasure import correction
from privacy.elapsed import elapsed, elapsed_ns
from privacy.process import start_anew
from privacy.reach import telemetrys_database
from tests import profile
from tests.support.clock import Clock
from tests.support.threads import ended

TESTS = Path(__file__).parent

hypothesis.settings.register_profile("no test asserts a time", parent=hypothesis.settings.default, deadline=None)
hypothesis.settings.register_profile(
    "short",
    deadline=None,
    derandomize=True,  # the same examples for each mutant
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
hypothesis.settings.load_profile("short" if profile.PROFILE == "short" else "no test asserts a time")


# Directories of slow tests. They begin first, so that no core is idle while another runs them at the end.
SLOW = ("wheel", "browser", "recipes", "acceptance", "deploy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        directory = item.path.relative_to(TESTS).parts[0]
        return SLOW.index(directory) if directory in SLOW else len(SLOW)

    items.sort(key=place)


@pytest.fixture(scope="session", autouse=True)
def _flush_may_empty_the_ledger() -> Iterator[None]:
    """Tests with real transactions end in a TRUNCATE of every table, which the ledger's trigger refuses.

    The table's owner lifts the trigger for that one command; the trigger itself stays real for the tests.
    """
    flush = Flush.handle

    def handle(self: Flush, **options: object) -> None:
        connection = connections[str(options["database"])]
        there = set(connection.introspection.table_names())
        names = ("consent_event", "access_event", "ledger_link", "ledger_head")
        ledgers = there & {f"privacy_{name}" for name in names}

        def triggers(word: str) -> None:
            with connection.cursor() as cursor:
                for table in ledgers:
                    cursor.execute(f"ALTER TABLE {table} {word} TRIGGER {table}_no_truncate")

        triggers("DISABLE")
        flush(self, **options)
        triggers("ENABLE")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flush, "handle", handle)
        yield


@pytest.fixture(autouse=True)
def _no_telemetry_from_one_test_in_another() -> Iterator[None]:
    """What a test recorded and did not flush ends with it.

    Left in the queue, it would be exported in some later test, by a thread whose connection is outside of that test's
    transaction: its counts would stay in the tally for all the others to find.
    """
    yield
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatedExporter, "export", lambda self, spans: SpanExportResult.SUCCESS)
        pipeline.stop()
        forward.stop()
    for shared in (pipeline.hint, pipeline.tally):
        start_anew(shared)


@pytest.fixture(autouse=True)
def _deletions_end_with_the_test() -> Iterator[None]:
    """A committed erasure has reports corrected, or is sent to where the rows are, in a thread besides, which must not
    meet the next test."""
    yield
    ended("telemetry-erasure")
    correction.wait()


@pytest.fixture(autouse=True)
def _an_outage_ends_with_the_test() -> Iterator[None]:
    """The pages do not try for a while a database that did not answer."""
    yield
    telemetrys_database.close()


def _difference_ns() -> int:
    """Unix time less elapsed time, of the sample that nothing came between."""
    samples = []
    for _ in range(50):
        before, unix, after = elapsed_ns(), time.time_ns(), elapsed_ns()
        samples.append((after - before, unix - after))
    return min(samples)[1]


@pytest.fixture(autouse=True)
def _clocks_are_compared_exactly(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Database and site share a host here. Asked across a busy one, they would differ by as much as it is busy, and a
    request right after a choice would be from before it as far as anybody can tell: rightly, but not each time.

    Tests marked `two_clocks` compare them as the product does.
    """
    if request.node.get_closest_marker("two_clocks") is None:
        difference = _difference_ns()
        monkeypatch.setattr("privacy.clock._reading", lambda: ((now := elapsed_ns()), now + difference, now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """In place of the host's elapsed time, so that a test need not sleep through waits."""
    found = Clock()
    monkeypatch.setattr(elapsed, "now", found.now)
    monkeypatch.setattr(elapsed, "wait", found.wait)
    return found
