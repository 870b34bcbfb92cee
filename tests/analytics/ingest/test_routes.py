"""What of a route reaches a row, whoever sends it."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.catalogue import current_catalogue
from analytics.ingest import fast
from analytics.ingest.judge import verdict
from analytics.ingest.verdict import Part, Verdict
from analytics.vocabulary import Category
from privacy.switches import DeploymentType
from tests.analytics.ingest import packed
from tests.analytics.ingest.spans import OLD_REQUEST, REQUEST, STOCK_REQUEST, of, span
from tests.analytics.test_routes import PERSONAL, TABLE, by_route
from tests.collector.spans import Value

SENDERS = {"ours": REQUEST, "an older client": OLD_REQUEST, "a stock instrumentation": STOCK_REQUEST}


def judged(values: dict[str, Value], route: str) -> Verdict:
    body = of(span({**values, "http.route": route})).SerializeToString()
    return verdict(fast.read, body, current_catalogue(), now=datetime.now(UTC), own=DeploymentType.CLOUD)


def endpoint(found: Verdict) -> object:
    [packed_row] = found.rows[Category.ENDPOINT_USAGE]
    return packed.values(Category.ENDPOINT_USAGE, packed_row)["endpoint"]


@pytest.mark.parametrize("case", [*TABLE["patterns"], *TABLE["paths"]], ids=by_route)
@pytest.mark.parametrize("values", SENDERS.values(), ids=SENDERS)
def test_a_route_is_stored_as_the_table_has_it_whoever_sends_it(values: dict[str, Value], case: dict[str, str]) -> None:
    assert endpoint(judged(values, by_route(case))) == case.get("stored_of_others", case["stored"])


@pytest.mark.parametrize("name", ["jane-doe", "JaneDoe", "jane_doe", "schmidt", "jane.html", "Berlin-Mitte", "JANE"])
@pytest.mark.parametrize("values", SENDERS.values(), ids=SENDERS)
def test_a_name_in_a_path_reaches_no_row_whoever_sends_it(values: dict[str, Value], name: str) -> None:
    assert endpoint(judged(values, f"/users/{name}/orders")) == "/users/{...}/orders"


@pytest.mark.parametrize("values", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize(
    ("route", "stored"),
    [
        ("admin/privacy/installationcontrol/", "/admin/privacy/installationcontrol/"),
        ("/admin/privacy/installationcontrol/", "/admin/privacy/installationcontrol/"),
        ("api/users/telemetry/erasures", "/api/users/telemetry/erasures"),
        ("admin/privacy/installationcontrol", "/admin/privacy/{...}"),
    ],
)
def test_a_route_of_the_project_is_kept_whole_and_what_is_only_like_it_is_not(
    values: dict[str, Value], route: str, stored: str
) -> None:
    assert endpoint(judged(values, route)) == stored


@pytest.mark.parametrize("values", SENDERS.values(), ids=SENDERS)
def test_text_that_is_left_out_of_a_route_is_counted(values: dict[str, Value]) -> None:
    cut, whole = judged(values, f"/users/{uuid4()}"), judged(values, "/users/{id}")

    assert (cut.dropped[Part.ROUTE_TEXT], whole.dropped[Part.ROUTE_TEXT]) == (1, 0)


@given(PERSONAL, st.sampled_from([REQUEST, OLD_REQUEST, STOCK_REQUEST]))
def test_nothing_personal_in_a_path_reaches_a_row(personal: str, values: dict[str, Value]) -> None:
    found = judged(values, f"/users/{personal}/orders")

    assert found.rejected or endpoint(found) in ("/users/{...}/orders", "{unrecognised}") or "/" in personal
    assert len(personal) < 4 or not any(personal.encode() in row for row in found.rows[Category.ENDPOINT_USAGE])
