"""A real proxy that is asked for far more than it can do: nothing is killed, what is refused is told why, and it recovers.

Without the limits the slow readers alone would fill the container's memory several times over.
"""

import contextlib
import http.client
import selectors
import socket
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

import pytest
from admin_metric import metric
from endurance import lasting
from lasting_backend import lasting_backend
from lasting_clients import WebSocket
from live_proxy import PATIENCE, forward_to, live_proxy, wait_until
from memory_groups import Group, memory_group
from programs import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.endure]

CONTAINER: Final = 256 << 20
# Each would have the proxy keep some 600 KiB: together more than the container has.
SLOW: Final = int(lasting(1500, 450))
LARGE: Final = bytes(8_000_000)
# What the proxy is told to take, so that a test need not open thousands.
CONNECTIONS: Final = 200


class Backend(ThreadingHTTPServer):
    """Answers `/large` with a body that a slow reader never takes, and everything else shortly."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        body = LARGE if self.path == "/large" else b"ok"
        with contextlib.suppress(OSError):
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        pass


@pytest.fixture
def backend() -> Iterator[int]:
    server = Backend()
    Thread(target=server.serve_forever, daemon=True).start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


@pytest.fixture
def container() -> Iterator[Group]:
    with memory_group(CONTAINER) as group:
        yield group


class Crowd:
    """Clients that all ask at once and then do nothing but hold on."""

    def __init__(self, port: int, path: str) -> None:
        self._port: Final = port
        self._path: Final = path
        self._sockets: Final[list[socket.socket]] = []

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._sockets:
            each.close()

    def come(self, number: int) -> None:
        """So many more."""
        for _ in range(number):
            client = socket.socket()
            self._sockets.append(client)
            # So that what waits for them waits in the proxy.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionError):
                client.connect(("127.0.0.1", self._port))
                if self._path:
                    client.sendall(f"GET {self._path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())

    def outcomes(self, number: int) -> Counter[str]:
        """What the first line of each answer says, or how the connection ended, once that is known of `number` of them."""
        found: Counter[str] = Counter()
        with selectors.DefaultSelector() as selector:
            for each in self._sockets:
                each.setblocking(False)
                selector.register(each, selectors.EVENT_READ)
            while found.total() < number:
                ready = selector.select(PATIENCE)
                assert ready, f"{found}, and nothing more happens"
                for key, _ in ready:
                    assert isinstance(key.fileobj, socket.socket)
                    selector.unregister(key.fileobj)
                    found[_outcome(key.fileobj)] += 1
        return found


def _outcome(client: socket.socket) -> str:
    try:
        octets = client.recv(4096)
    except ConnectionError:
        return "reset"
    if b"hauberk-reason: overloaded" in octets and b"retry-after: 1" in octets:
        return "overloaded"
    return octets[9:12].decode() or "closed"


def ask(port: int) -> str:
    """One request on a connection of its own. Returns: its status, with the reason where the proxy gave one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return "reset"
        return f"{answer.status} {answer.headers.get('hauberk-reason', '')}".strip()


def is_ready(admin: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/healthz/ready", timeout=PATIENCE) as page:
        return bool(page.status == 200)


def test_slow_readers_fill_no_container(backend: int, container: Group) -> None:
    admin = free_port()
    options = ("--admin", f"127.0.0.1:{admin}")
    with live_proxy(forward_to(backend), options=options, before=container.command()) as proxy:
        assert "217 MiB of memory" in proxy.log()
        [worker] = proxy.workers()
        with Crowd(proxy.port, "/large") as crowd:
            for _ in range(5):
                crowd.come(SLOW // 5)
                assert ask(proxy.port) in {"200", "503 overloaded"}
                assert is_ready(admin)
        wait_until(lambda: ask(proxy.port) == "200", proxy.log)
        assert container.kills() == 0
        assert proxy.workers() == [worker]
        assert "Traceback" not in proxy.log()
        assert metric(admin, 'hauberk_overload_limit{resource="memory"}') == int(CONTAINER * 0.85)


def test_connections_above_the_limit_cost_nobody_theirs(container: Group) -> None:
    admin = free_port()
    options = ("--admin", f"127.0.0.1:{admin}")
    environment = {"HAUBERK_CONNECTION_LIMIT": str(CONNECTIONS)}
    with (
        lasting_backend() as backend,
        live_proxy(forward_to(backend.port), 1, options, environment, container.command()) as proxy,
    ):
        # One that nobody uses would end soon; this one is in use all the time.
        kept = WebSocket(proxy.port)
        with contextlib.closing(kept):
            with Crowd(proxy.port, "/") as crowd:
                crowd.come(CONNECTIONS * 10)
                outcomes = crowd.outcomes(CONNECTIONS * 10)
                assert is_ready(admin)
                kept.echo(b"still here")
            # Whoever is one too many and silent is closed; on a busy machine a request may come too late for its answer.
            assert set(outcomes) <= {"200", "overloaded", "reset", "closed"}, outcomes
            assert outcomes["200"] >= CONNECTIONS - 1
            assert outcomes["overloaded"] > 0
            assert outcomes["reset"] > 0
            shed = metric(admin, 'hauberk_overload_shed_total{resource="connections"}')
            assert shed == outcomes["overloaded"] + outcomes["reset"] + outcomes["closed"]
            wait_until(lambda: ask(proxy.port) == "200", proxy.log)
        assert container.kills() == 0


def test_wrong_limit_is_told(backend: int) -> None:
    with (
        pytest.raises(AssertionError, match="HAUBERK_MEMORY_LIMIT is 'much'"),
        live_proxy(forward_to(backend), environment={"HAUBERK_MEMORY_LIMIT": "much"}),
    ):
        pass
