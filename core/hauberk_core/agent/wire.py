"""What the agent and a worker say to each other, and how it is laid on the wire.

A frame is its length (four octets, big end first) and a msgpack value, tagged with the message's name. Both ends come from one
installation; `PROTOCOL` still guards the moment when files were replaced under a running agent.

The configuration travels as *resources*: octets under a name `kind/rest`. Only what changed is sent, and only that is decoded:

    listener/NAME, route_table/NAME, cluster/NAME    as `model.codec.encode_resource` writes them
    certificate/NAME                                 MessagePack of `CertificatePem`
    trust/FILE                                       a PEM bundle
    access_log/                                      as the first; absent: no log
"""

from typing import Final

import msgspec

PROTOCOL: Final = 3

LENGTH_OCTETS: Final = 4
# A configuration file may have 16 MiB; its certificates, and the little that re-encoding adds, fit into as much again, twice.
LARGEST_FRAME: Final = 64 * 1024 * 1024
# One descriptor for each listener and one for the access log. The kernel takes 253 a call; `link` splits.
MOST_DESCRIPTORS: Final = 4096

LISTENER: Final = "listener"
ROUTE_TABLE: Final = "route_table"
CLUSTER: Final = "cluster"
CERTIFICATE: Final = "certificate"
TRUST: Final = "trust"
ACCESS_LOG: Final = "access_log"


class WireError(Exception):
    """The other end does not keep to this protocol; the link is then dead."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Worker to agent, first of all: it runs and waits for its configuration."""

    pid: int
    protocol: int = PROTOCOL


class Delta(msgspec.Struct, frozen=True, tag="delta"):
    """Agent to worker: the step from the last configuration it acknowledged to a new one.

    All of it takes effect, or (answered by `Nack`) nothing.
    """

    number: int
    """Counts the agent's configurations; the answer repeats it."""
    version: str
    """The snapshot's own version, for people."""
    set: dict[str, bytes]
    removed: list[str]
    descriptors: list[str]
    """Resources that the attached descriptors belong to, in the same order: listening sockets, and the access log's file. A
    listener with several sockets is named once for each."""


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """Worker to agent: the configuration with this number serves."""

    number: int


class Nack(msgspec.Struct, frozen=True, tag="nack"):
    """Worker to agent: this configuration was refused, and the one before serves on."""

    number: int
    reasons: list[str]


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """Agent to worker: accept nothing more, finish what is in flight, exit."""

    seconds: float


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """Agent to worker, at any time: what do you know of this? For the admin server's pages."""

    number: int
    """Tells this question from others that wait; the answer repeats it."""
    topic: str


class Told(msgspec.Struct, frozen=True, tag="told"):
    """Worker to agent: what it knows, as JSON that the asker understands; empty if it has never heard of the topic."""

    number: int
    data: bytes


class Spans(msgspec.Struct, frozen=True, tag="spans"):
    """Worker to agent, unasked: finished spans for export, each as `model.span.encode_span` writes it."""

    spans: list[bytes]


class CertificatePem(msgspec.Struct, frozen=True, array_like=True):
    """The two halves of a certificate, as PEM."""

    chain: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"CertificatePem({len(self.chain)} octets, key withheld)"


Message = Hello | Delta | Ack | Nack | Drain | Ask | Told | Spans

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)


def encode_frame(message: Message) -> bytes:
    """The frame that carries `message`.

    Raises: WireError if it would be longer than a frame may be.
    """
    body = _encoder.encode(message)
    if len(body) > LARGEST_FRAME:
        raise WireError(
            f"the configuration takes {len(body)} octets on the way to a worker, more than the {LARGEST_FRAME} allowed; "
            "split it over several proxies, or make certificate bundles smaller"
        )
    return len(body).to_bytes(LENGTH_OCTETS) + body


class FrameReader:
    """Puts frames together from octets as they come; never holds more than one frame and one read."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add octets that were received."""
        self._buffer += data

    def next_message(self) -> Message | None:
        """The next whole message, or None until more octets come.

        Raises: WireError if this is no frame of ours.
        """
        buffer = self._buffer
        if len(buffer) < LENGTH_OCTETS:
            return None
        end = LENGTH_OCTETS + int.from_bytes(buffer[:LENGTH_OCTETS])
        if end > LENGTH_OCTETS + LARGEST_FRAME:
            raise WireError(f"a frame of {end - LENGTH_OCTETS} octets was announced; at most {LARGEST_FRAME} are allowed")
        if len(buffer) < end:
            return None
        with memoryview(buffer) as view, view[LENGTH_OCTETS:end] as body:
            try:
                message = _decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise WireError(f"a frame that is no message: {error}") from error
        del buffer[:end]
        return message

    def is_empty(self) -> bool:
        """Whether the octets so far ended with a whole frame."""
        return not self._buffer
