"""What a project left out of its settings: a numbered error each, with the line to add."""

from typing import Any

import django
import pytest
from django.conf import settings
from django.core.checks import ERROR, CheckMessage, run_checks
from django.db import connections
from django.test import override_settings

from analytics import checks

TELEMETRY = "analytics.collect.middleware.TelemetryMiddleware"
PRIVACY = "privacy.middleware.PrivacyMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
NOTICE = "privacy.context_processors.privacy_notice"


def without(path: str) -> list[str]:
    return [each for each in settings.MIDDLEWARE if each != path]


def only_finding() -> CheckMessage:
    (finding,) = run_checks(tags=["privacy", "analytics"])
    assert finding.level == ERROR
    return finding


def test_with_all_in_place_there_is_nothing_to_say() -> None:
    assert run_checks(tags=["privacy", "analytics"]) == []


@pytest.mark.parametrize(
    ("middleware", "number", "line"),
    [
        (without(TELEMETRY), "analytics.E037", f'"{TELEMETRY}",'),
        ([*without(TELEMETRY), TELEMETRY], "analytics.E038", f'"{TELEMETRY}",'),
        (without(PRIVACY), "privacy.E004", f'"{PRIVACY}",'),
        ([TELEMETRY, PRIVACY, *without(TELEMETRY)][:-1], "privacy.E005", f'"{PRIVACY}",'),
    ],
)
def test_a_middleware_that_is_missing_or_misplaced(middleware: list[str], number: str, line: str) -> None:
    with override_settings(MIDDLEWARE=middleware):
        finding = only_finding()
    assert finding.id == number and finding.hint is not None and line in finding.hint


def test_a_middleware_made_from_ours_is_one() -> None:
    ours = [f"{__name__}.OwnTelemetryMiddleware" if each == TELEMETRY else each for each in settings.MIDDLEWARE]
    with override_settings(MIDDLEWARE=ours):
        assert run_checks(tags=["privacy", "analytics"]) == []


def test_the_context_processor_left_out() -> None:
    engine: dict[str, Any] = settings.TEMPLATES[0]
    processors = [each for each in engine["OPTIONS"]["context_processors"] if each != NOTICE]
    with override_settings(TEMPLATES=[{**engine, "OPTIONS": {"context_processors": processors}}]):
        finding = only_finding()
    assert finding.id == "privacy.E006" and finding.hint is not None and f'"{NOTICE}",' in finding.hint


def test_the_router_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "analytics_database", lambda: "default")
    with override_settings(DATABASES={**settings.DATABASES, "analytics": settings.DATABASES["default"]}):
        assert run_checks(tags=["analytics"]) == []
        with override_settings(DATABASE_ROUTERS=[]):
            finding = only_finding()
    assert finding.id == "analytics.E039" and '["analytics.router.AnalyticsRouter"]' in str(finding.hint)


def test_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connections["default"]), "vendor", "sqlite")
    findings = run_checks(tags=["privacy", "analytics"])
    assert {finding.id for finding in findings} == {"privacy.E007", "analytics.E040"}
    assert all("django.db.backends.postgresql" in str(finding.hint) for finding in findings)


def test_django_6_without_its_postgres_app(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(django, "VERSION", (6, 0, 0, "final", 0))
    finding = only_finding()
    assert finding.id == "analytics.E041" and '"django.contrib.postgres",' in str(finding.hint)


@pytest.mark.parametrize(
    ("setting", "value", "number"),
    [
        ("OTEL_SDK_DISABLED", "true", "privacy.W001"),
        ("OTEL_TRACES_EXPORTER", "none", "privacy.W002"),
        ("OTEL_CONFIG_FILE", "/etc/otel.yaml", "privacy.W003"),
    ],
)
def test_an_off_switch_of_the_host_is_a_warning_where_there_is_an_endpoint(
    setting: str, value: str, number: str
) -> None:
    with override_settings(**{setting: value}):
        assert run_checks(tags=["privacy"]) == []
        with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9"):
            (finding,) = run_checks(tags=["privacy"])
    assert finding.id == number and setting in finding.msg and f"--unset={setting}" in str(finding.hint)


def test_an_off_switch_of_the_environment_holds_in_a_project_that_does_not_name_it(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from privacy.switches import current_switches

    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9"
    for name in ("OTEL_SDK_DISABLED", "DO_NOT_TRACK", "OTEL_TRACES_EXPORTER", "OTEL_CONFIG_FILE"):
        delattr(settings, name)
        monkeypatch.delenv(name, raising=False)
    assert current_switches().allow
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert not current_switches().allow


def test_urls_left_out() -> None:
    with override_settings(ROOT_URLCONF="tests.analytics.no_urls"):
        findings = run_checks(tags=["privacy", "analytics"])
    assert {finding.id: str(finding.hint)[-35:] for finding in findings} == {
        "privacy.E017": 'add path("", include("privacy.urls")),'[-35:],
        "analytics.E051": 'add path("", include("analytics.urls")),'[-35:],
    }


def test_urls_after_the_admin() -> None:
    """Where nobody reaches the reports."""
    with override_settings(ROOT_URLCONF="tests.analytics.urls_after_the_admin"):
        assert only_finding().id == "analytics.E051"


def test_a_template_to_extend_that_is_not_there() -> None:
    with override_settings(TELEMETRY_BASE_TEMPLATE="no/such.html"):
        finding = only_finding()
    assert (
        finding.id == "privacy.E018"
        and "no/such.html" in finding.msg
        and "TELEMETRY_BASE_TEMPLATE" in str(finding.hint)
    )


@pytest.mark.parametrize("name", ["team", "groups", "logentry", 5])
def test_an_organization_that_is_no_column_of_the_user_model(name: object) -> None:
    with override_settings(TELEMETRY_ORGANIZATION_FIELD=name):
        finding = only_finding()
    assert finding.id == "privacy.E016" and "TELEMETRY_ORGANIZATION_FIELD =" in str(finding.hint)


@pytest.mark.parametrize("name", ["organization", "organization_id", "", None])
def test_an_organization_that_is_one_or_none(name: str | None) -> None:
    with override_settings(TELEMETRY_ORGANIZATION_FIELD=name):
        assert run_checks(tags=["privacy", "analytics"]) == []


@pytest.mark.parametrize("notice", ["a text", ("", "body"), ("t" * 201, "body"), ("title", None), ("one",), 5])
def test_a_first_notice_that_is_no_pair_of_texts(notice: object) -> None:
    with override_settings(TELEMETRY_FIRST_NOTICE=notice):
        finding = only_finding()
    assert finding.id == "privacy.E019" and "TELEMETRY_FIRST_NOTICE = (" in str(finding.hint)


@pytest.mark.parametrize("notice", [("Usage data helps the shop", "We record."), None, ["title", "body"]])
def test_a_first_notice_that_is_one(notice: object) -> None:
    with override_settings(TELEMETRY_FIRST_NOTICE=notice):
        assert run_checks(tags=["privacy", "analytics"]) == []


def make_own() -> type:
    from analytics.collect.middleware import TelemetryMiddleware

    return type("OwnTelemetryMiddleware", (TelemetryMiddleware,), {})


OwnTelemetryMiddleware = make_own()
