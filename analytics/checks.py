"""Numbered errors for analytics' settings.

analytics.E001  OTEL_EXPORTER_OTLP_ENDPOINT is malformed.
analytics.E002  OTEL_EXPORTER_OTLP_PROTOCOL is not one that is understood.
analytics.E003  TELEMETRY_HASH_KEY is too short.
analytics.E004  OTEL_PYTHON_DJANGO_INSTRUMENT is neither a yes nor a no.
analytics.E005  A catalogue file is missing, broken, or has a malformed, ownerless or expired entry.
analytics.E006  OTEL_EXPORTER_OTLP_HEADERS is malformed.
analytics.E007  TELEMETRY_STORED_HERE is neither a yes nor a no.
analytics.E008  NEXT_PUBLIC_OTEL_ENDPOINT is malformed.
analytics.E009  NEXT_PUBLIC_DEPLOYMENT_TYPE is none of cloud, self_hosted.
analytics.E010  TELEMETRY_SMALLEST_GROUP is no number of people.
analytics.E011  TELEMETRY_SMALLEST_GROUP_BI is no number of people.
analytics.E012  OTEL_API_KEY has characters that a header cannot carry.
analytics.E013  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is malformed.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from analytics.catalogue import load_catalogue, problems_today
from analytics.conf import Protocol, browser_endpoint_problem, conf, endpoint_problem, parse_group
from analytics.exceptions import CatalogueError
from analytics.identity import MINIMUM_KEY_BYTES
from privacy.switches import FALSE_WORDS, TRUE_WORDS, parse_deployment_type


@register("analytics")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [*_endpoints(), *_words(), *_groups(), *_hash_key(), *_api_key(), *_headers(), *_catalogues()]


def _endpoints() -> Iterator[CheckMessage]:
    for name, number, problem_of in (
        ("OTEL_EXPORTER_OTLP_ENDPOINT", 1, endpoint_problem),
        ("NEXT_PUBLIC_OTEL_ENDPOINT", 8, browser_endpoint_problem),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", 13, endpoint_problem),
    ):
        value: str = getattr(settings, name).strip()
        if value and (problem := problem_of(value)):
            yield Error(f"{name} is not a usable address: {problem}.", id=f"analytics.E{number:03}")


def _words() -> Iterator[CheckMessage]:
    protocol: str = settings.OTEL_EXPORTER_OTLP_PROTOCOL
    if protocol.strip().lower() not in set(Protocol):
        yield Error(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; it must be grpc or http/protobuf.",
            id="analytics.E002",
        )
    for name, number in (("OTEL_PYTHON_DJANGO_INSTRUMENT", 4), ("TELEMETRY_STORED_HERE", 7)):
        word: str = getattr(settings, name)
        if word.strip().lower() not in TRUE_WORDS | FALSE_WORDS:
            yield Error(f"{name} is {word!r}; it must be true or false.", id=f"analytics.E{number:03}")
    browser_deployment: str = settings.NEXT_PUBLIC_DEPLOYMENT_TYPE
    if browser_deployment and parse_deployment_type(browser_deployment) is None:
        yield Error(
            f"NEXT_PUBLIC_DEPLOYMENT_TYPE is {browser_deployment!r}; it must be cloud or self_hosted.",
            id="analytics.E009",
        )


def _groups() -> Iterator[CheckMessage]:
    for name, number in (("TELEMETRY_SMALLEST_GROUP", 10), ("TELEMETRY_SMALLEST_GROUP_BI", 11)):
        word: str = getattr(settings, name)
        if parse_group(word) is None:
            yield Error(
                f"{name} is {word!r}; it must be a whole number of people from 1 to 1000000. "
                "Until it is, no group is shown.",
                id=f"analytics.E{number:03}",
            )


def _hash_key() -> Iterator[CheckMessage]:
    key: str = settings.TELEMETRY_HASH_KEY
    if key and len(key.encode()) < MINIMUM_KEY_BYTES:
        yield Error(
            f"TELEMETRY_HASH_KEY is {len(key.encode())} bytes long; it must be at least {MINIMUM_KEY_BYTES}.",
            hint="python3 -c 'import secrets; print(secrets.token_urlsafe(32))' makes a good one.",
            id="analytics.E003",
        )


def _api_key() -> Iterator[CheckMessage]:
    key = conf.api_key
    if key != key.strip() or not key.isascii() or not key.isprintable():
        yield Error(
            "OTEL_API_KEY must be printable ASCII without spaces around it: no client could send it.",
            id="analytics.E012",
        )


def _headers() -> Iterator[CheckMessage]:
    # The value may be a secret, so the message never repeats it.
    pairs = [pair for pair in settings.OTEL_EXPORTER_OTLP_HEADERS.split(",") if pair.strip()]
    if any(not pair.partition("=")[0].strip() or "=" not in pair for pair in pairs):
        yield Error(
            "OTEL_EXPORTER_OTLP_HEADERS is malformed; it must be name=value, several separated by commas.",
            id="analytics.E006",
        )


def _catalogues() -> Iterator[CheckMessage]:
    try:
        catalogue = load_catalogue(conf.catalogue_paths)
    except CatalogueError as error:
        yield Error(str(error), id="analytics.E005")
        return
    for problem in problems_today(catalogue):
        yield Error(problem, id="analytics.E005")
