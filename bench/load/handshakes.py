"""TLS handshakes: a new connection with a full handshake for every request, several at a time.

Sessions are never offered again, so no handshake is shortened by a ticket.
"""

import argparse
import socket
import ssl
import sys
import threading
import time

from bench.load.client import is_success, read_report, render_report, request_bytes
from bench.load.generator import Generator, LoadReport
from bench.site import HOST, SMALL_PATH, Listener


class Handshakes(Generator):
    """`concurrency` clients, each connecting, asking once and closing, over and over."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency

    def command(self, listener: Listener, port: int, seconds: float) -> list[str]:
        arguments = ["--port", str(port), "--concurrency", str(self._concurrency), "--seconds", str(seconds)]
        return [sys.executable, "-m", "bench.load.handshakes", *arguments]

    def read(self, output: str) -> LoadReport:
        return read_report(output)


def exchange(context: ssl.SSLContext, port: int, request: bytes) -> bool:
    """One connection, one request; whether it was answered with 200. Raises: OSError (TLS's errors are such)."""
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as plain:
        # Or the request would wait for the acknowledgement of the handshake's last flight, which peers delay by 40 ms.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname=HOST) as secured:
            secured.sendall(request)
            response = b""
            while chunk := secured.recv(65536):
                response += chunk
    return is_success(response)


def _repeat(port: int, until: float, latencies: list[float], errors: list[int]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    # The proxy's side is measured; checking its certificate would only slow the client down.
    context.verify_mode = ssl.CERT_NONE
    # A server that closes without TLS's own goodbye after a complete answer has done the work all the same.
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    request = request_bytes(SMALL_PATH, close=True)
    while (begin := time.perf_counter()) < until:
        try:
            answered = exchange(context, port, request)
        except OSError:
            answered = False
        if answered:
            latencies.append(time.perf_counter() - begin)
        else:
            errors.append(1)


def main() -> None:
    """The command line of the generator's process; prints one line of JSON."""
    parser = argparse.ArgumentParser(description="make TLS connections, one request each")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    latencies: list[float] = []
    errors: list[int] = []
    until = time.perf_counter() + options.seconds
    clients = [
        threading.Thread(target=_repeat, args=(options.port, until, latencies, errors)) for _ in range(options.concurrency)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    print(render_report(latencies, [], len(errors)))


if __name__ == "__main__":
    main()
