"""Several UDP sockets of one address that one worker receives from as if they were one."""

from typing import Final

from hauberk_core.net.datagrams import DatagramListening, DatagramPath
from hauberk_core.net.poller import READ, Poller


class SeveralDatagrams(DatagramListening):
    """Sockets of one address, where earlier there were more workers than now: the kernel goes on giving each its share."""

    def __init__(self, listenings: list[DatagramListening], poller: Poller) -> None:
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

    def receive(self) -> tuple[bytes, DatagramPath] | None:
        count = len(self._listenings)
        for _ in range(count):
            self._turn = (self._turn + 1) % count
            received = self._listenings[self._turn].receive()
            if received is not None:
                return received
        return None

    def send(self, data: bytes, path: DatagramPath) -> bool:
        return self._listenings[0].send(data, path)

    def local_address(self, path: DatagramPath) -> str:
        return self._listenings[0].local_address(path)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for listening in self._listenings:
            self._poller.unregister(listening.fileno())
            listening.close()
        self._poller.close()
