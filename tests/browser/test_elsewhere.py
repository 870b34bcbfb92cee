"""A front end that sends straight to a collector elsewhere: the real one, from a real browser, across origins."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request

from tests.acceptance.product import Product, free_port
from tests.browser.conftest import Person, call, wait_for_telemetry
from tests.browser.sites import another_site
from tests.collector.parts import Collector
from tools import collector
from tools.checkout import SetupFailed

# The first of them may have to build the collector.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]


@pytest.fixture
def elsewhere(product: Product, chromium: Browser, tmp_path: Path) -> Iterator[tuple[Person, Collector]]:
    """The demo person, sharing, on a site whose pages send to a collector of another origin."""
    try:
        collector.binary()
    except SetupFailed as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    there = Collector(tmp_path, processor_port=product.processor_port, COLLECTOR_ALLOWED_ORIGINS=origin)
    there.start()
    context = chromium.new_context()
    try:
        with another_site(product, port=port, NEXT_PUBLIC_OTEL_ENDPOINT=there.http_url) as url:
            person = Person(dataclasses.replace(product, url=url), context)
            person.share(True)
            yield person, there
            person.share(False)
    finally:
        context.close()
        there.stop()


def sent_to(collector: Collector, person: Person) -> list[Request]:
    return [
        request
        for request in person.requests
        if request.url.startswith(collector.http_url) and request.method == "POST"
    ]


def test_the_real_collector_takes_what_a_browser_sends_and_it_is_stored_under_the_server_s_pseudonyms(
    elsewhere: tuple[Person, Collector],
) -> None:
    person, there = elsewhere
    page = person.sign_in()
    wait_for_telemetry(page)
    call(page, "telemetry.trackFeatureUsage('test_run', 'created', { test_id: 'raw-id-4711', test_count: 7 })")
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' }, 'raw-user', 'raw-organization')")

    person.settled("the view", person.views, ["/"])
    person.settled("the click", lambda: len(person.activities("button_click")), 1)
    (click,) = person.activities("button_click")
    person.settled("the start", lambda: len(person.activities("session_start")), 1)
    (start,) = person.activities("session_start")
    whose = ("user_id", "organization_id", "session_id")
    assert [click[name] for name in whose] == [start[name] for name in whose], "not the server's own pseudonyms"
    (run,) = [row for row in person.product.rows("analytics_feature_usage") if row["feature_name"] == "test_run"]
    assert run["metadata"] == {"test_count": 7}, "an id that only the site can make a pseudonym of is left out"
    for request in sent_to(there, person):
        headers = request.all_headers()
        assert "cookie" not in headers and "referer" not in headers
        assert "raw-" not in (request.post_data or "")
    assert person.complaints == []


def test_a_withdrawal_is_heard_before_the_next_send_to_a_collector_elsewhere(
    elsewhere: tuple[Person, Collector],
) -> None:
    person, there = elsewhere
    page = person.sign_in()
    wait_for_telemetry(page)
    person.settled("the view", person.views, ["/"])
    before = len(sent_to(there, person))
    person.share(False)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' })")
    page.wait_for_function("() => sessionStorage.length === 0")  # it has asked, and thrown everything away

    assert call(page, "telemetry.isTelemetryEnabled()") is False
    page.close(run_before_unload=True)
    assert len(sent_to(there, person)) == before
    assert person.activities("button_click") == []
