"""A server of HTTP/2 on a real socket, made of the h2 package: what others think that the protocol is."""

import contextlib
import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from origin import made

_READ: Final = 1 << 16


class Http2Server:
    """Answers `/bytes?n=` with so many octets, everything else with what came: digest and length of the body, in trailers too."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context: Final = context
        self._listening: Final = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._threads: Final[list[threading.Thread]] = []
        self.connections = 0
        self.requests: Final[list[dict[str, str]]] = []
        self._accepting: Final = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def close(self) -> None:
        """Stop, whatever is under way."""
        self._stopping.set()
        self._accepting.join()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            if select.select([self._listening], [], [], 0.05)[0]:
                sock, _ = self._listening.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError), sock:
            if self._context is None:
                _Talk(self, sock).run(self._stopping)
            else:
                with self._context.wrap_socket(sock, server_side=True) as secure:
                    assert secure.selected_alpn_protocol() == "h2"
                    _Talk(self, secure).run(self._stopping)


class _Talk:
    """One connection."""

    def __init__(self, server: Http2Server, sock: socket.socket) -> None:
        self._server: Final = server
        self._socket: Final = sock
        self._h2: Final = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._paths: Final[dict[int, str]] = {}
        self._bodies: Final[dict[int, bytes]] = {}
        self._unsent: Final[dict[int, bytes]] = {}

    def run(self, stopping: threading.Event) -> None:
        """Serve until either side ends."""
        self._h2.initiate_connection()
        self._socket.sendall(self._h2.data_to_send())
        self._socket.settimeout(0.05)
        while not stopping.is_set():
            try:
                octets = self._socket.recv(_READ)
            except TimeoutError:
                continue
            if not octets:
                return
            for event in self._h2.receive_data(octets):
                self._act(event)
            for stream in list(self._unsent):
                self._go_on(stream)
            self._socket.settimeout(30)
            self._socket.sendall(self._h2.data_to_send())
            self._socket.settimeout(0.05)

    def _act(self, event: object) -> None:
        if isinstance(event, RequestReceived):
            fields = {name.decode(): value.decode() for name, value in event.headers}
            self._server.requests.append(fields)
            self._paths[event.stream_id] = fields[":path"]
            self._bodies[event.stream_id] = b""
        elif isinstance(event, DataReceived):
            self._bodies[event.stream_id] += event.data
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._answer(event.stream_id)
        elif isinstance(event, StreamReset):
            self._unsent.pop(event.stream_id, None)

    def _answer(self, stream: int) -> None:
        path, body = self._paths.pop(stream), self._bodies.pop(stream)
        _, _, size = path.partition("/bytes?n=")
        told = made(int(size)) if size else f"{hashlib.sha256(body).hexdigest()} {len(body)}".encode()
        self._h2.send_headers(stream, [(":status", "200"), ("x-server", "h2")])
        self._unsent[stream] = told
        self._go_on(stream)

    def _go_on(self, stream: int) -> None:
        waiting = self._unsent[stream]
        while waiting:
            room = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._unsent[stream] = waiting
                return
            self._h2.send_data(stream, waiting[:room])
            waiting = waiting[room:]
        del self._unsent[stream]
        self._h2.send_headers(stream, [("x-complete", "yes")], end_stream=True)


@contextlib.contextmanager
def http2_server(context: ssl.SSLContext | None = None) -> Iterator[Http2Server]:
    """A running one. Args: context - of TLS, offering h2; None: in the clear, with prior knowledge."""
    server = Http2Server(context)
    try:
        yield server
    finally:
        server.close()
