"""OTLP's request as message classes that look into less of it, made at run time from OpenTelemetry's own descriptors.

On the wire text, bytes and messages are the same: a length and that many bytes. Who declares a field `bytes` gets it
unread, which costs less where it is known already, and costs nobody else where it is no UTF-8 or nested deeply:
protobuf's own classes refuse a whole request, of many senders behind a collector, for one such word in it.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

FILES = (common_pb2, resource_pb2, trace_pb2, trace_service_pb2)  # each imports only what stands before it
PACKAGE = "opentelemetry.proto"
REQUEST = "collector.trace.v1.ExportTraceServiceRequest"


def _all(messages: Any) -> Iterator[DescriptorProto]:
    for message in messages:
        yield message
        yield from _all(message.nested_type)


def _messages(unread: frozenset[tuple[str, str]]) -> DescriptorPool:
    """OTLP's messages with text as bytes, and the fields of `unread` (message, field) as bytes too."""
    pool = DescriptorPool()
    for module in FILES:
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in _all(file.message_type):
            for field in message.field:
                if field.type == FieldDescriptorProto.TYPE_STRING:
                    field.type = FieldDescriptorProto.TYPE_BYTES
                if (message.name, field.name) in unread:
                    field.type = FieldDescriptorProto.TYPE_BYTES
                    field.ClearField("type_name")
        pool.Add(file)
    return pool


def _class(pool: DescriptorPool, name: str) -> Any:
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


# Arrays and maps in an attribute: none of ours has one, and for one past protobuf's limit of nesting the whole request
# would be refused.
NESTED = frozenset({("AnyValue", "array_value"), ("AnyValue", "kvlist_value")})
_text_unread = _messages(NESTED)
TextUnread = _class(_text_unread, REQUEST)
UnreadAttribute = _class(_text_unread, "common.v1.KeyValue")
SpansUnread = _class(_messages(NESTED | {("ScopeSpans", "spans")}), REQUEST)
AttributesUnread = _class(_messages(NESTED | {("Span", "attributes")}), REQUEST)
