"""Result of judging a request: each span is a row, an erasure, or a rejection with a reason from a short list."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from analytics.exceptions import AnalyticsError
from analytics.vocabulary import Category

NO_SENDER = ""
ERASURES_AT_ONCE = 8
# Outcomes of the tally. PART counts parts left out of stored spans, and is not in the balance.
STORED, DUPLICATE, REJECTED, PART = "stored", "duplicate", "rejected", "part"
ERASURE = "erasure"  # the reason of STORED for a request to delete that was carried out

Row = bytes  # in the binary format of COPY, see `copy.head`


class Fate(NamedTuple):
    """Key of a count of spans."""

    outcome: str
    reason: str = ""
    sender: str = NO_SENDER


Counts = Counter[Fate]


class Reason(StrEnum):
    """Why a span is not stored. docs/ingest.md lists them with what to do."""

    NOT_TELEMETRY = "not_telemetry"  # no category, no user, or not a server's span: not meant for this processor
    BAD_SPAN_ID = "bad_span_id"  # trace or span id of the wrong length, or all zero
    BAD_USER = "bad_user"  # user.id is missing or not a pseudonym
    BAD_ORGANIZATION = "bad_organization"
    BAD_SESSION = "bad_session"
    BAD_DEPLOYMENT = "bad_deployment"  # deployment.type is neither cloud nor self_hosted
    BAD_TIMESTAMP = "bad_timestamp"  # start is zero, or end is before start; for a request also: end is zero
    IN_FUTURE = "in_future"  # more than ten minutes ahead of the processor's clock
    TOO_OLD = "too_old"  # older than raw rows are kept
    UNDECLARED = "undeclared"  # event, feature or action that is not in the catalogue
    EXPIRED = "expired"  # the event's declaration has expired
    BAD_METADATA = "bad_metadata"  # a value that does not fit its declaration
    BAD_HTTP = "bad_http"  # route, method, status or duration unusable
    BAD_SECRET = "bad_secret"  # noqa: S105  a request to delete without the secret of its pseudonym
    NOT_VOUCHED = "not_vouched"  # vouchers are required, and none covers the person at the span's start
    ERASED = "erased"  # older than the person's request to delete


class Part(StrEnum):
    """Part of a stored span that is not stored. docs/ingest.md lists them with what to do."""

    __hash__ = str.__hash__  # Enum's is slower, and stock spans without a voucher are counted one by one

    METADATA_KEY = "metadata_key"  # a metadata key that the catalogue does not declare for the event
    VOUCHER = "voucher"  # no valid voucher: only its sender says that the person shares
    SERVICE_VERSION = "service_version"  # the sender's release is not in the form of one
    ROUTE_TEXT = "route_text"  # text of a route outside the vocabulary, or a route in an unknown notation


class Rejected(AnalyticsError):
    """The span is rejected, with the reason."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


class TooManyErasures(AnalyticsError):
    """The request has more new requests to delete than ERASURES_AT_ONCE; the sender must retry."""


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """A request to delete, received as a span. A repeated span has the same id.

    UUIDs are 16 bytes, the time is microseconds since 1970.
    """

    id: bytes
    user_id: bytes
    requested_at_us: int


# Carries out one request to delete in its own transaction; returns False if that was done before. Raises Busy and
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
    """Counts and rows of one request. Always received = rows + erasures + rejected; `dropped` is not in this balance.

    `erased` counts erasures by outcome. `refusals` and `dropped_of` count by reason and sender, see `rejections`;
    the sender is NO_SENDER if it is no longer known. `doctors` are trace ids of the doctor's test spans, in no count.
    """

    received: int = 0
    rows: dict[Category, list[Row]] = field(default_factory=lambda: {category: [] for category in Category})
    erasures: list[ErasureRequest] = field(default_factory=list)
    erased: Counter[str] = field(default_factory=Counter)
    doctors: list[bytes] = field(default_factory=list)
    refusals: Counter[tuple[Reason, str]] = field(default_factory=Counter)
    dropped_of: Counter[tuple[Part, str]] = field(default_factory=Counter)

    def carry_out(self, erase: Erase) -> None:
        """Carry out and count the requests to delete. Raises TooManyErasures, and the errors of `erase`.

        A retry skips those that were carried out, so repeated retries carry out any number.
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
