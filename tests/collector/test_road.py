"""The whole road: the site's exporter, the real collector, the processor, PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.db import connection
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from psycopg.conninfo import make_conninfo
from pytest_django.fixtures import Settings

from accounts.models import User
from analytics import telemetry_for, track_feature_usage
from analytics.collect import pipeline
from analytics.doctor.finding import Level
from analytics.doctor.round_trip import examine_round_trip
from analytics.ingest.serve import Processor
from analytics.models import DoctorSpan, EndpointUsage, FeatureUsage, IngestTally, TouchedDay
from tests.acceptance.product import Product, copy_of_the_tree, free_port, running_product, wait_until
from tests.analytics.ingest.reading import Reads, reads
from tests.analytics.ingest.spans import STOCK_REQUEST, VOUCHER, VOUCHER_KEY, of, span
from tests.collector.parts import Collector
from tests.collector.spans import attributes, of_test_run, request
from tests.support.people import alias_of, signed_in, someone_who_shares

__all__ = ["reads"]  # a fixture
KEY = "a key of the processor"


@pytest.fixture
def collector(transactional_db: None, tmp_path: Path) -> Iterator[Collector]:
    """With a processor behind it that writes to the tests' database."""
    parameters = connection.get_connection_params()
    known = ("dbname", "host", "port", "user", "password")
    conninfo = make_conninfo(**{name: parameters[name] for name in known if parameters.get(name)})
    processor = Processor("127.0.0.1:0", conninfo, api_key=KEY)
    processor.start()
    collector = Collector(tmp_path, processor_port=processor.port, OTEL_API_KEY=KEY)
    collector.start()
    yield collector
    collector.stop()
    processor.stop()


@pytest.fixture(params=["grpc", "http/protobuf"])
def person(request: pytest.FixtureRequest, collector: Collector, settings: Settings) -> Iterator[User]:
    """Someone who shares, on a site that sends to the collector by one protocol or the other."""
    settings.OTEL_EXPORTER_OTLP_PROTOCOL = request.param
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = collector.grpc_url if request.param == "grpc" else collector.http_url
    pipeline.hint.forget(None)
    with pipeline.replaced(pipeline.make_transport):
        yield someone_who_shares()


def flush() -> None:
    running = pipeline.pipeline()
    assert running is not None
    running.flush()


def test_what_the_site_sends_becomes_rows(person: User) -> None:
    assert signed_in(person).get("/settings/privacy/").status_code == 200
    with telemetry_for(person):
        track_feature_usage("test_run", "created", test_count=3, test_id="123")
    flush()

    stored = wait_until("the row", lambda: list(FeatureUsage.objects.filter(feature_name="test_run")))

    [row] = stored
    assert row.user_id == alias_of(person)
    assert (row.action, row.metadata["test_count"], row.deployment_type) == ("created", 3, "self_hosted")
    # It came in the same batch, and a batch is stored as a whole.
    page = EndpointUsage.objects.get(endpoint="/settings/privacy/")
    assert (page.method, page.status_code, page.user_id) == ("GET", 200, row.user_id)
    assert list(IngestTally.objects.values_list("outcome").distinct()) == [("stored",)]


@pytest.mark.usefixtures("person")
def test_the_doctors_span_comes_all_the_way_and_is_counted_nowhere(settings: Settings) -> None:
    settings.TELEMETRY_STORED_HERE = True

    [finding] = examine_round_trip(is_accepting=True, are_readable=True)

    assert finding.level is Level.WELL and finding.what.startswith("stored after "), finding
    assert not DoctorSpan.objects.exists() and not IngestTally.objects.exists() and not TouchedDay.objects.exists()


def test_what_the_collector_passes_on_is_known_to_the_processor_when_it_comes_again(reads: Reads, person: User) -> None:
    """Or the processor would be several times slower, and nothing else would tell."""
    with telemetry_for(person):
        track_feature_usage("test_run", "created", test_count=3)
    assert signed_in(person).get("/settings/privacy/").status_code == 200
    flush()
    wait_until("the rows", lambda: FeatureUsage.objects.exists() and EndpointUsage.objects.exists())

    first = len(reads.anew)
    assert first > 0

    with telemetry_for(person):
        track_feature_usage("test_run", "created", test_count=3)
    flush()
    wait_until("the other row", lambda: FeatureUsage.objects.count() == 2)

    assert len(reads.anew) == first


def test_a_voucher_comes_through(collector: Collector, settings: Settings) -> None:
    settings.TELEMETRY_VOUCHER_KEY = VOUCHER_KEY
    settings.TELEMETRY_VOUCHERS_REQUIRED = "true"
    vouched = span({**STOCK_REQUEST, "telemetry.voucher": VOUCHER}, kind=Span.SPAN_KIND_SERVER)
    for body in (of(vouched), of(span(STOCK_REQUEST, kind=Span.SPAN_KIND_SERVER))):
        sent = requests.post(
            f"{collector.http_url}/v1/traces",
            data=body.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
            timeout=10,
        )
        assert sent.status_code == 200

    wait_until("both", lambda: IngestTally.objects.count() == 2)
    assert set(IngestTally.objects.values_list("reason", "spans")) == {("", 1), ("not_vouched", 1)}
    assert EndpointUsage.objects.count() == 1


def test_a_span_with_something_undeclared_is_stored_without_it(collector: Collector) -> None:
    span = of_test_run("5f0c4d7e-0000-8000-8000-000000000001", 7)
    # The processor by itself would reject the span for this.
    span.attributes.extend(attributes({"metadata.prompt": "What is our revenue?"}))
    sent = requests.post(
        f"{collector.http_url}/v1/traces",
        data=request([span]).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
        timeout=10,
    )
    assert sent.status_code == 200

    [row] = wait_until("the row", lambda: list(FeatureUsage.objects.all()))

    assert row.metadata == {"test_count": 7}


@pytest.mark.acceptance
def test_dev_py_starts_it_between_site_and_processor(tmp_path: Path) -> None:
    grpc_port, http_port, health_port, metrics_port = (free_port() for _ in range(4))
    with running_product(
        copy_of_the_tree(tmp_path),
        "collector",
        f"--grpc-port={grpc_port}",
        f"--http-port={http_port}",
        COLLECTOR_HEALTH=f"127.0.0.1:{health_port}",
        COLLECTOR_METRICS_PORT=str(metrics_port),
    ) as product:
        person = product.token_client(staff=False)
        person.put(f"{product.url}/api/users/telemetry/enable").raise_for_status()
        person.get(f"{product.url}/api/users/telemetry/status").raise_for_status()

        wait_until("the request", lambda: product.rows("analytics_endpoint_usage"))

        assert spans_let_through(product, metrics_port) > 0


def spans_let_through(product: Product, metrics_port: int) -> float:
    metrics = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10).text
    sent = [line for line in metrics.splitlines() if line.startswith("otelcol_exporter_sent_spans")]
    assert sent, "".join(product.output)
    return sum(float(line.rpartition(" ")[2]) for line in sent)
