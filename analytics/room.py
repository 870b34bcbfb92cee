"""What analytics offers to the privacy pages and API (`privacy.telemetry.TelemetryRoom`)."""

import base64
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Model
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from analytics.catalogue import Event, current_catalogue
from analytics.collect.clean import clean_span, resource
from analytics.collect.records import RecordedSpan, Subject
from analytics.collect.track import track_feature_usage
from analytics.conf import conf
from analytics.erasure import requests
from analytics.events import FeatureUse, Request
from analytics.exceptions import ExpiredEvent
from analytics.identity import Kind, pseudonym
from analytics.models import EndpointUsage, FeatureUsage, UserActivity
from privacy.elapsed import elapsed_ns
from privacy.keyset import newest_first
from privacy.telemetry import DeclaredEvent, DeclaredField, NoCursor, Receipt, Rows

TABLES: tuple[type[UserActivity] | type[EndpointUsage] | type[FeatureUsage], ...] = (
    UserActivity,
    EndpointUsage,
    FeatureUsage,
)
# Where a page ended: the last row's timestamp, its id, and the negative of its table's number, in the order of pages.
Place = tuple[datetime, UUID, int]
CURSOR = re.compile(r"[0-9]{1,16}-[0-9a-f]{32}-[0-2]")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Room:
    """Composes the stages for the person's own view. See the protocol for what each method promises."""

    def declared_events(self) -> Sequence[DeclaredEvent]:
        return [_declared(event) for event in current_catalogue().current()]

    def preview(self, user_id: UUID) -> dict[str, Any]:
        organization_id = get_user_model().objects.filter(pk=user_id).values_list("organization_id", flat=True).first()
        now = time.time_ns()
        subject = Subject(user_id, organization_id, now, elapsed_ns())
        visit = RecordedSpan(
            subject,
            Request("GET", "/settings/privacy/", 200),
            start_ns=now - 12_000_000,
            end_ns=now,
        )
        feature = RecordedSpan(subject, FeatureUse("privacy_settings", "viewed"), start_ns=now, end_ns=now)
        of = resource()
        clean = []
        for span in (visit, feature):
            with suppress(ExpiredEvent):  # of which nothing would be sent
                clean.append(clean_span(span, of))
        payload = MessageToDict(encode_spans(clean))
        for resource_spans in payload.get("resourceSpans", []):
            for scope_spans in resource_spans["scopeSpans"]:
                for encoded in scope_spans["spans"]:
                    # OTLP/JSON writes ids in hexadecimal, where protobuf's own JSON has base64.
                    for key in ("traceId", "spanId"):
                        encoded[key] = base64.b64decode(encoded[key]).hex()
        return payload

    def track(self, feature: str, action: str) -> None:
        track_feature_usage(feature, action)

    def stored_here(self) -> bool:
        return conf.stored_here

    def rows(self, user_id: UUID, *, limit: int, cursor: str = "") -> Rows:
        after = _place(cursor) if cursor else None
        if not conf.stored_here:
            return Rows([], None)
        # Of each table as many as the page may need, then the newest of them all.
        found = [
            ((row.timestamp, row.id, -number), row)
            for number, model in enumerate(TABLES)
            for row in _after(_of(model, user_id), number, after)[: limit + 1]
        ]
        found.sort(key=itemgetter(0), reverse=True)
        is_last = len(found) <= limit
        return Rows([_row(row) for _, row in found[:limit]], None if is_last else _cursor(found[limit - 1][0]))

    def count_rows(self, user_id: UUID) -> dict[str, int]:
        return {model._meta.db_table: _of(model, user_id).count() if conf.stored_here else 0 for model in TABLES}

    def request_erasure(self, user_id: UUID, *, go_on: bool) -> Receipt:
        return requests.request_erasure(user_id, go_on=go_on)

    def receipts(self, user_id: UUID) -> list[Receipt]:
        return requests.receipts(user_id)


def _declared(event: Event) -> DeclaredEvent:
    return DeclaredEvent(
        category=event.category.value,
        name=event.name,
        description=event.description,
        purpose=event.purpose,
        owner=event.owner,
        expires=event.expires.isoformat(),
        fields=[
            *(
                [DeclaredField("action", f"one of: {', '.join(sorted(event.actions))}", "What was done.")]
                if event.actions
                else []
            ),
            *(DeclaredField(field.name, field.kind, field.description) for field in event.fields.values()),
        ],
    )


def _of(model: Any, user_id: UUID) -> Any:
    return model.objects.filter(user_id=pseudonym(Kind.USER, user_id))


def _after(rows: Any, number: int, place: Place | None) -> Any:
    """Those of the table with this number that come after `place`, newest first."""
    if place is None:
        return newest_first(rows, "timestamp", None)
    moment, id_, of_table = place
    return newest_first(rows, "timestamp", (moment, id_), inclusive=-number < of_table)


def _cursor(place: Place) -> str:
    moment, id_, of_table = place
    return f"{(moment - EPOCH) // MICROSECOND}-{id_.hex}-{-of_table}"


def _place(cursor: str) -> Place:
    if not CURSOR.fullmatch(cursor):
        raise NoCursor(cursor)
    moment, id_, number = cursor.split("-")
    return EPOCH + int(moment) * MICROSECOND, UUID(id_), -int(number)


def _row(instance: Model) -> dict[str, Any]:
    """A row as its table has it, ready for JSON; `table` comes first."""
    row: dict[str, Any] = {"table": instance._meta.db_table}
    for column in instance._meta.concrete_fields:
        value = getattr(instance, column.attname)
        if isinstance(value, UUID):
            value = str(value)
        elif hasattr(value, "isoformat"):
            value = value.isoformat()
        row[column.attname] = value
    return row
