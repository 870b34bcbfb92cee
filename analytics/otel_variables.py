"""Every standard OpenTelemetry variable, and whether it is honoured, ignored or refused, with the reason.

docs/settings.md prints `EVERY_VARIABLE`; tests/analytics/test_otel_variables.py checks the code against it.
"""

from dataclasses import dataclass
from enum import StrEnum

from analytics.otel import SETTINGS
from privacy import switches


class Fate(StrEnum):
    """How this project treats a variable."""

    HONOURED = "honoured"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable, or all with a prefix: `name` may end in `*`. `why` is a sentence for docs/settings.md."""

    name: str
    fate: Fate
    why: str

    def covers(self, name: str) -> bool:
        return name == self.name or (self.name.endswith("*") and name.startswith(self.name[:-1]))


# Reason -> names of the variables ignored for it.
_IGNORED: dict[str, tuple[str, ...]] = {
    "It configures the host's own tracing. Usage data follows only the variables without TRACES_, so that another "
    "vendor's secret is never sent to our endpoint.": ("OTEL_EXPORTER_OTLP_TRACES_*",),
    "This project sends no logs by OpenTelemetry.": (
        "OTEL_LOGS_EXPORTER",
        "OTEL_EXPORTER_OTLP_LOGS_*",
        "OTEL_BLRP_*",
        "OTEL_LOGRECORD_*",
        "OTEL_PYTHON_LOG_*",
        "OTEL_PYTHON_LOGGING_*",
        "OTEL_PYTHON_LOGGER_*",
    ),
    "The scheme of the address decides: http:// is plain text, https:// is TLS.": (
        "OTEL_EXPORTER_OTLP_INSECURE",
        "OTEL_EXPORTER_OTLP_SPAN_INSECURE",
        "OTEL_EXPORTER_OTLP_METRIC_INSECURE",
        "OTEL_EXPORTER_OTLP_METRICS_INSECURE",
    ),
    "Only our own attributes are sent; these may name hosts and people.": ("OTEL_ENTITIES",),
    "Consent decides what is recorded; sampling would make the reports wrong.": (
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
    ),
    "Our spans have no outside parent and pass on no context.": ("OTEL_PROPAGATORS",),
    "Our spans have only the few attributes of the catalogue, no events and no links. "
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must still be a number (analytics.E042), because the SDK reads it when it is "
    "imported.": (
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        "OTEL_SPAN_LINK_COUNT_LIMIT",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    ),
    "LOG_LEVEL is the level of every log.": ("OTEL_LOG_LEVEL",),
    "Usage data is sent by OTLP only.": ("OTEL_EXPORTER_ZIPKIN_*", "OTEL_EXPORTER_JAEGER_*"),
    "The processor's metrics are sent by OTLP only.": ("OTEL_EXPORTER_PROMETHEUS_*",),
    "The processor's metrics belong to no trace.": ("OTEL_METRICS_EXEMPLAR_FILTER",),
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is the timeout of metrics.": ("OTEL_METRIC_EXPORT_TIMEOUT",),
    "Our provider is private and does not use the global configuration.": (
        "OTEL_PYTHON_TRACER_PROVIDER",
        "OTEL_PYTHON_METER_PROVIDER",
        "OTEL_PYTHON_TRACER_CONFIGURATOR",
        "OTEL_PYTHON_METER_CONFIGURATOR",
        "OTEL_PYTHON_ID_GENERATOR",
        "OTEL_PYTHON_CONTEXT",
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
    ),
    "It is for programs started with `opentelemetry-instrument`; this site instruments itself.": (
        "OTEL_PYTHON_DISTRO",
        "OTEL_PYTHON_CONFIGURATOR",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "OTEL_PYTHON_AUTO_INSTRUMENTATION_*",
    ),
    "OTEL_EXPORTER_OTLP_HEADERS and OTEL_API_KEY are the credentials.": ("OTEL_PYTHON_EXPORTER_OTLP_*",),
    "It adds attributes to the stock instrumentor's spans, of which we read only method, route, status and times.": (
        "OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS",
        "OTEL_INSTRUMENTATION_HTTP_*",
        "OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS",
        "OTEL_SEMCONV_STABILITY_OPT_IN",
    ),
    "It configures instrumentation of other packages.": ("OTEL_PYTHON_*", "OTEL_INSTRUMENTATION_*"),
}
_BY_THE_STOCK_INSTRUMENTOR = (
    "With OTEL_PYTHON_DJANGO_INSTRUMENT=true, matching requests are not recorded. Our own middleware ignores it."
)
_ON_METRICS = (
    "Only for the processor's metrics, which contain no personal data. Usage data has only our own attributes; "
    "OTEL_SERVICE_NAME names the service."
)

EVERY_VARIABLE: tuple[Variable, ...] = (
    *(
        Variable(setting.name, Fate.REFUSED if setting is switches.CONFIG_FILE else Fate.HONOURED, setting.help)
        for setting in (*switches.SETTINGS, *SETTINGS)
        if setting.name.startswith("OTEL_")
    ),
    Variable("OTEL_PYTHON_EXCLUDED_URLS", Fate.HONOURED, _BY_THE_STOCK_INSTRUMENTOR),
    Variable("OTEL_PYTHON_DJANGO_EXCLUDED_URLS", Fate.HONOURED, _BY_THE_STOCK_INSTRUMENTOR),
    Variable(
        "OTEL_PYTHON_DJANGO_MIDDLEWARE_POSITION",
        Fate.HONOURED,
        "With OTEL_PYTHON_DJANGO_INSTRUMENT=true, position of the instrumentor's middleware; use the first.",
    ),
    Variable("OTEL_RESOURCE_ATTRIBUTES", Fate.HONOURED, _ON_METRICS),
    Variable("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", Fate.HONOURED, _ON_METRICS),
    *(Variable(name, Fate.IGNORED, why) for why, names in _IGNORED.items() for name in names),
)


def variable(name: str) -> Variable | None:
    """The first of `EVERY_VARIABLE` that covers `name`."""
    return next((each for each in EVERY_VARIABLE if each.covers(name)), None)
