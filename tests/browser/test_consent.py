"""Nothing for those who do not consent, whenever they decided; and nothing of anybody that identifies."""

from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page
from psycopg.rows import dict_row

from embedded_postgres.server import connection_url
from tests.browser.conftest import NOTE_REQUESTS, Person, Processor, call, wait_for_telemetry

pytestmark = pytest.mark.browser

SECRET = "canary-7f3a"
PAGES = ("/", "/settings/privacy/", "/settings/password/", "/no/such/page/")


def use(page: Page, person: Person) -> None:
    for path in PAGES:
        page.goto(person.product.url + path)
        page.wait_for_load_state("networkidle")


def test_who_does_not_consent_downloads_and_sends_nothing(person: Person) -> None:
    person.share(False)
    page = person.sign_in()
    use(page, person)

    assert page.locator("script[data-telemetry]").count() == 0
    assert person.telemetry_requests() == []
    assert page.evaluate("sessionStorage.length + localStorage.length") == 0


def test_who_is_not_signed_in_downloads_and_sends_nothing(person: Person) -> None:
    page = person.context.new_page()
    page.goto(f"{person.product.url}/sign-in/")
    page.wait_for_load_state("networkidle")

    assert person.telemetry_requests() == []


def test_a_withdrawal_in_another_tab_throws_a_full_queue_away(person: Person, processor: Processor) -> None:
    person.context.add_init_script(NOTE_REQUESTS)
    page = person.sign_in()
    wait_for_telemetry(page)
    person.settled("the first view", person.views, ["/"])
    # What cannot be delivered stays in the queue.
    processor.stop()
    call(
        page,
        "Array.from({ length: 300 }, () => telemetry.trackEvent('button_click', { button_id: 'run_tests' })).length",
    )
    settings = person.open("/settings/privacy/")
    settings.click("[role=switch]")
    settings.wait_for_selector("[role=switch][aria-checked=false]")
    page.wait_for_function("sessionStorage.length === 0")
    assert call(page, "telemetry.isTelemetryEnabled()") is False
    processor.start()
    page.evaluate("localStorage.clear()")
    call(page, "telemetry.trackEvent('button_click', { button_id: 'open_help' })")
    page.goto(f"{person.product.url}/settings/password/")
    page.wait_for_load_state("networkidle")
    page.close(run_before_unload=True)
    settings.close(run_before_unload=True)

    # Sharing again, a new event is the proof that everything before it would have arrived.
    person.share(True)
    last = person.open("/")
    call(last, "telemetry.trackEvent('button_click', { button_id: 'invite_member' })")
    clicks = lambda: [row["metadata"]["button_id"] for row in person.activities("button_click")]  # noqa: E731
    person.settled("the click after", clicks, ["invite_member"])
    sent = last.evaluate("localStorage.getItem('noted-requests')")
    assert "invite_member" in sent and "run_tests" not in sent and "open_help" not in sent


def test_a_withdrawal_elsewhere_is_heard_at_the_next_send(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    person.settled("the first view", person.views, ["/"])
    person.share(False)
    with page.expect_response(lambda response: response.url.endswith("/v1/traces") and response.status == 403):
        call(page, "telemetry.trackEvent('button_click', { button_id: 'create_test' })")
    wait_for_telemetry(page, enabled=False)

    assert person.activities("button_click") == []


def test_nothing_secret_of_a_page_goes_out(person: Person) -> None:
    person.context.add_init_script(NOTE_REQUESTS)
    page = person.sign_in()
    wait_for_telemetry(page)
    page.context.add_cookies([{"name": "note", "value": SECRET, "url": person.product.url}])
    page.goto(f"{person.product.url}/no/{SECRET}/page/?q={SECRET}#{SECRET}")
    page.evaluate(
        """(secret) => {
            document.title = secret;
            localStorage.setItem("note", secret);
            sessionStorage.setItem("note", secret);
            window.name = secret;
        }""",
        SECRET,
    )
    page.goto(f"{person.product.url}/settings/password/?q={SECRET}#{SECRET}")
    wait_for_telemetry(page)
    for field in page.locator("main input[type=password]").all():
        field.fill(SECRET)
    page.evaluate("(secret) => { document.title = secret; history.pushState({}, secret, '/tests/' + secret); }", SECRET)
    page.evaluate("(secret) => history.pushState({}, secret, '/' + secret + '?' + secret)", SECRET)
    call(page, f"telemetry.trackPageView('/tests/{SECRET}?q={SECRET}', '{SECRET}', '{SECRET}')")
    call(page, f"telemetry.trackEvent('button_click', {{ button_id: '{SECRET}' }})")
    call(page, f"telemetry.trackEvent('button_click', {{ title: '{SECRET}' }})")
    call(page, f"telemetry.trackEvent('{SECRET}', {{}}, '{SECRET}', '{SECRET}')")
    call(page, f"telemetry.trackFeatureUsage('test', 'viewed', {{ kind: '{SECRET}' }}, '{SECRET}', '{SECRET}')")
    call(page, "telemetry.trackFeatureUsage('test', 'viewed', { test_id: 'raw-id-4711' })")
    page.goto(f"{person.product.url}/")
    wait_for_telemetry(page)

    person.settled("the last view", lambda: person.views()[-1:], ["/"])
    sent = page.evaluate("localStorage.getItem('noted-requests')")
    assert "/tests/:id" in sent
    assert SECRET not in sent
    with page.expect_request("**/v1/traces") as caught:
        call(page, "telemetry.trackPageView()")
    # A cookie goes where it belongs, to the site; the package neither reads it nor repeats it.
    headers = {name: value for name, value in caught.value.all_headers().items() if name != "cookie"}
    assert SECRET not in str(headers) and "referer" not in headers
    stored = everything_stored(person)
    assert SECRET not in stored and "raw-id-4711" not in stored
    logs = "".join(path.read_text(errors="replace") for path in (person.product.tree / ".local/log").glob("*.log"))
    assert SECRET not in logs
    views = person.views()
    assert "/tests/:id" in views and "other" in views, "what was to be hidden was not even seen"


def everything_stored(person: Person) -> str:
    """All rows of analytics, tallies included, as text."""
    with psycopg.connect(connection_url(person.product.tree / ".local/postgres"), row_factory=dict_row) as connection:
        tables: list[Any] = connection.execute(
            "SELECT tablename FROM pg_tables WHERE tablename LIKE 'analytics%'"
        ).fetchall()
        return str([connection.execute(f"SELECT * FROM {each['tablename']}").fetchall() for each in tables])


def test_every_page_has_a_strict_policy_and_no_script_of_its_own(person: Person) -> None:
    page = person.sign_in()
    for path in PAGES:
        answer = page.goto(person.product.url + path)
        assert answer is not None
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy and "default-src 'none'" in policy and "unsafe" not in policy
        assert page.locator("script:not([src])").count() == 0
    person.open("/")
    assert person.telemetry_requests(), "this test would see no telemetry if there were any"
    broken = [each for each in person.complaints if "404" not in each]
    assert broken == []


def test_telemetry_is_fetched_when_the_browser_is_idle(person: Person) -> None:
    person.context.add_init_script("window.requestIdleCallback = (work) => { window.whenIdle = work; };")
    page = person.sign_in()
    page.wait_for_function("() => window.whenIdle")
    page.wait_for_load_state("networkidle")
    fetched = lambda: [request.url for request in person.requests if "/telemetry." in request.url]  # noqa: E731
    assert fetched() == []
    page.evaluate("whenIdle()")
    wait_for_telemetry(page)

    assert len(fetched()) == 1


def test_what_a_page_and_its_browser_are_is_not_even_read(person: Person) -> None:
    """Traps in place of what could be read; those of `location` cannot be set, and the canaries see to these."""
    person.context.add_init_script(
        """
        window.readings = [];
        const traps = [
            [Document.prototype, ["referrer", "title", "cookie", "URL", "documentURI", "lastModified"]],
            [Screen.prototype, ["width", "height", "availWidth", "availHeight", "colorDepth", "pixelDepth"]],
            [Navigator.prototype, ["userAgent", "userAgentData", "language", "languages", "platform", "plugins",
                                   "hardwareConcurrency", "deviceMemory", "connection", "maxTouchPoints"]],
        ];
        for (const [owner, names] of traps)
            for (const name of names) {
                const property = Object.getOwnPropertyDescriptor(owner, name);
                if (!property) continue;
                Object.defineProperty(owner, name, { ...property, get() {
                    if (new Error().stack.includes("/telemetry/")) readings.push(name);
                    return property.get.call(this);
                } });
            }
        """
    )
    page = person.sign_in()
    wait_for_telemetry(page)
    call(page, "telemetry.trackEvent('button_click', { button_id: 'run_tests' })")
    page.evaluate("history.pushState({}, '', '/tests/4711')")
    person.settled("the views", person.views, ["/", "/tests/:id"])
    person.settled("the click", lambda: len(person.activities("button_click")), 1)

    assert page.evaluate("readings") == []


def test_telemetry_makes_no_task_long(person: Person) -> None:
    """A task of more than 50 ms is ours where our scripts ran for most of it; the browser reports both."""
    person.context.add_init_script(
        """
        window.longTasks = [];
        window.ourScripts = [];
        new PerformanceObserver((list) => longTasks.push(...list.getEntries()))
            .observe({ type: "longtask", buffered: true });
        new PerformanceObserver((list) => ourScripts.push(...list.getEntries().flatMap((frame) =>
            frame.scripts.filter((script) => script.sourceURL.includes("/telemetry/")))))
            .observe({ type: "long-animation-frame", buffered: true });
        """
    )
    page = person.sign_in()
    wait_for_telemetry(page)
    for _ in range(5):
        call(page, "Array.from({ length: 20 }, () => telemetry.trackPageView('/tests/4711')).length")
        page.wait_for_timeout(100)
    person.settled("all views", lambda: len(person.views()), 101)

    observed = page.evaluate("PerformanceObserver.supportedEntryTypes")
    assert {"longtask", "long-animation-frame"} <= set(observed)
    ours = """longTasks.filter(({ startTime, duration }) => ourScripts
        .filter((script) => script.startTime >= startTime && script.startTime < startTime + duration)
        .reduce((sum, script) => sum + script.duration, 0) > duration / 2).length"""
    assert page.evaluate(ours) == 0


def test_a_thousand_events_a_second_hurt_neither_page_nor_site(person: Person) -> None:
    page = person.sign_in()
    wait_for_telemetry(page)
    call(
        page,
        "Array.from({ length: 1000 }, () => telemetry.trackEvent('button_click', { button_id: 'run_tests' })).length",
    )

    person.settled("what the queue holds", lambda: 200 <= len(person.activities("button_click")) <= 256, True)
    assert page.goto(f"{person.product.url}/settings/privacy/").status == 200  # type: ignore[union-attr]
