"""A minimal processor in Django and gRPC, with which benchmarks/ingest.py compares ours.

It uses standard protobuf access, a model instance per span, and a `bulk_create` per table and request. It does not
validate, detect duplicates or count. `python -m benchmarks._plain_processor PORT`.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import django

django.setup()

# ruff: noqa: E402  Django's apps must be there before what is imported next
import grpc
from django.db import transaction
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from analytics.router import analytics_database

THREADS = 4  # as many as the processor has connections


class Plain(TraceServiceServicer):
    def Export(self, request: Any, context: grpc.ServicerContext) -> ExportTraceServiceResponse:  # noqa: N802
        instances: dict[type, list[Any]] = {UserActivity: [], EndpointUsage: [], FeatureUsage: []}
        for resource_spans in request.resource_spans:
            resource = values(resource_spans.resource.attributes)
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    model = instance(span, values(span.attributes), str(resource["deployment.type"]))
                    instances[type(model)].append(model)
        with transaction.atomic(using=analytics_database()):
            for model_class, found in instances.items():
                model_class.objects.bulk_create(found)  # type: ignore[attr-defined]
        return ExportTraceServiceResponse()


def values(attributes: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in attributes}


def instance(span: Any, found: dict[str, Any], deployment: str) -> UserActivity | EndpointUsage | FeatureUsage:
    organization = found.get("organization.id")
    shared = {
        "id": UUID(bytes=span.trace_id),
        "timestamp": datetime.fromtimestamp(span.start_time_unix_nano / 1e9, UTC),
        "user_id": pseudonym(found["user.id"]),
        "organization_id": pseudonym(organization) if organization else None,
        "deployment_type": deployment,
        "metadata": {name[9:]: value for name, value in found.items() if name.startswith("metadata.")},
    }
    match found.get("event.category"):
        case "user_activity":
            return UserActivity(**shared, event_type=found["event.type"], session_id=found["session.id"])
        case "feature_usage":
            return FeatureUsage(**shared, feature_name=found["feature.name"], action=found["feature.action"])
    measured_ms = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    return EndpointUsage(
        **shared,
        endpoint=found["http.route"],
        method=found.get("http.request.method") or found["http.method"],
        status_code=int(found.get("http.response.status_code") or found["http.status_code"]),
        duration_ms=float(found.get("duration_ms", measured_ms)),
    )


def pseudonym(text: str) -> UUID:
    return UUID(text.rjust(32, "0"))


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(THREADS))
    add_TraceServiceServicer_to_server(Plain(), server)
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
