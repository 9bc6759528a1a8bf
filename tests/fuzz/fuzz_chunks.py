#!/usr/bin/env python3
"""Any octets are a chunked body or a fault, never an exception, however they are cut; what is read is written and read again."""

import contextlib

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.http"]) if atheris else contextlib.nullcontext():
    from harness import Finding, check_cuts, run  # type: ignore[import-not-found]

    from hauberk_core.http.chunks import chunk, last_chunk
    from hauberk_core.http.h1_server import H1Server
    from hauberk_core.http.headers import Headers
    from hauberk_core.model.listener import HttpLimits

LIMITS = HttpLimits(head_bytes=512, header_count=8, body_bytes=4096)
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

PARTS = (
    *(
        b"5\r\nhello\r\n",
        b"1\r\nx\r\n",
        b"a\r\n0123456789\r\n",
        b"5;a=b\r\nhello\r\n",
        b'1;q="\\"x"\r\nx\r\n',
        b"00005\r\nhello\r\n",
    ),
    *(
        b"0\r\n\r\n",
        b"0\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"5",
        b";",
        b"F" * 15,
        b"x" * 100,
        b"5 \r\nhello\r\n",
        b"0x1\r\n",
        b"-1\r\n",
        b"1;" + b"e" * 250,
    ),
    *(
        b"X: 1\r\n",
        b"X: 1\r\n\r\n",
        b"Host: b\r\n",
        b"Content-Length: 1\r\n",
        b" folded\r\n",
        b"X : 1\r\n",
        b"T: " + b"t" * 200 + b"\r\n",
    ),
)


def make_server() -> H1Server:
    """A server with low limits."""
    return H1Server("http", LIMITS)


def check(octets: bytes) -> None:
    """Feed a chunked body; where it is sound, frame it again and compare."""
    heard = check_cuts(make_server, HEAD + octets)
    if len(heard) < 2 or not isinstance(heard[1], tuple) or len(heard[1]) != 2:
        return
    body, lines = heard[1]
    trailers = Headers()
    for line in lines or []:
        name, _, value = line.partition(": ")
        trailers.add(name, value)
    again = check_cuts(make_server, HEAD + (chunk(body) if body else b"") + last_chunk(trailers))
    if again[1] != heard[1]:
        raise Finding(f"{heard[1]!r} was written and read as {again[1]!r}")


if __name__ == "__main__":
    run(check, PARTS)
