"""Collectors that misbehave, over real sockets, and remember every byte that reached them."""

import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
RESET = struct.pack("ii", 1, 0)


@dataclass
class Taken:
    """What reached a collector: `heads` of HTTP requests or metadata of calls, and `bodies`, whole or in part."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def requests(self) -> list[ExportTraceServiceRequest]:
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    def people(self) -> list[str]:
        """The pseudonym of each span that reached it, in their order."""
        return [
            attribute.value.string_value
            for request in self.requests()
            for resource_spans in request.resource_spans
            for scope_spans in resource_spans.scope_spans
            for span in scope_spans.spans
            for attribute in span.attributes
            if attribute.key == "user.id"
        ]


# --- HTTP: what is done with a connection once its request was read ---

Behaviour = Callable[[socket.socket, Taken], None]


def answers(status: int = 200, body: bytes = b"", **headers: str) -> Behaviour:
    """A whole answer. Headers by name with `_` for `-`."""

    def behave(connection: socket.socket, taken: Taken) -> None:
        named = {"Content-Type": "application/x-protobuf", "Content-Length": str(len(body))}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        connection.sendall(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + body)

    return behave


def says(*pieces: bytes) -> Behaviour:
    """These bytes, and the end of the connection."""

    def behave(connection: socket.socket, taken: Taken) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return behave


def partial_success(rejected: int) -> bytes:
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(rejected_spans=rejected, error_message="too old")
    ).SerializeToString()


def resets(connection: socket.socket, taken: Taken) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def hangs(connection: socket.socket, taken: Taken) -> None:
    taken.stopping.wait()


def dribbles(connection: socket.socket, taken: Taken) -> None:
    """One byte after the other, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while not taken.stopping.wait(0.02):
        connection.sendall(b"x")


def floods(connection: socket.socket, taken: Taken) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n")
    while not taken.stopping.is_set():
        connection.sendall(b"x" * 65536)


def _read_request(connection: socket.socket, taken: Taken, *, body: bool) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := connection.recv(65536)):
            return
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    taken.heads.append(head.decode())
    fields = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.decode().split("\r\n"))
    }
    while body and len(rest) < int(fields["content-length"]) and (piece := connection.recv(65536)):
        rest += piece
    if rest:
        taken.bodies.append(gzip.decompress(rest) if fields.get("content-encoding") == "gzip" else rest)


@contextmanager
def http_collector(
    *behaviours: Behaviour, reads_body: bool = True, context: ssl.SSLContext | None = None
) -> Iterator[Taken]:
    """Behaves to each connection in turn as told, to all later ones as to the last."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    if not reads_body:  # then the kernel takes as little of it as it can
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    taken = Taken(f"{'https' if context else 'http'}://localhost:{listener.getsockname()[1]}")
    todo = list(behaviours)

    def serve(connection: socket.socket, behave: Behaviour) -> None:
        with suppress(OSError), connection:
            wrapped = context.wrap_socket(connection, server_side=True) if context else connection
            with wrapped:
                _read_request(wrapped, taken, body=reads_body)
                behave(wrapped, taken)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                behave = todo.pop(0) if len(todo) > 1 else todo[0]
                threading.Thread(target=serve, args=(connection, behave), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        taken.stopping.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


# --- gRPC: what is done with a call ---

Call = Callable[[Any, Taken], bytes]


def accepts(body: bytes = b"") -> Call:
    return lambda context, taken: body


def fails(code: grpc.StatusCode, *, retry_seconds: float | None = None) -> Call:
    def behave(context: Any, taken: Taken) -> bytes:
        if retry_seconds is not None:
            info = AnyMessage()
            whole, part = divmod(retry_seconds, 1)
            info.Pack(RetryInfo(retry_delay=Duration(seconds=int(whole), nanos=int(part * 1e9))))
            details = Status(code=code.value[0], details=[info]).SerializeToString()
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, "whatever it says")
        raise AssertionError("abort raises")

    return behave


def waits(context: Any, taken: Taken) -> bytes:
    taken.stopping.wait()
    return b""


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, todo: list[Call], taken: Taken) -> None:
        self._todo, self._taken = todo, taken

    def service(self, details: Any) -> Any:
        assert details.method == METHOD

        def export(request: bytes, context: Any) -> bytes:
            self._taken.heads.append(str(dict(details.invocation_metadata)))
            self._taken.bodies.append(request)
            behave = self._todo.pop(0) if len(self._todo) > 1 else self._todo[0]
            return behave(context, self._taken)

        return grpc.unary_unary_rpc_method_handler(export)


@contextmanager
def grpc_collector(*calls: Call, credentials: grpc.ServerCredentials | None = None) -> Iterator[Taken]:
    server = grpc.server(futures.ThreadPoolExecutor(8))
    taken = Taken()
    server.add_generic_rpc_handlers((_Handler(list(calls), taken),))
    if credentials is None:
        taken.url = f"http://localhost:{server.add_insecure_port('127.0.0.1:0')}"
    else:
        taken.url = f"https://localhost:{server.add_secure_port('127.0.0.1:0', credentials)}"
    server.start()
    try:
        yield taken
    finally:
        taken.stopping.set()
        server.stop(0).wait()
