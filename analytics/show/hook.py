"""Posts signed JSON to the operator's web hook, in the format of Standard Webhooks (standardwebhooks.com).

`webhook-signature` is `v1,` and base64 of HMAC-SHA256 over `webhook-id.webhook-timestamp.body`. Redirects are not
followed and proxies not used. The address is checked where the connection is made, so a name cannot change in between.
"""

import hmac
import ipaddress
import json
import socket
import ssl
import threading
from base64 import b64encode
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import certifi
from django.utils import timezone

from analytics.conf import conf
from analytics.exceptions import AnalyticsError
from privacy.elapsed import elapsed

# For connecting, and for everything after it.
PATIENCE_SECONDS = 10.0
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotPosted(AnalyticsError):
    """The hook did not accept it; the message is the cause, without the address."""


def post(identifier: str, payload: dict[str, Any]) -> None:
    """Post once. Raises NotPosted."""
    body, seconds = json.dumps(payload).encode(), str(int(timezone.now().timestamp()))
    headers = {
        "content-type": "application/json",
        "user-agent": "rhesis-telemetry",
        "webhook-id": identifier,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(identifier, seconds, body),
    }
    try:
        status = _answered(headers, body)
    except TimeoutError:
        raise NotPosted(f"no answer within {PATIENCE_SECONDS:g} seconds") from None
    except ssl.SSLCertVerificationError:
        raise NotPosted("its certificate is not valid") from None
    except socket.gaierror:
        raise NotPosted("the name of its host is not known") from None
    # The settings accept no host that IDNA cannot encode, except labels that are too long.
    except (OSError, HTTPException, UnicodeError) as error:
        raise NotPosted(f"the connection failed ({type(error).__name__})") from None
    if 300 <= status < 400:
        raise NotPosted(f"it answered with status {status}, and redirects are not followed")
    if not 200 <= status < 300:
        raise NotPosted(f"it answered with status {status}")


def signature(identifier: str, seconds: str, body: bytes) -> str:
    signed = hmac.digest(conf.alert_hook_secret, f"{identifier}.{seconds}.".encode() + body, sha256)
    return f"v1,{b64encode(signed).decode()}"


def _answered(headers: dict[str, str], body: bytes) -> int:
    """Status of the answer."""
    to = urlsplit(conf.alert_hook)
    is_tls, host = to.scheme == "https", to.hostname or ""
    connected = _connected(host, to.port or (443 if is_tls else 80), is_tls=is_tls)
    if is_tls:
        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        connected = context.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
    # However slowly the answer drips, this ends the wait for it.
    is_late = threading.Event()
    timer = threading.Timer(PATIENCE_SECONDS, _cut, (connected, is_late))
    timer.start()
    try:
        if isinstance(connected, ssl.SSLSocket):
            connected.do_handshake()
        connection = (HTTPSConnection if is_tls else HTTPConnection)(host, to.port)
        connection.sock = connected
        connection.request("POST", f"{to.path or '/'}{'?' * bool(to.query)}{to.query}", body, headers)
        return connection.getresponse().status
    except (OSError, HTTPException):
        if is_late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        connected.close()


def _cut(connected: socket.socket, is_late: threading.Event) -> None:
    is_late.set()
    with suppress(OSError):  # closed in the meantime
        # Not the method of a TLS socket, which would go on in plain text first.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _connected(host: str, port: int, *, is_tls: bool) -> socket.socket:
    """A connection to the first of the host's addresses that is allowed and answers."""
    failure: Exception = OSError()
    until = elapsed.now() + PATIENCE_SECONDS
    for family, kind, protocol, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        is_public = _is_public(str(where[0]))
        if not is_public and not conf.alert_hook_private:
            failure = NotPosted("it leads to a private, loopback or link-local address, which is not allowed")
            continue
        if is_public and not is_tls:
            failure = NotPosted("its address is public and begins with http://; use https://")
            continue
        connecting = socket.socket(family, kind, protocol)
        try:
            connecting.settimeout(max(until - elapsed.now(), 0.01))
            connecting.connect(where)
        except OSError as error:
            connecting.close()
            failure = error
        else:
            connecting.settimeout(PATIENCE_SECONDS)
            return connecting
    raise failure


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        # IPv6 addresses that stand for one of IPv4.
        inside = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        address = inside or address
    return address.is_global and not address.is_multicast
