"""OTLP over HTTP/protobuf and over gRPC: one attempt, no retry, and nothing read from the environment but proxies.

The SDK's own exporters try again by themselves inside `export()`, and read headers, certificates, compression and
credential providers of OTEL_EXPORTER_OTLP_* and OTEL_EXPORTER_OTLP_TRACES_* where they are given empty arguments: a
secret for another vendor would reach our endpoint, and spans would leave after a withdrawal. Here everything is an
argument. `~/.netrc`, REQUESTS_CA_BUNDLE and HTTP_PROXY are never read, no redirect is followed. HTTPS_PROXY (and
NO_PROXY) is honoured for https:// endpoints only, where TLS goes through the proxy from end to end.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect.transport.answers import Answer

# Called immediately before the first byte of a span leaves: returns the latest moment (`Elapsed.now`) at which bytes
# may still leave, or raises. A transport that was frozen on the way finds out here.
StillPermitted = Callable[[], float]
Send = Callable[[Sequence[ReadableSpan], StillPermitted], Answer]


class Transport(Protocol):
    """What makes attempts. Holds no connection between two of them."""

    def connected(self, deadline: float) -> AbstractContextManager[Send]:
        """Connect, without sending anything about anybody; inside, `Send` may be called once.

        `deadline`, of `Elapsed.now`, is the end of the attempt, connecting included. Raises OSError when the collector
        cannot be reached; `Send` answers with whatever happened, and raises only what `StillPermitted` raises.
        """

    def abort(self) -> None:
        """From another thread: end an attempt that is under way, now."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM. Without `certificate` the machine's certificate authorities are trusted."""

    certificate: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
