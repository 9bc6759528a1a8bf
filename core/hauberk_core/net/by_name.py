"""Connections of one listener that the server name in the client's first message divides: some pass as they are, the others end
TLS here.

Nothing is taken of what passes, and nothing of it is answered: client and endpoint speak TLS with each other. A client that
encrypts its message (ECH) shows an outer name, and goes by that. Source: RFC 6066 section 3.
"""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.client_hello import NotClientHello
from hauberk_core.net.hello_peek import HelloPeek
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Security, Stream


@mypyc_attr(native_class=False)
class ServerNameRefused(OSError):
    """No filter chain is there for the name that the client asks for."""

    def __init__(self, server_name: str) -> None:
        super().__init__(f"nobody serves the server name {server_name!r} here" if server_name else "the client names no server")
        self.server_name: Final = server_name


class ByNameStream(Stream):
    """An accepted connection that turns out, by its handshake, to pass or to be inside TLS; `settled` then is which."""

    __slots__ = ("_chosen", "_peek", "_plain", "_security")

    def __init__(self, plain: Stream, security: "ByNameSecurity") -> None:
        self._chosen: Stream | None = None
        self._peek: Final = HelloPeek(plain)
        self._plain: Final = plain
        self._security: Final = security

    def fileno(self) -> int:
        return self._current().fileno()

    def handshake(self) -> int:
        chosen = self._chosen
        if chosen is None:
            state = self._plain.handshake()
            if state != HANDSHAKE_DONE:
                return state
            try:
                hello = self._peek.look()
            except NotClientHello as error:
                raise OSError(f"the peer does not begin TLS: {error}") from error
            if hello is None:
                return HANDSHAKE_WANTS_READ
            chosen = self._security.choose(self._plain, hello.server_name)
            self._chosen = chosen
        return chosen.handshake()

    def settled(self) -> Stream:
        return self._current().settled()

    def recv(self, size: int) -> bytes | None:
        return None if self._chosen is None else self._chosen.recv(size)

    def send(self, data: bytes) -> int:
        return 0 if self._chosen is None else self._chosen.send(data)

    def shutdown_write(self) -> None:
        if self._chosen is not None:
            self._chosen.shutdown_write()

    def reset_on_close(self) -> None:
        self._current().reset_on_close()

    def close(self) -> None:
        self._current().close()

    def is_secure(self) -> bool:
        # An undecided connection has a handshake before it, as one inside TLS has.
        return True if self._chosen is None else self._chosen.is_secure()

    def local_address(self) -> str:
        return self._plain.local_address()

    def peer_address(self) -> str:
        return self._plain.peer_address()

    def _current(self) -> Stream:
        return self._plain if self._chosen is None else self._chosen


class ByNameSecurity(Security):
    """Divides a listener's connections among its filter chains."""

    def __init__(self, names: ServerNames, passes: Sequence[bool], inside: Security | None) -> None:
        """Args: passes - for each chain, whether its connections pass; inside - the others' TLS, None: there are none."""
        self._names: Final = names
        self._passes: Final = list(passes)
        self._inside: Final = inside

    def wrap(self, stream: Stream, host: str) -> Stream:
        return ByNameStream(stream, self)

    def choose(self, plain: Stream, server_name: str) -> Stream:
        """How to go on with a connection. Raises: ServerNameRefused."""
        index = self._names.find(server_name)
        if index < 0:
            raise ServerNameRefused(server_name)
        inside = self._inside
        if self._passes[index] or inside is None:
            plain.note_server_name(server_name)
            return plain
        return inside.wrap(plain, "")

    def keeps(self, stream: Stream) -> bool:
        return self._inside is not None and self._inside.keeps(stream)
