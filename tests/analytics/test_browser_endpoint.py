"""NEXT_PUBLIC_OTEL_ENDPOINT: a path of this site, or an address elsewhere."""

import pytest
from pytest_django import Settings

from analytics.checks import check_settings
from privacy.checks import check_switches


@pytest.mark.parametrize("endpoint", ["", "/v1/traces", "/telemetry/v1/traces", "https://telemetry.example:4318/otlp"])
def test_what_may_be_said(settings: Settings, endpoint: str) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = endpoint
    assert check_settings(None) == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "v1/traces",
        "//evil.example/v1/traces",
        "/v1/traces?key=1",
        "/v1/ traces",
        "ftp://host",
        "https://",
        "https://a:b@c",
    ],
)
def test_what_may_not(settings: Settings, endpoint: str) -> None:
    settings.NEXT_PUBLIC_OTEL_ENDPOINT = endpoint
    assert [problem.id for problem in check_settings(None)] == ["analytics.E008"]


def test_the_server_s_own_endpoint_is_never_a_path(settings: Settings) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "/v1/traces"
    assert [problem.id for problem in check_switches(None)] == ["analytics.E001"]
