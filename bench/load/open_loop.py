"""Open loop: requests leave at planned times, whether or not earlier ones were answered.

A latency runs from the moment a request was planned, not from when it could be sent: if the proxy stalls, all requests that
had to wait for it count their waiting. (h2load can pace requests too, but times each from its sending, and a connection with a
request under way sends nothing, so that one stall counts once.) Connections are used in turn; where all are busy the request
queues here.
"""

import argparse
import contextlib
import gc
import select
import socket
import sys
import time
from collections import deque

from bench.load.client import is_complete, is_success, read_report, render_report, request_bytes
from bench.load.generator import Generator, LoadReport
from bench.site import SMALL_BODY, SMALL_PATH, Listener

# Planned requests of a start that are not measured: connections to the backend are made, caches warm up.
_WARM_UP_SECONDS = 0.5
# A request planned near the end gets this long to be answered; longer ones count as errors.
_DRAIN_SECONDS = 2.0


class OpenLoop(Generator):
    """`rate` requests a second, evenly spaced, over `connections` kept-alive connections."""

    def __init__(self, rate: int, connections: int) -> None:
        self._rate = rate
        self._connections = connections

    def command(self, listener: Listener, port: int, seconds: float) -> list[str]:
        if listener == "tls":
            raise ValueError("the open loop has no TLS")
        arguments = ["--port", str(port), "--rate", str(self._rate), "--connections", str(self._connections)]
        return [sys.executable, "-m", "bench.load.open_loop", *arguments, "--seconds", str(seconds)]

    def read(self, output: str) -> LoadReport:
        return read_report(output)


class _Connection:
    __slots__ = ("planned", "received", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = bytearray()
        self.planned = 0.0


def run(
    port: int, rate: float, connections: int, seconds: float, body_size: int, warm_up: float
) -> tuple[list[float], list[float], int]:
    """Send for `seconds`, wait for what is under way.

    Returns: of requests planned after `warm_up`, latencies from the planned time, and how late this process came round to
    each (waiting for a free connection is not in that: the proxy is to blame for it), both in seconds; and the number of
    requests that failed or were never answered.
    """
    request = request_bytes(SMALL_PATH)
    by_descriptor = {}
    poller = select.epoll()
    for _ in range(connections):
        connection = _Connection(port)
        by_descriptor[connection.socket.fileno()] = connection
        poller.register(connection.socket.fileno(), select.EPOLLIN)
    free = deque(by_descriptor.values())
    waiting: deque[float] = deque()
    latencies: list[float] = []
    lateness: list[float] = []
    errors = 0
    clock = time.perf_counter
    interval = 1.0 / rate
    start = clock()
    measured_from = start + warm_up
    end = start + seconds
    planned = 0
    next_time = start
    under_way = 0
    while True:
        now = clock()
        while next_time <= now and next_time < end:
            waiting.append(next_time)
            if next_time >= measured_from:
                lateness.append(now - next_time)
            planned += 1
            next_time = start + planned * interval
        while waiting and free:
            connection = free.popleft()
            connection.planned = waiting.popleft()
            # The poller reports a broken connection, and that counts the request as failed.
            with contextlib.suppress(OSError):
                connection.socket.send(request)
            under_way += 1
        if next_time >= end and not under_way and not waiting:
            break
        if now > end + _DRAIN_SECONDS or not by_descriptor:
            errors += under_way + len(waiting)
            break
        # epoll_wait counts whole milliseconds, select microseconds; an epoll descriptor is readable when it has events.
        patience = max(0.0, next_time - clock()) if next_time < end else _DRAIN_SECONDS
        if not select.select((poller,), (), (), patience)[0]:
            continue
        for descriptor, _ in poller.poll(0):
            connection = by_descriptor[descriptor]
            try:
                data = connection.socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                poller.unregister(descriptor)
                del by_descriptor[descriptor]
                if connection in free:
                    free.remove(connection)
                else:
                    under_way -= 1
                errors += 1
                connection.socket.close()
                continue
            connection.received += data
            if is_complete(connection.received, body_size):
                if not is_success(connection.received):
                    errors += 1
                elif connection.planned >= measured_from:
                    latencies.append(clock() - connection.planned)
                connection.received.clear()
                under_way -= 1
                free.append(connection)
    for connection in by_descriptor.values():
        connection.socket.close()
    poller.close()
    return latencies, lateness, errors


def main() -> None:
    """The command line of the generator's process; prints one line of JSON."""
    parser = argparse.ArgumentParser(description="send requests at a fixed rate")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    # A collection in the middle would look like a slow proxy; this process is short and makes no cycles.
    gc.disable()
    latencies, lateness, errors = run(
        options.port, options.rate, options.connections, options.seconds, len(SMALL_BODY), _WARM_UP_SECONDS
    )
    print(render_report(latencies, lateness, errors))


if __name__ == "__main__":
    main()
