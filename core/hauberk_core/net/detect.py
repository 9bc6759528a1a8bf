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

from hauberk_core.net.client_hello import LARGEST_PEEK, NotClientHello, read_client_hello
from hauberk_core.net.sockets import SocketStream
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Stream

_HANDSHAKE_RECORD: Final = b"\x16"
# Looks at a first message that comes in pieces: two for each record that it may have.
_MOST_LOOKS: Final = 128


@mypyc_attr(native_class=False)
class PlaintextRefused(OSError):
    """The peer did not begin TLS, and nothing else is taken here."""


class DetectingStream(Stream):
    """An accepted connection that turns out, by its handshake, to be inside TLS or plain; `settled` then is which."""

    __slots__ = ("_chosen", "_looks", "_own_protocols", "_plain", "_secure", "_takes_plain")

    def __init__(self, plain: SocketStream, secure: Stream, takes_plain: bool, own_protocols: tuple[bytes, ...] = ()) -> None:
        """Prepare.

        Args: secure - the same connection inside TLS; takes_plain - False: whoever does not begin TLS is reset; own_protocols -
        with what the names of protocols begin that are offered inside TLS of ours: all other TLS counts as plain octets; none:
        all TLS is ours.
        """
        self._looks = 0
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
        data = self._plain.peek(LARGEST_PEEK)
        self._looks += 1
        try:
            hello = read_client_hello(data or b"")
        except NotClientHello:
            return self._plain
        if isinstance(hello, int):
            if self._looks > _MOST_LOOKS:
                # Its end has come before the message was complete, or it comes in crumbs.
                raise ConnectionAbortedError("the peer's first message of TLS does not come to an end")
            # What is looked at stays there, so that the poller would call it readable all the time.
            self._plain.wake_at(hello)
            return None
        if self._looks > 1:
            self._plain.wake_at(1)
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
