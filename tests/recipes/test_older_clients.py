"""Spans of older Rhesis clients reach their rows on either road; docs/upgrade-rhesis.md has what becomes of each."""

from urllib.parse import urlsplit
from uuid import UUID

import pytest

from analytics.models import EndpointUsage, IngestTally
from tests.acceptance.product import wait_until
from tests.analytics.ingest.spans import OLD_REQUEST, of, span
from tests.recipes import documented
from tests.support.processor import send

# By its name: the fixture that wants it is asked for only when a test runs.
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_older_backends_request_is_stored_directly_and_through_the_collector(endpoint: str) -> None:
    port = urlsplit(endpoint).port
    assert port is not None
    _, _, key = documented.variables()["OTEL_EXPORTER_OTLP_HEADERS"].partition("=")

    send(
        port,
        of(span({**OLD_REQUEST, "metadata.prompt": "What is our revenue?"}), resource={"deployment.type": "unknown"}),
        metadata=(("x-api-key", key),),
    )
    row = wait_until("the row", EndpointUsage.objects.first)

    assert (row.endpoint, row.method, row.status_code, row.duration_ms) == ("/tests/{id}", "POST", 201, 12.5)
    assert (row.user_id, row.metadata) == (UUID(int=0x0123456789ABCDEF), {})
    assert not IngestTally.objects.filter(outcome="rejected").exists()
