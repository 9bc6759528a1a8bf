"""What our own clients share: the request's bytes, where a response ends, and the report that they print."""

import json

from bench.load.generator import LoadReport
from bench.process import BenchError
from bench.site import REQUEST_HEADERS
from bench.statistics import percentile


def request_bytes(path: str, close: bool = False) -> bytes:
    """A GET request as sent on the wire."""
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in REQUEST_HEADERS.items())]
    if close:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def is_complete(response: bytes | bytearray, body_size: int) -> bool:
    """Whether a response with a body of known size (unchunked) has arrived in full."""
    end_of_head = response.find(b"\r\n\r\n")
    return end_of_head >= 0 and len(response) >= end_of_head + 4 + body_size


def is_success(response: bytes | bytearray) -> bool:
    """Whether its status is 200."""
    return response.startswith((b"HTTP/1.1 200 ", b"HTTP/1.0 200 "))


def render_report(latencies: list[float], lateness: list[float], errors: int) -> str:
    """The line of JSON that `read_report` reads: seconds, and a count."""
    return json.dumps(
        {
            "p50": percentile(latencies, 0.50),
            "p99": percentile(latencies, 0.99),
            "late_p99": percentile(lateness, 0.99) if lateness else 0.0,
            "errors": errors,
            "measured": len(latencies),
        }
    )


def read_report(output: str) -> LoadReport:
    """Understand the last line that a client of ours printed. Raises: BenchError."""
    try:
        report = json.loads(output.strip().splitlines()[-1])
        return LoadReport(report["p50"], report["p99"], report["errors"], report["late_p99"])
    except (ValueError, LookupError, TypeError) as error:
        raise BenchError(f"the load generator's output cannot be read:\n{output[-2000:]}") from error
