"""Declarations of the standard OpenTelemetry variables we support. `analytics.otel_variables` lists all others."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, flag, listed, optional, plain, whole_number

# Header names valid in both HTTP and gRPC.
HEADER_NAME = re.compile(r"(?!grpc-)[0-9A-Za-z_.-]+(?<!-bin)", re.IGNORECASE)
# Headers that the transport sets; a second one would make every request malformed.
TRANSPORT_HEADERS = {
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}
# Stands for an unreadable file. Opening it fails, so that no other certificate is trusted instead.
UNREADABLE = Path("/dev/null/unreadable")
LONGEST_MILLISECONDS = 86_400_000 * 365


class Protocol(StrEnum):
    """Supported values of OTEL_EXPORTER_OTLP_PROTOCOL."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"


class MetricsProtocol(StrEnum):
    HTTP_PROTOBUF = "http/protobuf"


class Compression(StrEnum):
    """Values of OTEL_EXPORTER_OTLP_COMPRESSION in the specification."""

    NONE = "none"
    GZIP = "gzip"


class Temporality(StrEnum):
    CUMULATIVE = "cumulative"
    DELTA = "delta"
    LOWMEMORY = "lowmemory"


class HistogramAggregation(StrEnum):
    EXPLICIT = "explicit_bucket_histogram"
    EXPONENTIAL = "base2_exponential_bucket_histogram"


def headers(text: str) -> dict[str, str]:
    """Headers in the specification's format: `name=value,name=value`, values percent-encoded."""
    found: dict[str, str] = {}
    for pair in filter(str.strip, text.split(",")):
        name, equals, value = (part.strip() for part in pair.partition("="))
        try:
            value = unquote(value, errors="strict")
        except UnicodeDecodeError:
            value = "\0"
        if not equals or not HEADER_NAME.fullmatch(name) or not value.isascii() or not (value + " ").isprintable():
            raise Misread(
                "is malformed; it must be name=value, several separated by commas, "
                "each value percent-encoded printable ASCII"
            )
        if name.lower() in TRANSPORT_HEADERS:
            raise Misread(f"has the header {name.lower()}, which the transport sets; remove it")
        found[name.lower()] = value.strip()
    return found


def pem_file(text: str) -> Path | None:
    """Path of a certificate or key in PEM; None for empty text."""
    if not text.strip():
        return None
    path = Path(text.strip())
    try:
        beginning = path.read_bytes()
    except OSError as error:
        raise Misread(f"names a file that cannot be read: {error.strerror}") from None
    if b"-----BEGIN " not in beginning:
        raise Misread("names a file that is not PEM")
    return path


_milliseconds = whole_number(0, LONGEST_MILLISECONDS, of="milliseconds")
_spans = whole_number(1, 1_000_000, of="spans")

PROTOCOL = Setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "analytics.E002",
    choice(Protocol),
    otherwise=Protocol.HTTP_PROTOBUF,
    default="http/protobuf",
    help="http/protobuf (usually port 4318) or grpc (usually port 4317).",
    meanwhile="Until it is corrected, it counts as http/protobuf.",
)
HEADERS = Setting[dict[str, str]](
    "OTEL_EXPORTER_OTLP_HEADERS",
    "analytics.E006",
    headers,
    otherwise={},
    help="Additional headers for the endpoint, as name=value, several separated by commas, values percent-encoded "
    "(a space is %20).",
    meanwhile="Until it is corrected, none of its headers is sent.",
)
COMPRESSION = Setting(
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "analytics.E015",
    choice(Compression),
    otherwise=Compression.NONE,
    default="none",
    help="Compression of requests: none or gzip.",
    meanwhile="Until it is corrected, it counts as none.",
)
CERTIFICATE = Setting[Path | None](
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "analytics.E016",
    pem_file,
    otherwise=UNREADABLE,
    help="File of certificates (PEM) to trust for the endpoint. Empty: the machine's certificate authorities.",
    meanwhile="Until it is corrected, nothing is sent.",
)
CLIENT_KEY = Setting[Path | None](
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "analytics.E017",
    pem_file,
    otherwise=UNREADABLE,
    help="File of the key (PEM) for OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE.",
    meanwhile="Until it is corrected, nothing is sent.",
)
CLIENT_CERTIFICATE = Setting[Path | None](
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "analytics.E018",
    pem_file,
    otherwise=UNREADABLE,
    help="File of the certificate (PEM) that this site presents to the endpoint.",
    meanwhile="Until it is corrected, nothing is sent.",
)
TIMEOUT = Setting(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "analytics.E019",
    _milliseconds,
    otherwise=0,
    default="5000",
    help="Timeout of a batch with all its attempts, in milliseconds, at most 5000. 0 means 5000.",
    meanwhile="Until it is corrected, it counts as 5000.",
)
BSP_QUEUE = Setting(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "analytics.E020",
    _spans,
    otherwise=2048,
    default="2048",
    help="Size of a process's queue, in spans. While it is full, new spans are dropped and counted.",
    meanwhile="Until it is corrected, it counts as 2048.",
)
BSP_BATCH = Setting[int | None](
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "analytics.E021",
    optional(_spans),
    otherwise=None,
    help="Largest batch, in spans, at most OTEL_BSP_MAX_QUEUE_SIZE. Empty: 512, or the queue's size if smaller.",
    meanwhile="Until it is corrected, it counts as empty.",
)
BSP_DELAY = Setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    "analytics.E022",
    _milliseconds,
    otherwise=5000,
    default="5000",
    help="Longest wait for a batch to fill, in milliseconds.",
    meanwhile="Until it is corrected, it counts as 5000.",
)
BSP_TIMEOUT = Setting(
    "OTEL_BSP_EXPORT_TIMEOUT",
    "analytics.E023",
    _milliseconds,
    otherwise=0,
    default="30000",
    help="Like OTEL_EXPORTER_OTLP_TIMEOUT; the shorter of the two applies.",
    meanwhile="Until it is corrected, OTEL_EXPORTER_OTLP_TIMEOUT applies.",
)
SERVICE_NAME = Setting(
    "OTEL_SERVICE_NAME",
    "",
    plain,
    otherwise="rhesis-backend",
    default="rhesis-backend",
    help="`service.name` of all spans.",
)
USE_STOCK_INSTRUMENTOR = Setting(
    "OTEL_PYTHON_DJANGO_INSTRUMENT",
    "analytics.E004",
    flag,
    otherwise=False,
    help="true: OpenTelemetry's own Django instrumentor measures requests instead of our middleware. It is slower; "
    "the privacy promises are the same.",
    meanwhile="Until it is corrected, our own middleware measures requests.",
)
METRICS_ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "analytics.E013",
    address,
    otherwise="",
    help="Address, with path, that the processor sends metrics about itself to (OTLP over HTTP), such as "
    "https://metrics.example.org/v1/metrics. They contain no personal data. Empty: no metrics.",
    meanwhile="Until it is corrected, no metrics are sent.",
)
METRICS_EXPORTER = Setting(
    "OTEL_METRICS_EXPORTER",
    "",
    lambda text: "none" in map(str.lower, listed(text)),
    otherwise=True,
    help="none switches the processor's metrics off. Any other value is for the host's own metrics.",
)
METRICS_PROTOCOL = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
    "analytics.E024",
    choice(MetricsProtocol),
    otherwise=MetricsProtocol.HTTP_PROTOBUF,
    default="http/protobuf",
    help="Protocol of the processor's metrics: only http/protobuf.",
    meanwhile="Until it is corrected, it counts as http/protobuf.",
)
METRICS_HEADERS = Setting[dict[str, str]](
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "analytics.E025",
    headers,
    otherwise={},
    help="Headers for OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, as name=value, several separated by commas, values "
    "percent-encoded. OTEL_EXPORTER_OTLP_HEADERS are not sent there.",
    meanwhile="Until it is corrected, none of them is sent.",
)
METRICS_COMPRESSION = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION",
    "analytics.E026",
    choice(Compression),
    otherwise=Compression.NONE,
    default="none",
    help="Compression of the processor's metrics: none or gzip.",
    meanwhile="Until it is corrected, it counts as none.",
)
METRICS_CERTIFICATE, METRICS_CLIENT_KEY, METRICS_CLIENT_CERTIFICATE = (
    Setting[Path | None](
        f"OTEL_EXPORTER_OTLP_METRICS_{what}",
        number,
        pem_file,
        otherwise=UNREADABLE,
        help=f"Like OTEL_EXPORTER_OTLP_{what}, for the processor's metrics.",
        meanwhile="Until it is corrected, no metrics are sent.",
    )
    for what, number in (
        ("CERTIFICATE", "analytics.E027"),
        ("CLIENT_KEY", "analytics.E028"),
        ("CLIENT_CERTIFICATE", "analytics.E029"),
    )
)
METRICS_TIMEOUT = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT",
    "analytics.E036",
    whole_number(1, LONGEST_MILLISECONDS, of="milliseconds"),
    otherwise=10_000,
    default="10000",
    help="Timeout for sending the processor's metrics once, in milliseconds.",
    meanwhile="Until it is corrected, it counts as 10000.",
)
METRICS_INTERVAL = Setting(
    "OTEL_METRIC_EXPORT_INTERVAL",
    "analytics.E031",
    whole_number(1, LONGEST_MILLISECONDS, of="milliseconds"),
    otherwise=60_000,
    default="60000",
    help="Interval at which the processor sends metrics, in milliseconds.",
    meanwhile="Until it is corrected, it counts as 60000.",
)
METRICS_TEMPORALITY = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "analytics.E032",
    choice(Temporality),
    otherwise=Temporality.CUMULATIVE,
    default="cumulative",
    help="Temporality of the processor's metrics: cumulative, delta or lowmemory.",
    meanwhile="Until it is corrected, it counts as cumulative.",
)
METRICS_AGGREGATION = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "analytics.E033",
    choice(HistogramAggregation),
    otherwise=HistogramAggregation.EXPLICIT,
    default="explicit_bucket_histogram",
    help="Histograms of the processor's metrics: explicit_bucket_histogram or base2_exponential_bucket_histogram.",
    meanwhile="Until it is corrected, it counts as explicit_bucket_histogram.",
)

SETTINGS: tuple[Setting[Any], ...] = (
    PROTOCOL,
    HEADERS,
    COMPRESSION,
    CERTIFICATE,
    CLIENT_KEY,
    CLIENT_CERTIFICATE,
    TIMEOUT,
    BSP_QUEUE,
    BSP_BATCH,
    BSP_DELAY,
    BSP_TIMEOUT,
    SERVICE_NAME,
    USE_STOCK_INSTRUMENTOR,
    METRICS_ENDPOINT,
    METRICS_EXPORTER,
    METRICS_PROTOCOL,
    METRICS_HEADERS,
    METRICS_COMPRESSION,
    METRICS_CERTIFICATE,
    METRICS_CLIENT_KEY,
    METRICS_CLIENT_CERTIFICATE,
    METRICS_TIMEOUT,
    METRICS_INTERVAL,
    METRICS_TEMPORALITY,
    METRICS_AGGREGATION,
)
