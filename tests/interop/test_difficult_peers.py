"""Peers that are slow, leave early, break off, stream or change the protocol, before and behind a running proxy."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from live_proxy import PATIENCE, LiveProxy, descriptors, forward_to, live_proxy, resident_bytes, wait_until
from origin import Origin, made, origin

pytestmark = pytest.mark.e2e

HEAD_SECONDS: Final = 0.4
# For a test in which one head has to come in time.
PATIENT_HEAD_SECONDS: Final = 3.0
# What RFC 6455 section 1.3 has every server append to the client's key.
WEBSOCKET_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@pytest.fixture(scope="module")
def backend() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def shared_proxy(backend: Origin, log: Path) -> Iterator[LiveProxy]:
    snapshot = forward_to(backend.port) | {"access_log": {"file": str(log), "format": "json"}}
    [chain] = snapshot["listeners"]["web"]["filter_chains"]
    # Ports of their own: who is held up before a head is sent must not be told of it in any other test.
    for name, seconds in (("hasty", HEAD_SECONDS), ("patient", PATIENT_HEAD_SECONDS)):
        timeouts = {"head": f"{seconds}s"}
        snapshot["listeners"][name] = {"address": "127.0.0.1:0", "filter_chains": [chain | {"timeouts": timeouts}]}
    with live_proxy(snapshot) as running:
        yield running


@pytest.fixture
def proxy(shared_proxy: LiveProxy) -> Iterator[LiveProxy]:
    """The proxy, which afterwards holds no more descriptors than before, but for one connection that its pool may keep."""
    [worker] = shared_proxy.workers()
    _get(shared_proxy)
    before = descriptors(worker)
    yield shared_proxy
    _get(shared_proxy)
    wait_until(lambda: descriptors(worker) <= before + 1, lambda: f"{before} descriptors became {descriptors(worker)}")


def _get(proxy: LiveProxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
    connection.request("GET", "/bytes?n=1", headers={"Connection": "close"})
    assert connection.getresponse().read() == made(1)
    connection.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def read_until(stream: socket.socket, mark: bytes) -> bytes:
    octets = b""
    while not octets.endswith(mark):
        more = stream.recv(65536)
        assert more, octets
        octets += more
    return octets


def read_all(stream: socket.socket) -> bytes:
    octets = b""
    while more := stream.recv(65536):
        octets += more
    return octets


def released(semaphore: threading.Semaphore) -> bool:
    return semaphore.acquire(timeout=PATIENCE)


def logged(log: Path, path: str) -> list[dict[str, object]]:
    # Behind the last line's end there may be the beginning of another.
    lines = [json.loads(line) for line in log.read_text().split("\n")[:-1]]
    return [line for line in lines if line["path"] == path]


# Slow clients


def test_a_client_that_sends_no_head_in_time_is_told_and_left(proxy: LiveProxy) -> None:
    for octets in (b"", b"G", b"GET / HTTP/1.1\r\nHost: a.test\r\n"):
        with connect(proxy.ports()["hasty"]) as stream:
            begun = time.monotonic()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(octets)
            answer = read_all(stream)
            assert time.monotonic() - begun >= HEAD_SECONDS * 0.9
            assert answer.startswith(b"HTTP/1.1 408 "), answer
            assert b"\r\nconnection: close\r\n" in answer


def test_a_head_that_drips_in_is_too_late_all_the_same(proxy: LiveProxy) -> None:
    """Slowloris: always something, never the end."""
    stop = threading.Event()
    with connect(proxy.ports()["hasty"]) as stream:

        def drip() -> None:
            octets = b"GET / HTTP/1.1\r\nHost: a.test\r\n"
            with contextlib.suppress(OSError):
                while True:
                    stream.sendall(octets)
                    octets = b"X: 1\r\n"
                    if stop.wait(HEAD_SECONDS / 10):
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert read_until(stream, b"\n").startswith(b"HTTP/1.1 408 ")
        finally:
            stop.set()
            dripping.join()


def test_a_second_head_has_a_time_of_its_own(proxy: LiveProxy) -> None:
    with connect(proxy.ports()["patient"]) as stream:
        stream.sendall(b"GET /bytes?n=1 HTTP/1.1\r\nHost: a.test\r\n\r\n")
        read_until(stream, b"\r\n\r\n" + made(1))
        stream.sendall(b"GET /bytes?n=1 HTTP/1.1\r\n")
        assert read_all(stream).startswith(b"HTTP/1.1 408 ")


def test_a_slow_reader_gets_everything_and_the_proxy_holds_little_of_it(proxy: LiveProxy) -> None:
    size = 64 * 1024 * 1024  # more than the kernel's buffers on both sides of the proxy
    [worker] = proxy.workers()
    before = resident_bytes(worker)
    with connect(proxy.port) as stream:
        stream.sendall(f"GET /bytes?n={size} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.recv(1)
        received = hashlib.sha256()
        wait_until(lambda: _is_waiting(worker), lambda: "the worker never came to rest")
        assert resident_bytes(worker) < before + 8 * 1024 * 1024
        while more := stream.recv(1 << 20):
            received.update(more)
    assert received.hexdigest() == hashlib.sha256(made(size)).hexdigest()


def _is_waiting(process: int) -> bool:
    """Whether the process spends no processor time; not even now and then."""

    def spent() -> int:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = spent()
    time.sleep(3 / os.sysconf("SC_CLK_TCK"))  # the measure itself, not a wait for something
    return spent() == before


# Clients that leave


def reset(stream: socket.socket) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["close", "reset"])
@pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
def test_a_client_that_vanishes_within_its_body_leaves_no_request(
    proxy: LiveProxy, backend: Origin, leave: Callable[[socket.socket], None], framing: str
) -> None:
    stream = connect(proxy.port)
    body = "20\r\n" + 32 * "x" + "\r\n"
    target = f"/upload?{uuid.uuid4()}"
    stream.sendall(f"POST {target} HTTP/1.1\r\nHost: a.test\r\n{framing}\r\n\r\n{body}".encode())
    assert released(backend.begun)
    leave(stream)
    # The origin sees its connection break within the body: it cannot take what came for the whole.
    wait_until(lambda: target in backend.broken, lambda: "the origin still waits for the rest")


@pytest.mark.parametrize("leave", [socket.socket.close, reset], ids=["close", "reset"])
def test_a_client_that_vanishes_within_its_download_ends_it(
    proxy: LiveProxy, backend: Origin, leave: Callable[[socket.socket], None]
) -> None:
    stream = connect(proxy.port)
    target = f"/bytes?n=50000000&case={uuid.uuid4()}"
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
    stream.recv(1000)
    leave(stream)
    wait_until(lambda: target in backend.broken, lambda: "the origin still sends")


@pytest.mark.parametrize("leave", [socket.socket.close, reset, lambda stream: stream.shutdown(socket.SHUT_WR)])
def test_a_client_that_leaves_before_its_answer_is_noticed(
    proxy: LiveProxy, backend: Origin, log: Path, leave: Callable[[socket.socket], None]
) -> None:
    """One that ends only its own direction is taken for gone too: a proxy cannot tell, and most who do so are."""
    before = len(logged(log, "/hold")) if log.exists() else 0
    with connect(proxy.port) as stream:
        stream.sendall(b"GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n")
        assert released(backend.begun)
        leave(stream)
        wait_until(lambda: len(logged(log, "/hold")) > before, log.read_text)
    line = logged(log, "/hold")[-1]
    assert (line["response_code"], line["response_flags"]) == (499, "DC")
    backend.go_on.release()


def test_a_client_may_end_its_stream_once_it_has_its_answer(proxy: LiveProxy) -> None:
    with connect(proxy.port) as stream:
        stream.sendall(b"GET /bytes?n=3 HTTP/1.1\r\nHost: a.test\r\n\r\n")
        read_until(stream, b"\r\n\r\n" + made(3))
        stream.shutdown(socket.SHUT_WR)
        assert stream.recv(1) == b""


# Backends that break off


@pytest.mark.parametrize("how", ["counted", "counted-reset", "chunked", "chunked-reset"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_truncated_answer_never_passes_for_a_whole_one(proxy: LiveProxy, how: str, version: str) -> None:
    with connect(proxy.port) as stream:
        stream.sendall(f"GET /die?n=100000&how={how} HTTP/{version}\r\nHost: a.test\r\n\r\n".encode())
        # Where the body ends with the connection, only a reset tells that it is not whole.
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            _read_response(stream)


def _read_response(stream: socket.socket) -> bytes:
    with contextlib.closing(http.client.HTTPResponse(stream)) as response:
        response.begin()
        return response.read()


def test_a_backend_that_hangs_up_instead_of_answering_is_a_502() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            # A new connection each time: nothing that had to be retried on another.
            accepted, _ = listener.accept()
            with accepted:
                read_until(accepted, b"\r\n\r\n")

        hanging = threading.Thread(target=hang_up)
        hanging.start()
        with live_proxy(forward_to(listener.getsockname()[1])) as running, connect(running.port) as stream:
            stream.sendall(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            answer = read_all(stream)
        hanging.join()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"\r\nhauberk-reason: upstream_reset\r\n" in answer


# Streams


def test_events_arrive_one_by_one(proxy: LiveProxy, backend: Origin) -> None:
    """Each is read before the next is sent: whoever held one back would wait for ever."""
    with connect(proxy.port) as stream:
        stream.sendall(b"GET /events?n=50 HTTP/1.1\r\nHost: a.test\r\nAccept: text/event-stream\r\n\r\n")
        assert b"text/event-stream" in read_until(stream, b"\r\n\r\n")
        assert released(backend.begun)
        for number in range(49):
            backend.go_on.release()
            assert f"data: {number}\n\n".encode() in read_until(stream, b"\n\n\r\n")
        # The end follows the last one at once, perhaps in the same read.
        backend.go_on.release()
        assert b"data: 49\n\n" in read_until(stream, b"0\r\n\r\n")


def test_an_upload_is_not_collected_first(proxy: LiveProxy, backend: Origin) -> None:
    with connect(proxy.port) as stream:
        stream.sendall(b"POST /upload HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        assert released(backend.begun)
        stream.sendall(b"5\r\nworld\r\n0\r\n\r\n")
        expected = hashlib.sha256(b"helloworld").hexdigest()
        assert read_until(stream, b"chunked").endswith(f"{expected} 10 chunked".encode())


# WebSocket: RFC 6455 as far as an echo needs it.


def _frame(payload: bytes, opcode: int, mask: bytes = b"") -> bytes:
    flag = 0x80 if mask else 0
    size = bytes([flag | len(payload)]) if len(payload) < 126 else bytes([flag | 126]) + struct.pack("!H", len(payload))
    masked = bytes(octet ^ mask[place % 4] for place, octet in enumerate(payload)) if mask else payload
    return bytes([0x80 | opcode]) + size + mask + masked


def _read_frame(stream: socket.socket) -> tuple[int, bytes]:
    reader = stream.makefile("rb", buffering=0)

    def exactly(size: int) -> bytes:
        octets = b""
        while len(octets) < size:
            more = reader.read(size - len(octets))
            if not more:
                raise ConnectionError("the stream ended within a frame")
            octets += more
        return octets

    with reader:
        first, second = exactly(2)
        size = second & 0x7F
        if size == 126:
            [size] = struct.unpack("!H", exactly(2))
        mask = exactly(4) if second & 0x80 else b"\0\0\0\0"
        return first & 0x0F, bytes(octet ^ mask[place % 4] for place, octet in enumerate(exactly(size)))


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + WEBSOCKET_GUID).encode()).digest()).decode()


def _serve_websocket(listener: socket.socket) -> None:
    accepted, _ = listener.accept()
    with accepted:
        head = read_until(accepted, b"\r\n\r\n").decode()
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))}
        assert (fields["upgrade"], fields["connection"].lower()) == ("websocket", "upgrade")
        accept = _accept_key(fields["sec-websocket-key"])
        # The first frame travels with the head: it must not be lost at the seam.
        head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        accepted.sendall(f"{head}sec-websocket-accept: {accept}\r\n\r\n".encode() + _frame(b"welcome", 1))
        while True:
            opcode, payload = _read_frame(accepted)
            accepted.sendall(_frame(payload, opcode))
            if opcode == 8:
                return


def test_websocket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=_serve_websocket, args=(listener,))
        serving.start()
        with live_proxy(forward_to(listener.getsockname()[1])) as running, connect(running.port) as stream:
            key = base64.b64encode(os.urandom(16)).decode()
            head = "GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            stream.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += stream.recv(1)
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert f"sec-websocket-accept: {_accept_key(key)}\r\n".encode() in answer
            assert _read_frame(stream) == (1, b"welcome")
            for payload in (b"hello", b"", made(60_000), b"\x00\xff"):
                stream.sendall(_frame(payload, 2, os.urandom(4)))
                assert _read_frame(stream) == (2, payload)
            stream.sendall(_frame(b"\x03\xe8", 8, os.urandom(4)))
            assert _read_frame(stream) == (8, b"\x03\xe8")
            assert stream.recv(1) == b""
        serving.join()
