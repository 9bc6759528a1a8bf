"""HTTP/2 on the wire for tests: frames by hand, and header blocks by hpack, so that our own code is not its judge."""

from collections.abc import Sequence
from typing import NamedTuple

import hpack

from hauberk_core.http.events import Event
from hauberk_core.http.h2.codes import (
    DATA_FRAME,
    END_HEADERS,
    END_STREAM,
    GOAWAY_FRAME,
    HEADERS_FRAME,
    PREFACE,
    RST_STREAM_FRAME,
    SETTINGS_FRAME,
)
from hauberk_core.http.h2.machine import MultiplexedMachine

Fields = Sequence[tuple[str, str]]
GET: Fields = ((":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))
POST: Fields = ((":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))


class Frame(NamedTuple):
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """Of an RST_STREAM or a GOAWAY."""
        return int.from_bytes(self.payload[:4] if self.kind == RST_STREAM_FRAME else self.payload[4:8], "big")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame's octets."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS_FRAME, 0, 0, b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in pairs))


def frames(octets: bytes) -> list[Frame]:
    """Whole frames, taken apart; a preface before them is passed over."""
    octets = octets.removeprefix(PREFACE)
    found: list[Frame] = []
    while octets:
        length = int.from_bytes(octets[:3], "big")
        assert len(octets) >= 9 + length, "a frame is cut short"
        found.append(Frame(octets[3], octets[4], int.from_bytes(octets[5:9], "big"), octets[9 : 9 + length]))
        octets = octets[9 + length :]
    return found


class Peer:
    """The other side of a machine: speaks raw frames, and remembers what the machine said."""

    def __init__(self, machine: MultiplexedMachine, greeting: bytes = PREFACE + settings()) -> None:
        self.machine = machine
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.now = 1.0
        self.said: list[Frame] = []
        self.events: list[tuple[int, Event]] = []
        if greeting:
            self.send(greeting)
            self.said.clear()

    def send(self, octets: bytes) -> list[tuple[int, Event]]:
        """Octets to the machine. Returns: the events that they led to, each with its stream."""
        self.machine.receive(octets, self.now)
        heard: list[tuple[int, Event]] = []
        while (event := self.machine.next_event()) is not None:
            heard.append((self.machine.stream, event))
        self.events += heard
        self.listen()
        return heard

    def fields(self, head: Frame) -> list[tuple[str, str]]:
        """The header list of a HEADERS frame."""
        return [(str(name), str(value)) for name, value in self.decoder.decode(head.payload)]

    def listen(self) -> list[Frame]:
        """What the machine has to say now."""
        said = frames(self.machine.take_output())
        self.said += said
        return said

    def headers(self, stream: int, fields: Fields, ends: bool = True) -> list[tuple[int, Event]]:
        """A header block in one frame."""
        return self.send(self.block(stream, fields, ends))

    def block(self, stream: int, fields: Fields, ends: bool = True) -> bytes:
        """That frame's octets."""
        flags = END_HEADERS | (END_STREAM if ends else 0)
        return frame(HEADERS_FRAME, flags, stream, self.encoder.encode(list(fields)))

    def data(self, stream: int, octets: bytes, ends: bool = False) -> list[tuple[int, Event]]:
        """A DATA frame."""
        return self.send(frame(DATA_FRAME, END_STREAM if ends else 0, stream, octets))

    def resets(self) -> list[tuple[int, int]]:
        """Streams that the machine has reset, with their codes."""
        return [(said.stream, said.code) for said in self.said if said.kind == RST_STREAM_FRAME]

    def goodbye(self) -> int | None:
        """The code of the machine's GOAWAY, if it has said one."""
        codes = [said.code for said in self.said if said.kind == GOAWAY_FRAME]
        return codes[-1] if codes else None
