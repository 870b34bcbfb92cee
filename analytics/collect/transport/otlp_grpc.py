"""OTLP over gRPC: one call on a channel of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import grpc
from grpc.experimental.gevent import init_gevent
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

from analytics.collect.greenlets import runs_on_gevent
from analytics.collect.transport import Send, StillPermitted, Tls
from analytics.collect.transport.answers import Answer, Reason, again, of_grpc, of_grpc_response
from privacy.elapsed import elapsed

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_SETTLED = {grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE}


class GrpcTransport:
    """`url` is http:// (plain text) or https://, as the specification has it for both protocols."""

    def __init__(self, url: str, *, headers: Mapping[str, str], compress: bool, tls: Tls | None = None) -> None:
        """Raises ValueError for what is no address, OSError for certificates that cannot be read."""
        address = urlsplit(url)
        if not address.hostname:
            raise ValueError("the endpoint names no host")
        host = f"[{address.hostname}]" if ":" in address.hostname else address.hostname
        self._secure = address.scheme == "https"
        self._target = f"{host}:{address.port or (443 if self._secure else 80)}"
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())
        self._compression = grpc.Compression.Gzip if compress else grpc.Compression.NoCompression
        self._credentials = _credentials(tls or Tls()) if self._secure else None
        self._channel: grpc.Channel | None = None

    @contextmanager
    def connected(self, deadline: float) -> Iterator[Send]:
        channel = self._open()
        try:
            self._channel = channel
            self._wait_until_ready(channel, deadline)
            yield partial(self._send, channel, deadline)
        finally:
            self._channel = None
            channel.close()

    def abort(self) -> None:
        under_way = self._channel
        if under_way is not None:
            under_way.close()

    def _open(self) -> grpc.Channel:
        if runs_on_gevent():
            _wait_with_gevent()
        options = [
            ("grpc.enable_retries", 0),  # not the transparent ones either: one call is one attempt
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", int(self._secure)),
        ]
        if self._credentials is None:
            return grpc.insecure_channel(self._target, options=options, compression=self._compression)
        return grpc.secure_channel(self._target, self._credentials, options=options, compression=self._compression)

    def _wait_until_ready(self, channel: grpc.Channel, deadline: float) -> None:
        states: SimpleQueue[grpc.ChannelConnectivity] = SimpleQueue()
        channel.subscribe(states.put, try_to_connect=True)
        try:
            while (state := states.get(timeout=max(0.0, deadline - elapsed.now()))) not in _SETTLED:
                continue
        except Empty:
            raise TimeoutError("the collector could not be reached in time") from None
        finally:
            channel.unsubscribe(states.put)
        if state is not grpc.ChannelConnectivity.READY:
            raise ConnectionError("the collector could not be reached")

    def _send(
        self, channel: grpc.Channel, deadline: float, spans: Sequence[ReadableSpan], still_permitted: StillPermitted
    ) -> Answer:
        body = encode_spans(spans).SerializeToString()
        call: Any = channel.unary_unary(METHOD, None, None)  # bytes to bytes: what is to be sent is encoded by now
        until = min(deadline, still_permitted())
        seconds = until - elapsed.now()
        if seconds <= 0:
            return again(Reason.TIMEOUT)
        try:
            answer: bytes = call(body, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            return of_grpc(error.code(), error.trailing_metadata() or ())
        except ValueError:
            return again(Reason.UNREACHABLE)  # aborted, so that the channel is closed
        return of_grpc_response(answer)


@cache
def _wait_with_gevent() -> None:
    """Let gRPC's calls wait as greenlets do; otherwise the first call would block the whole process."""
    init_gevent()


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    def read(path: Path | None) -> bytes | None:
        return path.read_bytes() if path is not None else None

    return grpc.ssl_channel_credentials(read(tls.certificate), read(tls.client_key), read(tls.client_certificate))
