"""Access to one person's telemetry, for the privacy pages and API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics.catalogue import Declaration, current_catalogue
from analytics.collect.preview import preview
from analytics.collect.track import track_feature_usage
from analytics.erasure import requests
from analytics.identity import Kind, pseudonym
from analytics.show import rows_of_person, sentences
from analytics.vocabulary import Category
from analytics.voucher import voucher
from privacy.keys import Key
from privacy.models import PendingErasure
from privacy.telemetry import DeclaredEvent, DeclaredField, Pseudonyms, Receipt, Rows, Stored, Telemetry


class PersonalTelemetry(Telemetry):
    """Implementation of `privacy.telemetry.Telemetry` for a site that collects."""

    collects = True

    def events(self) -> Sequence[DeclaredEvent]:
        """By category, whichever file declares them."""
        order = list(Category)
        found = sorted(current_catalogue().current(), key=lambda event: order.index(event.category))
        return [_declared(event) for event in found]

    def preview(self, user_id: Key) -> dict[str, Any]:
        return preview(user_id)

    def pseudonyms(self, user_id: Key, salt: UUID, organization: str | None) -> Pseudonyms:
        return Pseudonyms(
            user_id=pseudonym(Kind.USER, user_id, salt),
            organization_id=None if organization is None else pseudonym(Kind.ORGANIZATION, organization),
        )

    def voucher(self, user_id: Key, salt: UUID, *, since: datetime, now: datetime, until: datetime) -> str | None:
        return voucher(pseudonym(Kind.USER, user_id, salt), since=since, now=now, until=until)

    def stored(self, user_id: Key) -> Stored:
        return rows_of_person.stored(user_id)

    def rows(self, user_id: Key, *, limit: int, cursor: str = "") -> Rows:
        return rows_of_person.rows(user_id, limit=limit, cursor=cursor)

    def sentence(self, row: Mapping[str, Any]) -> str:
        return sentences.of_row(row)

    def preview_sentences(self, preview: Mapping[str, Any]) -> list[str]:
        return sentences.of_preview(preview)

    def erase(self, pending: PendingErasure, *, go_on: bool) -> Receipt:
        return requests.request_erasure(pending, go_on=go_on)

    def receipts(self, user_id: Key) -> list[Receipt]:
        return requests.receipts(user_id)


def on_privacy_page_used(*, action: str, **_: object) -> None:
    """Receiver of `privacy_page_used`."""
    track_feature_usage("privacy_settings", action)


def _declared(event: Declaration) -> DeclaredEvent:
    actions = [DeclaredField("action", f"one of: {', '.join(sorted(event.actions))}", "What was done.")]
    return DeclaredEvent(
        category=event.category.value,
        name=event.name,
        description=event.description,
        purpose=event.purpose,
        owner=event.owner,
        expires=event.expires.isoformat(),
        fields=[
            *(actions if event.actions else []),
            *(DeclaredField(field.name, field.kind, field.description) for field in event.fields.values()),
        ],
    )
