"""A proxy of real processes under load: workers are killed, configurations change, signals come; clients notice nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

from hauberk_cli.exit_codes import NOT_STARTED

pytestmark = pytest.mark.e2e

PATIENCE: Final = 20.0
PROXY: Final = (sys.executable, "-m", "hauberk_cli", "proxy")


class _Backend(ThreadingHTTPServer):
    daemon_threads = True
    # Threads are started per connection of the proxy's pool, which closes them all at its end.
    block_on_close = False

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.slow_begun = threading.Event()
        self.slow_may_end = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self.slow_may_end.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Backend

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.slow_begun.set()
            self.server.slow_may_end.wait(PATIENCE)
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep quiet."""


class _Proxy:
    """`hauberk proxy --config` in a process of its own."""

    def __init__(self, folder: Path, backends: list[_Backend], workers: int) -> None:
        self.config = folder / "proxy.json"
        self._backends = backends
        self.configure(backends[0].name, 1)
        self._errors = (folder / "stderr").open("w+")
        # In a session of its own, as a shell's job would be: what the test signals is this process alone.
        self.process = subprocess.Popen(
            [*PROXY, "--config", str(self.config), "--workers", str(workers), "--admin", "127.0.0.1:0"],
            stderr=self._errors,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.port = int(self._logged("listener web listens on 127.0.0.1:").rpartition(":")[2])

    def configure(self, target: str, version: int) -> None:
        """Send everything to another backend."""
        clusters = {
            backend.name: {"endpoints": [{"address": f"127.0.0.1:{backend.server_address[1]}"}]} for backend in self._backends
        }
        routes = [{"name": "all", "backends": [{"cluster": target}]}]
        snapshot = {
            "version": str(version),
            "listeners": {"web": {"address": "127.0.0.1:0", "filter_chains": [{"route_table": "all"}]}},
            "route_tables": {"all": {"virtual_hosts": [{"name": "any", "hosts": ["*"], "routes": routes}]}},
            "clusters": clusters,
            "access_log": None,
        }
        # In place and not by rename: the harder case for who reads it.
        self.config.write_text(json.dumps(snapshot))

    def log(self) -> str:
        """What it has written to standard error."""
        return Path(self._errors.name).read_text()

    def _logged(self, words: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for line in self.log().splitlines():
                if words in line:
                    return line
            assert self.process.poll() is None, self.log()
            time.sleep(0.02)
        raise AssertionError(f"{words!r} was never logged:\n{self.log()}")

    def workers(self) -> list[int]:
        """Its children."""
        found: list[int] = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                status = (folder / "stat").read_text()
            except OSError:
                continue
            state, parent = status.rpartition(")")[2].split()[:2]
            if int(parent) == self.process.pid and state != "Z":
                found.append(int(folder.name))
        return found

    def end(self) -> None:
        """Make sure that nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._errors.close()


class _Clients:
    """Threads that ask on connections of their own until told to stop, and count what they get."""

    def __init__(self, port: int, threads: int, keep_alive: bool) -> None:
        self.port = port
        self.answers = 0
        self.failures: list[str] = []
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> "_Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise HTTPException(f"{response.status} {body!r}")
            except (OSError, HTTPException) as error:
                connection.close()
                with self._lock:
                    self.failures.append(repr(error))
            else:
                with self._lock:
                    self.answers += 1
                if not self._keep_alive:
                    connection.close()
        connection.close()

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come."""
        wanted = self.answers + more
        deadline = time.monotonic() + PATIENCE
        while self.answers < wanted:
            assert time.monotonic() < deadline, f"{self.answers} answers, {self.failures[:5]}"
            time.sleep(0.01)


@pytest.fixture
def backends() -> Iterator[list[_Backend]]:
    """Two backends."""
    made = [_Backend("books"), _Backend("pens")]
    yield made
    for backend in made:
        backend.close()


def _get(port: int, path: str = "/") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


def test_killed_workers_lose_their_own_exchanges_and_nothing_else(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 2)
    threads = 4
    try:
        # A connection for each request: one that waits in a dead worker's queue must be served by its replacement.
        with _Clients(proxy.port, threads, keep_alive=False) as clients:
            for kill in range(3):
                clients.wait_for(100)
                victim = proxy.workers()[0]
                os.kill(victim, signal.SIGKILL)
                clients.wait_for(100)
                deadline = time.monotonic() + PATIENCE
                while len(proxy.workers()) < 2:
                    assert time.monotonic() < deadline, proxy.log()
                    time.sleep(0.02)
                # At most what was in flight at that moment, and nobody was ever refused.
                assert len(clients.failures) <= threads * (kill + 1), clients.failures
        assert not [failure for failure in clients.failures if "Refused" in failure]
    finally:
        proxy.end()


def test_configuration_changes_under_load_fail_nothing_and_are_seen_at_once(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 1)
    delays: list[float] = []
    try:
        with _Clients(proxy.port, 2, keep_alive=True) as clients:
            for change in range(1, 41):
                wanted = backends[change % 2].name
                begun = time.monotonic()
                proxy.configure(wanted, change + 1)
                while _get(proxy.port) != wanted.encode():
                    assert time.monotonic() - begun < PATIENCE, proxy.log()
                delays.append(time.monotonic() - begun)
            clients.wait_for(10)
        assert clients.failures == []
        # The median: the load of the test itself holds single ones up on a small machine.
        assert sorted(delays)[len(delays) // 2] < 0.1, sorted(delays)
    finally:
        proxy.end()


def test_sigterm_finishes_what_is_in_flight(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 2)
    try:
        answers: list[bytes] = []
        asking = threading.Thread(target=lambda: answers.append(_get(proxy.port, "/slow")))
        asking.start()
        assert backends[0].slow_begun.wait(PATIENCE)
        proxy.process.terminate()
        proxy._logged("draining")
        with pytest.raises(urllib.error.URLError):  # noqa: PT012 - refused as soon as the workers have heard of it
            while True:
                _get(proxy.port)
        backends[0].slow_may_end.set()
        asking.join(PATIENCE)
        assert answers == [b"books"]
        assert proxy.process.wait(PATIENCE) == 0
        assert proxy.workers() == []
    finally:
        proxy.end()


def test_ctrl_c_is_quick_and_a_second_one_ends_at_once(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 1)
    try:
        asking = threading.Thread(target=_get_or_lose, args=(proxy.port,))
        asking.start()
        assert backends[0].slow_begun.wait(PATIENCE)
        workers = proxy.workers()
        proxy.process.send_signal(signal.SIGINT)
        proxy._logged("draining")
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.wait(PATIENCE) == 130
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
        asking.join(PATIENCE)
    finally:
        proxy.end()


def _get_or_lose(port: int) -> None:
    try:
        _get(port, "/slow")
    except (OSError, HTTPException):
        return


def test_workers_end_when_their_agent_is_killed(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 2)
    workers = proxy.workers()
    assert len(workers) == 2
    proxy.process.kill()
    proxy.process.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    proxy.end()


def test_a_second_proxy_on_the_same_port_says_what_to_do(tmp_path: Path, backends: list[_Backend]) -> None:
    proxy = _Proxy(tmp_path, backends, 1)
    try:
        command = [sys.executable, "-m", "hauberk_cli", "proxy", "--from", f"127.0.0.1:{proxy.port}", "--to", "127.0.0.1:1"]
        second = subprocess.run(
            [*command, "--admin", "127.0.0.1:0"], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert second.returncode == NOT_STARTED
        assert "another process does already; stop it" in second.stderr
        assert "Traceback" not in second.stderr
        assert _get(proxy.port) == b"books"
    finally:
        proxy.end()
