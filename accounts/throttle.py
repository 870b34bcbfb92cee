"""Throttle on guessing passwords, shared by the sign-in page, the admin and the API.

One statement counts an attempt before the password is checked; a success subtracts it again. Parallel attempts thus get
no more tries than sequential ones. The counts have a table of their own, from which no other data can evict them. Its
keys are keyed hashes, without names or addresses. If the table cannot be written, signing in fails.

Failures count per account *and address*, so that nobody can lock a person out from elsewhere, and per address. An
attacker with many addresses gets the account's allowance at each. A count per account alone would prevent that, but
would let anybody lock out anybody.
"""

import ipaddress
import unicodedata
from dataclasses import dataclass

from django.conf import settings
from django.db import connections, router
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from accounts.models import SignInCount

SECONDS_IN = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
IPV6_NETWORK_BITS = 64  # the smallest network that one customer gets
PURGED_AT_ONCE = 10  # more than the two rows an attempt can add, so expired rows never accumulate

COUNT = """
INSERT INTO accounts_sign_in_count AS counted (key, attempts, ends_at)
VALUES (%(key)s, 1, clock_timestamp() + %(window_s)s * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN counted.ends_at <= clock_timestamp() THEN 1
                    ELSE LEAST(counted.attempts + 1, %(allowed)s + 1) END,
    ends_at = CASE WHEN counted.ends_at <= clock_timestamp() THEN excluded.ends_at ELSE counted.ends_at END
RETURNING attempts, ceil(extract(epoch FROM ends_at - clock_timestamp()))::int
"""
UNCOUNT = "UPDATE accounts_sign_in_count SET attempts = greatest(attempts - 1, 0) WHERE key = %(key)s"
CLEAR = "DELETE FROM accounts_sign_in_count WHERE key = %(key)s"
PURGE = """
DELETE FROM accounts_sign_in_count WHERE key IN (
    SELECT key FROM accounts_sign_in_count WHERE ends_at <= clock_timestamp()
    LIMIT %(most)s FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Brake:
    """Limit on failures of one identity. `rate`, such as "10/hour", allows 10 in the hour after the first failure."""

    kind: str
    identity: str
    rate: str

    @property
    def key(self) -> str:
        return f"{self.kind}-{salted_hmac('accounts.throttle', self.identity, algorithm='sha256').hexdigest()}"

    def count(self) -> int | None:
        """Count an attempt. None if it is allowed, otherwise the seconds to wait."""
        number, _, period = self.rate.partition("/")
        counted = _run(COUNT, key=self.key, window_s=SECONDS_IN[period], allowed=int(number))
        attempts, seconds_left = counted[0]
        return max(1, seconds_left) if attempts > int(number) else None

    def uncount(self) -> None:
        _run(UNCOUNT, key=self.key)

    def clear(self) -> None:
        _run(CLEAR, key=self.key)


def begin_attempt(request: HttpRequest | None, username: str) -> int | None:
    """Count an attempt to sign in. None if it is allowed, otherwise the seconds to wait."""
    _run(PURGE, most=PURGED_AT_ONCE)
    account, address_ = _brakes(request, username)
    if address_ is not None and (wait := address_.count()) is not None:
        return wait
    wait = account.count()
    if wait is not None and address_ is not None:
        address_.uncount()  # the account's limit prevented the attempt
    return wait


def attempt_succeeded(request: HttpRequest | None, username: str) -> None:
    """Clear the account's failures and subtract this attempt from the address, whose failures stay counted."""
    account, address_ = _brakes(request, username)
    account.clear()
    if address_ is not None:
        address_.uncount()


def _brakes(request: HttpRequest | None, username: str) -> tuple[Brake, Brake | None]:
    """Limits of the account at this address, and of the address; without a request there is no address."""
    network = "" if request is None else network_of(address(request))
    name = unicodedata.normalize("NFKC", username).casefold()
    account = Brake("account", f"{network}\0{name}", settings.SIGN_IN_FAILURES_PER_ACCOUNT)
    return account, None if request is None else Brake("address", network, settings.SIGN_IN_FAILURES_PER_ADDRESS)


def address(request: HttpRequest) -> str:
    """The client's address. X-Forwarded-For counts only if the settings declare a proxy."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    # Our own proxy adds the last entry; a client can forge the others.
    return forwarded.rsplit(",", 1)[-1].strip() or request.META.get("REMOTE_ADDR", "")


def network_of(written: str) -> str:
    """Normalized address: an IPv4 address, or an IPv6 network of 64 bits.

    A port that a proxy added is removed. Text that is no address is returned unchanged.
    """
    host = written.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return written
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    embedded = parsed.ipv4_mapped or (ipaddress.IPv4Address(int(parsed)) if int(parsed) >> 32 == 0 else None)
    if embedded is not None and parsed != ipaddress.IPv6Address("::1"):
        return str(embedded)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))


def _run(statement: str, **values: str | int) -> list[tuple[int, int]]:
    with connections[router.db_for_write(SignInCount)].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []
