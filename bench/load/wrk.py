"""Closed loop: wrk keeps a fixed number of connections busy, each with one request after another."""

import math
import re

from bench.load.generator import Generator, LoadReport
from bench.process import BenchError
from bench.site import REQUEST_HEADERS, Listener

_UNIT_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([0-9.]+)(us|ms|s|m|h)\s*$", re.MULTILINE)
_BAD_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")


class Wrk(Generator):
    """One thread and `connections` connections asking for `path`."""

    def __init__(self, connections: int, path: str) -> None:
        self._connections = connections
        self._path = path

    def command(self, listener: Listener, port: int, seconds: float) -> list[str]:
        scheme = "https" if listener == "tls" else "http"
        arguments = ["wrk", "--threads", "1", "--connections", str(self._connections), "--latency", "--timeout", "10s"]
        arguments += ["--duration", f"{math.ceil(seconds)}s"]
        for name, value in REQUEST_HEADERS.items():
            arguments += ["--header", f"{name}: {value}"]
        return [*arguments, f"{scheme}://127.0.0.1:{port}{self._path}"]

    def read(self, output: str) -> LoadReport:
        return parse_wrk(output)


def parse_wrk(output: str) -> LoadReport:
    """Latencies and errors out of what `wrk --latency` prints."""
    percentiles = {found[1]: float(found[2]) * _UNIT_SECONDS[found[3]] for found in _PERCENTILE.finditer(output)}
    if set(percentiles) != {"50", "99"}:
        raise BenchError(f"wrk's output cannot be read:\n{output[-2000:]}")
    errors = 0
    bad_status = _BAD_STATUS.search(output)
    if bad_status is not None:
        errors += int(bad_status[1])
    socket_errors = _SOCKET_ERRORS.search(output)
    if socket_errors is not None:
        errors += sum(int(count) for count in socket_errors.groups())
    return LoadReport(percentiles["50"], percentiles["99"], errors)
