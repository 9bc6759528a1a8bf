"""One operation of a trace, finished: what a plugin hands over and the agent exports. Names and numbers are OpenTelemetry's."""

from typing import Final

import msgspec

# The name under which plugins hand spans to `Services.export`.
EXPORTED_AS: Final = "span"

# SpanKind.
SERVER: Final = 2
CLIENT: Final = 3

Attribute = str | int | float | bool


class SpanEvent(msgspec.Struct, frozen=True, array_like=True):
    """Something that happened at one moment of a span."""

    time: int
    """Nanoseconds since 1970."""
    name: str
    attributes: dict[str, Attribute] = {}


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A span. Text is Unicode; whoever makes it from octets decides how they are read, and bounds their number."""

    trace_id: str
    """32 hexadecimal digits in lower case, not all 0."""
    span_id: str
    """16 of them, not all 0."""
    parent_id: str
    """The parent's span id; empty: this is the root."""
    kind: int
    """SERVER or CLIENT."""
    name: str
    start: int
    """Nanoseconds since 1970."""
    end: int
    """The same, not before `start`."""
    attributes: dict[str, Attribute] = {}
    events: list[SpanEvent] = []
    trace_state: str = ""
    """The value of `tracestate` that came with the trace."""
    remote_parent: bool = False
    """Whether the parent is another process's span."""
    error: str | None = None
    """Why the operation failed, for a person (may be empty); None: it did not."""


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[Span]] = msgspec.msgpack.Decoder(Span)


def encode_span(span: Span) -> bytes:
    """The span as MessagePack, as it travels from a worker to its agent."""
    return _encoder.encode(span)


def decode_span(data: bytes) -> Span:
    """The span again. Raises: msgspec.MsgspecError (a ValueError) if `data` is none."""
    return _decoder.decode(data)
