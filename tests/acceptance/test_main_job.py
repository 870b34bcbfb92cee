"""The whole path, as a user starts it: consent, use, rows; withdrawal, use, not one row more."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.product import Product, copy_of_the_tree, free_port, running_product, wait_until
from tests.acceptance.standin_collector import standin_collector

pytestmark = pytest.mark.acceptance

STATUS, ENABLE, DISABLE = (f"/api/users/telemetry/{call}" for call in ("status", "enable", "disable"))
ROADS = {
    "by gRPC to the processor": {},
    "by HTTP through a collector": {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    "with the stock instrumentor": {"OTEL_PYTHON_DJANGO_INSTRUMENT": "true"},
}


@pytest.fixture(params=ROADS)
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    environment = dict(ROADS[request.param])
    with ExitStack() as stack:
        if "OTEL_EXPORTER_OTLP_PROTOCOL" in environment:
            environment["processor_port"] = str(free_port())
            address, _ = stack.enter_context(standin_collector(int(environment["processor_port"])))
            environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = address
        yield stack.enter_context(running_product(copy_of_the_tree(tmp_path), **environment))


def use_the_site(product: Product) -> None:
    """What the demo person does, with sharing on and again with it off."""
    program = product.token_client(staff=False)
    assert program.get(product.url + STATUS).status_code == 200
    assert program.post(product.url + STATUS, json={}).status_code == 405
    browser = product.browser(staff=False)
    assert "Share anonymous usage data" in browser.get(f"{product.url}/settings/privacy/").text
    assert browser.get(f"{product.url}/no/such/page/4711/").status_code == 404
    assert product.submit(browser, "/sign-out/", page="/settings/privacy/").status_code == 200


def test_what_a_person_did_is_stored_from_consent_to_withdrawal(product: Product) -> None:
    person = product.token_client(staff=False)
    status = person.get(product.url + STATUS).json()
    assert status["telemetry_enabled"] is False
    person_id = UUID(status["user_id"])
    use_the_site(product)  # before consent: nothing of this may ever arrive

    assert person.put(product.url + ENABLE).json() == {
        "telemetry_enabled": True,
        "message": "Thank you for helping improve Rhesis!",
    }
    assert person.get(product.url + STATUS).json()["telemetry_enabled"] is True
    use_the_site(product)

    # The sign-out is the last thing done, and the queue keeps its order: with it, everything has arrived.
    activity = wait_until("the sign-out", lambda: _with(product, "analytics_user_activity", event_type="logout"))
    stored = product.all_rows()
    events = [row["event_type"] for row in product.rows("analytics_user_activity")]
    assert sorted(events) == ["login", "login", "logout", "session_start"]
    assert activity[0]["session_id"] is not None

    requests = {
        (row["method"], row["endpoint"], row["status_code"]) for row in product.rows("analytics_endpoint_usage")
    }
    assert ("GET", STATUS, 200) in requests and ("POST", STATUS, 405) in requests
    assert ("GET", "/settings/privacy/", 200) in requests
    assert not any("4711" in str(row) for row in stored), "a path was stored"
    assert ("PUT", ENABLE, 200) not in requests, "the request that switched it on began before consent"
    assert all(row["duration_ms"] > 0 for row in product.rows("analytics_endpoint_usage"))

    features = {(row["feature_name"], row["action"]) for row in product.rows("analytics_feature_usage")}
    assert ("privacy_settings", "viewed") in features

    assert {row["deployment_type"] for row in stored} == {"self_hosted"}
    assert len({row["user_id"] for row in stored}) == 1, "one person, one pseudonym"
    assert not any(str(person_id) in str(row) or person_id.hex in str(row) for row in stored)

    _wait_until_staff_see_it(product)
    wait_until("each process's role", lambda: product.database_users() >= {"rhesis_site", "rhesis_processor"})

    assert person.put(product.url + DISABLE).json() == {
        "telemetry_enabled": False,
        "message": "Telemetry has been disabled.",
    }
    use_the_site(product)
    pseudonym = stored[0]["user_id"]
    assert _of_others(product, pseudonym) == []
    _wait_for_what_someone_else_does_now(product)
    assert {row["id"] for row in product.all_rows() if row["user_id"] == pseudonym} == {row["id"] for row in stored}
    logs = "".join(path.read_text(errors="replace") for path in (product.tree / ".local" / "log").iterdir())
    assert "permission denied" not in logs and "42501" not in logs, "a role lacks a right"


def _wait_until_staff_see_it(product: Product) -> None:
    """The reports count the person, and every request that is stored; nobody has to ask for that."""
    staff = product.browser(staff=True)

    def is_seen() -> bool:
        answer = staff.get(f"{product.url}/admin/analytics/reports/overview.json")
        assert answer.status_code == 200, answer.text
        rows = answer.json()["rows"]
        stored = len(product.rows("analytics_endpoint_usage"))
        return max(row["active_people"] for row in rows) == 1 and sum(row["requests"] for row in rows) == stored

    wait_until("the reports", is_seen)


def _wait_for_what_someone_else_does_now(product: Product) -> None:
    """The queue keeps its order: when this has arrived, whatever was recorded before it has, too."""
    staff = product.token_client(staff=True)
    staff.put(product.url + ENABLE).raise_for_status()
    staff.get(product.url + STATUS).raise_for_status()
    before = {row["user_id"] for row in product.all_rows()}
    assert len(before) <= 2
    wait_until(
        "the staff person's request",
        lambda: len({row["user_id"] for row in product.rows("analytics_endpoint_usage")}) == 2,
    )


def _with(product: Product, table: str, **values: Any) -> list[dict[str, Any]]:
    return [row for row in product.rows(table) if all(row[name] == value for name, value in values.items())]


def _of_others(product: Product, pseudonym: UUID) -> list[dict[str, Any]]:
    return [row for row in product.all_rows() if row["user_id"] != pseudonym]
