"""The header by which a proxy in front tells whose connection it passes on: the PROXY protocol, versions 1 and 2.

Source: HAProxy's "The PROXY protocol" (proxy-protocol.txt), sections 2.1 and 2.2. Only what a sender may write is taken.
"""

import re
import socket
from typing import Final

from mypy_extensions import mypyc_attr

# With its end of line (section 2.1).
LONGEST_LINE: Final = 107
# Of version 2, behind its fixed part: addresses, and what balancers of clouds add, a client's certificate's names among it.
LONGEST_REST: Final = 4096

_BEGINS_LINE: Final = b"PROXY "
_LINE: Final = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]{2,39}) ([0-9A-Fa-f:.]{2,39}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})")
_UNKNOWN: Final = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?")
_LARGEST_PORT: Final = 65535
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
_LOCAL: Final = 0x20
_PROXIED: Final = 0x21
_NOBODY: Final = 0x00
_TCP_4: Final = 0x11
_TCP_6: Final = 0x21
_UNIX: Final = 0x31


class ProxyHeader:
    """What it says."""

    __slots__ = ("destination", "size", "source")

    def __init__(self, size: int, source: str, destination: str) -> None:
        self.size: Final = size
        """Octets of the connection that it takes."""
        self.source: Final = source
        """`host:port` of the client; empty: the proxy speaks for itself, or does not know."""
        self.destination: Final = destination
        """`host:port` that the client connected to; empty likewise."""


@mypyc_attr(native_class=False)
class NotProxyHeader(ValueError):
    """The octets begin no such header."""


def read_proxy_header(data: bytes) -> ProxyHeader | int:
    """Read the first octets of a connection.

    Returns: the header, or as long as it is not complete how many octets there must be at least before it can be.
    Raises: NotProxyHeader.
    """
    if not data:
        return 1
    if data[:1] == _BEGINS_LINE[:1]:
        return _read_line(data)
    if data[: len(_SIGNATURE)] != _SIGNATURE[: len(data)]:
        raise NotProxyHeader("neither version of the PROXY protocol begins like this")
    if len(data) < _FIXED:
        return _FIXED
    rest = int.from_bytes(data[14:16], "big")
    if rest > LONGEST_REST:
        raise NotProxyHeader(f"a header of {rest} octets, {LONGEST_REST} are allowed")
    command, family = data[12], data[13]
    if command not in (_LOCAL, _PROXIED):
        raise NotProxyHeader("neither LOCAL nor PROXY of version 2")
    if len(data) < _FIXED + rest:
        return _FIXED + rest
    size = _FIXED + rest
    if command == _LOCAL or family in (_NOBODY, _UNIX):
        return ProxyHeader(size, "", "")
    if family == _TCP_4 and rest >= 12:
        return ProxyHeader(size, _address_4(data, 16, 24), _address_4(data, 20, 26))
    if family == _TCP_6 and rest >= 36:
        return ProxyHeader(size, _address_6(data, 16, 48), _address_6(data, 32, 50))
    raise NotProxyHeader("addresses that no TCP connection has")


def _read_line(data: bytes) -> ProxyHeader | int:
    if data[: len(_BEGINS_LINE)] != _BEGINS_LINE[: len(data)]:
        raise NotProxyHeader("neither version of the PROXY protocol begins like this")
    end = data.find(b"\n", 0, LONGEST_LINE)
    if end < 0:
        if len(data) >= LONGEST_LINE:
            raise NotProxyHeader(f"a line of version 1 ends within {LONGEST_LINE} octets")
        return len(data) + 1
    line = data[: end - 1]
    if data[end - 1 : end] != b"\r":
        raise NotProxyHeader("a line of version 1 ends with CR and LF")
    if _UNKNOWN.fullmatch(line) is not None:
        return ProxyHeader(end + 1, "", "")
    found = _LINE.fullmatch(line)
    if found is None:
        raise NotProxyHeader("a line that version 1 does not know")
    is_six = found[1] == b"6"
    return ProxyHeader(end + 1, _written(found[2], found[4], is_six), _written(found[3], found[5], is_six))


def _written(host: bytes, port: bytes, is_six: bool) -> str:
    """An address of version 1. Raises: NotProxyHeader."""
    if int(port) > _LARGEST_PORT:
        raise NotProxyHeader("a port that no TCP connection has")
    family = socket.AF_INET6 if is_six else socket.AF_INET
    try:
        # As everybody writes it, so that one address is one text in logs and lists.
        text = socket.inet_ntop(family, socket.inet_pton(family, host.decode("ascii")))
    except OSError as error:
        raise NotProxyHeader("no address of its family") from error
    return f"[{text}]:{int(port)}" if is_six else f"{text}:{int(port)}"


def _address_4(data: bytes, host: int, port: int) -> str:
    return f"{socket.inet_ntop(socket.AF_INET, data[host : host + 4])}:{int.from_bytes(data[port : port + 2], 'big')}"


def _address_6(data: bytes, host: int, port: int) -> str:
    return f"[{socket.inet_ntop(socket.AF_INET6, data[host : host + 16])}]:{int.from_bytes(data[port : port + 2], 'big')}"
