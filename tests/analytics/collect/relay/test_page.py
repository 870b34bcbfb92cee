"""Which pages have a telemetry script, and what finding that out costs."""

from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from analytics.catalogue import current_catalogue
from analytics.catalogue_export import for_browsers
from analytics.collect.relay.page import page_for
from privacy.choices import choose
from privacy.models import Source

from .conftest import Browser, unreadable

PAGES = ("/", "/settings/privacy/", "/settings/password/")
SCRIPT = 'type="module" src="/static/telemetry/site.js"'


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_who_consents_have_it(browser: Browser, path: str) -> None:
    page = browser.client.get(path).content.decode()

    assert page.count(SCRIPT) == 1
    assert f'data-endpoint="/v1/traces" data-deployment="self_hosted" data-page="{browser.page}"' in page


def test_only_a_project_with_a_catalogue_of_its_own_has_its_pages_fetch_one(
    browser: Browser, settings: Settings, tmp_path: Path
) -> None:
    assert b"data-catalogue" not in browser.client.get("/").content
    (tmp_path / "own.toml").write_text('[routes]\npages = ["/pricing/:id"]\n')
    settings.TELEMETRY_CATALOGUES = [str(tmp_path / "own.toml")]

    assert b' data-catalogue="/v1/catalogue"></script>' in browser.client.get("/").content
    answer = browser.client.get("/v1/catalogue")
    assert answer["Cache-Control"] == "max-age=600"
    declared = answer.json()
    assert declared == for_browsers(current_catalogue())
    assert "/pricing/:id" in declared["feature_usage"]["page_view"][1]["route"]
    assert "login" not in declared["user_activity"], "browsers do not send it"


def test_without_browser_telemetry_there_is_no_catalogue(settings: Settings) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = ""

    assert Client().get("/v1/catalogue").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_who_does_not_consent_have_none(browser: Browser, person: User, path: str) -> None:
    choose(person.pk, enabled=False, source=Source.API, actor_id=person.pk)

    assert "data-telemetry" not in browser.client.get(path).content.decode()


def test_pages_of_strangers_and_of_errors_have_none(browser: Browser) -> None:
    for page in (Client().get("/sign-in/"), Client().get("/no/such/page/"), Client().get("/", headers={"Host": "a b"})):
        assert b"data-telemetry" not in page.content


def test_requests_of_nobody_have_none() -> None:
    """Also one that came no further than to a middleware before authentication."""
    request = RequestFactory().get("/")
    assert page_for(request) is None
    request.user = AnonymousUser()
    assert page_for(request) is None


@pytest.mark.parametrize("setting", ["NEXT_PUBLIC_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_without_an_endpoint_no_page_has_it(browser: Browser, settings: Settings, setting: str) -> None:
    setattr(settings, setting, "")

    assert b"data-telemetry" not in browser.client.get("/settings/password/").content


def test_finding_out_costs_one_query_where_there_is_browser_telemetry_and_none_elsewhere(
    browser: Browser, settings: Settings
) -> None:
    browser.client.get("/settings/password/")
    with CaptureQueriesContext(connection) as asking:
        browser.client.get("/settings/password/")
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = ""
    with CaptureQueriesContext(connection) as not_asking:
        browser.client.get("/settings/password/")

    assert len(asking) == len(not_asking) + 1


def test_consent_that_cannot_be_read_is_none(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.collect.relay.page.dated_consent", unreadable)
    page = browser.client.get("/settings/password/")

    assert (page.status_code, b"data-telemetry" in page.content) == (200, False)


def test_the_mark_of_a_page_is_not_the_key_of_the_session(browser: Browser) -> None:
    assert (browser.client.session.session_key or "") not in browser.client.get("/").content.decode()


def test_a_mark_is_of_one_session(browser: Browser, person: User) -> None:
    assert Browser(person).page != browser.page
