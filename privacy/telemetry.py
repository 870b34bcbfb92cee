"""What the privacy pages show of telemetry, as a protocol: `privacy` declares it, `analytics` registers an answer.

Imports run `analytics -> privacy`, so the pages cannot ask analytics directly. Nothing registered means nothing is
collected, and the pages say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of an event, in words: `kind` such as "integer from 0 to 1000" or "one of: created, viewed"."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True, slots=True)
class DeclaredEvent:
    """One event that may be collected, as the catalogue declares it."""

    category: str
    name: str
    description: str
    purpose: str
    owner: str
    expires: str
    fields: Sequence[DeclaredField]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request to delete: `completed_at` is None while it is on its way to where the rows live.

    Rows go at once; the reports of their days are computed again besides, `days_recomputed` so far, the last of them at
    `recomputed_at`, and `days_to_recompute` still to come.
    """

    id: UUID
    requested_at: datetime
    completed_at: datetime | None
    rows_deleted: dict[str, int]
    days_recomputed: int
    recomputed_at: datetime | None
    days_to_recompute: int
    status: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of stored rows; `next` is the cursor of the page after it, None if there is none."""

    rows: list[dict[str, Any]]
    next: str | None


class NoCursor(ValueError):
    """The text is no cursor of a page."""


class TelemetryRoom(Protocol):
    """What analytics offers to the privacy pages and API."""

    def declared_events(self) -> Sequence[DeclaredEvent]:
        """Every event of the catalogue, in its order."""

    def preview(self, user_id: UUID) -> dict[str, Any]:
        """OTLP/JSON of what one request of this person would send, built by the exporter's encoder; sends nothing."""

    def track(self, feature: str, action: str) -> None:
        """Record that the person of this request used a feature of the privacy pages, if they consent."""

    def stored_here(self) -> bool:
        """Whether the rows are in this installation's database; if not, rows() and counts are empty."""

    def rows(self, user_id: UUID, *, limit: int, cursor: str = "") -> Rows:
        """Stored rows of the person, newest first; each has "table" and the table's columns, JSON-ready.

        The first page without a `cursor`. Each page costs the same, in constant memory. Raises NoCursor.
        """

    def count_rows(self, user_id: UUID) -> dict[str, int]:
        """Number of stored rows by table."""

    def request_erasure(self, user_id: UUID, *, go_on: bool) -> Receipt:
        """Delete the person's rows, or ask for it where they live; what they did before now will not come back.

        What takes longer (correcting reports, a far collector) follows besides where `go_on` says so; it is left to the
        caller otherwise.
        """

    def receipts(self, user_id: UUID) -> list[Receipt]:
        """The person's requests to delete, newest first."""


_room: TelemetryRoom | None = None


def register_telemetry_room(room: TelemetryRoom) -> None:
    """Called once, from analytics' AppConfig.ready()."""
    global _room  # noqa: PLW0603  one installation, one room, set at start
    _room = room


def telemetry_room() -> TelemetryRoom | None:
    return _room
