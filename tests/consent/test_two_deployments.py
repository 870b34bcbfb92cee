"""Two deployments with keys of their own send to one processor: their people never meet."""

import time
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.test import override_settings
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExportResult

from analytics.collect.clean import clean_span, resource
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import Activity
from analytics.ingest.serve import Processor
from analytics.models import UserActivity
from analytics.router import conninfo

pytestmark = pytest.mark.django_db(transaction=True)
# The same ids on both sides, as two installations restored from one image would have.
PEOPLE = [UUID(int=0xB000 + number) for number in range(200)]
DEPLOYMENTS = {
    "cloud": {"DEPLOYMENT_TYPE": "cloud", "TELEMETRY_HASH_KEY": "the key of the cloud deployment"},
    "self_hosted": {"DEPLOYMENT_TYPE": "self_hosted", "TELEMETRY_HASH_KEY": "the key of somebody's own"},
}
SALT = uuid4()


def sign_ins() -> list[RecordedSpan]:
    now = time.time_ns()
    return [
        RecordedSpan(Subject(person, person, now, 0), Activity("login"), start_ns=now, end_ns=now, session_key="one")
        for person in PEOPLE
    ]


def test_people_of_equal_ids_stay_two_people() -> None:
    processor = Processor("127.0.0.1:0", conninfo())
    processor.start()
    wire = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{processor.port}", timeout=10)
    try:
        for settings in DEPLOYMENTS.values():
            with override_settings(**settings):
                of = resource()
                assert wire.export([clean_span(span, of, SALT) for span in sign_ins()]) is SpanExportResult.SUCCESS
    finally:
        wire.shutdown()
        processor.stop()
        connections.close_all()
    stored = {
        name: set(UserActivity.objects.filter(deployment_type=name).values_list("user_id", flat=True))
        for name in DEPLOYMENTS
    }
    assert len(stored["cloud"]) == len(stored["self_hosted"]) == len(PEOPLE)
    assert stored["cloud"].isdisjoint(stored["self_hosted"])
    organizations = UserActivity.objects.values_list("organization_id", "session_id", "deployment_type").distinct()
    assert len({organization for organization, _, _ in organizations}) == 2 * len(PEOPLE)
    assert len({session for _, session, _ in organizations}) == 2
