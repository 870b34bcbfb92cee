"""What becomes of each standard variable of OpenTelemetry: honoured, ignored for a reason, or refused by number.

docs/settings.md prints `EVERY_VARIABLE`; tests/analytics/test_otel_variables.py holds the code to it.
"""

from dataclasses import dataclass
from enum import StrEnum

from analytics.otel import SETTINGS
from privacy import switches


class Fate(StrEnum):
    """What becomes of a variable."""

    HONOURED = "honoured"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Variable:
    """`name` may end in `*`, for all that begin so. `why` is a sentence for docs/settings.md."""

    name: str
    fate: Fate
    why: str

    def covers(self, name: str) -> bool:
        return name == self.name or (self.name.endswith("*") and name.startswith(self.name[:-1]))


# Names by the reason they are ignored for.
_IGNORED: dict[str, tuple[str, ...]] = {
    "It is for the host's own tracing. Usage data is sent only where the variables without TRACES_ lead, so that a "
    "secret for another vendor never gets there.": ("OTEL_EXPORTER_OTLP_TRACES_*",),
    "Nothing here sends logs by OpenTelemetry.": (
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
    "Consent decides what is recorded; a sample of it would be a wrong number in the reports.": (
        "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG",
    ),
    "A span of ours has no parent from outside and passes no context on.": ("OTEL_PROPAGATORS",),
    "A span of ours has only the few attributes of the catalogue, no events and no links. "
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a number all the same (analytics.E042): the SDK reads it as it is "
    "loaded.": (
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
    "Usage data goes by OTLP alone.": ("OTEL_EXPORTER_ZIPKIN_*", "OTEL_EXPORTER_JAEGER_*"),
    "The processor's measurements go by OTLP alone.": ("OTEL_EXPORTER_PROMETHEUS_*",),
    "The processor's measurements belong to no trace.": ("OTEL_METRICS_EXEMPLAR_FILTER",),
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is the time for sending measurements.": ("OTEL_METRIC_EXPORT_TIMEOUT",),
    "Our provider is private, made without the global one and its configuration.": (
        "OTEL_PYTHON_TRACER_PROVIDER",
        "OTEL_PYTHON_METER_PROVIDER",
        "OTEL_PYTHON_TRACER_CONFIGURATOR",
        "OTEL_PYTHON_METER_CONFIGURATOR",
        "OTEL_PYTHON_ID_GENERATOR",
        "OTEL_PYTHON_CONTEXT",
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",
    ),
    "It is for programs started by `opentelemetry-instrument`; this site instruments itself.": (
        "OTEL_PYTHON_DISTRO",
        "OTEL_PYTHON_CONFIGURATOR",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
        "OTEL_PYTHON_AUTO_INSTRUMENTATION_*",
    ),
    "OTEL_EXPORTER_OTLP_HEADERS and OTEL_API_KEY are the credentials.": ("OTEL_PYTHON_EXPORTER_OTLP_*",),
    "It adds to the stock instrumentor's spans; of those only method, route, status and times are read.": (
        "OTEL_PYTHON_DJANGO_TRACED_REQUEST_ATTRS",
        "OTEL_INSTRUMENTATION_HTTP_*",
        "OTEL_PYTHON_INSTRUMENTATION_HTTP_CAPTURE_ALL_METHODS",
        "OTEL_SEMCONV_STABILITY_OPT_IN",
    ),
    "It is for instrumentation of other packages.": ("OTEL_PYTHON_*", "OTEL_INSTRUMENTATION_*"),
}
_BY_THE_STOCK_INSTRUMENTOR = (
    "With OTEL_PYTHON_DJANGO_INSTRUMENT=true, requests it matches are not recorded. Our own middleware ignores it."
)
_ON_MEASUREMENTS = (
    "Only for the processor's measurements, which are about nobody. Of usage data only our own attributes are sent; "
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
        "With OTEL_PYTHON_DJANGO_INSTRUMENT=true, the place of the instrumentor's middleware; the first measures all.",
    ),
    Variable("OTEL_RESOURCE_ATTRIBUTES", Fate.HONOURED, _ON_MEASUREMENTS),
    Variable("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", Fate.HONOURED, _ON_MEASUREMENTS),
    *(Variable(name, Fate.IGNORED, why) for why, names in _IGNORED.items() for name in names),
)


def variable(name: str) -> Variable | None:
    """The first of `EVERY_VARIABLE` that covers `name`."""
    return next((each for each in EVERY_VARIABLE if each.covers(name)), None)
