"""UDP without a kernel: datagrams arrive at once and whole, or are lost because nobody is there or a queue is full."""

import errno
import os
from collections import deque
from typing import TYPE_CHECKING, Final

from hauberk_core.net.datagrams import DatagramListening, DatagramPath, DatagramSocket, peer_address
from hauberk_core.net.poller import READ

if TYPE_CHECKING:
    from hauberk_core.sim.network import VirtualNetwork

# As a kernel's buffer for a socket takes some hundred small ones.
QUEUE_DATAGRAMS: Final = 256


class VirtualDatagrams(DatagramListening):
    """A bound address. Clients of the script, and endpoints, have one each too."""

    def __init__(self, network: "VirtualNetwork", address: str) -> None:
        self.address: Final = address
        self.closed = False
        self._network: Final = network
        self._descriptor: Final = network.add(self)
        self._queue: Final[deque[tuple[bytes, str]]] = deque()

    def readiness(self) -> int:
        """READ while a datagram waits."""
        return READ if self._queue else 0

    def arrive(self, data: bytes, sender: str) -> bool:
        """A datagram has come. Returns whether there was room."""
        if len(self._queue) >= QUEUE_DATAGRAMS:
            return False
        self._queue.append((data, sender))
        return True

    def fileno(self) -> int:
        return -1 if self.closed else self._descriptor

    def receive(self) -> tuple[bytes, DatagramPath] | None:
        if not self._queue:
            return None
        data, sender = self._queue.popleft()
        host, _, port = sender.rpartition(":")
        return data, (host.removeprefix("[").removesuffix("]"), int(port), 0, 0, b"")

    def send(self, data: bytes, path: DatagramPath) -> bool:
        return self.send_to(data, peer_address(path))

    def send_to(self, data: bytes, address: str) -> bool:
        """Send to `host:port`. Returns whether it arrived."""
        return self._network.carry(data, self.address, address)

    def local_address(self, path: DatagramPath) -> str:
        return self.address

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._network.unbind(self.address)
            self._network.remove(self._descriptor)


class VirtualDatagramSocket(DatagramSocket):
    """A socket of the proxy's, connected to an endpoint: from others nothing arrives."""

    def __init__(self, network: "VirtualNetwork", local: str, remote: str) -> None:
        self._network: Final = network
        self._local: Final = local
        self._remote: Final = remote
        self._descriptor: Final = network.add(self)
        self._queue: Final[deque[bytes]] = deque()
        self._closed = False
        self._refused = False

    def readiness(self) -> int:
        """READ while a datagram waits, or the news that nobody is there."""
        return READ if self._queue or self._refused else 0

    def arrive(self, data: bytes, sender: str) -> bool:
        """A datagram has come. Returns whether it was taken."""
        if sender != self._remote or len(self._queue) >= QUEUE_DATAGRAMS:
            return False
        self._queue.append(data)
        return True

    def fileno(self) -> int:
        return -1 if self._closed else self._descriptor

    def send(self, data: bytes) -> bool:
        self._tell_refusal()
        if not self._network.is_bound(self._remote):
            # As by ICMP: it is known only afterwards.
            self._refused = True
            return True
        return self._network.carry(data, self._local, self._remote)

    def receive(self) -> bytes | None:
        self._tell_refusal()
        return self._queue.popleft() if self._queue else None

    def local_address(self) -> str:
        return self._local

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._network.unbind(self._local)
            self._network.remove(self._descriptor)

    def _tell_refusal(self) -> None:
        if self._refused:
            self._refused = False
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


class DatagramPeer:
    """A scripted client or endpoint: sends when it is told to, and keeps what comes with its sender."""

    def __init__(self, bound: VirtualDatagrams) -> None:
        self._bound: Final = bound

    def address(self) -> str:
        """`host:port`."""
        return self._bound.address

    def send(self, data: bytes, address: str) -> bool:
        """Send to `host:port`, at once. Returns whether it arrived."""
        return self._bound.send_to(data, address)

    def received(self) -> list[tuple[bytes, str]]:
        """What has come since the last call, with the sender's `host:port`."""
        found: list[tuple[bytes, str]] = []
        while (one := self._bound.receive()) is not None:
            found.append((one[0], peer_address(one[1])))
        return found

    def close(self) -> None:
        """Be there no more."""
        self._bound.close()
