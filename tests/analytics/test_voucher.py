"""Vouchers: what is stored only on an installation's word, and what a service without one can do."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pytest_django.fixtures import Settings

from analytics import track_feature_usage
from analytics.catalogue import current_catalogue
from analytics.collect.scope import telemetry_for
from analytics.ingest import decode, fast, judge
from analytics.ingest.verdict import Part, Reason, Verdict
from analytics.voucher import LOOKS_BACK, Vouchers, voucher, voucher_of_own_span
from privacy.clock import unix_us
from privacy.switches import DeploymentType
from tests.analytics.ingest.spans import ERASURE, LOGIN, PERSON, STOCK_REQUEST, VOUCHER_KEY, nanoseconds, of, span
from tests.collector.spans import Value
from tests.support.people import someone_who_shares
from tests.support.wire import wired

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SINCE, UNTIL = NOW - timedelta(hours=1), NOW + timedelta(minutes=1)
STARTED = NOW - timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _key(settings: Settings) -> None:
    settings.TELEMETRY_VOUCHER_KEY = VOUCHER_KEY
    settings.TELEMETRY_VOUCHERS_REQUIRED = "true"


def signed(person: str = PERSON, *, since: datetime = SINCE, until: datetime = UNTIL) -> str:
    found = voucher(UUID(person), since=since, now=NOW, until=until)
    assert found is not None
    return found


def stock(text: Value | None, **changes: Value) -> Span:
    """A stock span of PERSON, a second before NOW, with this voucher."""
    values = {**STOCK_REQUEST, **changes} if text is None else {**STOCK_REQUEST, **changes, "telemetry.voucher": text}
    return span(values, start_time_unix_nano=nanoseconds(STARTED), end_time_unix_nano=nanoseconds(NOW))


Judged = Callable[..., Verdict]


@pytest.fixture(params=[decode.read, fast.read], ids=["plain", "fast"])
def judged(request: pytest.FixtureRequest) -> Judged:
    def judged(*spans: Span) -> Verdict:
        body, rule = of(*spans, resource={"service.name": "shop"}).SerializeToString(), Vouchers.configured()
        return judge.verdict(request.param, body, current_catalogue(), now=NOW, own=DeploymentType.CLOUD, vouchers=rule)

    return judged


def rows(found: Verdict) -> int:
    return sum(map(len, found.rows.values()))


def test_a_span_is_stored_on_the_word_of_the_persons_installation(judged: Judged) -> None:
    found = judged(stock(signed()), stock(signed()))  # the second is read fast
    assert (rows(found), found.rejected, found.dropped) == (2, Counter(), Counter())


OVER = STARTED - timedelta(seconds=1)
# Built when a test has set the key.
FORGED: dict[str, Callable[[], Value | None]] = {
    "none": lambda: None,
    "empty": lambda: "",
    "a number": lambda: 7,
    "of another person": lambda: signed("5f0c4d7e-1111-8000-8000-000000000002"),
    "over": lambda: signed(until=OVER),
    "not begun": lambda: signed(since=NOW),
    "its end moved": lambda: with_parts(until=signed().split(".")[1], of=signed(until=OVER)),
    "its beginning moved": lambda: with_parts(since=signed().split(".")[0], of=signed(since=NOW)),
    "guessed": lambda: with_parts(mac="0" * 32),
    "cut": lambda: signed()[:-1],
    "longer": lambda: signed() + "0",
    "a line": lambda: signed() + "\n",
    "other digits": lambda: signed().replace("1", "\u0661"),
    "a space": lambda: " " + signed(),
}


def with_parts(of: str = "", **parts: str) -> str:
    whole = dict(zip(("since", "until", "mac"), (of or signed()).split("."), strict=True))
    return ".".join((whole | parts).values())


@pytest.mark.parametrize("how", FORGED)
def test_no_other_word_is_taken(judged: Judged, settings: Settings, how: str) -> None:
    text = FORGED[how]()
    found = judged(stock(text), stock(text))
    assert (rows(found), found.refusals) == (0, Counter({(Reason.NOT_VOUCHED, "shop"): 2}))

    settings.TELEMETRY_VOUCHERS_REQUIRED = "false"
    found = judged(stock(text), stock(text))
    assert (rows(found), found.dropped_of) == (2, Counter({(Part.VOUCHER, "shop"): 2}))


def test_an_event_needs_one_as_a_stock_span_does(judged: Judged) -> None:
    begun = {"start_time_unix_nano": nanoseconds(STARTED)}
    found = judged(
        span(LOGIN, **begun), span({**LOGIN, "telemetry.voucher": signed()}, **begun), span(ERASURE, **begun)
    )
    assert (rows(found), len(found.erasures), found.rejected) == (1, 1, Counter({Reason.NOT_VOUCHED: 1}))


def test_without_a_key_other_services_are_counted_and_nothing_is_stored_if_vouchers_are_required(
    judged: Judged, settings: Settings
) -> None:
    vouched = stock(signed())
    settings.TELEMETRY_VOUCHER_KEY = ""
    assert judged(vouched).rejected == Counter({Reason.NOT_VOUCHED: 1})

    settings.TELEMETRY_VOUCHERS_REQUIRED = "false"
    found = judged(vouched, span(LOGIN, start_time_unix_nano=nanoseconds(STARTED)))
    assert (rows(found), found.dropped) == (2, Counter({Part.VOUCHER: 1}))


def test_a_new_key_goes_with_the_one_before(judged: Judged, settings: Settings) -> None:
    old = stock(signed())
    settings.TELEMETRY_VOUCHER_KEY = f"another key of vouchers,{VOUCHER_KEY}"
    assert rows(judged(old, stock(signed()))) == 2
    settings.TELEMETRY_VOUCHER_KEY = "another key of vouchers"
    assert judged(old).rejected == Counter({Reason.NOT_VOUCHED: 1})


def test_the_text_is_the_documented_one(settings: Settings) -> None:
    settings.TELEMETRY_VOUCHER_KEY = "a key for test vectors only: 32+"
    person = UUID("fdd428cf-6a9c-800e-b5a0-521ebfb9b8b0")
    found = voucher(person, since=NOW - timedelta(hours=1), now=NOW, until=NOW + timedelta(minutes=1))
    assert found in (ROOT / "docs/connect.md").read_text()
    assert found == "1777892400.1777896060.6d12d388ab59fa85f13c3a8abc9251d3"


def test_no_voucher_looks_back_further_than_a_day() -> None:
    first = int(signed(since=NOW - timedelta(days=400)).split(".")[0])
    assert first == unix_us(NOW - LOOKS_BACK) // 1_000_000


def test_a_moment_between_two_seconds_is_not_vouched_for_too_early() -> None:
    since = NOW - timedelta(microseconds=1_500_001)
    first, last, _ = signed(since=since).split(".")
    assert (int(first), int(last)) == (unix_us(NOW) // 1_000_000 - 1, unix_us(UNTIL) // 1_000_000)


def test_without_a_key_nothing_is_signed(settings: Settings) -> None:
    settings.TELEMETRY_VOUCHER_KEY = ""
    assert voucher(uuid4(), since=SINCE, now=NOW, until=UNTIL) is voucher_of_own_span(uuid4(), 0) is None


@pytest.mark.django_db
def test_what_the_site_sends_is_vouched_for() -> None:
    with wired() as (wire, pipeline), telemetry_for(someone_who_shares()):
        track_feature_usage("test_run", "created")
        pipeline.flush()

    [sent], [attributes] = wire.spans, wire.attributes()
    started_us, rule = (sent.start_time or 0) // 1000, Vouchers.configured()
    text, person = attributes["telemetry.voucher"], UUID(attributes["user.id"])
    assert rule.cover(text, person.bytes, started_us)
    assert not rule.cover(text, person.bytes, started_us + 60_000_000)
    assert not rule.cover(text, person.bytes, started_us - 60_000_000)
