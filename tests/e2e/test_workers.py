"""A proxy of real processes under load: workers are killed, configurations change, signals come; clients notice nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPResponse, RemoteDisconnected
from pathlib import Path
from typing import Final

import pytest
from endurance import lasting
from http_clients import Clients
from lateness import Lateness
from live_proxy import PATIENCE, JsonObject, forward_to, live_proxy, wait_until
from origin import Origin, origin
from programs import free_port

from hauberk_cli.exit_codes import NOT_STARTED

pytestmark = pytest.mark.e2e

CHANGES: Final = int(lasting(200, 60))
WAITS: Final = 4
"""Times that a process must be woken between a change on disk and the answer that shows it: the agent for its look at the file
and for reading it, the worker for what is new and for the request."""


@pytest.fixture
def backends() -> Iterator[list[Origin]]:
    """Two backends."""
    with origin("books") as books, origin("pens") as pens:
        yield [books, pens]


def _to(backend: Origin, version: int = 1) -> JsonObject:
    """Everything goes to this backend."""
    snapshot = forward_to(backend.port)
    # A cluster of its own for each, as in a release of a new version.
    snapshot["clusters"] = {backend.name: snapshot["clusters"]["backend"]}
    snapshot["route_tables"]["all"]["virtual_hosts"][0]["routes"][0]["backends"] = [{"cluster": backend.name}]
    return snapshot | {"version": str(version)}


def _get(port: int, path: str = "/") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
        body: bytes = response.read()
        return body


class Held:
    """A request for `/hold` on a connection of its own, sent and not yet answered."""

    def __init__(self, port: int) -> None:
        self.stream: Final = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.stream.sendall(b"GET /hold HTTP/1.1\r\nHost: a.test\r\n\r\n")

    def answer(self) -> bytes:
        """The body of the answer. Raises: ConnectionError if there is none."""
        with self.stream, contextlib.closing(HTTPResponse(self.stream)) as response:
            response.begin()
            return response.read()


def _owned_sockets(process: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    found = set()
    for link in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def _accepted_inode(stream: socket.socket) -> str:
    """The inode of the socket at the other end. One end alone would not do: two connections may share a port of this machine."""
    ends = [f"0100007F:{port:04X}" for _, port in (stream.getpeername(), stream.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ends:
            return fields[9]
    raise AssertionError(f"nobody accepted {stream}")


def test_a_killed_worker_loses_what_it_had_in_flight_and_nothing_else(backends: list[Origin]) -> None:
    backend = backends[0]
    with live_proxy(_to(backend), workers=2) as proxy:
        held = [Held(proxy.port) for _ in range(16)]
        for _ in held:
            assert backend.begun.acquire(timeout=PATIENCE)
        victim, _ = proxy.workers()
        owned = _owned_sockets(victim)
        doomed = [each for each in held if _accepted_inode(each.stream) in owned]
        # The kernel spreads connections by a hash of their addresses: that all go to one side has a chance of 1 in 32,768.
        assert 0 < len(doomed) < len(held)
        os.kill(victim, signal.SIGKILL)
        for each in doomed:
            with pytest.raises((ConnectionResetError, RemoteDisconnected)):
                each.answer()
        for _ in held:
            backend.go_on.release()
        assert [each.answer() for each in held if each not in doomed] == [b"held"] * (len(held) - len(doomed))


def test_workers_killed_under_load_refuse_nobody_and_come_back(backends: list[Origin]) -> None:
    threads = 4
    kills = 3
    with live_proxy(_to(backends[0]), workers=2) as proxy:
        # A connection for each request: one that waits in a dead worker's queue must be served by its replacement.
        with Clients(proxy.port, threads, keep_alive=False) as clients:
            for _ in range(kills):
                clients.wait_for(100)
                before = proxy.workers()
                os.kill(before[0], signal.SIGKILL)
                clients.wait_for(100)
                proxy.wait_until(lambda dead=before[0]: len(proxy.workers()) == 2 and dead not in proxy.workers())  # type: ignore[misc]
            clients.wait_for(100)
        # Each client has at most one request in flight when a worker dies.
        assert len(clients.failures) <= threads * kills, clients.failures
        assert clients.refused == 0


@pytest.mark.endure
def test_configuration_changes_under_load_fail_nothing_and_are_seen_at_once(
    backends: list[Origin],
) -> None:
    delays: list[float] = []
    with live_proxy(_to(backends[0])) as proxy:
        with Clients(proxy.port, 2, keep_alive=True) as clients, Lateness() as lateness:
            for change in range(1, CHANGES + 1):
                wanted = backends[change % 2]
                lateness.take()
                begun = time.monotonic()
                proxy.configure(_to(wanted, change + 1))
                while _get(proxy.port) != wanted.name.encode():
                    assert time.monotonic() - begun < PATIENCE, proxy.log()
                # After what a machine that is busy with other things adds to each wait.
                delays.append(max(0.0, time.monotonic() - begun - WAITS * lateness.take()))
            clients.wait_for(10)
        assert (clients.failures, clients.refused) == ([], 0)
    in_order = sorted(delay * 1000 for delay in delays)
    median = in_order[CHANGES // 2]
    shown = f"median {median:.0f} ms, 99 % {in_order[CHANGES * 99 // 100]:.0f} ms, longest {in_order[-1]:.0f} ms"
    sys.stdout.write(f"{CHANGES} changes seen after: {shown}; {clients.answers} answers meanwhile\n")
    # The median, and laxly: this process, its backends and its clients share the machine with the proxy.
    assert median < 500, shown


def test_a_listener_that_moves_finishes_what_it_has_begun(backends: list[Origin]) -> None:
    backend = backends[0]
    with live_proxy(_to(backend)) as proxy:
        before = proxy.port
        held = Held(before)
        assert backend.begun.acquire(timeout=PATIENCE)
        snapshot = _to(backend, 2)
        after = free_port()
        snapshot["listeners"]["web"]["address"] = f"127.0.0.1:{after}"
        proxy.configure(snapshot)
        proxy.wait_until(lambda: proxy.port == after)
        assert _get(after) == b"books"
        _get_until_refused(before)
        backend.go_on.release()
        assert held.answer() == b"held"


def _get_until_refused(port: int) -> None:
    wait_until(lambda: _is_refused(port), lambda: f"port {port} still answers")


def _is_refused(port: int) -> bool:
    try:
        _get(port)
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except ConnectionError:
        # It came between the last one that was accepted and the end.
        return False
    return False


def test_sigterm_finishes_what_is_in_flight(backends: list[Origin]) -> None:
    backend = backends[0]
    with live_proxy(_to(backend), workers=2) as proxy:
        port = proxy.port
        held = Held(port)
        assert backend.begun.acquire(timeout=PATIENCE)
        proxy.process.terminate()
        proxy.wait_logged("draining")
        _get_until_refused(port)
        backend.go_on.release()
        assert held.answer() == b"held"
        assert proxy.process.wait(PATIENCE) == 0
        assert proxy.workers() == []


@pytest.mark.parametrize("keep_alive", [True, False])
def test_sigterm_under_load_fails_no_request(backends: list[Origin], keep_alive: bool) -> None:
    with live_proxy(_to(backends[0]), workers=2) as proxy, Clients(proxy.port, 8, keep_alive) as clients:
        clients.wait_for(500)
        assert proxy.terminate() == 0
        wait_until(lambda: clients.refused >= 8, lambda: f"{clients.answers} answers, {clients.failures[:5]}")
    assert clients.failures == []


def test_ctrl_c_is_quick_and_a_second_one_ends_at_once(backends: list[Origin]) -> None:
    backend = backends[0]
    with live_proxy(_to(backend)) as proxy:
        held = Held(proxy.port)
        assert backend.begun.acquire(timeout=PATIENCE)
        workers = proxy.workers()
        proxy.process.send_signal(signal.SIGINT)
        proxy.wait_logged("draining")
        proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.wait(PATIENCE) == 130
        wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), lambda: f"{workers} live on")
        with pytest.raises(ConnectionError):
            held.answer()


def test_workers_end_when_their_agent_is_killed(backends: list[Origin]) -> None:
    with live_proxy(_to(backends[0]), workers=2) as proxy:
        workers = proxy.workers()
        assert len(workers) == 2
        proxy.process.kill()
        proxy.process.wait(PATIENCE)
        wait_until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), lambda: f"{workers} live on")


def test_a_second_proxy_on_the_same_port_says_what_to_do(backends: list[Origin]) -> None:
    with live_proxy(_to(backends[0])) as proxy:
        command = [sys.executable, "-m", "hauberk_cli", "proxy", "--from", f"127.0.0.1:{proxy.port}", "--to", "127.0.0.1:1"]
        second = subprocess.run(
            [*command, "--admin", "127.0.0.1:0"], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert second.returncode == NOT_STARTED == 3
        assert "another process does already; stop it" in second.stderr
        assert "Traceback" not in second.stderr
        assert _get(proxy.port) == b"books"
