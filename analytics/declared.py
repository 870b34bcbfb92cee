"""Declarations of analytics' own settings; `analytics.otel` declares OpenTelemetry's. `analytics.conf` reads both."""

import os
import re
from typing import Any

from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, flag, listed, optional, secret, whole_number
from privacy.switches import DeploymentType

PATH = re.compile(r"/[A-Za-z0-9/._-]*")
# A number of people nobody reaches: a size of group that cannot be read hides everything rather than nothing.
EVERYONE = 2_147_483_647
# NIST SP 800-107: an HMAC key shorter than the security strength wanted weakens it; 128 bits are wanted.
MINIMUM_KEY_BYTES = 16


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
API_KEY = Setting(
    "OTEL_API_KEY",
    "analytics.E012",
    secret,
    otherwise="",
    help="The key of the endpoint: sent as x-api-key by the site, required by the processor where it is set.",
    meanwhile="Until it is mended, the processor accepts nothing: no client can send it.",
)
CATALOGUES = Setting[list[str]](
    "TELEMETRY_CATALOGUES",
    "",
    listed,
    otherwise=[],
    help="More catalogue files of events, beside analytics/catalogue.toml, separated by commas.",
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
STRICT = Setting(
    "TELEMETRY_STRICT",
    "analytics.E014",
    flag,
    otherwise=False,
    help="true raises an error for an undeclared event, as DJANGO_DEBUG does; otherwise the event is dropped and "
    "counted.",
    meanwhile="Until it is mended, it counts as false.",
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

SETTINGS: tuple[Setting[Any], ...] = (
    HASH_KEY,
    API_KEY,
    CATALOGUES,
    STORED_HERE,
    SMALLEST_GROUP,
    SMALLEST_GROUP_BI,
    STRICT,
    BROWSER_ENDPOINT,
    BROWSER_DEPLOYMENT_TYPE,
)
