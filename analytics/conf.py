"""`conf`: typed access to analytics' settings, read at each use so that `override_settings` works."""

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

# Longest time for exporting a batch, promised in the original note.
EXPORT_TIMEOUT_SECONDS = 5.0
DEFAULT_BATCH_SIZE = 512  # the specification's
OWN_CATALOGUE = Path(__file__).with_name("catalogue.toml")
RHESIS_CATALOGUE = Path(__file__).with_name("rhesis.toml")
SETTINGS: tuple[Setting[Any], ...] = (*declared.SETTINGS, *otel.SETTINGS)


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """Typed settings; each property reads `django.conf.settings`."""

    @property
    def endpoint(self) -> str:
        return ENDPOINT.value

    @property
    def protocol(self) -> Protocol:
        return otel.PROTOCOL.value

    @property
    def headers(self) -> dict[str, str]:
        """OTEL_EXPORTER_OTLP_HEADERS, plus OTEL_API_KEY as `x-api-key` if set. Names in lower case."""
        ours = {"x-api-key": declared.API_KEY.value} if declared.API_KEY.value else {}
        return {**ours, **otel.HEADERS.value}

    @property
    def compress(self) -> bool:
        """Whether requests are compressed with gzip."""
        return otel.COMPRESSION.value is Compression.GZIP

    @property
    def certificate(self) -> Path | None:
        """PEM file to trust for the endpoint; None: the machine's authorities. UNREADABLE if invalid."""
        return otel.CERTIFICATE.value

    @property
    def client_certificate(self) -> Path | None:
        return otel.CLIENT_CERTIFICATE.value

    @property
    def client_key(self) -> Path | None:
        return otel.CLIENT_KEY.value

    @property
    def export_timeout_seconds(self) -> float:
        """Timeout of a batch with all its attempts: the shorter of two variables, at most EXPORT_TIMEOUT_SECONDS."""
        wanted = (setting.value / 1000 for setting in (otel.TIMEOUT, otel.BSP_TIMEOUT))
        return min([EXPORT_TIMEOUT_SECONDS, *filter(None, wanted)])

    @property
    def queue_capacity(self) -> int:
        """Size of the queue, in spans."""
        return otel.BSP_QUEUE.value

    @property
    def batch_size(self) -> int:
        """Size of a batch, in spans, at most `queue_capacity`."""
        return min(otel.BSP_BATCH.value or DEFAULT_BATCH_SIZE, self.queue_capacity)

    @property
    def schedule_delay_seconds(self) -> float:
        """Longest wait for a batch to fill; above 0, because the SDK's queue needs a wait."""
        return max(otel.BSP_DELAY.value, 1) / 1000

    @property
    def api_key(self) -> str:
        """The key as written, even if no client can send it; the processor then rejects everything."""
        return declared.API_KEY.text(from_django)

    @property
    def metrics_endpoint(self) -> str:
        """Address for the processor's metrics; empty: none are sent."""
        return "" if otel.METRICS_EXPORTER.value else otel.METRICS_ENDPOINT.value

    @property
    def service_name(self) -> str:
        return otel.SERVICE_NAME.value

    @property
    def service_version(self) -> str:
        """Release of this site; empty: none is sent."""
        return declared.SERVICE_VERSION.value

    @property
    def deployment_type(self) -> DeploymentType:
        return deployment_type()

    @property
    def hash_key(self) -> str:
        """Key of the pseudonyms; empty: derived from SECRET_KEY."""
        return declared.HASH_KEY.value

    @property
    def previous_hash_keys(self) -> list[str]:
        """Replaced keys, newest first; `declared.DERIVED` is the one that is derived from SECRET_KEY."""
        return declared.HASH_KEY_PREVIOUS.value

    @property
    def browser_endpoint(self) -> str:
        """Where browsers send to: a path of this site or a collector's address; empty: nowhere."""
        return declared.BROWSER_ENDPOINT.value

    @property
    def browser_deployment_type(self) -> DeploymentType:
        """Deployment type of browsers that send directly to a collector."""
        return declared.BROWSER_DEPLOYMENT_TYPE.value or self.deployment_type

    @property
    def sign_in_methods(self) -> dict[str, str]:
        """Authentication backend's path -> sign-in method of the catalogue's `login`; empty if invalid."""
        methods: object = getattr(settings, "TELEMETRY_SIGN_IN_METHODS", None)
        return methods if isinstance(methods, dict) else {}

    @property
    def use_stock_instrumentor(self) -> bool:
        return otel.USE_STOCK_INSTRUMENTOR.value

    @property
    def stored_here(self) -> bool:
        """Whether rows are stored in this installation's own database."""
        stored_here = declared.STORED_HERE.value
        return self.deployment_type is DeploymentType.CLOUD if stored_here is None else stored_here

    @property
    def smallest_group(self) -> int:
        """Smallest number of people in a cell of the admin's reports."""
        return declared.SMALLEST_GROUP.value

    @property
    def smallest_group_bi(self) -> int:
        """Smallest number of people in a cell of the BI views."""
        return declared.SMALLEST_GROUP_BI.value

    @property
    def voucher_keys(self) -> list[str]:
        """Keys of vouchers; the site signs with the first, the processor accepts each. None: no vouchers."""
        return declared.VOUCHER_KEY.value

    @property
    def vouchers_required(self) -> bool:
        """Whether the processor stores only spans with a valid voucher."""
        return declared.VOUCHERS_REQUIRED.value

    @property
    def metrics_token(self) -> str:
        """Token of /metrics; empty if there is no /metrics."""
        return declared.METRICS_TOKEN.value

    @property
    def alert_hook(self) -> str:
        """Where alerts are posted to; empty: nowhere."""
        return declared.ALERT_HOOK.value if declared.ALERT_HOOK_SECRET.value else ""

    @property
    def alert_hook_secret(self) -> bytes:
        return declared.ALERT_HOOK_SECRET.value

    @property
    def alert_hook_private(self) -> bool:
        """Whether the hook may lead to an address that is not public."""
        return declared.ALERT_HOOK_PRIVATE.value

    @property
    def catalogue_paths(self) -> tuple[Path, ...]:
        """Our own catalogue, that of Rhesis unless it is left out, then the files of TELEMETRY_CATALOGUES."""
        shipped = (OWN_CATALOGUE, RHESIS_CATALOGUE) if declared.RHESIS_EVENTS.value else (OWN_CATALOGUE,)
        return (*shipped, *map(Path, declared.CATALOGUES.value))

    @property
    def has_own_catalogues(self) -> bool:
        """Whether the catalogue is another one than the browser package has built in."""
        return self.catalogue_paths != (OWN_CATALOGUE, RHESIS_CATALOGUE)

    @property
    def strict(self) -> bool:
        """Whether undeclared events raise (DEBUG, tests) instead of being dropped and counted (production)."""
        return bool(settings.DEBUG) or declared.STRICT.value


conf = AnalyticsSettings()
