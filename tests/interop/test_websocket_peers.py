"""WebSockets between peers that others wrote, with a running proxy in between: by HTTP/1.1, and on streams of HTTP/2."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme
from live_proxy import PATIENCE, LiveProxy, forward_to, live_proxy
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, OPEN, Protocol
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from hauberk_core.http.events import Data, End, Request, Response
from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits

pytestmark = pytest.mark.e2e

LARGE: Final = bytes(range(256)) * 4096
CHAT: Final = Subprotocol("chat")


def echo(connection: ServerConnection) -> None:
    """Send back what comes, until the client has said `bye`."""
    for message in connection:
        connection.send(message)
        if message == "bye":
            connection.close(4000, "as you wish")


@pytest.fixture(scope="module")
def backend() -> Iterator[int]:
    """The port of a server of WebSockets."""
    server: Server
    with serve(echo, "127.0.0.1", 0, subprotocols=[CHAT], max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    folder = tmp_path_factory.mktemp("certificates")
    made = trustme.CA()
    issued = made.issue_cert("localhost")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "chain.pem")
    return made, folder


@pytest.fixture(scope="module")
def proxy(backend: int, authority: tuple[trustme.CA, Path]) -> Iterator[LiveProxy]:
    snapshot = forward_to(backend)
    (chain,) = snapshot["listeners"]["web"]["filter_chains"]
    transport = {"security": "tls", "certificates": ["own"], "alpn": ["h2", "http/1.1"]}
    snapshot["listeners"]["tls"] = {"address": "127.0.0.1:0", "filter_chains": [chain | {"transport": transport}]}
    folder = authority[1]
    snapshot["certificates"] = {"own": {"chain_file": str(folder / "chain.pem"), "key_file": str(folder / "key.pem")}}
    with live_proxy(snapshot) as running:
        yield running


def trusting(authority: tuple[trustme.CA, Path], protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority[0].configure_trust(context)
    context.set_alpn_protocols([protocol])
    return context


@pytest.mark.parametrize("secure", [False, True])
def test_messages_pass_both_ways(proxy: LiveProxy, authority: tuple[trustme.CA, Path], secure: bool) -> None:
    url = f"wss://localhost:{proxy.ports()['tls']}/chat" if secure else f"ws://127.0.0.1:{proxy.port}/chat"
    context = trusting(authority, "http/1.1") if secure else None
    with connect(url, ssl=context, subprotocols=[CHAT], max_size=None, open_timeout=PATIENCE) as client:
        assert client.subprotocol == CHAT
        client.send("hello")
        client.send(LARGE)
        assert client.recv(PATIENCE) == "hello"
        assert client.recv(PATIENCE) == LARGE
        assert client.ping().wait(PATIENCE)
        client.send("bye")
        assert client.recv(PATIENCE) == "bye"
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        assert (client.close_code, client.close_reason) == (4000, "as you wish")


def test_a_refused_handshake_is_told(proxy: LiveProxy) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{proxy.port}/", open_timeout=PATIENCE, additional_headers={"Sec-WebSocket-Version": "7"})
    assert refused.value.response.status_code in (400, 426)


class Streams:
    """A client of WebSockets on the streams of one connection."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "h2"
        self.machine = LibraryMachine(True, "https", HttpLimits())
        self.frames: dict[int, Protocol] = {}
        self.statuses: dict[int, int] = {}
        self.ended: set[int] = set()

    def open(self, authority: str) -> int:
        """Ask for another one. Returns: its stream."""
        while not self.machine.takes_upgrades():
            self.hear()
        headers = Headers()
        for name, value in (("host", authority), ("sec-websocket-version", "13"), ("sec-websocket-protocol", "chat")):
            headers.add(name, value)
        request = Request("GET", authority, "/chat", "", 11, headers)
        request.scheme = "https"
        request.upgrade = "websocket"
        stream = self.machine.send_request(request)
        self.frames[stream] = Protocol(CLIENT, state=OPEN, max_size=None)
        while stream not in self.statuses:
            self.hear()
        return stream

    def hear(self) -> None:
        """Send what there is to send, and take what comes next."""
        for stream, protocol in self.frames.items():
            for octets in protocol.data_to_send():
                if octets:
                    self.machine.send_data(stream, octets)
                elif self.machine.is_open(stream):
                    self.machine.send_end(stream, None)
        self._socket.sendall(self.machine.take_output())
        self.machine.receive(self._socket.recv(65536), 0.0)
        while (event := self.machine.next_event()) is not None:
            stream = self.machine.stream
            if isinstance(event, Response):
                self.statuses[stream] = event.status
            elif isinstance(event, Data):
                self.frames[stream].receive_data(event.data)
                self.machine.consume(stream, len(event.data))
            elif isinstance(event, End):
                self.frames[stream].receive_eof()
                self.ended.add(stream)
        self._socket.sendall(self.machine.take_output())

    def message(self, stream: int) -> bytes:
        """The next message, whole."""
        whole = b""
        while True:
            for frame in self.frames[stream].events_received():
                assert isinstance(frame, Frame)
                if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                    whole += frame.data
                    if frame.fin:
                        return whole
            self.hear()

    def close(self) -> None:
        self._socket.close()


def test_streams_of_http_2_are_websockets(proxy: LiveProxy, authority: tuple[trustme.CA, Path]) -> None:
    port = proxy.ports()["tls"]
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    client = Streams(plain, trusting(authority, "h2"))
    first, second = client.open(f"localhost:{port}"), client.open(f"localhost:{port}")
    assert [client.statuses[stream] for stream in (first, second)] == [101, 101]
    client.frames[second].send_text(b"other")
    client.frames[first].send_text(b"hello")
    client.frames[first].send_binary(LARGE)
    assert client.message(first) == b"hello"
    assert client.message(first) == LARGE
    assert client.message(second) == b"other"
    client.frames[first].send_text(b"bye")
    assert client.message(first) == b"bye"
    while first not in client.ended:
        client.hear()
    assert client.frames[first].close_code == 4000
    client.frames[second].send_text(b"still here")
    assert client.message(second) == b"still here"
    client.close()
