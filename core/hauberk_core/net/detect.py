"""TLS or plain on one port: the client's first octet tells.

Every TLS connection begins with a record of type handshake, 22 (RFC 8446 section 5.1). No request of HTTP can begin with that
octet: a method is made of token characters (RFC 9110 section 9.1), and HTTP/2's preface begins with a letter. One octet decides,
so that nobody can hold the decision open by sending half of what it takes. It is looked at, not taken. Where TLS may also be an
application's own, the protocols that the client offers tell whose it is, and the whole of its first message is looked at.
Protocols in which the server speaks first cannot be told apart this way: where octets pass as they are, an endpoint that speaks
decides for plain.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.client_hello import NotClientHello
from hauberk_core.net.hello_peek import HelloPeek
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Stream

_HANDSHAKE_RECORD: Final = b"\x16"


@mypyc_attr(native_class=False)
class PlaintextRefused(OSError):
    """The peer did not begin TLS, and nothing else is taken here."""


class DetectingStream(Stream):
    """An accepted connection that turns out, by its handshake, to be inside TLS or plain; `settled` then is which."""

    __slots__ = ("_chosen", "_own_protocols", "_peek", "_plain", "_secure", "_takes_plain")

    def __init__(self, plain: SocketStream, secure: Stream, takes_plain: bool, own_protocols: tuple[bytes, ...] = ()) -> None:
        """Prepare.

        Args: secure - the same connection inside TLS; takes_plain - False: whoever does not begin TLS is reset; own_protocols -
        with what the names of protocols begin that are offered inside TLS of ours: all other TLS counts as plain octets; none:
        all TLS is ours.
        """
        self._peek: Final = HelloPeek(plain)
        self._own_protocols: Final = own_protocols
        self._plain: Final = plain
        self._secure: Final = secure
        self._takes_plain: Final = takes_plain
        self._chosen: Stream | None = None

    def fileno(self) -> int:
        return self._plain.fileno() if self._chosen is None else self._chosen.fileno()

    def handshake(self) -> int:
        chosen = self._chosen
        if chosen is None:
            state = self._plain.handshake()
            if state != HANDSHAKE_DONE:
                return state
            first = self._plain.peek(1)
            if first is None:
                return HANDSHAKE_WANTS_READ
            if first == _HANDSHAKE_RECORD and self._own_protocols and self._takes_plain:
                chosen = self._choose_by_hello()
                if chosen is None:
                    return HANDSHAKE_WANTS_READ
            else:
                chosen = self._choose(first)
            self._chosen = chosen
        return chosen.handshake()

    def may_be_plain(self) -> bool:
        return self._chosen is None and self._takes_plain

    def take_for_plain(self) -> None:
        if self._chosen is None and self._takes_plain:
            self._chosen = self._plain

    def plaintext_refused(self, error: OSError) -> None:
        """Whoever does not begin TLS is about to be reset, and `error` to be raised."""

    def settled(self) -> Stream:
        return self if self._chosen is None else self._chosen

    def recv(self, size: int) -> bytes | None:
        return None if self._chosen is None else self._chosen.recv(size)

    def send(self, data: bytes) -> int:
        return 0 if self._chosen is None else self._chosen.send(data)

    def shutdown_write(self) -> None:
        if self._chosen is not None:
            self._chosen.shutdown_write()

    def reset_on_close(self) -> None:
        if self._chosen is None:
            self._plain.reset_on_close()
        else:
            self._chosen.reset_on_close()

    def close(self) -> None:
        if self._chosen is None:
            self._plain.close()
        else:
            self._chosen.close()

    def is_secure(self) -> bool:
        # An undecided connection has a handshake before it, as one inside TLS has.
        return True if self._chosen is None else self._chosen.is_secure()

    def local_address(self) -> str:
        return self._plain.local_address()

    def peer_address(self) -> str:
        return self._plain.peer_address()

    def _choose_by_hello(self) -> Stream | None:
        """Ours or another's, by the client's first message; None: it has not come as a whole."""
        try:
            hello = self._peek.look()
        except NotClientHello:
            return self._plain
        if hello is None:
            return None
        for protocol in hello.protocols:
            for prefix in self._own_protocols:
                if protocol.startswith(prefix):
                    return self._secure
        return self._plain

    def _choose(self, first: bytes) -> Stream:
        if first == _HANDSHAKE_RECORD:
            return self._secure
        if not first:
            raise ConnectionAbortedError("the peer ended the connection before it said anything")
        if self._takes_plain:
            return self._plain
        self._plain.reset_on_close()
        error = PlaintextRefused("the peer does not speak TLS, and this address takes nothing else")
        self.plaintext_refused(error)
        raise error
