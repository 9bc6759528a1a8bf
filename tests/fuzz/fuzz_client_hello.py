#!/usr/bin/env python3
"""Any octets are a client's first message of TLS, the beginning of one, or neither; and how they are cut changes nothing."""

import contextlib
import ssl

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported in here tells atheris of its branches.
with atheris.instrument_imports(include=["hauberk_core.net"]) if atheris else contextlib.nullcontext():
    from harness import Finding, run  # type: ignore[import-not-found]

    from hauberk_core.net.client_hello import LARGEST_PEEK, NotClientHello, read_client_hello


def recorded(name: str | None, protocols: tuple[str, ...], version: ssl.TLSVersion) -> bytes:
    """What OpenSSL says to begin with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = version
    if protocols:
        context.set_alpn_protocols(list(protocols))
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name).do_handshake()
    return sent.read()


def extension(kind: int, content: bytes) -> bytes:
    """One of a message's."""
    return kind.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def message(*extensions: bytes) -> bytes:
    """A message in one record, as a client might put it together."""
    several = b"".join(extensions)
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + len(several).to_bytes(2, "big") + several
    return b"\x16\x03\x01" + (len(body) + 4).to_bytes(2, "big") + b"\x01" + len(body).to_bytes(3, "big") + body


NAME = extension(0, b"\x00\x09\x00\x00\x06a.test")
GREASE = extension(0x0A0A, b"")
OUTER = extension(0xFE0D, b"\x00\x00\x01\x00\x01" + bytes(40))
PROTOCOLS = extension(16, b"\x00\x03\x02h2")
PARTS = (
    *(
        recorded(name, protocols, version)
        for name in (None, "books.test")
        for protocols in ((), ("h2", "http/1.1"))
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    ),
    *(message(NAME), message(GREASE, NAME, PROTOCOLS), message(NAME, NAME), message(NAME, OUTER), message()),
    *(NAME, GREASE, OUTER, PROTOCOLS, b"\x16\x03\x01", b"\x16\x03\x01\x00\x01\x01", b"\x15\x03\x01\x00\x02\x02\x28"),
    *(b"\x01\x00\x00\x04", b"\x00", b"\xff\xff", b"\x16\x03\x01\x00\x00", b"GET / HTTP/1.1\r\n", bytes(40)),
)


def check(octets: bytes) -> None:
    """Read them whole, and as a reader does to whom they come in pieces."""
    whole = outcome(octets)
    have = 0
    while True:
        found = outcome(octets[:have])
        if not isinstance(found, int):
            if found != whole:
                raise Finding(f"{octets[:have]!r} is {found!r}, with more behind it {whole!r}")
            return
        if not have < found <= LARGEST_PEEK + 5:
            raise Finding(f"{octets[:have]!r} is to become {found} octets")
        if found > len(octets):
            if whole != found:
                raise Finding(f"{octets!r} wants {found} octets in pieces, whole it is {whole!r}")
            return
        have = found


def outcome(octets: bytes) -> object:
    """What a reader is told."""
    try:
        found = read_client_hello(octets)
    except NotClientHello:
        return "refused"
    if isinstance(found, int):
        return found
    if not found.server_name.isascii() or len(found.server_name) > 255:
        raise Finding(f"{octets!r} asks for {found.server_name!r}")
    return found.server_name, tuple(found.protocols)


if __name__ == "__main__":
    run(check, PARTS)
