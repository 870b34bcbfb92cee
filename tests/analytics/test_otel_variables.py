"""Each standard variable of OpenTelemetry has one fate, and the code keeps to it."""

import re
from pathlib import Path

import opentelemetry.environment_variables
import opentelemetry.instrumentation.environment_variables
import opentelemetry.sdk.environment_variables
import pytest
from django.core.checks import run_checks
from django.test import override_settings

from analytics import otel
from analytics.conf import conf
from analytics.otel_variables import EVERY_VARIABLE, Fate, variable
from privacy import switches
from privacy.switches import current_switches

# Of the specification (the SDK's variables, the OTLP exporter's, semantic conventions), beyond Python's list.
OF_THE_SPECIFICATION = {
    "OTEL_ENTITIES",
    "OTEL_LOG_LEVEL",
    "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
    "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
    "OTEL_EXPORTER_OTLP_METRIC_INSECURE",
    "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
    "OTEL_SEMCONV_STABILITY_OPT_IN",
    "OTEL_PYTHON_DJANGO_INSTRUMENT",
}


def names_of(module: object) -> set[str]:
    return {name.removeprefix("_") for name in vars(module) if re.fullmatch(r"_?OTEL_[A-Z_]+", name)}


def names_in_sources() -> set[str]:
    """What the installed packages that we import read, by their source."""
    found: set[str] = set()
    for package in ("sdk", "exporter/otlp", "instrumentation/django", "instrumentation/wsgi", "util/http"):
        for root in opentelemetry.__path__:  # type: ignore[attr-defined]
            for source in (Path(root) / package).rglob("*.py"):
                found |= set(re.findall(r'"(OTEL_[A-Z_]+[A-Z])"', source.read_text()))
    return found


@pytest.mark.parametrize(
    "name",
    sorted(
        names_of(opentelemetry.sdk.environment_variables)
        | names_of(opentelemetry.environment_variables)
        | names_of(opentelemetry.instrumentation.environment_variables)
        | names_in_sources()
        | OF_THE_SPECIFICATION
    ),
)
def test_every_variable_there_is_has_a_fate(name: str) -> None:
    assert variable(name) is not None


def test_the_table_is_in_the_documents() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text()
    assert all(f"| `{each.name}` | {each.fate} |" in document for each in EVERY_VARIABLE)


def test_what_is_refused_switches_off_and_gives_its_number() -> None:
    assert [each.name for each in EVERY_VARIABLE if each.fate is Fate.REFUSED] == [switches.CONFIG_FILE.name]
    with override_settings(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_CONFIG_FILE="/etc/otel.yaml"):
        assert not current_switches().allow
        assert [finding.id for finding in run_checks(tags=["privacy"])] == ["privacy.W003"]


WRONG = {
    otel.PROTOCOL: ["http/json", "udp"],
    otel.HEADERS: ["hidden-word", "a=%ff"],
    otel.COMPRESSION: ["zstd", "deflate", "yes"],
    otel.CERTIFICATE: ["/nowhere/ca.pem", "/"],
    otel.CLIENT_KEY: ["/nowhere/key.pem"],
    otel.CLIENT_CERTIFICATE: ["/nowhere/certificate.pem"],
    otel.TIMEOUT: ["-1", "5s", "1.5"],
    otel.BSP_QUEUE: ["0", "-5", "many"],
    otel.BSP_BATCH: ["0", "many"],
    otel.BSP_DELAY: ["-1", "5s"],
    otel.BSP_TIMEOUT: ["-1", "5s"],
    otel.USE_STOCK_INSTRUMENTOR: ["perhaps"],
    otel.METRICS_ENDPOINT: ["metrics.example.org"],
    otel.METRICS_PROTOCOL: ["grpc", "http/json"],
    otel.METRICS_HEADERS: ["hidden-word"],
    otel.METRICS_COMPRESSION: ["zstd"],
    otel.METRICS_CERTIFICATE: ["/nowhere/ca.pem"],
    otel.METRICS_CLIENT_KEY: ["/nowhere/key.pem"],
    otel.METRICS_CLIENT_CERTIFICATE: ["/nowhere/certificate.pem"],
    otel.METRICS_TIMEOUT: ["0", "10s"],
    otel.METRICS_INTERVAL: ["0", "1m"],
    otel.METRICS_TEMPORALITY: ["sometimes"],
    otel.METRICS_AGGREGATION: ["heatmap"],
}


def test_every_honoured_variable_that_can_be_wrong_is_tried() -> None:
    assert {setting.name for setting in WRONG} == {setting.name for setting in otel.SETTINGS if setting.number}


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [(setting.name, setting.number, text) for setting, texts in WRONG.items() for text in texts],
)
def test_a_wrong_value_gives_its_number_and_names_the_variable(name: str, number: str, text: str) -> None:
    with override_settings(**{name: text}):
        (finding,) = run_checks(tags=["analytics"])
    assert finding.id == number and name in finding.msg
    assert "hidden" not in f"{finding.msg} {finding.hint}"


def test_sizes_of_the_queue_are_those_asked_for() -> None:
    assert (conf.queue_capacity, conf.batch_size) == (2048, 512)
    with override_settings(OTEL_BSP_MAX_QUEUE_SIZE="256"):
        assert (conf.queue_capacity, conf.batch_size) == (256, 256) and run_checks(tags=["analytics"]) == []
    with override_settings(OTEL_BSP_MAX_QUEUE_SIZE="5000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4096"):
        assert (conf.queue_capacity, conf.batch_size) == (5000, 4096) and run_checks(tags=["analytics"]) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "256", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "257"},
    ],
)
def test_a_batch_larger_than_the_queue_is_an_error(settings: dict[str, str]) -> None:
    with override_settings(**settings):
        (finding,) = run_checks(tags=["analytics"])
        assert finding.id == "analytics.E034" and "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" in finding.msg
        assert conf.batch_size == conf.queue_capacity


@pytest.mark.parametrize(
    ("timeout", "bsp", "seconds"),
    [("", "", 5), ("2500", "", 2.5), ("", "1000", 1), ("60000", "60000", 5), ("0", "0", 5), ("3000", "4000", 3)],
)
def test_the_shorter_timeout_counts_and_five_seconds_are_the_most(timeout: str, bsp: str, seconds: float) -> None:
    with override_settings(OTEL_EXPORTER_OTLP_TIMEOUT=timeout, OTEL_BSP_EXPORT_TIMEOUT=bsp):
        assert conf.export_timeout_seconds == seconds


def test_a_client_certificate_without_its_key_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("-----BEGIN CERTIFICATE-----")
    with override_settings(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=str(tmp_path / "c.pem")):
        (finding,) = run_checks(tags=["analytics"])
    assert finding.id == "analytics.E035" and "OTEL_EXPORTER_OTLP_CLIENT_KEY" in finding.msg


def test_certificates_that_are_none_are_an_error_and_trust_nobody(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    with override_settings(OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "ca.pem")):
        assert [finding.id for finding in run_checks(tags=["analytics"])] == ["analytics.E035"]
    with override_settings(OTEL_EXPORTER_OTLP_CERTIFICATE=str(tmp_path / "none.pem")):
        assert conf.certificate is not None and not conf.certificate.exists()
