"""What a client says in the clear at the beginning of TLS: which server it asks for, and which protocols it offers inside.

Only read, never acted on: OpenSSL reads it again. Sources: RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3, RFC 7301.
"""

import re
from typing import Final

from mypy_extensions import mypyc_attr

# A ClientHello has some 500 octets, with keys against quantum computers 2,000. OpenSSL takes no more than this either.
LARGEST_HELLO: Final = 16384
# Its records: each has a header of five octets, and a client that cuts it into pieces this small means no good.
LARGEST_PEEK: Final = LARGEST_HELLO + 64 * 5

_RECORD_HEADER: Final = 5
_MESSAGE_HEADER: Final = 4
_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_PROTOCOLS: Final = 16
_RANDOM_AND_VERSION: Final = 34
# As long as a name in DNS may be; its letters go to logs and metrics.
_HOST_NAME: Final = re.compile(rb"[A-Za-z0-9._-]{1,255}")


class ClientHello:
    """What is of interest in it."""

    __slots__ = ("protocols", "server_name")

    def __init__(self, server_name: str, protocols: list[bytes]) -> None:
        self.server_name: Final = server_name
        """As the client wrote it; empty: it names none."""
        self.protocols: Final = protocols
        """By preference (ALPN)."""


@mypyc_attr(native_class=False)
class NotClientHello(ValueError):
    """The octets begin no ClientHello."""


def read_client_hello(data: bytes) -> ClientHello | int:
    """Read the first octets of a connection.

    Returns: the message, or as long as it is not complete how many octets there must be at least before it can be.
    Raises: NotClientHello.
    """
    message = bytearray()
    position = 0
    while True:
        if len(data) < position + _RECORD_HEADER:
            return position + _RECORD_HEADER
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        if data[position] != _HANDSHAKE or not 0 < length <= LARGEST_HELLO:
            raise NotClientHello("no record of a handshake")
        end = position + _RECORD_HEADER + length
        if end > LARGEST_PEEK:
            raise NotClientHello("too long")
        if len(data) < end:
            return end
        message += data[position + _RECORD_HEADER : end]
        position = end
        if len(message) >= _MESSAGE_HEADER:
            size = int.from_bytes(message[1:4], "big")
            if message[0] != _CLIENT_HELLO or size > LARGEST_HELLO:
                raise NotClientHello("another message than a ClientHello")
            if len(message) >= _MESSAGE_HEADER + size:
                return _read_message(bytes(message[_MESSAGE_HEADER : _MESSAGE_HEADER + size]))


def name_asked_for(data: bytes) -> str:
    """The server's name in the first octets of a connection that may be TLS; empty: they have none, or not the whole of it."""
    try:
        found = read_client_hello(data)
    except NotClientHello:
        return ""
    return "" if isinstance(found, int) else found.server_name


def _read_message(body: bytes) -> ClientHello:
    fields = _Fields(body)
    fields.skip(_RANDOM_AND_VERSION)
    fields.vector(1)
    fields.vector(2)
    fields.vector(1)
    server_name = ""
    protocols: list[bytes] = []
    seen: set[int] = set()
    if not fields.at_end():
        extensions = _Fields(fields.vector(2))
        while not extensions.at_end():
            kind = extensions.number(2)
            if kind in seen:
                # Whoever reads it next might take the other one (RFC 8446 section 4.2 allows one of each).
                raise NotClientHello("an extension stands there twice")
            seen.add(kind)
            content = _Fields(extensions.vector(2))
            if kind == _SERVER_NAME and not content.at_end():
                server_name = _read_server_name(_Fields(content.vector(2)))
            elif kind == _PROTOCOLS:
                names = _Fields(content.vector(2))
                while not names.at_end():
                    protocols.append(names.vector(1))
    return ClientHello(server_name, protocols)


def _read_server_name(names: "_Fields") -> str:
    found = ""
    while not names.at_end():
        kind = names.number(1)
        name = names.vector(2)
        if kind == 0:
            if found:
                raise NotClientHello("it names two servers")
            if _HOST_NAME.fullmatch(name) is None:
                raise NotClientHello("what it names is no server")
            found = name.decode("ascii")
    return found


class _Fields:
    """Takes one field of a message after the other."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data: Final = data
        self._position = 0

    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._position >= len(self._data)

    def skip(self, size: int) -> None:
        """Raises: NotClientHello if there is less."""
        self._position += size
        if self._position > len(self._data):
            raise NotClientHello("a field is cut off")

    def number(self, size: int) -> int:
        """An unsigned integer of so many octets. Raises: NotClientHello."""
        begin = self._position
        self.skip(size)
        return int.from_bytes(self._data[begin : self._position], "big")

    def vector(self, size: int) -> bytes:
        """A length of so many octets, and as many as it says. Raises: NotClientHello."""
        length = self.number(size)
        begin = self._position
        self.skip(length)
        return self._data[begin : self._position]
