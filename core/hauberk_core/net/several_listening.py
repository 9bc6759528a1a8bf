"""Several listening sockets that one worker accepts from as if they were one."""

from typing import Final

from hauberk_core.net.poller import READ, Poller
from hauberk_core.net.transport import Listening, Stream


class SeveralListening(Listening):
    """Sockets of one address, where earlier there were more workers than now.

    Closing a socket resets the connections that wait in its queue, and the kernel goes on putting some there for as long as it is
    open. So a socket that once was opened is accepted from until its listener ends.
    """

    def __init__(self, listenings: list[Listening], poller: Poller) -> None:
        """Args: listenings - at least one; poller - a new one. Both are this object's from now on."""
        self._listenings: Final = listenings
        self._poller: Final = poller
        self._turn = 0
        self._closed = False
        for listening in listenings:
            poller.register(listening.fileno(), READ)

    def fileno(self) -> int:
        """The poller's: it is readable while any of the sockets is."""
        return self._poller.fileno()

    def accept(self) -> Stream | None:
        count = len(self._listenings)
        for _ in range(count):
            self._turn = (self._turn + 1) % count
            stream = self._listenings[self._turn].accept()
            if stream is not None:
                return stream
        return None

    def port(self) -> int:
        return self._listenings[0].port()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for listening in self._listenings:
            self._poller.unregister(listening.fileno())
            listening.close()
        self._poller.close()
