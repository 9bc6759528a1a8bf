"""The same client over HTTP/2, by the h2 package: every request is a stream of one connection."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from asked import CASE, Asked, Field
from http1_client import Heard
from live_proxy import PATIENCE

# What stands for one connection of HTTP/1.1 has no place in HTTP/2 (RFC 9113 section 8.2.2).
_OF_A_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding", "content-length", "host", "expect"}
)


def is_expressible(asked: Asked) -> bool:
    """Whether the request means the same over HTTP/2, and a client may send it there."""
    names = [name.lower() for name, _ in asked.fields]
    sound = all(name.replace("-", "").replace("_", "").isalnum() for name in names)
    values = all("\x00" not in value and value == value.strip() for _, value in asked.fields)
    te = all(value == "trailers" for name, value in asked.fields if name.lower() == "te")
    has_one_host = names.count("host") == 1
    return sound and values and te and has_one_host and asked.target.startswith("/") and asked.version == "HTTP/1.1"


def head_of(asked: Asked, case: str) -> list[Field]:
    """The fields of its HEADERS frame."""
    head = [(":method", asked.method), (":scheme", "http"), (":authority", asked.field("host") or ""), (":path", asked.target)]
    head += [(name.lower(), value) for name, value in asked.fields if name.lower() not in _OF_A_HOP]
    head += [("x-answer", asked.answer), (CASE, case)]
    if asked.framing == "counted":
        head.append(("content-length", str(len(asked.body))))
    return head


@dataclass
class _Stream:
    asked: Asked
    left: bytes
    heard: Heard | None = None
    interim: list[tuple[int, list[Field]]] = field(default_factory=list)
    is_sent: bool = False
    is_over: bool = False


class Http2Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        settings = h2.config.H2Configuration(header_encoding="latin-1", validate_outbound_headers=False)
        self._machine: Final = h2.connection.H2Connection(settings)
        self._streams: Final[dict[int, _Stream]] = {}
        self._stream: Final = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._machine.initiate_connection()

    def close(self) -> None:
        """End the connection."""
        self._stream.close()

    def ask(self, asked: Asked, case: str) -> int:
        """Begin a request. Returns: its stream."""
        number: int = self._machine.get_next_available_stream_id()
        body = asked.body if asked.framing != "none" else b""
        self._machine.send_headers(number, head_of(asked, case), end_stream=not body and not asked.trailers)
        self._streams[number] = _Stream(asked, body, is_sent=not body and not asked.trailers)
        self._send(number)
        return number

    def receive(self, number: int) -> Heard | None:
        """The answer on a stream; None if it, or the connection, ends without one."""
        stream = self._streams[number]
        while not stream.is_over:
            octets = self._stream.recv(1 << 18)
            if not octets:
                return None
            for event in self._machine.receive_data(octets):
                self._handle(event)
            for each, waiting in self._streams.items():
                if not waiting.is_sent and not waiting.is_over:
                    self._send(each)
            self._flush()
        return stream.heard

    def _send(self, number: int) -> None:
        """As much of a request's rest as the window takes."""
        stream = self._streams[number]
        while stream.left:
            size = min(len(stream.left), self._machine.local_flow_control_window(number), self._machine.max_outbound_frame_size)
            if size <= 0:
                break
            piece, stream.left = stream.left[:size], stream.left[size:]
            stream.is_sent = not stream.left and not stream.asked.trailers
            self._machine.send_data(number, piece, end_stream=stream.is_sent)
        if not stream.left and not stream.is_sent:
            self._machine.send_headers(number, [(name.lower(), value) for name, value in stream.asked.trailers], end_stream=True)
            stream.is_sent = True
        self._flush()

    def _flush(self) -> None:
        self._stream.sendall(self._machine.data_to_send())

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.InformationalResponseReceived):
            status, fields = _head(event.headers)
            self._streams[event.stream_id].interim.append((status, fields))
        elif isinstance(event, h2.events.ResponseReceived):
            stream = self._streams[event.stream_id]
            status, fields = _head(event.headers)
            stream.heard = Heard("HTTP/2", status, "", fields, interim=stream.interim, is_complete=False)
        elif isinstance(event, h2.events.DataReceived):
            self._machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            heard = self._streams[event.stream_id].heard
            assert heard is not None
            heard.body += event.data
        elif isinstance(event, h2.events.TrailersReceived):
            heard = self._streams[event.stream_id].heard
            assert heard is not None
            heard.trailers = [(str(name), str(value)) for name, value in event.headers]
        elif isinstance(event, h2.events.StreamEnded):
            stream = self._streams[event.stream_id]
            stream.is_over = True
            if stream.heard is not None:
                stream.heard.is_complete = True
        elif isinstance(event, h2.events.StreamReset):
            stream = self._streams[event.stream_id]
            stream.is_over = True
            # Behind a complete answer it says that the rest of the request is not wanted.
            stream.is_sent = True


def _head(fields: Iterable[tuple[bytes | str, bytes | str]] | None) -> tuple[int, list[Field]]:
    pairs = [(str(name), str(value)) for name, value in fields or ()]
    status = next(int(value) for name, value in pairs if name == ":status")
    return status, [pair for pair in pairs if not pair[0].startswith(":")]
