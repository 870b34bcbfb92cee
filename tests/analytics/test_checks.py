"""Each numbered error of analytics' settings, by the word that causes it; messages never repeat a secret."""

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from analytics.conf import EVERYONE, SETTINGS, conf
from privacy.declared import Setting

CASES = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.rhesis.ai", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://telemetry.rhesis.ai", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:port", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:99999", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hidden-word@host", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:0", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://${HOST}:4318", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://<host>:4318", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a,http://b", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a..b", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://host/base?key=hidden-word", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://host#hidden-word", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://host/base/v1/traces/", "analytics.W005"),
    ("NEXT_PUBLIC_OTEL_ENDPOINT", "https://host;hidden-word/v1/traces", "analytics.E008"),
    ("TELEMETRY_SIGN_IN_METHODS", "hidden-word", "analytics.E030"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "analytics.E002"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "hidden-word", "analytics.E002"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host/a b", "analytics.E001"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://:hidden-word@host", "analytics.E001"),
    ("TELEMETRY_HASH_KEY", "hidden-word", "analytics.E003"),
    ("TELEMETRY_HASH_KEY", "hidden-word, that no list could hold", "analytics.E003"),
    ("TELEMETRY_HASH_KEY", " hidden-word of 16 bytes", "analytics.E003"),
    ("TELEMETRY_VOUCHER_KEY", "hidden-word", "analytics.E047"),
    ("TELEMETRY_VOUCHER_KEY", "a key that is long enough,hidden-word", "analytics.E047"),
    ("TELEMETRY_VOUCHERS_REQUIRED", "perhaps", "analytics.E048"),
    ("TELEMETRY_RHESIS_EVENTS", "perhaps", "analytics.E060"),
    ("TELEMETRY_VOUCHERS_REQUIRED", "true", "analytics.E049"),
    ("OTEL_PYTHON_DJANGO_INSTRUMENT", "perhaps", "analytics.E004"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a b=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden-word%0d%0aHost:%20x", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=hidden-word%ff", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "'a=hidden-word'", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a!b=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,Content-Length=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Host=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "x-bin=hidden-word", "analytics.E006"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "grpc-timeout=hidden-word", "analytics.E006"),
    ("TELEMETRY_STORED_HERE", "perhaps", "analytics.E007"),
    ("NEXT_PUBLIC_OTEL_ENDPOINT", "ftp://host", "analytics.E008"),
    ("NEXT_PUBLIC_DEPLOYMENT_TYPE", "clown", "analytics.E009"),
    ("TELEMETRY_SMALLEST_GROUP", "0", "analytics.E010"),
    ("TELEMETRY_SMALLEST_GROUP", "five", "analytics.E010"),
    ("TELEMETRY_SMALLEST_GROUP", "²", "analytics.E010"),
    ("TELEMETRY_SMALLEST_GROUP", "9" * 5000, "analytics.E010"),
    ("TELEMETRY_SMALLEST_GROUP_BI", "-1", "analytics.E011"),
    ("TELEMETRY_SMALLEST_GROUP_BI", "1000001", "analytics.E011"),
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "metrics.example.org", "analytics.E013"),
    ("TELEMETRY_ALERT_HOOK", "hidden-word", "analytics.E055"),
    ("TELEMETRY_ALERT_HOOK_SECRET", "hidden-word", "analytics.E052"),
    ("TELEMETRY_ALERT_HOOK_SECRET", "whsec_hidden-word", "analytics.E052"),
    ("TELEMETRY_ALERT_HOOK_PRIVATE", "perhaps", "analytics.E053"),
    ("OTEL_API_KEY", "hidden-wörd", "analytics.E012"),
    ("OTEL_API_KEY", " hidden-word", "analytics.E012"),
    ("OTEL_API_KEY", "hidden\nword", "analytics.E012"),
]


@pytest.mark.parametrize(("setting", "value", "number"), CASES)
def test_each_mistake_is_one_numbered_error_that_names_the_variable(setting: str, value: str, number: str) -> None:
    with override_settings(**{setting: value}):
        errors = [message for message in run_checks() if message.id == number]
    assert len(errors) == 1 and setting in errors[0].msg
    assert "hidden-word" not in f"{errors[0].msg} {errors[0].hint}"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://telemetry.rhesis.ai"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel-collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel_collector:4318/base"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[fe80::1%eth0]:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://münchen.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:4317"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("TELEMETRY_HASH_KEY", "0123456789abcdef"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b,c=d=e,"),
        ("DEPLOYMENT_TYPE", "self-hosted"),
    ],
)
def test_what_the_original_note_writes_is_no_mistake(setting: str, value: str) -> None:
    with override_settings(**{setting: value}):
        assert run_checks(tags=["analytics", "privacy"]) == []


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_blank_value_counts_as_unset(setting: Setting[object]) -> None:
    with override_settings(**{setting.name: " \t"}):
        assert run_checks(tags=["analytics"]) == [] and setting.value == setting.parse(setting.default)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_that_is_absent_has_its_default(setting: Setting[object], settings: Any) -> None:
    if hasattr(settings, setting.name):
        delattr(settings, setting.name)
    assert run_checks(tags=["analytics"]) == [] and setting.value == setting.parse(setting.default)


def test_headers_are_decoded_as_the_specification_says() -> None:
    with override_settings(
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Basic%20dXNlcjpwdw%3D%3D, b = c=d ,", OTEL_API_KEY="k"
    ):
        assert conf.headers == {"authorization": "Basic dXNlcjpwdw==", "b": "c=d", "x-api-key": "k"}


@pytest.mark.parametrize("key", ["$ecret-value-of-32-characters-long", "a%20b # '\"\\n ${HOME} 0123456789"])
def test_a_key_is_taken_as_written(key: str) -> None:
    with override_settings(TELEMETRY_HASH_KEY=key):
        assert conf.hash_key == key and run_checks(tags=["analytics"]) == []


def test_a_catalogue_with_the_mark_of_windows_editors_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(b"\xef\xbb\xbf[routes]\nwords = ['kanban']\n")
    with override_settings(TELEMETRY_CATALOGUES=str(tmp_path / "own.toml")):
        assert run_checks(tags=["analytics"]) == []


def test_a_catalogue_that_is_missing_is_an_error_with_its_name(tmp_path: Path) -> None:
    with override_settings(TELEMETRY_CATALOGUES=[str(tmp_path / "none.toml")]):
        errors = run_checks(tags=["analytics"])
    assert [error.id for error in errors] == ["analytics.E005"] and "none.toml" in errors[0].msg


def test_values_of_python_mean_what_the_same_text_means() -> None:
    class Deployment(Enum):
        CLOUD = "cloud"

    with override_settings(
        TELEMETRY_HASH_KEY=b"0123456789abcdef", DEPLOYMENT_TYPE=Deployment.CLOUD, TELEMETRY_CATALOGUES={Path("/a.toml")}
    ):
        assert conf.hash_key == "0123456789abcdef" and conf.deployment_type == "cloud"
        assert conf.catalogue_paths[2:] == (Path("/a.toml"),)


@pytest.mark.parametrize("methods", [None, {}, "password", ["password"], True])
def test_methods_of_signing_in_that_are_no_dictionary_are_none(methods: object) -> None:
    with override_settings(TELEMETRY_SIGN_IN_METHODS=methods):
        assert conf.sign_in_methods == {}
        assert len(run_checks(tags=["analytics"])) == (0 if methods is None or methods == {} else 1)


def test_a_size_of_group_that_cannot_be_read_hides_everyone() -> None:
    with override_settings(TELEMETRY_SMALLEST_GROUP="0", TELEMETRY_SMALLEST_GROUP_BI="five"):
        assert conf.smallest_group == conf.smallest_group_bi == EVERYONE
    with override_settings(TELEMETRY_SMALLEST_GROUP=" 3 "):
        assert conf.smallest_group == 3
