"""Limits hold for a proxy of several workers as a whole, also while they wait for each other's connections, and die."""

import contextlib
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import pytest
from live_proxy import PATIENCE, LiveProxy, forward_to, live_proxy, wait_until
from programs import free_port

pytestmark = pytest.mark.e2e

WORKERS: Final = 3
LIMIT: Final = 2


class Backend(ThreadingHTTPServer):
    """Answers after a moment, and knows how many requests it had at a time: one for each connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock: Final = threading.Lock()
        self.open = 0
        self.most = 0

    def note(self, change: int) -> None:
        """A request has begun, or ended."""
        with self.lock:
            self.open += change
            self.most = max(self.most, self.open)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Backend

    def do_GET(self) -> None:
        self.server.note(1)
        # Long enough for requests to meet.
        time.sleep(0.02)
        self.server.note(-1)
        with contextlib.suppress(ConnectionError):
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Crowd:
    """Clients that ask on a connection of their own each time, so that they meet every worker."""

    def __init__(self, port: int, clients: int, requests: int) -> None:
        self.outcomes: Final[Counter[str]] = Counter()
        self._lock: Final = threading.Lock()
        self._url: Final = f"http://127.0.0.1:{port}/"
        self._threads: Final = [threading.Thread(target=self._ask, args=(requests,)) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until all have been answered."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a request was never answered"

    def _ask(self, requests: int) -> None:
        for _ in range(requests):
            try:
                with urllib.request.urlopen(self._url, timeout=PATIENCE) as response:
                    outcome = str(response.status)
            except urllib.error.HTTPError as error:
                outcome = error.headers.get("hauberk-reason", str(error.code))
                error.close()
            except (OSError, ConnectionError):
                outcome = "lost"
            with self._lock:
                self.outcomes[outcome] += 1


def circuits(admin: int) -> dict[str, int]:
    """What the proxy says it has under way."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/circuits", timeout=PATIENCE) as response:
        [cluster] = json.load(response)["clusters"]
    return {name: cluster[name] for name in ("requests", "connections", "waiting")}


@contextlib.contextmanager
def limited(backend: Backend, config: dict[str, int]) -> Iterator[tuple[LiveProxy, int]]:
    """A proxy of several workers with limits, and the port of its admin server."""
    admin = free_port()
    cluster = {"plugins": [{"plugin": "circuitbreaker", "config": config}]}
    snapshot = forward_to(backend.server_address[1], cluster=cluster)
    with live_proxy(snapshot, WORKERS, ("--admin", f"127.0.0.1:{admin}")) as proxy:
        yield proxy, admin


def test_no_more_connections_than_the_limit_whichever_worker_wants_them(backend: Backend) -> None:
    with limited(backend, {"max_connections": LIMIT, "max_pending": 1000}) as (proxy, admin):
        crowd = Crowd(proxy.port, 12, 25)
        crowd.wait()
        assert crowd.outcomes == {"200": 300}
        assert backend.most <= LIMIT
        # A request is over a moment after its answer was sent.
        wait_until(lambda: circuits(admin)["requests"] == circuits(admin)["waiting"] == 0, lambda: str(circuits(admin)))
        assert circuits(admin)["connections"] <= LIMIT


def test_a_worker_that_is_killed_takes_its_counts_with_it(backend: Backend) -> None:
    with limited(backend, {"max_connections": LIMIT, "max_requests": 12, "max_pending": 1000}) as (proxy, admin):
        crowd = Crowd(proxy.port, 6, 60)
        wait_until(lambda: sum(crowd.outcomes.values()) > 40, lambda: str(crowd.outcomes))
        os.kill(proxy.workers()[0], signal.SIGKILL)
        crowd.wait()
        assert set(crowd.outcomes) <= {"200", "lost"}, crowd.outcomes
        assert crowd.outcomes["lost"] <= 6
        wait_until(lambda: circuits(admin)["requests"] == 0 and circuits(admin)["waiting"] == 0, lambda: str(circuits(admin)))
        # Nothing of what the dead one had is missed: as many as before fit again.
        again = Crowd(proxy.port, 6, 5)
        again.wait()
        assert again.outcomes == {"200": 30}
