"""Whatever happens in whatever order, every number shown is what plain Python makes of the rows that count.

Rows and late rows are written by the processor's writer, people erased here and by span, days rolled up, corrected,
purged, and each of these killed at any statement. A step that fails to agree is replayed by the example printed.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from analytics.erasure.correction import correct_rollups
from analytics.ingest.verdict import NO_SENDER, ErasureRequest, Verdict
from analytics.ingest.write import Writer
from analytics.keep.purge import plan_purge, purge
from analytics.keep.rollups import roll_up
from analytics.models import EndpointUsage, UserActivity
from analytics.router import analytics_database
from analytics.show.freshness import freshness
from analytics.show.question import Question
from analytics.vocabulary import Category
from privacy.clock import from_unix_us, unix_us
from privacy.switches import DeploymentType
from tests import profile
from tests.analytics.ingest import packed
from tests.analytics.keep.conftest import conninfo
from tests.analytics.keep.rows import (
    Stored,
    activity,
    drop_all_months,
    erase,
    execute,
    feature,
    person,
    request,
    silently,
)
from tests.analytics.show.judging import wrong_downloads, wrong_pages, wrong_reports, wrong_views
from tests.analytics.show.oracle import Oracle
from tests.support.people import a_person, signed_in

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)

# Days of two months, and few enough that much happens to each.
FIRST, DAYS = date(2026, 2, 25), 9
LAST = FIRST + timedelta(days=DAYS - 1)
MOMENTS = st.builds(
    lambda day, seconds: datetime(2026, 2, 25, tzinfo=UTC) + timedelta(days=day, seconds=seconds),
    st.integers(0, DAYS - 1),
    st.one_of(st.sampled_from([0, 43_200, 86_399]), st.integers(0, 86_399)),
)
PEOPLE = st.integers(0, 7)
DEPLOYMENTS = st.sampled_from(["cloud", "cloud", "self_hosted"])
SESSIONS = st.sampled_from([None, *(str(UUID(int=number)) for number in (1, 2, 3))])
ROWS: st.SearchStrategy[Stored] = st.one_of(
    st.builds(
        activity, PEOPLE, MOMENTS, st.sampled_from(["login", "logout"]), deployment=DEPLOYMENTS, session=SESSIONS
    ),
    st.builds(
        feature,
        PEOPLE,
        MOMENTS,
        st.sampled_from(["run", "set"]),
        st.sampled_from(["created", "viewed"]),
        deployment=DEPLOYMENTS,
    ),
    st.builds(
        request,
        PEOPLE,
        MOMENTS,
        st.floats(0, 1e6, allow_subnormal=False),
        endpoint=st.sampled_from(["/a/", "/b/"]),
        status=st.sampled_from([200, 404, 500]),
        deployment=DEPLOYMENTS,
    ),
)

LOGIN, RUN, SET = "user_activity.login", "feature_usage.run", "feature_usage.set"
FUNNELS = [
    ((LOGIN, RUN), "1h"),
    ((RUN, SET, "user_activity.logout"), "3d"),
    # One row may be either of these, and never both.
    (("feature_usage.run.created", RUN, "feature_usage.run.viewed", SET, LOGIN), "7d"),
]


@dataclass(frozen=True)
class Write:
    rows: list[Stored]
    # People and moments of requests to delete that come in the same request.
    erased: list[tuple[int, datetime]] = field(default_factory=list)


@dataclass(frozen=True)
class Erase:
    who: int
    until: datetime


@dataclass(frozen=True)
class Kill:
    """A rollup, a correction or a purge, ended at a statement; not at all if it has fewer."""

    what: str
    statement: int
    cutoff: datetime


@dataclass(frozen=True)
class Settle:
    """All that is owed is computed; then, with a cut-off, what is older goes."""

    cutoff: datetime | None = None


# Most ask for all that was, some for a part.
UNTIL = st.one_of(st.just(datetime(2026, 3, 6, tzinfo=UTC)), MOMENTS)
WRITES = st.builds(Write, st.lists(ROWS, min_size=1, max_size=3))
MANY = st.builds(Write, st.lists(ROWS, min_size=15, max_size=30))
ERASURES = st.builds(Erase, PEOPLE, UNTIL)
BY_SPAN = st.builds(Write, st.lists(ROWS, max_size=2), st.lists(st.tuples(PEOPLE, UNTIL), min_size=1, max_size=2))
KILLS = st.builds(Kill, st.sampled_from(["roll up", "roll up", "correct", "purge"]), st.integers(1, 60), MOMENTS)
SETTLES = st.builds(Settle, st.one_of(st.none(), st.none(), MOMENTS))
# Several of the former, in any order, between two of the latter.
CHAPTERS = st.tuples(
    st.lists(st.one_of(ERASURES, WRITES, WRITES, BY_SPAN), min_size=2, max_size=5), st.one_of(SETTLES, SETTLES, KILLS)
)
STEPS = st.builds(
    lambda many, chapters: [many, Settle(), *(step for steps, end in chapters for step in (*steps, end))],
    MANY,
    st.lists(CHAPTERS, min_size=4, max_size=8),
)


# What is shown of the end of an example, all of it: pages or downloads, as both take their time.
Shown = Callable[[Client, Oracle, Question, dict[str, str]], list[str]]


class Killed(BaseException):
    """What a process hears of being killed: nothing. Nobody catches it."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Ends what runs inside before its `number`th statement; its transaction is lost, as with a process."""
    left = number

    def count(run: Callable[..., Any], *statement: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return run(*statement)

    try:
        with connections[analytics_database()].execute_wrapper(count):
            yield
    except Killed:
        note(f"killed at statement {number}")


def verdicts(rows: list[Stored], erased: list[tuple[int, datetime]]) -> Verdict:
    found = Verdict(received=len(rows) + len(erased))
    for row in rows:
        shared = {"when": row.timestamp, "person": row.user_id, "id_": row.id, "deployment": row.deployment_type}
        if isinstance(row, UserActivity):
            category, columns, own = Category.USER_ACTIVITY, [row.event_type], row.session_id
        elif isinstance(row, EndpointUsage):
            category, columns, own = (
                Category.ENDPOINT_USAGE,
                [row.method, row.endpoint, row.status_code],
                row.duration_ms,
            )
        else:
            category, columns, own = Category.FEATURE_USAGE, [row.feature_name, row.action], None
        found.rows[category].append(packed.row(category, *columns, own=own, **shared))
    for who, until in erased:
        found.erasures.append(ErasureRequest(uuid4().bytes, person(who).bytes, unix_us(until)))
    return found


def up_to_its_moment(asked: ErasureRequest) -> bool:
    """People are few here: they go on under the same pseudonym, so that much happens to each."""
    moment = from_unix_us(asked.requested_at_us)
    return erase(UUID(bytes=asked.user_id), moment).completed_at is not None


class World:
    """The product with its database, and the oracle that is told the same."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.oracle = writer, Oracle()

    def take(self, step: Write | Erase | Kill | Settle) -> None:
        match step:
            case Write(rows, erased):
                self.write(rows, erased)
            case Erase(who, until):
                erase(person(who), requested_at=until)
                self.oracle.erase(person(who), until)
            case Kill(what, statement, cutoff):
                self.kill(what, statement, cutoff)
            case Settle(cutoff):
                self.settle(cutoff)

    def write(self, rows: list[Stored], erased: list[tuple[int, datetime]]) -> None:
        # Rows that are drawn twice are the same row but for its id.
        for row in rows:
            row.id = uuid4()
        found = verdicts(rows, erased)
        found.carry_out(up_to_its_moment)
        counts = self.writer.write(found)
        for who, until in erased:
            self.oracle.erase(person(who), until)
        stored = self.oracle.store(rows)
        expected = {
            ("stored", "", NO_SENDER): stored,
            ("rejected", "erased", NO_SENDER): len(rows) - stored,
            ("stored", "erasure", NO_SENDER): len(erased),
        }
        assert +counts == +Counter(expected)
        today = timezone.now().date()
        for (outcome, reason, sender), number in (+Counter(expected)).items():
            self.oracle.ingest.append((today, outcome, reason, number))
            self.oracle.by_sender.append((today, outcome, reason, sender, number))

    def kill(self, what: str, statement: int, cutoff: datetime) -> None:
        if what == "purge":
            # As `keep_telemetry` does it: what is owed first.
            roll_up(report=silently)
            self.oracle.rolled_up()
            with killed_at(statement):
                self.purge(cutoff)
            self.close()
        else:
            with killed_at(statement):
                roll_up(report=silently) if what == "roll up" else correct_rollups(report=silently)

    def settle(self, cutoff: datetime | None) -> None:
        roll_up(report=silently)
        self.oracle.rolled_up()
        if cutoff is not None:
            self.purge(cutoff)
            self.close()
        assert freshness().days_waiting == 0
        assert wrong_reports(self.oracle, Question(FIRST, LAST)) == []
        assert wrong_reports(self.oracle, Question(FIRST, LAST, name="run"), ["feature_adopted"]) == []
        for steps, within in FUNNELS:
            assert wrong_reports(self.oracle, Question(FIRST, LAST, steps=steps, within=within), ["funnel"]) == []
        for by in ("week", "month"):
            assert wrong_reports(self.oracle, Question(FIRST, LAST, by=by), ["overview_periods"]) == []

    def purge(self, cutoff: datetime) -> None:
        # So many months later, what is kept reaches back to the cut-off.
        purge(plan_purge(1, cutoff.replace(month=cutoff.month + 1)), report=silently)

    def close(self) -> None:
        """Which days are closed is the one thing taken from the database: a purge with nothing to do closes none."""
        ((first_open,),) = execute("SELECT analytics_first_open_day()")
        if first_open > self.oracle.first_open:
            self.oracle.close(first_open)


@pytest.fixture
def analyst(transactional_db: None) -> Client:
    return signed_in(a_person(is_staff=True, is_superuser=True))


def empty() -> None:
    ((tables,),) = execute(
        "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class WHERE relname LIKE 'analytics\\_%' "
        "AND relkind IN ('r', 'p') AND relname NOT IN ('analytics_view_threshold', 'analytics_noise_key') "
        "AND NOT relispartition"
    )
    execute(f"TRUNCATE {tables}")
    drop_all_months()


@settings(
    deadline=None,
    max_examples=profile.examples(8, middle=60, long=1500),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    derandomize=profile.PROFILE == "normal" and "TELEMETRY_TEST_SEED" not in os.environ,
)
@given(
    steps=STEPS, shown=st.sampled_from([None, *DeploymentType]), wrong=st.sampled_from([wrong_downloads, wrong_pages])
)
def test_every_number_is_right_whatever_happened(
    analyst: Client, steps: list[Write | Erase | Kill | Settle], shown: DeploymentType | None, wrong: Shown
) -> None:
    empty()
    with Writer(conninfo(), slot=0) as writer:
        world = World(writer)
        for step in [*steps, Settle()]:
            world.take(step)
    filters = {"deployment": shown.value} if shown else {}
    question = Question(FIRST - timedelta(days=1), LAST, shown)
    assert wrong(analyst, world.oracle, question, filters) == []
    for smallest in (1, 3):
        assert wrong_views(world.oracle, smallest) == []
    today = timezone.now().date()
    some_days, intake = Question(FIRST + timedelta(days=2), LAST - timedelta(days=2)), Question(today, today)
    for question in (some_days, intake):
        assert wrong_reports(world.oracle, question) == []
