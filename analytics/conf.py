"""`conf`: the typed, live view of analytics' settings (`override_settings` works)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from analytics import declared, otel
from analytics.declared import EVERYONE
from analytics.otel import Compression, Protocol
from privacy.declared import Setting, from_django
from privacy.switches import ENDPOINT, DeploymentType, deployment_type

__all__ = ["EVERYONE", "EXPORT_TIMEOUT_SECONDS", "SETTINGS", "Protocol", "conf"]

# Telemetry requests never take longer than this (the original note's promise).
EXPORT_TIMEOUT_SECONDS = 5.0
DEFAULT_BATCH_SIZE = 512  # the specification's
OWN_CATALOGUE = Path(__file__).with_name("catalogue.toml")
SETTINGS: tuple[Setting[Any], ...] = (*declared.SETTINGS, *otel.SETTINGS)


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Live view of the settings; each property reads `django.conf.settings` when asked."""

    @property
    def endpoint(self) -> str:
        return ENDPOINT.value

    @property
    def protocol(self) -> Protocol:
        return otel.PROTOCOL.value

    @property
    def headers(self) -> dict[str, str]:
        """OTEL_EXPORTER_OTLP_HEADERS, and OTEL_API_KEY as `x-api-key` where it is set. Names in lower case."""
        ours = {"x-api-key": declared.API_KEY.value} if declared.API_KEY.value else {}
        return {**ours, **otel.HEADERS.value}

    @property
    def compress(self) -> bool:
        """Whether what is sent is compressed by gzip."""
        return otel.COMPRESSION.value is Compression.GZIP

    @property
    def certificate(self) -> Path | None:
        """PEM to trust for the endpoint; None for the machine's authorities. Cannot be opened where it is misread."""
        return otel.CERTIFICATE.value

    @property
    def client_certificate(self) -> Path | None:
        return otel.CLIENT_CERTIFICATE.value

    @property
    def client_key(self) -> Path | None:
        return otel.CLIENT_KEY.value

    @property
    def export_timeout_seconds(self) -> float:
        """Of a batch with all its attempts: the shorter variable (0 is no limit), at most EXPORT_TIMEOUT_SECONDS."""
        wanted = (setting.value / 1000 for setting in (otel.TIMEOUT, otel.BSP_TIMEOUT))
        return min([EXPORT_TIMEOUT_SECONDS, *filter(None, wanted)])

    @property
    def queue_capacity(self) -> int:
        """In spans."""
        return otel.BSP_QUEUE.value

    @property
    def batch_size(self) -> int:
        """In spans, at most `queue_capacity`."""
        return min(otel.BSP_BATCH.value or DEFAULT_BATCH_SIZE, self.queue_capacity)

    @property
    def schedule_delay_seconds(self) -> float:
        """Above 0: the SDK's queue does not work without a wait."""
        return max(otel.BSP_DELAY.value, 1) / 1000

    @property
    def api_key(self) -> str:
        """As it is written, also where no client could send it: the processor then refuses everything."""
        return declared.API_KEY.text(from_django)

    @property
    def metrics_endpoint(self) -> str:
        """Where the processor sends measurements of itself. Empty: nowhere."""
        return "" if otel.METRICS_EXPORTER.value else otel.METRICS_ENDPOINT.value

    @property
    def service_name(self) -> str:
        return otel.SERVICE_NAME.value

    @property
    def deployment_type(self) -> DeploymentType:
        return deployment_type()

    @property
    def hash_key(self) -> str:
        """Empty where the key is to be derived from SECRET_KEY."""
        return declared.HASH_KEY.value

    @property
    def browser_endpoint(self) -> str:
        """Where browsers send to: a path of this site, or another collector's address. Empty: nowhere."""
        return declared.BROWSER_ENDPOINT.value

    @property
    def browser_deployment_type(self) -> DeploymentType:
        """Of browsers that send straight to a collector."""
        return declared.BROWSER_DEPLOYMENT_TYPE.value or self.deployment_type

    @property
    def sign_in_methods(self) -> dict[str, str]:
        """Path of an authentication backend to a method that the catalogue's `login` declares; none if misread."""
        methods: object = getattr(settings, "TELEMETRY_SIGN_IN_METHODS", None)
        return methods if isinstance(methods, dict) else {}

    @property
    def use_stock_instrumentor(self) -> bool:
        return otel.USE_STOCK_INSTRUMENTOR.value

    @property
    def stored_here(self) -> bool:
        """Whether the processor writes to this installation's own database."""
        stored_here = declared.STORED_HERE.value
        return self.deployment_type is DeploymentType.CLOUD if stored_here is None else stored_here

    @property
    def smallest_group(self) -> int:
        """The fewest people a cell of the reports may show in the admin."""
        return declared.SMALLEST_GROUP.value

    @property
    def smallest_group_bi(self) -> int:
        """The same in the views made for BI."""
        return declared.SMALLEST_GROUP_BI.value

    @property
    def catalogue_paths(self) -> tuple[Path, ...]:
        """This project's own catalogue, then the files a project adds."""
        return (OWN_CATALOGUE, *map(Path, declared.CATALOGUES.value))

    @property
    def strict(self) -> bool:
        """Undeclared events raise (DEBUG, tests) rather than being dropped and counted (production)."""
        return bool(settings.DEBUG) or declared.STRICT.value


conf = AnalyticsSettings()
