"""Settings of `privacy`: the keys of receipts, and the installation's switches, which can switch collection off.

Invalid text of a switch collects less.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, flag, listed

# Shorter ones can be guessed.
MINIMUM_KEY_BYTES = 16


class DeploymentType(StrEnum):
    CLOUD = "cloud"
    SELF_HOSTED = "self_hosted"


def base_address(text: str) -> str:
    """An `address` to which a path can be appended."""
    text = address(text)
    if "?" in text or "#" in text:
        raise Misread("is not a usable address: it must not contain ? or #, because /v1/traces is added to it")
    return text


ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "analytics.E001",
    base_address,
    otherwise="",
    help="Address that usage data is sent to (OTLP). Empty: telemetry is off for everyone, whatever they chose. "
    "To opt in: https://telemetry.rhesis.ai",
    meanwhile="Until it is corrected, nothing is collected.",
)
DEPLOYMENT_TYPE = Setting(
    "DEPLOYMENT_TYPE",
    "privacy.E001",
    choice(DeploymentType),
    otherwise=DeploymentType.SELF_HOSTED,
    default="self_hosted",
    help="cloud (sharing is on once the notice was shown) or self_hosted (off until a person switches it on).",
    meanwhile="Until it is corrected, the installation counts as self_hosted, where sharing is off by default.",
)
DO_NOT_TRACK = Setting(
    "DO_NOT_TRACK",
    "privacy.E002",
    flag,
    otherwise=True,
    help="true switches telemetry off for everyone.",
    meanwhile="Until it is corrected, nothing is collected.",
    off_switch=True,
)
SDK_DISABLED = Setting(
    "OTEL_SDK_DISABLED",
    "privacy.E003",
    flag,
    otherwise=True,
    help="true switches telemetry off for everyone, as it does every other use of OpenTelemetry's SDK.",
    meanwhile="Until it is corrected, nothing is collected.",
    off_switch=True,
)
TRACES_EXPORTER = Setting(
    "OTEL_TRACES_EXPORTER",
    "",
    lambda text: "none" in {each.strip("'\" ").lower() for each in listed(text.strip("'\" "))},
    otherwise=True,
    help="none switches telemetry off for everyone. Any other value is for the host's own tracing.",
    off_switch=True,
)
CONFIG_FILE = Setting(
    "OTEL_CONFIG_FILE",
    "",
    lambda text: bool(text.strip()),
    otherwise=True,
    help="Not supported: if it is set, telemetry is off for everyone. By the specification such a file replaces every "
    "other variable and may switch the SDK off; this project does not read it.",
    off_switch=True,
)


def receipt_key(text: str) -> str:
    """A key, unchanged; may be empty. Once replaced, it must fit into the list of previous keys."""
    if "," in text or text != text.strip() or not text.isascii():
        raise Misread("must be ASCII without commas, and without spaces around it")
    if text and len(text) < MINIMUM_KEY_BYTES:
        raise Misread(f"must be at least {MINIMUM_KEY_BYTES} bytes long")
    return text


RECEIPT_KEY = Setting(
    "TELEMETRY_RECEIPT_KEY",
    "privacy.E008",
    receipt_key,
    otherwise="",
    help="Key that signs receipts of choices, at least 16 bytes. Empty: derived from SECRET_KEY.",
    meanwhile="Until it is corrected, receipts are signed with the key that is derived from SECRET_KEY.",
)
RECEIPT_KEY_PREVIOUS = Setting[list[str]](
    "TELEMETRY_RECEIPT_KEY_PREVIOUS",
    "privacy.E009",
    lambda text: [receipt_key(key) for key in listed(text)],
    otherwise=[],
    help="Keys that TELEMETRY_RECEIPT_KEY has replaced, separated by commas: their receipts stay valid.",
    meanwhile="Until it is corrected, receipts signed with a previous key are not valid.",
)
SETTINGS: tuple[Setting[Any], ...] = (
    ENDPOINT,
    DEPLOYMENT_TYPE,
    DO_NOT_TRACK,
    SDK_DISABLED,
    TRACES_EXPORTER,
    CONFIG_FILE,
    RECEIPT_KEY,
    RECEIPT_KEY_PREVIOUS,
)
# OpenTelemetry's off-switches, which an operator may have set for their own tracing, by number of the warning.
OFF_SWITCHES_OF_THE_HOST = {"privacy.W001": SDK_DISABLED, "privacy.W002": TRACES_EXPORTER, "privacy.W003": CONFIG_FILE}


@dataclass(frozen=True, slots=True)
class Switches:
    """State of the switches. Any switch that is off stops collection from everybody."""

    endpoint_set: bool
    sdk_disabled: bool  # by any of OpenTelemetry's off-switches
    do_not_track: bool

    @property
    def allow(self) -> bool:
        return self.endpoint_set and not self.sdk_disabled and not self.do_not_track


def parse_deployment_type(text: str) -> DeploymentType | None:
    """The deployment type named `cloud`, `self_hosted` or `self-hosted`; None for other text."""
    try:
        return DEPLOYMENT_TYPE.parse(text)
    except Misread:
        return None


def deployment_type() -> DeploymentType:
    return DEPLOYMENT_TYPE.value


def current_switches() -> Switches:
    return Switches(
        endpoint_set=bool(ENDPOINT.value),
        sdk_disabled=any(setting.value for setting in OFF_SWITCHES_OF_THE_HOST.values()),
        do_not_track=DO_NOT_TRACK.value,
    )
