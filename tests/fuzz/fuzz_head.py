#!/usr/bin/env python3
"""Any octets are requests or a fault, and responses or a fault; never an exception, and how they are cut changes nothing."""

import contextlib

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.http"]) if atheris else contextlib.nullcontext():
    from harness import check_cuts, run  # type: ignore[import-not-found]

    from hauberk_core.http.events import Request
    from hauberk_core.http.h1_client import H1Client
    from hauberk_core.http.h1_server import H1Server
    from hauberk_core.http.headers import Headers
    from hauberk_core.model.listener import HttpLimits

# Low enough for the inputs to exceed each.
LIMITS = HttpLimits(head_bytes=512, request_line_bytes=128, header_count=8, body_bytes=64)

PARTS = (
    *(
        b"GET / HTTP/1.1\r\n",
        b"POST /a?b HTTP/1.1\r\n",
        b"HEAD http://b/ HTTP/1.0\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
    ),
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 204 \r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Go\r\n",
        b"HTTP/1.1 304\r\n",
    ),
    *(
        b"Host: a\r\n",
        b"Host: a\r\n",
        b"Host: [::1]:80\r\n",
        b"Host: a b\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 99\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"transfer-encoding:gzip\r\n",
        b"Connection: close\r\n",
        b"Connection: upgrade, x\r\n",
        b"Upgrade: chat\r\n",
    ),
    *(
        b"Expect: 100-continue\r\n",
        b"TE: trailers\r\n",
        b"X: 1\r\n",
        b"X:\r\n",
        b"X:\t1 \r\n",
        b"x: caf\xe9\r\n",
        b" folded\r\n",
        b"X : 1\r\n",
        b"X\r\n",
    ),
    *(
        b"\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"hello",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"X" * 60,
        b"Y: " + b"y" * 200 + b"\r\n",
    ),
)


def make_server() -> H1Server:
    """A server with low limits."""
    return H1Server("http", LIMITS)


def make_client() -> H1Client:
    """A client that waits for the answer to a request, which offered an upgrade."""
    headers = Headers()
    headers.add("Host", "a")
    request = Request("GET", "a", "/", "", 11, headers)
    request.upgrade = "chat"
    client = H1Client(LIMITS)
    client.send_request(request)
    client.send_end(None)
    return client


def check(octets: bytes) -> None:
    """Feed both sides."""
    check_cuts(make_server, octets)
    check_cuts(make_client, octets)


if __name__ == "__main__":
    run(check, PARTS)
