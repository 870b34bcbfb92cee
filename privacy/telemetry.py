"""What telemetry holds about a person, for the privacy pages and API.

`privacy` may not import `analytics`, so it asks `telemetry()`. Analytics replaces the answer when Django starts; in a
project without analytics nothing is collected, and `Telemetry` itself says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from privacy.keys import Key

if TYPE_CHECKING:
    from privacy.models import PendingErasure


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of an event: `kind` is a description such as "integer from 0 to 1000" or "one of: created, viewed"."""

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
class Stored:
    """Number of stored rows by table; `here` is False where rows are stored in another installation, uncounted."""

    here: bool = False
    count_by_table: dict[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(self.count_by_table.values())


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of stored rows, ready for JSON; `next` is the cursor of the page after it, None if there is none."""

    rows: list[dict[str, Any]]
    next: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request to delete.

    `completed_at` is None until the rows are deleted here, or the request is acknowledged where they are stored. The
    reports of their days are recomputed in the background: `days_recomputed` so far, the last of them at
    `recomputed_at`, and `days_to_recompute` to come.
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
class Pseudonyms:
    """The ids under which usage of a person is stored."""

    user_id: UUID
    organization_id: UUID | None


class NoCursor(ValueError):
    """The text is no cursor of a page."""


class NothingToDelete(Exception):
    """This installation collects nothing, so there is nothing to delete."""


class Telemetry:
    """One person's telemetry, by the key of their account. This one belongs to a site that collects nothing."""

    collects = False

    def events(self) -> Sequence[DeclaredEvent]:
        """Every event that may be collected."""
        return []

    def preview(self, user_id: Key) -> dict[str, Any]:
        """One request of this person as OTLP/JSON, built by the exporter's encoder and not sent."""
        return {"resourceSpans": []}

    def pseudonyms(self, user_id: Key, salt: UUID, organization: str | None) -> Pseudonyms | None:
        """The pseudonyms of a person with this salt, in this organization; None if the site collects nothing."""
        return None

    def voucher(self, user_id: Key, salt: UUID, *, since: datetime, now: datetime, until: datetime) -> str | None:
        """A mark for spans of a person who shares since then; None if the site has no key for it."""
        return None

    def stored(self, user_id: Key) -> Stored:
        """How many rows are stored, and whether here."""
        return Stored()

    def rows(self, user_id: Key, *, limit: int, cursor: str = "") -> Rows:
        """Stored rows, newest first, each with "table" and the table's columns. Raises NoCursor."""
        return Rows([], None)

    def sentence(self, row: Mapping[str, Any]) -> str:
        """One of these rows in plain words, such as "Page answered in 68 ms"."""
        return str(row["table"])

    def preview_sentences(self, preview: Mapping[str, Any]) -> list[str]:
        """Each span of a preview in plain words."""
        return []

    def erase(self, pending: "PendingErasure", *, go_on: bool) -> Receipt:
        """Delete the rows, or ask for it where they are stored. Raises NothingToDelete, django.db.DatabaseError.

        The receipt's id is the pending request's. `go_on`: correct the reports, or send the request, in the background
        after the commit.
        """
        raise NothingToDelete

    def receipts(self, user_id: Key) -> list[Receipt]:
        """Receipts of requests to delete, newest first."""
        return []


_current = Telemetry()


def register(telemetry: Telemetry) -> None:
    """Called once, when Django starts."""
    global _current  # noqa: PLW0603  one installation, one telemetry
    _current = telemetry


def telemetry() -> Telemetry:
    return _current
