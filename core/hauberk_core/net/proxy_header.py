"""Writes the header of the PROXY protocol: whose connection it is that begins.

Source: HAProxy's "The PROXY protocol" (proxy-protocol.txt), sections 2.1 and 2.2.
"""

import socket
from typing import Final

_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_LOCAL: Final = b"\x20\x00\x00\x00"
_TCP_4: Final = b"\x21\x11\x00\x0c"
_TCP_6: Final = b"\x21\x21\x00\x24"


def proxy_header(version: int, source: str, destination: str) -> bytes:
    """The header, in version 1 or 2.

    Args: source - `host:port` of the client, numeric, IPv6 in brackets; destination - what it connected to. Where one of them is
        empty or no such address, or they are of two families, the header says that the sender speaks for itself.
    """
    client, client_port = _parts(source)
    server, server_port = _parts(destination)
    is_six = ":" in client
    family = socket.AF_INET6 if is_six else socket.AF_INET
    try:
        packed = socket.inet_pton(family, client) + socket.inet_pton(family, server)
    except OSError:
        return b"PROXY UNKNOWN\r\n" if version == 1 else _SIGNATURE + _LOCAL
    if version == 1:
        kind = "TCP6" if is_six else "TCP4"
        return f"PROXY {kind} {client} {server} {client_port} {server_port}\r\n".encode("ascii")
    ports = client_port.to_bytes(2, "big") + server_port.to_bytes(2, "big")
    return _SIGNATURE + (_TCP_6 if is_six else _TCP_4) + packed + ports


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        return "", 0
    return host.removeprefix("[").removesuffix("]"), int(port)
