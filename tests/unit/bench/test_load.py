import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import open_loop
from bench.load.client import is_complete, is_success, read_report, render_report, request_bytes
from bench.load.generator import LoadReport
from bench.load.h2load import H2Load, h2load_command, read_log
from bench.load.handshakes import Handshakes
from bench.load.open_loop import OpenLoop, run
from bench.load.wrk import Wrk, parse_wrk
from bench.process import BenchError
from bench.site import GRPC_PATH, HOST, SMALL_PATH
from bench.statistics import percentile

_WRK = """Running 4s test @ http://127.0.0.1:18080/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   625.33us  199.43us   5.19ms   97.77%
    Req/Sec    44.55k   704.93    45.72k    57.14%
  Latency Distribution
     50%  612.00us
     75%    0.90ms
     90%    1.20ms
     99%    1.78ms
  178221 requests in 4.00s, 215.30MB read
{extra}Requests/sec:  44555.25
Transfer/sec:     53.82MB
"""
_BODY = b"0123456789"
_RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + _BODY


def test_wrk_is_understood() -> None:
    report = parse_wrk(_WRK.format(extra=""))
    assert report.p50_seconds == pytest.approx(612e-6)
    assert report.p99_seconds == pytest.approx(1.78e-3)
    assert report.errors == 0


def test_errors_that_wrk_reports_are_added_up() -> None:
    extra = "  Socket errors: connect 1, read 20, write 300, timeout 4000\n  Non-2xx or 3xx responses: 50000\n"
    assert parse_wrk(_WRK.format(extra=extra)).errors == 54321


def test_the_log_of_h2load_is_understood() -> None:
    log = "1732387025000000\t200\t1500\n1732387025000100\t503\t90\n1732387025000200\t200\t2500\t1\n1732387025000300\t-1\t7\n"
    assert read_log(log) == ([0.0015, 0.0025], 2)


def test_h2load_asks_as_wrk_does_or_calls() -> None:
    asking = h2load_command(8080, 8, 20, 4, None, Path("log"))
    assert asking[-1] == f"http://{HOST}{SMALL_PATH}"
    assert {"--connect-to=127.0.0.1:8080", "accept: application/json, text/plain, */*"} <= set(asking)
    calling = h2load_command(8080, 8, 20, 4, Path("call"), Path("log"))
    assert calling[-1] == f"http://{HOST}{GRPC_PATH}"
    assert {"content-type: application/grpc", "te: trailers", "call"} <= set(calling)
    assert "--grpc" in H2Load(8, 20, grpc=True).command("h2h2", 80, 1.5)


def test_other_output_of_wrk_is_quoted() -> None:
    with pytest.raises(BenchError, match="unable to connect"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


def test_commands_name_what_they_load() -> None:
    assert Wrk(32, SMALL_PATH).command("tls", 443, 4.0)[-1] == f"https://127.0.0.1:443{SMALL_PATH}"
    command = Wrk(32, SMALL_PATH).command("originate", 80, 5.4)
    assert command[-1].startswith("http://127.0.0.1:80/")
    assert "6s" in command
    assert f"Host: {HOST}" in command
    assert "443" in Handshakes(8).command("tls", 443, 4.0)
    with pytest.raises(ValueError, match="no TLS"):
        OpenLoop(1000, 64).command("tls", 443, 4.0)


def test_the_end_of_a_response() -> None:
    assert is_complete(_RESPONSE, 10)
    for length in range(len(_RESPONSE)):
        assert not is_complete(_RESPONSE[:length], 10)
    assert is_success(_RESPONSE)
    assert not is_success(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")


def test_a_request_has_one_host_and_ends() -> None:
    request = request_bytes("/x", close=True)
    assert request.startswith(b"GET /x HTTP/1.1\r\n")
    assert request.lower().count(b"\r\nhost: ") == 1
    assert request.endswith(b"\r\nConnection: close\r\n\r\n")


def test_reports_go_through_text() -> None:
    assert read_report("noise\n" + render_report([0.1, 0.2, 0.3], [0.5], 7)) == LoadReport(0.2, 0.3, 7, 0.5)
    assert read_report(render_report([0.1], [], 0)).late_p99_seconds == 0.0
    for unreadable in ("", "Traceback", "[1]", "{}"):
        with pytest.raises(BenchError, match="cannot be read"):
            read_report(unreadable)


class _Server:
    """Answers every request at once, but for one that it sits on; a thread a connection."""

    def __init__(self, stall_at: int, stall_seconds: float, response: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._stall_at = stall_at
        self._stall_seconds = stall_seconds
        self._response = response
        # Held during the stall, so that every connection is stuck, as with a proxy of one thread.
        self._lock = threading.Lock()
        self._answered = 0
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(65536):
                for _ in range(request.count(b"\r\n\r\n")):
                    with self._lock:
                        self._answered += 1
                        if self._answered == self._stall_at:
                            time.sleep(self._stall_seconds)
                    connection.sendall(self._response)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60.0)


@contextlib.contextmanager
def _serving(stall_at: int = 0, stall_seconds: float = 0.0, response: bytes = _RESPONSE) -> Iterator[int]:
    server = _Server(stall_at, stall_seconds, response)
    try:
        yield server.port
    finally:
        server.close()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is late because the machine stood still is no error here."""
    monkeypatch.setattr(open_loop, "_DRAIN_SECONDS", 60.0)


def test_every_planned_request_is_sent_and_measured() -> None:
    with _serving() as port:
        latencies, lateness, errors = run(port, 200.0, 2, 0.5, len(_BODY), warm_up=0.0)
    assert errors == 0
    assert len(latencies) == len(lateness) == 100


def test_the_warm_up_is_not_measured() -> None:
    with _serving() as port:
        latencies, _, errors = run(port, 200.0, 2, 0.5, len(_BODY), warm_up=0.25)
    assert errors == 0
    assert len(latencies) == 50


def test_a_stall_counts_for_every_request_that_was_due_during_it() -> None:
    with _serving(stall_at=50, stall_seconds=0.4) as port:
        latencies, _, errors = run(port, 200.0, 2, 1.0, len(_BODY), warm_up=0.0)
    assert errors == 0
    # 200 a second are due in those 0.3 s of the stall at whose beginning more than 0.1 s of it are left. A client that times
    # requests from their sending would find two.
    assert sum(latency > 0.1 for latency in latencies) >= 58
    assert percentile(latencies, 0.99) > 0.35


def test_refusals_are_errors() -> None:
    with _serving(response=b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 10\r\n\r\n" + _BODY) as port:
        latencies, _, errors = run(port, 100.0, 2, 0.2, len(_BODY), warm_up=0.0)
    assert latencies == []
    assert errors == 20


def test_a_server_that_hangs_up_ends_the_run() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        latencies, _, errors = run(listener.getsockname()[1], 100.0, 2, 0.5, len(_BODY), warm_up=0.0)
        thread.join(10.0)
    assert latencies == []
    assert errors >= 2
