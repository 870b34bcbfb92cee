"""Declarations of analytics' own settings. `analytics.otel` declares OpenTelemetry's; `analytics.conf` reads both."""

import binascii
import os
import re
from typing import Any

from privacy.declared import Setting
from privacy.kinds import Misread, address, choice, flag, listed, optional, secret, whole_number
from privacy.switches import DeploymentType

PATH = re.compile(r"/[A-Za-z0-9/._-]*")
# A group size that nobody reaches: an invalid setting hides all groups.
EVERYONE = 2_147_483_647
# NIST SP 800-107: an HMAC key must be at least as long as the security strength, here 128 bits.
MINIMUM_KEY_BYTES = 16
# Stands for the key that is derived from SECRET_KEY; too short to be a key itself.
DERIVED = "derived"
# A release as it is stored: up to three numbers, such as 1.4.2 or 2026.11, and a suffix of a closed list, such as
# rc.1. Not four numbers, which an IP address has; no hash of a commit, no name of a branch, no other text.
RELEASE = re.compile(
    r"(0|[1-9]\d{0,7})(\.\d{1,4}){0,2}([.-]?(a|b|rc|alpha|beta|dev|post|pre|preview)[.-]?\d{0,4})?", re.ASCII
)
HOOK_SECRET = "whsec_"  # noqa: S105  the prefix of one


def browser_address(text: str) -> str:
    """An `address`, or a path of this site."""
    text = text.strip()
    if not text.startswith("/"):
        return address(text)
    if text.startswith("//") or not PATH.fullmatch(text):
        raise Misread("is not a usable address: write a plain path, such as /v1/traces")
    return text


def hash_key(text: str) -> str:
    """A key for HMAC, unchanged; may be empty. Once replaced, it must fit into the list of previous keys."""
    if "," in text or text != text.strip():
        raise Misread("must contain no comma, and no spaces around it")
    if text and len(os.fsencode(text)) < MINIMUM_KEY_BYTES:
        raise Misread(f"must be at least {MINIMUM_KEY_BYTES} bytes long")
    return text


def previous_hash_keys(text: str) -> list[str]:
    """Keys that were replaced, separated by commas; DERIVED for the one that is derived from SECRET_KEY."""
    return [key if key == DERIVED else hash_key(key) for key in listed(text)]


def keys(text: str) -> list[str]:
    """Keys for HMAC, separated by commas."""
    return [hash_key(key) for key in listed(text)]


def hook_secret(text: str) -> bytes:
    """Key of a web hook's signature in the format of Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes."""
    if not text.strip():
        return b""
    try:
        key = binascii.a2b_base64(text.strip().removeprefix(HOOK_SECRET).encode("ascii"), strict_mode=True)
    except ValueError:  # also of binascii, and of what is not ASCII
        key = b""
    if not text.strip().startswith(HOOK_SECRET) or not 24 <= len(key) <= 64:
        raise Misread(f"must be {HOOK_SECRET} and then 24 to 64 random bytes in base64")
    return key


def release(text: str) -> str:
    """A release in the form that is stored; may be empty."""
    text = text.strip()
    if text and not RELEASE.fullmatch(text):
        raise Misread("must be up to three numbers and a suffix such as rc.1, for example 1.4.2 or 2026.11.0-rc.1")
    return text


_people = whole_number(1, 1_000_000, of="people")

HASH_KEY = Setting(
    "TELEMETRY_HASH_KEY",
    "analytics.E003",
    hash_key,
    otherwise="",
    help="Key of the pseudonyms, at least 16 bytes. Empty: derived from SECRET_KEY. To change it, "
    "see docs/pseudonyms.md.",
    meanwhile="Until it is corrected, the key is derived from SECRET_KEY. "
    "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` prints a good one.",
)
HASH_KEY_PREVIOUS = Setting[list[str]](
    "TELEMETRY_HASH_KEY_PREVIOUS",
    "analytics.E044",
    previous_hash_keys,
    otherwise=[],
    help="Keys that TELEMETRY_HASH_KEY has replaced, separated by commas: people see and delete what was stored under "
    "them. `derived` stands for the key that is derived from SECRET_KEY.",
    meanwhile="Until it is corrected, nobody finds what was stored under a previous key.",
)
API_KEY = Setting(
    "OTEL_API_KEY",
    "analytics.E012",
    secret,
    otherwise="",
    help="API key of the endpoint: the site sends it as x-api-key, and the processor requires it if set.",
    meanwhile="Until it is corrected, the processor rejects everything, because no client can send this key.",
)
CATALOGUES = Setting[list[str]](
    "TELEMETRY_CATALOGUES",
    "",
    listed,
    otherwise=[],
    help="Additional catalogue files of events, separated by commas.",
)
RHESIS_EVENTS = Setting(
    "TELEMETRY_RHESIS_EVENTS",
    "analytics.E060",
    flag,
    otherwise=False,
    default="true",
    help="false leaves out the events of Rhesis (analytics/rhesis.toml), which mean nothing in another product. Site, "
    "processor and collector need the same value.",
    meanwhile="Until it is corrected, they are left out.",
)
SERVICE_VERSION = Setting(
    "TELEMETRY_SERVICE_VERSION",
    "analytics.E061",
    release,
    otherwise="",
    help="Release of this site, such as 1.4.2, sent as `service.version` and stored with each request. Empty: none is "
    "sent.",
    meanwhile="Until it is corrected, no release is sent.",
)
STORED_HERE = Setting[bool | None](
    "TELEMETRY_STORED_HERE",
    "analytics.E007",
    optional(flag),
    otherwise=None,
    help="Whether the rows are stored in this installation's database. Empty: true for cloud, false for self_hosted.",
    meanwhile="Until it is corrected, DEPLOYMENT_TYPE decides.",
)
SMALLEST_GROUP = Setting(
    "TELEMETRY_SMALLEST_GROUP",
    "analytics.E010",
    _people,
    otherwise=EVERYONE,
    default="1",
    help="Smallest number of people that a cell of the admin's reports may be about; smaller ones are left "
    "empty, and above 1 all others have noise.",
    meanwhile="Until it is corrected, no group is shown.",
)
SMALLEST_GROUP_BI = Setting(
    "TELEMETRY_SMALLEST_GROUP_BI",
    "analytics.E011",
    _people,
    otherwise=EVERYONE,
    default="5",
    help="The same for the views of Looker Studio and other BI tools.",
    meanwhile="Until it is corrected, no group is shown.",
)
STRICT = Setting(
    "TELEMETRY_STRICT",
    "analytics.E014",
    flag,
    otherwise=False,
    help="true raises an error for an undeclared event, as DJANGO_DEBUG does; otherwise the event is dropped and "
    "counted.",
    meanwhile="Until it is corrected, it counts as false.",
)
VOUCHER_KEY = Setting[list[str]](
    "TELEMETRY_VOUCHER_KEY",
    "analytics.E047",
    keys,
    otherwise=[],
    help="Key of vouchers, at least 16 bytes: the site signs, the processor verifies. Of several, separated by commas, "
    "the site signs with the first. Empty: nothing is vouched for.",
    meanwhile="Until it is corrected, nothing is vouched for.",
)
VOUCHERS_REQUIRED = Setting(
    "TELEMETRY_VOUCHERS_REQUIRED",
    "analytics.E048",
    flag,
    otherwise=True,
    default="false",
    help="true lets the processor store only spans with a valid voucher; otherwise it counts the others.",
    meanwhile="Until it is corrected, it counts as true.",
)
METRICS_TOKEN = Setting(
    "TELEMETRY_METRICS_TOKEN",
    "analytics.E045",
    secret,
    otherwise="",
    help="Token with which Prometheus reads /metrics: `Authorization: Bearer ...`. Empty: there is no /metrics.",
    meanwhile="Until it is corrected, there is no /metrics.",
)
ALERT_HOOK = Setting(
    "TELEMETRY_ALERT_HOOK",
    "analytics.E055",
    address,
    otherwise="",
    help="Address to which keep_telemetry posts each alert of the reports once, signed; docs/reports.md has the rule "
    "and the format. Empty: nowhere.",
    meanwhile="Until it is corrected, no alert is posted.",
)
ALERT_HOOK_SECRET = Setting(
    "TELEMETRY_ALERT_HOOK_SECRET",
    "analytics.E052",
    hook_secret,
    otherwise=b"",
    help="Key of its signature: whsec_ and 24 to 64 random bytes in base64.",
    meanwhile="Until it is corrected, no alert is posted. `python3 -c 'import base64, secrets; "
    'print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())\'` prints a good one.',
)
ALERT_HOOK_PRIVATE = Setting(
    "TELEMETRY_ALERT_HOOK_PRIVATE",
    "analytics.E053",
    flag,
    otherwise=False,
    help="true lets TELEMETRY_ALERT_HOOK lead to a private, loopback or link-local address, there also by plain HTTP.",
    meanwhile="Until it is corrected, it counts as false.",
)
BROWSER_ENDPOINT = Setting(
    "NEXT_PUBLIC_OTEL_ENDPOINT",
    "analytics.E008",
    browser_address,
    otherwise="",
    help="Where browsers send to: a path of this site such as /v1/traces, or a collector's address. Empty: no browser "
    "telemetry.",
    meanwhile="Until it is corrected, there is no browser telemetry.",
)
BROWSER_DEPLOYMENT_TYPE = Setting[DeploymentType | None](
    "NEXT_PUBLIC_DEPLOYMENT_TYPE",
    "analytics.E009",
    optional(choice(DeploymentType)),
    otherwise=None,
    help="cloud or self_hosted, for browsers that send directly to a collector. Empty: the same as DEPLOYMENT_TYPE.",
    meanwhile="Until it is corrected, it counts as DEPLOYMENT_TYPE.",
)

SETTINGS: tuple[Setting[Any], ...] = (
    HASH_KEY,
    HASH_KEY_PREVIOUS,
    API_KEY,
    CATALOGUES,
    RHESIS_EVENTS,
    SERVICE_VERSION,
    STORED_HERE,
    SMALLEST_GROUP,
    SMALLEST_GROUP_BI,
    STRICT,
    VOUCHER_KEY,
    VOUCHERS_REQUIRED,
    METRICS_TOKEN,
    ALERT_HOOK,
    ALERT_HOOK_SECRET,
    ALERT_HOOK_PRIVATE,
    BROWSER_ENDPOINT,
    BROWSER_DEPLOYMENT_TYPE,
)
