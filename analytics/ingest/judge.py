"""Judges spans: each becomes a row, a request to delete, or a rejection with a reason; the doctor's are not counted.

The steps of `judge` run from top to bottom; each accepts or rejects the span. A span comes from this project's
exporter, from an older Rhesis client, or from a stock instrumentation of an HTTP server, with a `user.id`.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from struct import Struct

from analytics import vocabulary
from analytics.catalogue import Catalogue
from analytics.declared import RELEASE
from analytics.events import Attributes, Value
from analytics.identity import commitment
from analytics.ingest import copy
from analytics.ingest.content import Content, checked_duration_ms, sent_duration_ms
from analytics.ingest.decode import INVALID, JudgeOf
from analytics.ingest.rejections import senders
from analytics.ingest.verdict import ErasureRequest, Part, Reason, Rejected, Verdict
from analytics.retention import RETENTION_MONTHS, months_before
from analytics.vocabulary import Category
from analytics.voucher import Vouchers
from privacy.clock import unix_us
from privacy.switches import DeploymentType, parse_deployment_type

CLOCK_SKEW, MICROSECOND = timedelta(minutes=10), timedelta(microseconds=1)
SECRET = re.compile(r"[0-9a-f]{64}", re.IGNORECASE | re.ASCII)
UNKNOWN_DEPLOYMENT = "unknown"  # sent by older browsers without configuration; same as no attribute
NO_TRACE_ID, NO_SPAN_ID = bytes(16), bytes(8)
VERSION_8, VARIANT, HASHED_BITS = 0x8000, 0b10 << 62, (1 << 62) - 1
ACTIVITY, REQUEST = Category.USER_ACTIVITY, Category.ENDPOINT_USAGE
Read = Callable[[bytes, Catalogue, JudgeOf], None]  # `decode.read` or `fast.read`
NO_VOUCHERS = Vouchers()
UNVOUCHED = Part.VOUCHER  # Python 3.11 looks up members of an Enum slowly
_empty_hash = blake2b(digest_size=10)  # copying it costs less than creating one
_halves, _as_uuid = Struct("!HQ").unpack, Struct("!QQ").pack


def verdict(
    read: Read,
    body: bytes,
    catalogue: Catalogue,
    *,
    now: datetime,
    own: DeploymentType,
    vouchers: Vouchers = NO_VOUCHERS,
) -> Verdict:
    """Judge every span of a request independently. `own` is the deployment type of spans without one.

    Raises DecodeError if the body is not a request.
    """
    found, window_us = Verdict(), window(now)
    read(
        body,
        catalogue,
        lambda resource: _Judge(found, resource, deployment_of(resource, own), window_us, vouchers).judge,
    )
    return found


def window(now: datetime) -> tuple[int, int]:
    """Return the earliest and latest allowed timestamp of a row, in microseconds since 1970."""
    return unix_us(months_before(now, RETENTION_MONTHS)), unix_us(now + CLOCK_SKEW)


def deployment_of(resource: Attributes, own: DeploymentType) -> bytes | None:
    """Return the encoded column; None if the resource has an unknown deployment type."""
    value = resource.get(vocabulary.DEPLOYMENT_TYPE, own.value)
    if value == UNKNOWN_DEPLOYMENT:
        return copy.text(own.value)
    parsed = parse_deployment_type(value) if isinstance(value, str) else None
    return None if parsed is None else copy.text(parsed.value)


def release_of(resource: Attributes) -> bytes | None:
    """Return the column of the sender's release, null if it names none; None if it has another form than RELEASE."""
    value = resource.get(vocabulary.SERVICE_VERSION)
    if value is None or value == "":
        return copy.NULL
    return copy.text(value) if isinstance(value, str) and RELEASE.fullmatch(value) else None


class _Judge:
    """Judge of the spans of one resource."""

    __slots__ = ("_deployment", "_found", "_newest_us", "_oldest_us", "_release", "_resource", "_sender", "_vouchers")

    def __init__(
        self,
        found: Verdict,
        resource: Attributes,
        deployment: bytes | None,
        window_us: tuple[int, int],
        vouchers: Vouchers,
    ) -> None:
        self._found, self._resource, self._deployment = found, resource, deployment
        self._oldest_us, self._newest_us = window_us
        self._vouchers = vouchers if vouchers.keys or vouchers.required else None
        self._sender: str | None = None
        self._release = release_of(resource)

    def judge(
        self,
        *,
        start_ns: int,
        end_ns: int,
        trace_id: bytes,
        span_id: bytes,
        user_id: bytes | None,
        organization_id: bytes | None,
        session_id: bytes | None,
        duration: Value,
        voucher: Value,
        content: Content,
    ) -> None:
        found = self._found
        if content.is_doctors and len(trace_id) == len(NO_TRACE_ID):
            found.doctors.append(trace_id)
            return
        found.received += 1
        try:
            category = content.category
            if category is None or (content.is_stock and user_id is None):
                raise Rejected(Reason.NOT_TELEMETRY)
            if not user_id:
                raise Rejected(Reason.BAD_USER)
            if organization_id == INVALID:
                raise Rejected(Reason.BAD_ORGANIZATION)
            if self._deployment is None:
                raise Rejected(Reason.BAD_DEPLOYMENT)
            if content.is_erasure:
                found.erasures.append(self._erasure_request(start_ns, trace_id, span_id, user_id, content.secret))
                return
            timestamp_us = self._timestamp_us(start_ns, end_ns)
            id_ = row_id(start_ns, trace_id, span_id)
            if content.reason is not None:
                raise Rejected(content.reason)
            own = b""
            if category is REQUEST:
                ms = _measured_ms(start_ns, end_ns) if duration is None else sent_duration_ms(duration)
                own = copy.duration(ms) + (self._release or copy.NULL)
            elif category is ACTIVITY:
                if session_id == INVALID:
                    raise Rejected(Reason.BAD_SESSION)
                own = copy.session(session_id)
            # Without a key nothing is verified, but a stock span is surely another service's.
            rule = self._vouchers
            is_vouched = not content.is_stock if rule is None else _vouched(rule, voucher, user_id, timestamp_us)
        except Rejected as rejected:
            found.refusals[rejected.reason, self._service()] += 1
            return
        head = copy.head(category, timestamp_us, id_, user_id, organization_id)
        found.rows[category].append(head + own + self._deployment + content.tail)
        if content.dropped or not is_vouched or self._release is None:
            self._count_dropped(category, content.dropped, is_vouched=is_vouched)

    def _count_dropped(self, category: Category, dropped: Sequence[Part], *, is_vouched: bool) -> None:
        counts, service = self._found.dropped_of, self._service()
        if not is_vouched:
            counts[UNVOUCHED, service] += 1
        if self._release is None and category is REQUEST:
            counts[Part.SERVICE_VERSION, service] += 1
        for part in dropped:
            counts[part, service] += 1

    def _service(self) -> str:
        if self._sender is None:
            self._sender = senders.name(self._resource)
        return self._sender

    def _erasure_request(
        self, start_ns: int, trace_id: bytes, span_id: bytes, user_id: bytes, secret: Value
    ) -> ErasureRequest:
        """Accept any timestamp but zero: senders never repeat a rejected request, and their clock may be wrong."""
        if start_ns == 0:
            raise Rejected(Reason.BAD_TIMESTAMP)
        id_ = row_id(start_ns, trace_id, span_id)
        # Readers of rows know pseudonyms. Only the installation knows the secret.
        if not isinstance(secret, str) or not SECRET.fullmatch(secret):
            raise Rejected(Reason.BAD_SECRET)
        if commitment(bytes.fromhex(secret)).bytes != user_id:
            raise Rejected(Reason.BAD_SECRET)
        return ErasureRequest(id_, user_id, min(start_ns // 1000, self._newest_us - CLOCK_SKEW // MICROSECOND))

    def _timestamp_us(self, start_ns: int, end_ns: int) -> int:
        if start_ns == 0 or 0 < end_ns < start_ns:
            raise Rejected(Reason.BAD_TIMESTAMP)
        timestamp_us = start_ns // 1000
        if not self._oldest_us <= timestamp_us <= self._newest_us:
            raise Rejected(Reason.TOO_OLD if timestamp_us < self._oldest_us else Reason.IN_FUTURE)
        return timestamp_us


def _vouched(rule: Vouchers, voucher: Value, user_id: bytes, timestamp_us: int) -> bool:
    """Whether the person's installation vouches for the span. Raises Rejected if it must and does not."""
    is_covered = rule.cover(voucher, user_id, timestamp_us)
    if rule.required and not is_covered:
        raise Rejected(Reason.NOT_VOUCHED)
    return is_covered


def _measured_ms(start_ns: int, end_ns: int) -> float:
    if end_ns == 0:
        raise Rejected(Reason.BAD_TIMESTAMP)
    return checked_duration_ms((end_ns - start_ns) / 1e6)


def row_id(start_ns: int, trace_id: bytes, span_id: bytes) -> bytes:
    """Return the row's UUID: 48 bits of milliseconds, then a hash of trace and span id.

    Ids are in time order, and the same span has the same id. The layout is RFC 9562's version 8.
    """
    if len(trace_id) != 16 or len(span_id) != 8 or trace_id == NO_TRACE_ID or span_id == NO_SPAN_ID:
        raise Rejected(Reason.BAD_SPAN_ID)
    hashed = _empty_hash.copy()
    hashed.update(trace_id + span_id)
    high, low = _halves(hashed.digest())
    return _as_uuid(start_ns // 1_000_000 << 16 | VERSION_8 | high & 0xFFF, VARIANT | low & HASHED_BITS)
