"""What a person does in a real browser arrives, once each, however they leave the page."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from embedded_postgres.server import connection_url
from tests.browser.conftest import Person, Processor, call, wait_for_telemetry

pytestmark = pytest.mark.browser
MODULE_URL = "document.querySelector('script[data-telemetry]').dataset.telemetry"


def test_views_events_and_features_arrive_once_each(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'create_test' }, 'raw-user', 'raw-organization')")
    call(page, "telemetry.trackFeatureUsage('test_run', 'created', { test_id: '123', test_count: 7 })")

    person.settled("the view", person.views, ["/"])
    person.settled(
        "the click",
        lambda: [row["metadata"] for row in person.activities("button_click")],
        [{"button_id": "create_test"}],
    )
    (run,) = [row for row in person.product.rows("analytics_feature_usage") if row["feature_name"] == "test_run"]
    assert (run["action"], run["metadata"]["test_count"]) == ("created", 7)
    assert run["metadata"]["test_id"] != "123", "the id went out as it was"
    person.settled("the start", lambda: len(person.activities("session_start")), 1)
    (start,) = person.activities("session_start")
    (click,) = person.activities("button_click")
    assert (click["session_id"], click["user_id"]) == (start["session_id"], start["user_id"]), (
        "not the site's own session"
    )
    assert person.complaints == []


def test_what_happens_on_the_click_of_a_link_arrives(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    call(
        page,
        "document.querySelector('main a').addEventListener('click', () => "
        "telemetry.trackEvent('button_click', { button_id: 'open_help' }))",
    )
    page.click("main a")
    page.wait_for_url("**/settings/privacy/")

    person.settled("the click", lambda: len(person.activities("button_click")), 1)
    person.settled("both views", person.views, ["/", "/settings/privacy/"])
    assert person.activities("session_end") == [], "another page of the site ends no session"


def test_a_page_left_by_a_link_sends_its_last_events_once(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    call(
        page,
        "document.querySelector('main a').addEventListener('click', () => "
        "telemetry.trackEvent('button_click', { button_id: 'open_help' }))",
    )
    page.click("main a")
    page.wait_for_url("**/settings/privacy/")
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' })")

    clicks = lambda: [row["metadata"]["button_id"] for row in person.activities("button_click")]  # noqa: E731
    person.settled("both clicks", clicks, ["open_help", "run_tests"])
    person.settled("both views", person.views, ["/", "/settings/privacy/"])
    told = person.traffic.told()
    assert "duplicate" not in told, f"sent twice:\n{told}"


def test_closing_the_tab_loses_nothing_and_ends_the_session(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' })")
    page.close(run_before_unload=True)

    person.settled("the click", lambda: len(person.activities("button_click")), 1)
    person.settled("the end", lambda: len(person.activities("session_end")), 1)
    (end,) = person.activities("session_end")
    person.settled("the start", lambda: len(person.activities("session_start")), 1)
    (start,) = person.activities("session_start")
    assert end["session_id"] == start["session_id"]
    assert 0 <= end["metadata"]["duration_s"] < 600


def test_going_back_is_a_view_also_out_of_the_back_forward_cache(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    person.settled("the first view", person.views, ["/"])
    page.evaluate("addEventListener('pageshow', (event) => { window.fromCache = event.persisted; })")
    page.click("main a")
    page.wait_for_url("**/settings/privacy/")
    wait_for_telemetry(page)
    page.evaluate("setTimeout(() => history.back(), 0)")  # go_back waits for a load, and there is none
    page.wait_for_function("location.pathname === '/'")

    assert page.evaluate("window.fromCache") is True, "the page was not kept in the back/forward cache"
    person.settled("three views", person.views, ["/", "/settings/privacy/", "/"])


def test_a_reload_is_a_view_and_no_other_session(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    with page.expect_event("load"):
        page.evaluate("location.reload()")
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' })")

    person.settled("two views", person.views, ["/", "/"])
    person.settled("the click", lambda: len(person.activities("button_click")), 1)
    sessions = {row["session_id"] for row in person.product.rows("analytics_user_activity") if row["session_id"]}
    assert (len(sessions), person.activities("session_end")) == (1, [])


def test_after_a_reload_by_the_browser_s_own_button_the_last_end_is_the_session_s(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    page.reload()  # as the button does: the page that goes is not told what for
    wait_for_telemetry(page)
    page.close(run_before_unload=True)

    person.settled("two views", person.views, ["/", "/"])
    person.settled("an end for each page", lambda: len(person.activities("session_end")), 2)
    person.settled("the start", lambda: len(person.activities("session_start")), 1)
    last = person.product.rows("analytics_user_activity")[-1]
    assert last["event_type"] == "session_end"

    def is_reported_as_one() -> bool:
        first = next(row for row in person.product.rows("analytics_user_activity") if row["session_id"])
        return reported_sessions(person, last["timestamp"]) == [(1, last["timestamp"] - first["timestamp"])]

    person.settled("a report of one session, up to its last end", is_reported_as_one, True)


def reported_sessions(person: Person, at: datetime) -> list[tuple[int, timedelta]]:
    """How many sessions that day had, and how long they were together."""
    with psycopg.connect(connection_url(person.product.tree / ".local/postgres")) as connection:
        return connection.execute(
            "SELECT sessions, length_us * interval '1 microsecond' FROM analytics_daily_sessions WHERE day = %s",
            [at.astimezone(UTC).date()],
        ).fetchall()


@pytest.mark.parametrize("minutes", [-60, 60])
def test_by_a_clock_that_is_an_hour_off_events_are_dated_by_the_site_s(person: Person, minutes: int) -> None:
    person.context.add_init_script(f"{{ const now = Date.now; Date.now = () => now() + {minutes} * 60_000; }}")
    began = datetime.now(UTC)
    page = person.sign_in()
    wait_for_telemetry(page)
    page.click("main a")
    page.wait_for_url("**/settings/privacy/")
    wait_for_telemetry(page)

    person.settled("both views", person.views, ["/", "/settings/privacy/"])
    dates = [row["timestamp"] for row in person.product.rows("analytics_feature_usage")]
    assert all(began - timedelta(minutes=1) < date < began + timedelta(minutes=10) for date in dates)


@pytest.mark.parametrize("navigation_api", [True, False])
def test_an_app_that_only_changes_its_address_counts_views(person: Person, navigation_api: bool) -> None:
    if not navigation_api:
        person.context.add_init_script("Object.defineProperty(globalThis, 'navigation', { value: undefined });")
    page = person.sign_in()
    wait_for_telemetry(page)
    for path in ("/projects", "/projects?sort=name", "/projects/4711", "/projects/4711/secret"):
        page.evaluate("(path) => history.pushState({}, '', path)", path)

    person.settled("four views", person.views, ["/", "/projects", "/projects/:id", "other"])


def test_two_copies_of_the_package_count_a_view_once_and_send_each_event_once(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    another = f"await import(({MODULE_URL}) + '?copy')"
    began = page.evaluate(
        f"async () => {{ globalThis.another = {another}; return another.initTelemetry({{ endpoint: '/v1/traces' }}); }}"
    )
    assert began is True
    page.evaluate("another.trackEvent('button_click', { button_id: 'run_tests' })")
    call(page, "telemetry.trackEvent('button_click', { button_id: 'open_help' })")
    page.evaluate("history.pushState({}, '', '/projects')")

    person.settled("both views, once each", person.views, ["/", "/projects"])
    person.settled("both clicks", lambda: len(person.activities("button_click")), 2)


def test_while_the_processor_is_down_events_wait_and_then_arrive_once_each(
    person: Person, processor: Processor
) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    person.settled("the first view", person.views, ["/"])
    processor.stop()
    with page.expect_response(lambda response: response.url.endswith("/v1/traces") and response.status == 503):
        call(page, "telemetry.trackEvent('button_click', { button_id: 'create_test' })")
    page.click("main a")  # the page that waited is gone, the tab is not
    page.wait_for_url("**/settings/privacy/")
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'invite_member' })")
    processor.start()

    person.settled("both views", person.views, ["/", "/settings/privacy/"])
    clicks = lambda: [row["metadata"]["button_id"] for row in person.activities("button_click")]  # noqa: E731
    person.settled("both clicks", clicks, ["create_test", "invite_member"])
    assert person.complaints == [] or all("503" in each for each in person.complaints)
