"""Preview of what one request of a person sends, built like the exporter's spans."""

import base64
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from analytics.collect.clean import clean_span, resource
from analytics.collect.records import RecordedSpan, Subject
from analytics.events import FeatureUse, Request
from analytics.exceptions import ExpiredEvent
from privacy.elapsed import elapsed_ns
from privacy.gate import salt_of
from privacy.keys import Key
from privacy.organizations import organization_of


def preview(user_id: Key) -> dict[str, Any]:
    """The spans of a visit to Settings -> Privacy, as OTLP/JSON."""
    person = get_user_model()._default_manager.filter(pk=user_id).first()
    organization_id = None if person is None else organization_of(person)
    now = time.time_ns()
    subject = Subject(user_id, organization_id, now, elapsed_ns())
    page = Request("GET", "/settings/privacy/", 200)
    visit = RecordedSpan(subject, page, start_ns=now - 12_000_000, end_ns=now)
    feature = RecordedSpan(subject, FeatureUse("privacy_settings", "viewed"), start_ns=now, end_ns=now)
    # Someone who has never been asked has no salt yet, and no lasting pseudonym.
    of, salt = resource(), salt_of(user_id) or uuid4()
    clean = []
    for span in (visit, feature):
        with suppress(ExpiredEvent):  # nothing would be sent of it
            clean.append(clean_span(span, of, salt))
    payload = MessageToDict(encode_spans(clean))
    for resource_spans in payload.get("resourceSpans", []):
        for scope_spans in resource_spans["scopeSpans"]:
            for encoded in scope_spans["spans"]:
                # OTLP/JSON writes ids in hexadecimal, where protobuf's own JSON has base64.
                for key in ("traceId", "spanId"):
                    encoded[key] = base64.b64decode(encoded[key]).hex()
    return payload
