"""Closed loop over HTTP/2: h2load keeps so many streams busy on each of its connections, with prior knowledge.

h2load tells no percentiles; what it logs of each request does. Our process around it reads that, once the load is over.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.load.client import read_report, render_report
from bench.load.generator import Generator, LoadReport
from bench.site import GRPC_MESSAGE, GRPC_PATH, HOST, REQUEST_HEADERS, SMALL_PATH, Listener

_SUCCESSES = range(200, 400)


class H2Load(Generator):
    """`connections` with `streams` requests at a time on each: GETs, or unary calls of gRPC."""

    def __init__(self, connections: int, streams: int, grpc: bool = False) -> None:
        self._connections = connections
        self._streams = streams
        self._grpc = grpc

    def command(self, listener: Listener, port: int, seconds: float) -> list[str]:
        arguments = ["--port", str(port), "--connections", str(self._connections), "--streams", str(self._streams)]
        arguments += ["--seconds", str(math.ceil(seconds)), *(["--grpc"] if self._grpc else [])]
        return [sys.executable, "-m", "bench.load.h2load", *arguments]

    def read(self, output: str) -> LoadReport:
        return read_report(output)


def h2load_command(port: int, connections: int, streams: int, seconds: int, call: Path | None, log: Path) -> list[str]:
    """What h2load is told. Args: call - the file with a call's message, if gRPC is spoken."""
    command = ["h2load", "--clients", str(connections), "--max-concurrent-streams", str(streams), "--duration", str(seconds)]
    command += ["--log-file", str(log), f"--connect-to=127.0.0.1:{port}"]
    fields = {name.lower(): value for name, value in REQUEST_HEADERS.items() if name != "Host"}
    path = SMALL_PATH
    if call is not None:
        path = GRPC_PATH
        fields = {"content-type": "application/grpc", "te": "trailers", "user-agent": fields["user-agent"]}
        command += ["--data", str(call)]
    for name, value in fields.items():
        command += ["--header", f"{name}: {value}"]
    return [*command, f"http://{HOST}{path}"]


def read_log(log: str) -> tuple[list[float], int]:
    """Latencies in seconds of what succeeded, and how many requests did not.

    Each line has the time at which a request began, its status (-1 if it had none), and how long it took, in microseconds.
    """
    latencies: list[float] = []
    errors = 0
    for line in log.splitlines():
        _, status, duration = line.split("\t")[:3]
        if int(status) in _SUCCESSES:
            latencies.append(int(duration) / 1e6)
        else:
            errors += 1
    return latencies, errors


def main() -> None:
    """The command line of the generator's process; prints one line of JSON."""
    parser = argparse.ArgumentParser(description="keep streams of HTTP/2 busy, by h2load")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--grpc", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-h2load-") as folder:
        log, call = Path(folder) / "log", Path(folder) / "call"
        call.write_bytes(GRPC_MESSAGE)
        command = h2load_command(
            options.port, options.connections, options.streams, options.seconds, call if options.grpc else None, log
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        latencies, errors = read_log(log.read_text()) if log.exists() else ([], 0)
    if done.returncode or not latencies:
        sys.exit(f"h2load got no answers ({errors} failures):\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    print(render_report(latencies, [], errors))


if __name__ == "__main__":
    main()
