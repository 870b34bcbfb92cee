"""The pages in the states a person, an operator and an installation can bring them into."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from embedded_postgres.server import connection_url
from tests.acceptance.product import Product, wait_until
from tests.browser.looks import look_at, picture, problems, sign_in_anew, unfold, visitor
from tests.browser.sites import another_site

pytestmark = pytest.mark.browser

SETTINGS = "/settings/privacy/"
LOCK = "/admin/privacy/installationcontrol/1/change/"


@pytest.fixture
def undecided(product: Product) -> Iterator[None]:
    """The demo person as if they had never been here; the ledger, which nothing can empty, still says otherwise."""

    def forget() -> None:
        with psycopg.connect(connection_url(product.tree / ".local/postgres")) as connection:
            connection.execute("DELETE FROM privacy_preference")
            connection.execute("DELETE FROM analytics_erasure")
        sign_in_anew()

    forget()
    yield
    forget()


def share(product: Product, wanted: bool) -> None:
    call = "enable" if wanted else "disable"
    client = product.token_client(staff=False)
    client.put(f"{product.url}/api/users/telemetry/{call}", timeout=10).raise_for_status()


def toggle(page: Page) -> str | None:
    return page.get_by_role("switch").get_attribute("aria-checked")


def test_somebody_who_shares_sees_their_rows_and_can_delete_them(
    product: Product, chromium: Browser, undecided: None
) -> None:
    for wanted in [True, False] * 6 + [True]:
        share(product, wanted)
    client = product.browser(staff=False)
    for _ in range(12):
        client.get(product.url, timeout=10).raise_for_status()
    wait_until("twelve rows", lambda: len(product.rows("analytics_endpoint_usage")) >= 12)

    words = look_at("privacy-rows", product.url + SETTINGS, product, chromium, staff=False)
    assert "On. You switched this on on" in words and "stored under a pseudonym" in words and "Older" in words
    words = look_at("privacy-history", f"{product.url}{SETTINGS}?history=2", product, chromium, staff=False)
    assert "Page 2 of" in words
    delete = product.url + SETTINGS + "delete/"
    assert "records of your use of this site will be deleted" in look_at(
        "delete-rows", delete, product, chromium, staff=False
    )
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(delete)
        page.get_by_label("Also switch sharing off").check()
        page.get_by_role("button", name="Delete").click()
        page.wait_for_url(f"**{SETTINGS}")
        picture(page, "privacy-deleted")
        unfold(page)
        assert problems(page) == []
        assert (toggle(page), "Nothing is stored about you." in page.locator("#stored").inner_text()) == ("false", True)
        assert "Your requests to delete" in page.locator("#stored").inner_text()
    words = look_at("admin-erasures", product.url + "/admin/analytics/erasure/", product, chromium, staff=True)
    assert "1 erasure" in words


@contextmanager
def locked(product: Product, chromium: Browser) -> Iterator[None]:
    """The operator's lock, by its page in the admin."""

    def turn(wanted: bool) -> None:
        with visitor(product, chromium, staff=True) as (context, _):
            page = context.new_page()
            page.goto(product.url + LOCK)
            page.get_by_label("Stop collecting for everyone").set_checked(wanted)
            page.get_by_role("button", name="Save", exact=True).click()
            answer = page.get_by_role("button", name="Stop collecting for everyone" if wanted else "Collect again")
            answer.wait_for()
            picture(page, f"admin-lock-asks-{wanted}")
            assert problems(page) == []
            answer.click()
            page.wait_for_url("**/installationcontrol/")

    turn(True)
    try:
        yield
    finally:
        turn(False)


def test_under_the_operator_s_lock_a_choice_is_kept_and_its_page_says_it_has_no_effect(
    product: Product, chromium: Browser, undecided: None
) -> None:
    share(product, True)
    with locked(product, chromium):
        words = look_at("privacy-locked", product.url + SETTINGS, product, chromium, staff=False)
        assert "Saved, but nothing is sent. The operator of this site has switched usage sharing off for" in words
        with visitor(product, chromium, staff=False) as (context, _):
            page = context.new_page()
            page.goto(product.url + SETTINGS)
            assert toggle(page) == "true", "the choice is theirs, whatever the operator does"
        look_at("admin-locked", product.url + LOCK, product, chromium, staff=True)
        look_at("admin-people-locked", product.url + "/admin/accounts/user/", product, chromium, staff=True)


def test_in_the_cloud_sharing_is_on_once_the_notice_was_shown(
    product: Product, chromium: Browser, undecided: None
) -> None:
    with another_site(product, DEPLOYMENT_TYPE="cloud") as url:
        words = look_at("home-cloud", url + "/", product, chromium, staff=False)
        assert "This is on now." in words and "Keep on" in words and "Switch off" in words
        words = look_at("privacy-cloud", url + SETTINGS, product, chromium, staff=False)
        assert "On by default. You were shown the privacy notice" in words


def test_in_the_cloud_a_browser_that_asks_not_to_be_tracked_switches_it_off(
    product: Product, chromium: Browser, undecided: None
) -> None:
    asks = {"extra_http_headers": {"Sec-GPC": "1"}}
    with another_site(product, DEPLOYMENT_TYPE="cloud") as url:
        with visitor(product, chromium, staff=False, **asks) as (context, _):
            context.new_page().goto(url + "/")
        words = look_at("privacy-gpc", url + SETTINGS, product, chromium, staff=False, **asks)
        assert "Off. Your browser asks sites not to track you" in words


def test_without_an_endpoint_the_page_says_so_and_no_notice_is_shown(
    product: Product, chromium: Browser, undecided: None
) -> None:
    with another_site(product, OTEL_EXPORTER_OTLP_ENDPOINT="") as url:
        words = look_at("privacy-no-endpoint", url + SETTINGS, product, chromium, staff=False)
        assert "Off. Usage sharing isn't set up on this site." in words
        assert "Keep off" not in words and "Switch on" not in words


def test_where_rows_live_elsewhere_the_page_says_so(product: Product, chromium: Browser, undecided: None) -> None:
    with another_site(product, TELEMETRY_STORED_HERE="false") as url:
        words = look_at("privacy-elsewhere", url + SETTINGS, product, chromium, staff=False)
        assert "Your requests to delete are sent there." in words
        look_at("delete-elsewhere", f"{url}{SETTINGS}delete/", product, chromium, staff=False)


def error_page(page: Page, name: str) -> str:
    picture(page, name)
    assert problems(page) == []
    return page.locator("main").inner_text()


def test_a_form_that_cannot_be_checked_is_refused_by_a_page_of_ours(product: Product, chromium: Browser) -> None:
    with visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        page.goto(product.url + SETTINGS)
        context.clear_cookies(name="csrftoken")
        with page.expect_response(lambda response: response.status == 403):
            page.get_by_role("button", name="Sign out").click()
        assert "The form could not be verified" in error_page(page, "error-403")


def test_a_request_that_cannot_be_read_is_refused_by_a_page_of_ours(product: Product, chromium: Browser) -> None:
    with visitor(product, chromium, staff=False, size="phone", scheme="dark") as (context, _):
        page = context.new_page()
        page.goto(product.url + SETTINGS)
        # More fields than any form of ours has.
        page.evaluate(
            """() => {
                const form = document.querySelector("nav form");
                for (let number = 0; number < 1001; number++)
                    form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "more" }));
            }"""
        )
        with page.expect_response(lambda response: response.status == 400):
            page.get_by_role("button", name="Sign out").click()
        assert "The request could not be understood" in error_page(page, "error-400")


def test_while_the_database_is_away_the_page_says_whose_fault_it_is(product: Product, chromium: Browser) -> None:
    nowhere = "postgres://nobody@127.0.0.1:1/nothing"
    with another_site(product, DATABASE_URL=nowhere) as url, visitor(product, chromium, staff=False) as (context, _):
        page = context.new_page()
        answer = page.goto(url + "/")
        assert answer is not None and answer.status == 503
        assert "The database does not answer" in error_page(page, "error-503")


ADMIN = {
    "admin-notice-detail": "/admin/privacy/privacynotice/1/change/",
    "admin-notices": "/admin/privacy/privacynotice/",
    "admin-activity": "/admin/analytics/useractivity/",
    "admin-endpoints": "/admin/analytics/endpointusage/",
    "admin-features": "/admin/analytics/featureusage/",
    "admin-export-tally": "/admin/analytics/exporttally/",
    "admin-ingest-tally": "/admin/analytics/ingesttally/",
    "admin-accesses": "/admin/privacy/accessevent/",
}


def test_what_staff_look_at_fits_and_passes_axe_with_something_in_it(
    product: Product, chromium: Browser, undecided: None
) -> None:
    share(product, True)
    client = product.browser(staff=False)
    client.get(product.url + SETTINGS, timeout=10).raise_for_status()
    for table in ("analytics_user_activity", "analytics_endpoint_usage", "analytics_feature_usage"):
        wait_until(table, lambda table=table: product.rows(table))  # type: ignore[misc]
    for name, path in ADMIN.items():
        look_at(name, product.url + path, product, chromium, staff=True)
    with visitor(product, chromium, staff=True, size="phone") as (context, complaints):
        page = context.new_page()
        for path, link in (("accounts/user", "demo"), ("analytics/exporttally", ""), ("privacy/consentevent", "")):
            page.goto(f"{product.url}/admin/{path}/")
            page.locator("#result_list tbody th a", has_text=link).first.click()
            page.wait_for_url("**/change/")
            picture(page, f"admin-{path.replace('/', '-')}-detail")
            assert problems(page) == [], path
        assert complaints == []


def test_staff_switch_somebody_off_by_the_admin(product: Product, chromium: Browser, undecided: None) -> None:
    share(product, True)
    with visitor(product, chromium, staff=True) as (context, complaints):
        page = context.new_page()
        page.goto(f"{product.url}/admin/accounts/user/")
        row = page.locator("#result_list tr:has(th a:text-is('demo'))")
        assert "On. You switched this on on" in row.inner_text()
        row.locator("input[type=checkbox]").check()
        page.locator("select[name=action]").select_option("switch_off")
        page.get_by_role("button", name="Go", exact=True).click()
        page.wait_for_selector(".messagelist")
        picture(page, "admin-switched-off")
        assert "Sharing switched off for 1 person" in page.locator(".messagelist").inner_text()
        assert "Off" in page.locator("#result_list tr:has(th a:text-is('demo'))").inner_text()
        assert problems(page) + complaints == []
