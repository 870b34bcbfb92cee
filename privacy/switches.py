"""The installation's switches: settings that decide before any person is asked. Text not understood collects less."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, flag, listed


class DeploymentType(StrEnum):
    CLOUD = "cloud"
    SELF_HOSTED = "self_hosted"


def base_address(text: str) -> str:
    """An `address` that a path can be added to."""
    text = address(text)
    if "?" in text or "#" in text:
        raise Misread("is not a usable address: it must end before a ? or #, because /v1/traces is added to it")
    return text


ENDPOINT = Setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "analytics.E001",
    base_address,
    otherwise="",
    help="The address usage data is sent to (OTLP). Left empty, telemetry is off for everyone, whatever they chose. "
    "If you opt in: https://telemetry.rhesis.ai",
    meanwhile="Until it is mended, nothing is collected.",
)
DEPLOYMENT_TYPE = Setting(
    "DEPLOYMENT_TYPE",
    "privacy.E001",
    choice(DeploymentType),
    otherwise=DeploymentType.SELF_HOSTED,
    default="self_hosted",
    help="cloud (sharing is on once the notice was shown) or self_hosted (off until a person switches it on).",
    meanwhile="Until it is mended, the installation counts as self_hosted, where sharing is off by default.",
)
DO_NOT_TRACK = Setting(
    "DO_NOT_TRACK",
    "privacy.E002",
    flag,
    otherwise=True,
    help="true switches telemetry off for everyone.",
    meanwhile="Until it is mended, nothing is collected.",
    off_switch=True,
)
SDK_DISABLED = Setting(
    "OTEL_SDK_DISABLED",
    "privacy.E003",
    flag,
    otherwise=True,
    help="true switches telemetry off for everyone, as it does every other use of OpenTelemetry's SDK.",
    meanwhile="Until it is mended, nothing is collected.",
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
    help="Refused: where it is set, telemetry is off for everyone. The specification lets such a file replace every "
    "other variable, and it may switch the SDK off; it is not read here.",
    off_switch=True,
)
SETTINGS: tuple[Setting[Any], ...] = (
    ENDPOINT,
    DEPLOYMENT_TYPE,
    DO_NOT_TRACK,
    SDK_DISABLED,
    TRACES_EXPORTER,
    CONFIG_FILE,
)
# Off-switches of OpenTelemetry, which the host may have set for tracing of its own, and the numbers of their warnings.
OFF_SWITCHES_OF_THE_HOST = {"privacy.W001": SDK_DISABLED, "privacy.W002": TRACES_EXPORTER, "privacy.W003": CONFIG_FILE}


@dataclass(frozen=True, slots=True)
class Switches:
    """The installation's switches. Any of them in its off position means that nothing is collected from anyone."""

    endpoint_set: bool
    sdk_disabled: bool  # by any of OpenTelemetry's off-switches
    do_not_track: bool

    @property
    def allow(self) -> bool:
        return self.endpoint_set and not self.sdk_disabled and not self.do_not_track


def parse_deployment_type(word: str) -> DeploymentType | None:
    """`cloud`, `self_hosted` or its other spelling `self-hosted`; None for any other word."""
    try:
        return DEPLOYMENT_TYPE.parse(word)
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
