#!/usr/bin/env python3
"""Any octets are a header of the PROXY protocol, the beginning of one, or neither; and how they are cut changes nothing."""

import contextlib

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.net"]) if atheris else contextlib.nullcontext():
    from harness import Finding, run  # type: ignore[import-not-found]

    from hauberk_core.net.proxy_protocol import LONGEST_REST, NotProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
PARTS = (
    *(b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"UDP4 ", b" ", b"\r\n", b"\n", b"\r", b"\0"),
    *(b"192.0.2.1 ", b"2001:db8::1 ", b"::ffff:192.0.2.1 ", b"1.2.3.04 ", b"0 ", b"443", b"65535", b"65536", b"007"),
    b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 443\r\n",
    *(SIGNATURE, SIGNATURE[:5], SIGNATURE + b"\x21\x11\x00\x0c" + bytes(12), SIGNATURE + b"\x21\x21\x00\x24" + bytes(36)),
    *(SIGNATURE + b"\x20\x00\x00\x00", b"\x21", b"\x11", b"\x00\x0c", b"\xff\xff", bytes(12), b"GET / HTTP/1.1\r\n"),
)


def check(octets: bytes) -> None:
    """Read them whole, and as a reader does to whom they come an octet at a time."""
    whole = outcome(octets)
    for size in range(len(octets)):
        found = outcome(octets[:size])
        if isinstance(found, int):
            if not size < found <= 16 + LONGEST_REST:
                raise Finding(f"{octets[:size]!r} is to become {found} octets")
        elif found != whole:
            raise Finding(f"{octets[:size]!r} is {found!r}, with more behind it {whole!r}")


def outcome(octets: bytes) -> object:
    """What a reader is told."""
    try:
        found = read_proxy_header(octets)
    except NotProxyHeader:
        return "refused"
    return found if isinstance(found, int) else (found.size, found.source, found.destination)


if __name__ == "__main__":
    run(check, PARTS)
