"""Analytics' settings: typed, read live, so `override_settings` works. `analytics.checks` judges them."""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from privacy.switches import TRUE_WORDS, DeploymentType, deployment_type, parse_deployment_type

# Telemetry requests never take longer than this (the original note's promise).
EXPORT_TIMEOUT_SECONDS = 5
PATH = re.compile(r"/[A-Za-z0-9/._-]*")
# A number of people nobody reaches: a size of group that cannot be read hides everything rather than nothing.
EVERYONE = 2_147_483_647
OWN_CATALOGUE = Path(__file__).with_name("catalogue.toml")


class Protocol(StrEnum):
    """Values of the standard variable OTEL_EXPORTER_OTLP_PROTOCOL that are understood here."""

    GRPC = "grpc"
    HTTP_PROTOBUF = "http/protobuf"


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Live view of the settings; each property reads `django.conf.settings` when asked."""

    @property
    def endpoint(self) -> str:
        return str(settings.OTEL_EXPORTER_OTLP_ENDPOINT).strip()

    @property
    def protocol(self) -> Protocol:
        return Protocol(settings.OTEL_EXPORTER_OTLP_PROTOCOL.strip().lower())

    @property
    def headers(self) -> dict[str, str]:
        """OTEL_EXPORTER_OTLP_HEADERS (`key=value,key=value`), and OTEL_API_KEY as `x-api-key` where it is set."""
        pairs = (pair.split("=", 1) for pair in settings.OTEL_EXPORTER_OTLP_HEADERS.split(",") if "=" in pair)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        if self.api_key:
            headers.setdefault("x-api-key", self.api_key)
        return headers

    @property
    def api_key(self) -> str:
        return str(settings.OTEL_API_KEY)

    @property
    def metrics_endpoint(self) -> str:
        """Where the processor sends measurements of itself. Empty: nowhere."""
        return str(settings.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT).strip()

    @property
    def service_name(self) -> str:
        return str(settings.OTEL_SERVICE_NAME)

    @property
    def deployment_type(self) -> DeploymentType:
        return deployment_type()

    @property
    def browser_endpoint(self) -> str:
        """Where browsers send to: a path of this site, or another collector's address. Empty: nowhere."""
        return str(settings.NEXT_PUBLIC_OTEL_ENDPOINT).strip()

    @property
    def browser_deployment_type(self) -> DeploymentType:
        """What browsers that send straight to a collector say of themselves; DEPLOYMENT_TYPE where nothing is set."""
        return parse_deployment_type(settings.NEXT_PUBLIC_DEPLOYMENT_TYPE) or self.deployment_type

    @property
    def use_stock_instrumentor(self) -> bool:
        return settings.OTEL_PYTHON_DJANGO_INSTRUMENT.strip().lower() in TRUE_WORDS

    @property
    def stored_here(self) -> bool:
        """Whether the processor writes to this installation's own database.

        Said by TELEMETRY_STORED_HERE; left empty, a cloud deployment stores its own and a self-hosted one sends away.
        """
        word = settings.TELEMETRY_STORED_HERE.strip().lower()
        return word in TRUE_WORDS if word else self.deployment_type is DeploymentType.CLOUD

    @property
    def smallest_group(self) -> int:
        """The fewest people a cell of the reports may show in the admin: TELEMETRY_SMALLEST_GROUP."""
        return parse_group(settings.TELEMETRY_SMALLEST_GROUP) or EVERYONE

    @property
    def smallest_group_bi(self) -> int:
        """The same in the views made for BI: TELEMETRY_SMALLEST_GROUP_BI."""
        return parse_group(settings.TELEMETRY_SMALLEST_GROUP_BI) or EVERYONE

    @property
    def catalogue_paths(self) -> tuple[Path, ...]:
        """This project's own catalogue, then the files a project adds with TELEMETRY_CATALOGUES."""
        return (OWN_CATALOGUE, *(Path(path) for path in settings.TELEMETRY_CATALOGUES))

    @property
    def strict(self) -> bool:
        """Undeclared events raise (DEBUG, tests) rather than being dropped and counted (production)."""
        return bool(settings.DEBUG or getattr(settings, "TELEMETRY_STRICT", False))


conf = AnalyticsSettings()


def parse_group(word: str) -> int | None:
    """A number of people, from 1 to a million; None if it is no such number."""
    word = word.strip()
    return int(word) if word.isascii() and word.isdecimal() and len(word) <= 7 and 1 <= int(word) <= 1_000_000 else None


def endpoint_problem(endpoint: str) -> str | None:
    """What is wrong with an OTLP endpoint, in words; None if nothing."""
    try:
        parts = urlsplit(endpoint)
        _ = parts.port  # raises ValueError for a port that is no number or too large
    except ValueError as error:
        return str(error)
    if parts.scheme not in {"http", "https"}:
        return "it must begin with http:// or https://"
    if not parts.hostname:
        return "it names no host"
    if parts.username or parts.password:
        return "it must not carry a user name or password; use OTEL_EXPORTER_OTLP_HEADERS"
    return None


def browser_endpoint_problem(endpoint: str) -> str | None:
    """The same for NEXT_PUBLIC_OTEL_ENDPOINT, which may also be a path of this site."""
    if not endpoint.startswith("/"):
        return endpoint_problem(endpoint)
    if endpoint.startswith("//") or not PATH.fullmatch(endpoint):
        return "a path must be plain, such as /v1/traces"
    return None
