"""Analytics' settings: each declared once, and `conf`, their typed, live view (`override_settings` works)."""

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings

from privacy.declared import Setting, from_django
from privacy.kinds import Misread, address, choice, flag, listed, optional, plain, secret, whole_number
from privacy.switches import ENDPOINT, DeploymentType, deployment_type

# Telemetry requests never take longer than this (the original note's promise).
EXPORT_TIMEOUT_SECONDS = 5
PATH = re.compile(r"/[A-Za-z0-9/._-]*")
# A number of people nobody reaches: a size of group that cannot be read hides everything rather than nothing.
EVERYONE = 2_147_483_647
OWN_CATALOGUE = Path(__file__).with_name("catalogue.toml")
# NIST SP 800-107: an HMAC key shorter than the security strength wanted weakens it; 128 bits are wanted.
MINIMUM_KEY_BYTES = 16
# RFC 9110: a header's name is a token; its value has neither control characters nor spaces around it.
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Protocol(StrEnum):
    """Values of the standard variable OTEL_EXPORTER_OTLP_PROTOCOL that are understood here."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"


class Compression(StrEnum):
    """Values of the standard variable OTEL_EXPORTER_OTLP_COMPRESSION that the specification has."""

    NONE = "none"
    GZIP = "gzip"


def headers(text: str) -> dict[str, str]:
    """The form the specification has for headers in a variable: `name=value,name=value`, values percent-encoded."""
    found: dict[str, str] = {}
    for pair in filter(str.strip, text.split(",")):
        name, equals, value = (part.strip() for part in pair.partition("="))
        try:
            value = unquote(value, errors="strict")
        except UnicodeDecodeError:
            value = "\0"
        if not equals or not HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise Misread(
                "is malformed; it must be name=value, several separated by commas, "
                "each value percent-encoded printable ASCII"
            )
        found[name.lower()] = value
    return found


def browser_address(text: str) -> str:
    """An `address`, or a path of this site."""
    text = text.strip()
    if not text.startswith("/"):
        return address(text)
    if text.startswith("//") or not PATH.fullmatch(text):
        raise Misread("is not a usable address: a path must be plain, such as /v1/traces")
    return text


def hash_key(text: str) -> str:
    """A key for HMAC, as it is written. Empty: none."""
    if text and len(os.fsencode(text)) < MINIMUM_KEY_BYTES:
        raise Misread(f"must be at least {MINIMUM_KEY_BYTES} bytes long")
    return text


_people = whole_number(1, 1_000_000, of="people")

PROTOCOL = Setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "analytics.E002",
    choice(Protocol),
    otherwise=Protocol.HTTP_PROTOBUF,
    default="http/protobuf",
    help="http/protobuf (port 4318 by custom) or grpc (port 4317).",
    meanwhile="Until it is mended, it counts as http/protobuf.",
)
HASH_KEY = Setting(
    "TELEMETRY_HASH_KEY",
    "analytics.E003",
    hash_key,
    otherwise="",
    help="Keys the pseudonyms; at least 16 bytes. Left empty, it is derived from SECRET_KEY. Changing it makes "
    "everyone a stranger.",
    meanwhile="Until it is mended, the key is derived from SECRET_KEY. "
    "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` makes a good one.",
)
USE_STOCK_INSTRUMENTOR = Setting(
    "OTEL_PYTHON_DJANGO_INSTRUMENT",
    "analytics.E004",
    flag,
    otherwise=False,
    help="true makes OpenTelemetry's own Django instrumentor the source of endpoint spans. Slower; the same promises "
    "hold.",
    meanwhile="Until it is mended, our own middleware measures requests.",
)
HEADERS = Setting[dict[str, str]](
    "OTEL_EXPORTER_OTLP_HEADERS",
    "analytics.E006",
    headers,
    otherwise={},
    help="More headers for the endpoint, as name=value, several separated by commas, values percent-encoded "
    "(a space is %20).",
    meanwhile="Until it is mended, none of its headers is sent.",
)
STORED_HERE = Setting[bool | None](
    "TELEMETRY_STORED_HERE",
    "analytics.E007",
    optional(flag),
    otherwise=None,
    help="Whether the rows are stored in this installation's database. Left empty: true for cloud, false for "
    "self_hosted.",
    meanwhile="Until it is mended, DEPLOYMENT_TYPE decides.",
)
BROWSER_ENDPOINT = Setting(
    "NEXT_PUBLIC_OTEL_ENDPOINT",
    "analytics.E008",
    browser_address,
    otherwise="",
    help="Where browsers send to: a path of this site such as /v1/traces, or a collector's address. Left empty, there "
    "is no browser telemetry.",
    meanwhile="Until it is mended, there is no browser telemetry.",
)
BROWSER_DEPLOYMENT_TYPE = Setting[DeploymentType | None](
    "NEXT_PUBLIC_DEPLOYMENT_TYPE",
    "analytics.E009",
    optional(choice(DeploymentType)),
    otherwise=None,
    help="cloud or self_hosted, for browsers that send straight to a collector; left empty, the same as "
    "DEPLOYMENT_TYPE.",
    meanwhile="Until it is mended, it counts as DEPLOYMENT_TYPE.",
)
SMALLEST_GROUP = Setting(
    "TELEMETRY_SMALLEST_GROUP",
    "analytics.E010",
    _people,
    otherwise=EVERYONE,
    default="1",
    help="The fewest people a cell of the admin's reports may be about; cells about fewer are left empty.",
    meanwhile="Until it is mended, no group is shown.",
)
SMALLEST_GROUP_BI = Setting(
    "TELEMETRY_SMALLEST_GROUP_BI",
    "analytics.E011",
    _people,
    otherwise=EVERYONE,
    default="5",
    help="The same for the views that Looker Studio and other BI tools read.",
    meanwhile="Until it is mended, no group is shown.",
)
API_KEY = Setting(
    "OTEL_API_KEY",
    "analytics.E012",
    secret,
    otherwise="",
    help="The key of the endpoint: sent as x-api-key by the site, required by the processor where it is set.",
    meanwhile="Until it is mended, the processor accepts nothing: no client can send it.",
)
METRICS_ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "analytics.E013",
    address,
    otherwise="",
    help="Where the processor sends measurements of itself, by OTLP over HTTP with its whole path; they are about "
    "nobody. Empty: nowhere. For example https://metrics.example.org/v1/metrics",
    meanwhile="Until it is mended, they are sent nowhere.",
)
SERVICE_NAME = Setting(
    "OTEL_SERVICE_NAME",
    "analytics.E014",
    plain,
    otherwise="rhesis-backend",
    default="rhesis-backend",
    help="`service.name` of everything that is sent.",
)
CATALOGUES = Setting[list[str]](
    "TELEMETRY_CATALOGUES",
    "analytics.E015",
    listed,
    otherwise=[],
    help="More catalogue files of events, beside analytics/catalogue.toml, separated by commas.",
)
STRICT = Setting(
    "TELEMETRY_STRICT",
    "analytics.E016",
    flag,
    otherwise=False,
    help="true raises an error for an undeclared event, as DJANGO_DEBUG does; otherwise the event is dropped and "
    "counted.",
    meanwhile="Until it is mended, it counts as false.",
)

SETTINGS: tuple[Setting[Any], ...] = (
    PROTOCOL,
    HEADERS,
    API_KEY,
    METRICS_ENDPOINT,
    SERVICE_NAME,
    USE_STOCK_INSTRUMENTOR,
    HASH_KEY,
    CATALOGUES,
    STORED_HERE,
    SMALLEST_GROUP,
    SMALLEST_GROUP_BI,
    STRICT,
    BROWSER_ENDPOINT,
    BROWSER_DEPLOYMENT_TYPE,
)


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Live view of the settings; each property reads `django.conf.settings` when asked."""

    @property
    def endpoint(self) -> str:
        return ENDPOINT.value

    @property
    def protocol(self) -> Protocol:
        return PROTOCOL.value

    @property
    def headers(self) -> dict[str, str]:
        """OTEL_EXPORTER_OTLP_HEADERS, and OTEL_API_KEY as `x-api-key` where it is set. Names in lower case."""
        ours = {"x-api-key": API_KEY.value} if API_KEY.value else {}
        return {**ours, **HEADERS.value}

    @property
    def api_key(self) -> str:
        """As it is written, also where no client could send it: the processor then refuses everything."""
        return API_KEY.text(from_django)

    @property
    def metrics_endpoint(self) -> str:
        """Where the processor sends measurements of itself. Empty: nowhere."""
        return METRICS_ENDPOINT.value

    @property
    def service_name(self) -> str:
        return SERVICE_NAME.value

    @property
    def deployment_type(self) -> DeploymentType:
        return deployment_type()

    @property
    def hash_key(self) -> str:
        """Empty where the key is to be derived from SECRET_KEY."""
        return HASH_KEY.value

    @property
    def browser_endpoint(self) -> str:
        """Where browsers send to: a path of this site, or another collector's address. Empty: nowhere."""
        return BROWSER_ENDPOINT.value

    @property
    def browser_deployment_type(self) -> DeploymentType:
        """Of browsers that send straight to a collector."""
        return BROWSER_DEPLOYMENT_TYPE.value or self.deployment_type

    @property
    def sign_in_methods(self) -> dict[str, str]:
        """Path of an authentication backend to a method that the catalogue's `login` declares."""
        methods: dict[str, str] = getattr(settings, "TELEMETRY_SIGN_IN_METHODS", {})
        return methods

    @property
    def use_stock_instrumentor(self) -> bool:
        return USE_STOCK_INSTRUMENTOR.value

    @property
    def stored_here(self) -> bool:
        """Whether the processor writes to this installation's own database."""
        stored_here = STORED_HERE.value
        return self.deployment_type is DeploymentType.CLOUD if stored_here is None else stored_here

    @property
    def smallest_group(self) -> int:
        """The fewest people a cell of the reports may show in the admin."""
        return SMALLEST_GROUP.value

    @property
    def smallest_group_bi(self) -> int:
        """The same in the views made for BI."""
        return SMALLEST_GROUP_BI.value

    @property
    def catalogue_paths(self) -> tuple[Path, ...]:
        """This project's own catalogue, then the files a project adds."""
        return (OWN_CATALOGUE, *map(Path, CATALOGUES.value))

    @property
    def strict(self) -> bool:
        """Undeclared events raise (DEBUG, tests) rather than being dropped and counted (production)."""
        return bool(settings.DEBUG) or STRICT.value


conf = AnalyticsSettings()
