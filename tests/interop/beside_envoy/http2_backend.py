"""A server of HTTP/2 that writes down what it is sent, and lets the h2 package judge it.

One thread a connection; whoever has an answer knows that the request is in the record. What h2 does not take is kept, and the
connection closed.
"""

import contextlib
import itertools
import select
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from asked import Field
from recording_backend import Recorded

_READ: Final = 1 << 16


@dataclass(frozen=True)
class Http2Answer:
    """What is sent back on the request's stream."""

    status: int = 200
    """0: nothing."""
    fields: tuple[Field, ...] = ()
    body: bytes = b""
    trailers: tuple[Field, ...] = ()
    interim: tuple[tuple[int, tuple[Field, ...]], ...] = ()
    reset: h2.errors.ErrorCodes | None = None
    """The stream is given up behind all of that, in place of its end."""


@dataclass
class _Request:
    head: list[Field]
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    unsent: bytes = b""
    answer: Http2Answer | None = None


class Http2Backend:
    """The server. Runs from its making to `close`."""

    def __init__(self, answer: Callable[[Recorded], Http2Answer]) -> None:
        self.refusals: Final[list[str]] = []
        """Why h2 did not take what came on a connection."""
        self._answer: Final = answer
        self._requests: Final[list[Recorded]] = []
        self._numbers: Final = itertools.count(1)
        self._lock: Final = threading.Lock()
        self._listener: Final = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._stopping, self._stopped = socket.socketpair()
        self._threads: Final[list[threading.Thread]] = []
        self._accepting: Final = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        """End. What was recorded stays."""
        self._stopping.close()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        self._stopped.close()

    def requests(self) -> list[Recorded]:
        """Every request that was complete, in the order of their numbers."""
        with self._lock:
            return self._requests.copy()

    def record(self, head: list[Field], body: bytes, trailers: list[Field]) -> Http2Answer:
        """Note a request. Returns: what it is answered."""
        pseudo = {name: value for name, value in head if name.startswith(":")}
        fields = [(name, value) for name, value in head if not name.startswith(":")]
        method, path = pseudo.get(":method", ""), pseudo.get(":path", "")
        # The form of HTTP/1.1, in which everything else of the kind is written down.
        lines = [f"{method} {pseudo.get(':scheme', '')}://{pseudo.get(':authority', '')}{path} HTTP/2"]
        octets = "\r\n".join([*lines, *[f"{name}: {value}" for name, value in fields], "", ""]).encode("latin-1")
        with self._lock:
            recorded = Recorded(next(self._numbers), method, path, fields + trailers, body, octets)
            self._requests.append(recorded)
        return self._answer(recorded)

    def _accept(self) -> None:
        while self._stopped not in select.select([self._listener, self._stopped], [], [])[0]:
            accepted, _ = self._listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(accepted,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError), accepted:
            talk = _Talk(self, accepted)
            while self._stopped not in select.select([accepted, self._stopped], [], [])[0]:
                octets = accepted.recv(_READ)
                if not octets or not talk.receive(octets):
                    return


class _Talk:
    """One connection."""

    def __init__(self, backend: Http2Backend, stream: socket.socket) -> None:
        self._backend: Final = backend
        self._stream: Final = stream
        settings = h2.config.H2Configuration(client_side=False, header_encoding="latin-1", validate_outbound_headers=False)
        self._machine: Final = h2.connection.H2Connection(settings)
        self._requests: Final[dict[int, _Request]] = {}
        self._machine.initiate_connection()
        self._flush()

    def receive(self, octets: bytes) -> bool:
        """What has come. Returns: whether h2 takes it."""
        try:
            for event in self._machine.receive_data(octets):
                self._act(event)
        except h2.exceptions.ProtocolError as error:
            self._backend.refusals.append(repr(error))
            self._flush()
            return False
        for number in list(self._requests):
            self._go_on(number)
        self._flush()
        return True

    def _flush(self) -> None:
        self._stream.sendall(self._machine.data_to_send())

    def _act(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._requests[event.stream_id] = _Request(_pairs(event.headers))
        elif isinstance(event, h2.events.DataReceived):
            self._machine.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._requests:
                self._requests[event.stream_id].body += event.data
        elif isinstance(event, h2.events.TrailersReceived):
            self._requests[event.stream_id].trailers = _pairs(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self._begin_answer(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self._requests.pop(event.stream_id, None)

    def _begin_answer(self, number: int) -> None:
        request = self._requests[number]
        answer = self._backend.record(request.head, request.body, request.trailers)
        request.answer = answer
        for status, fields in answer.interim:
            self._machine.send_headers(number, [(":status", str(status)), *fields])
        if answer.status:
            request.unsent = b"" if (":method", "HEAD") in request.head else answer.body
            ends = not (request.unsent or answer.trailers or answer.reset)
            self._machine.send_headers(number, [(":status", str(answer.status)), *answer.fields], end_stream=ends)
            if ends:
                del self._requests[number]
                return
        elif answer.reset is None:
            # It is never answered; what comes of it later is nobody's.
            del self._requests[number]

    def _go_on(self, number: int) -> None:
        """As much of an answer's rest as the window takes."""
        request = self._requests[number]
        answer = request.answer
        if answer is None:
            return
        while request.unsent:
            size = min(
                len(request.unsent), self._machine.local_flow_control_window(number), self._machine.max_outbound_frame_size
            )
            if size <= 0:
                return
            piece, request.unsent = request.unsent[:size], request.unsent[size:]
            ends = not (request.unsent or answer.trailers or answer.reset)
            self._machine.send_data(number, piece, end_stream=ends)
        del self._requests[number]
        if answer.reset is not None:
            self._machine.reset_stream(number, answer.reset)
        elif answer.trailers:
            self._machine.send_headers(number, list(answer.trailers), end_stream=True)


def _pairs(fields: object) -> list[Field]:
    assert isinstance(fields, list)
    return [(str(name), str(value)) for name, value in fields]


@contextlib.contextmanager
def http2_backend(answer: Callable[[Recorded], Http2Answer]) -> Iterator[Http2Backend]:
    """One, for as long as the context lasts."""
    backend = Http2Backend(answer)
    try:
        yield backend
    finally:
        backend.close()
