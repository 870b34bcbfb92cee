"""What the environment says about telemetry, before any person is asked.

Settings hold the words as they were written; here they are read, live, so `override_settings` works. Words that are
not understood are read in the way that collects less, and `manage.py check` names them (`privacy.checks`).
"""

from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})


class DeploymentType(StrEnum):
    CLOUD = "cloud"
    SELF_HOSTED = "self_hosted"


@dataclass(frozen=True, slots=True)
class Switches:
    """The installation's switches. Any of them in its off position means that nothing is collected from anyone."""

    endpoint_set: bool
    sdk_disabled: bool
    do_not_track: bool

    @property
    def allow(self) -> bool:
        return self.endpoint_set and not self.sdk_disabled and not self.do_not_track


def parse_deployment_type(word: str) -> DeploymentType | None:
    """`cloud`, `self_hosted` or its other spelling `self-hosted`; None for any other word."""
    try:
        return DeploymentType(word.strip().lower().replace("-", "_"))
    except ValueError:
        return None


def deployment_type() -> DeploymentType:
    """An unknown word counts as self-hosted: there the default is off."""
    return parse_deployment_type(settings.DEPLOYMENT_TYPE) or DeploymentType.SELF_HOSTED


def stops(word: str) -> bool:
    """Whether an off-switch with this value stops collection: only a clear "no" leaves it running."""
    return word.strip().lower() not in FALSE_WORDS


def current_switches() -> Switches:
    return Switches(
        endpoint_set=bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT.strip()),
        sdk_disabled=stops(settings.OTEL_SDK_DISABLED),
        do_not_track=stops(settings.DO_NOT_TRACK),
    )
