"""Waits for a client's first message of TLS without taking it: whoever is chosen by it reads it again."""

from typing import Final

from hauberk_core.net.client_hello import LARGEST_PEEK, ClientHello, read_client_hello
from hauberk_core.net.transport import Stream

# Looks at a first message that comes in pieces: two for each record that it may have.
_MOST_LOOKS: Final = 128


class HelloPeek:
    """One connection's."""

    __slots__ = ("_looks", "_plain")

    def __init__(self, plain: Stream) -> None:
        """Args: plain - an accepted connection in the clear, whose handshake is done before the first look."""
        self._looks = 0
        self._plain: Final = plain

    def look(self) -> ClientHello | None:
        """The message; None: it has not come as a whole, look again when the connection is readable.

        Raises: NotClientHello if something else comes; OSError if it does not come to an end, or the connection is broken.
        """
        data = self._plain.peek(LARGEST_PEEK)
        self._looks += 1
        hello = read_client_hello(data or b"")
        if isinstance(hello, int):
            if self._looks > _MOST_LOOKS:
                # Its end has come before the message was complete, or it comes in crumbs.
                raise ConnectionAbortedError("the peer's first message of TLS does not come to an end")
            # What is looked at stays there, so that the poller would call it readable all the time.
            self._plain.wake_at(hello)
            return None
        if self._looks > 1:
            self._plain.wake_at(1)
        return hello
