"""What became of each span of a request: a row, an erasure, or a rejection with a reason from a short list."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from analytics.exceptions import AnalyticsError
from analytics.vocabulary import Category

NO_SENDER = ""
ERASURES_AT_ONCE = 8
# Outcomes of the tally, and PART beside their balance: what a stored span was stored without.
STORED, DUPLICATE, REJECTED, PART = "stored", "duplicate", "rejected", "part"
ERASURE = "erasure"  # the reason beside STORED of a request to delete that was carried out

Row = bytes  # as COPY reads it, see `copy.head`


class Fate(NamedTuple):
    """What spans are counted by."""

    outcome: str
    reason: str = ""
    sender: str = NO_SENDER


Counts = Counter[Fate]


class Reason(StrEnum):
    """Why a span is not stored. docs/ingest.md lists them with what to do."""

    NOT_TELEMETRY = "not_telemetry"  # no category, or no user, or no answer to a request: somebody else's span
    BAD_SPAN_ID = "bad_span_id"  # trace or span id of the wrong length, or all zero
    BAD_USER = "bad_user"  # user.id missing or no pseudonym
    BAD_ORGANIZATION = "bad_organization"
    BAD_SESSION = "bad_session"
    BAD_DEPLOYMENT = "bad_deployment"  # deployment.type is none of cloud, self_hosted
    BAD_TIMESTAMP = "bad_timestamp"  # zero, or the end before the start; of a request also an end of zero
    IN_FUTURE = "in_future"  # more than ten minutes ahead of the processor's clock
    TOO_OLD = "too_old"  # older than raw rows are kept
    UNDECLARED = "undeclared"  # event, feature or action that the catalogue does not have
    EXPIRED = "expired"  # the event's declaration has expired
    BAD_METADATA = "bad_metadata"  # a value that does not fit its declaration
    BAD_HTTP = "bad_http"  # route, method, status or duration unusable
    BAD_SECRET = "bad_secret"  # noqa: S105  a request to delete without the secret that opens its pseudonym
    ERASED = "erased"  # the person has asked for deletion since


class Part(StrEnum):
    """What was left out of a span that is stored without it. docs/ingest.md lists them with what to do."""

    METADATA_KEY = "metadata_key"  # a metadata key that the catalogue does not declare for the event
    ROUTE_TEXT = "route_text"  # text of a route that is no word of one, or a route in no known notation


class Rejected(AnalyticsError):
    """Leaves the steps that make a row of a span, with the reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class TooManyErasures(AnalyticsError):
    """More new requests to delete in one request than are carried out at once; the sender is to come again."""


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """A request to delete that came as an event: its id is the span's, so that a repeated one is the same.

    In a row's types: uuids as 16 bytes, the time in microseconds since 1970.
    """

    id: bytes
    user_id: bytes
    requested_at_us: int


# Carries out one request to delete, in a transaction of its own; False if it was known already. Raises Busy, and
# django.db.DatabaseError.
Erase = Callable[[ErasureRequest], bool]


Name = TypeVar("Name", bound=StrEnum)


def _by_first(counts: "Counter[tuple[Name, str]]") -> "Counter[Name]":
    found: Counter[Name] = Counter()
    for (name, _), spans in counts.items():
        found[name] += spans
    return found


@dataclass(slots=True)
class Verdict:
    """Of one request. received = number of rows + erasures + rejected, always; `dropped` stands beside that.

    `erased` counts the erasures that are carried out, by outcome.

    Rejections and parts are counted by sender too, see `rejections`; NO_SENDER where it is not known any more.
    """

    received: int = 0
    rows: dict[Category, list[Row]] = field(default_factory=lambda: {category: [] for category in Category})
    erasures: list[ErasureRequest] = field(default_factory=list)
    erased: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[Reason, str]] = field(default_factory=Counter)
    dropped_of: Counter[tuple[Part, str]] = field(default_factory=Counter)

    def carry_out(self, erase: Erase) -> None:
        """Carry out the requests to delete, and count them. Raises TooManyErasures, and what `erase` raises.

        Sent again, those that were carried out are known, so that any number is done in the end.
        """
        for request in self.erasures:
            if self.erased[STORED] == ERASURES_AT_ONCE:
                raise TooManyErasures("Too many requests to delete at once.")
            self.erased[STORED if erase(request) else DUPLICATE] += 1

    @property
    def rejected(self) -> Counter[Reason]:
        return _by_first(self.refusals)

    @property
    def dropped(self) -> Counter[Part]:
        return _by_first(self.dropped_of)
