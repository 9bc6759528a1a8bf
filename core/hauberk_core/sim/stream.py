"""Streams, listeners and connects without a kernel, behaving as TCP on Linux does where a proxy can tell."""

import errno
import os
from collections import deque
from typing import TYPE_CHECKING, Final

from hauberk_core.net.conduit import CONDUIT_BYTES, Conduit
from hauberk_core.net.datagrams import DatagramSocket
from hauberk_core.net.poller import ERROR, HANGUP, READ, WRITE
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_WRITE, Listening, Stream, Transport

if TYPE_CHECKING:
    from hauberk_core.sim.network import VirtualNetwork


class VirtualStream(Stream):
    """One end of a connection. What the other end sent waits here, at most a window of it."""

    def __init__(self, network: "VirtualNetwork", local: str, remote: str, window: int) -> None:
        self.other: VirtualStream | None = None
        """None while connecting, and for ever in a black hole."""
        self.window: Final = window
        self.closed = False
        self.connecting = False
        self._network: Final = network
        self._descriptor: Final = network.add(self)
        self._local = local
        self._meant = local
        self._remote = remote
        self._octets: Final = bytearray()
        self._peer_ended = False
        self._ended = False
        self._error = 0
        self._resets = False
        self._answered = False
        self._low = 1
        self._server_name = ""

    def readiness(self) -> int:
        """READ, WRITE, ERROR and HANGUP as the kernel would report them now."""
        other = self.other
        if self._error:
            return READ | WRITE | ERROR | HANGUP
        if other is None:
            return 0
        events = 0
        if len(self._octets) >= self._low or self._peer_ended:
            events |= READ
        if self._ended or other.room():
            events |= WRITE
        if self._ended and self._peer_ended:
            events |= HANGUP
        return events

    def room(self) -> int:
        """Octets that the other end may send before this one reads. A closed end takes anything, and answers with a reset."""
        return self.window if self.closed else self.window - len(self._octets)

    def join(self, other: "VirtualStream") -> None:
        """Be connected to `other`."""
        self.other = other
        other.other = self

    def break_off(self, error: int) -> None:
        """Fail from now on with this `errno`; what has come can still be read."""
        if not self.closed:
            self._error = error

    # Stream.

    def fileno(self) -> int:
        return -1 if self.closed else self._descriptor

    def handshake(self) -> int:
        if self.connecting:
            if self._error:
                raise _os_error(self._error)
            if self.other is None or not (self._answered or self._network.connects_at_once()):
                self._answered = self.other is not None
                return HANDSHAKE_WANTS_WRITE
            self.connecting = False
        return HANDSHAKE_DONE

    def recv(self, size: int) -> bytes | None:
        self._check_open()
        octets = self._octets
        if octets:
            data = bytes(octets[: self._network.part_of(min(size, len(octets)))])
            del octets[: len(data)]
            return data
        if self._error:
            raise _os_error(self._error)
        return b"" if self._peer_ended else None

    def peek(self, size: int) -> bytes | None:
        self._check_open()
        if self._octets:
            return bytes(self._octets[:size])
        return b"" if self._peer_ended else None

    def wake_at(self, size: int) -> None:
        self._low = size

    def server_name(self) -> str:
        return self._server_name

    def note_server_name(self, name: str) -> None:
        self._server_name = name

    def note_addresses(self, peer: str, local: str) -> None:
        self._remote = peer
        self._local = local

    def send(self, data: bytes) -> int:
        self._check_open()
        if self._error:
            raise _os_error(self._error)
        if self._ended:
            raise _os_error(errno.EPIPE)
        other = self.other
        if other is None:
            return 0
        if other.closed:
            self.break_off(errno.ECONNRESET)
            return len(data)
        room = min(other.room(), len(data))
        if not room:
            return 0
        taken = self._network.part_of(room)
        other._octets.extend(data[:taken])
        return taken

    def conduit_to(self, sink: Stream) -> Conduit | None:
        return VirtualConduit(self, sink) if isinstance(sink, VirtualStream) else None

    def shutdown_write(self) -> None:
        if not self.closed and not self._error and not self._ended:
            self._ended = True
            if self.other is not None:
                self.other._peer_ended = True

    def reset_on_close(self) -> None:
        self._resets = True

    def close(self) -> None:
        if self.closed:
            return
        unread = bool(self._octets)
        self._octets.clear()
        self.closed = True
        self._network.remove(self._descriptor)
        other = self.other
        if other is None or self._error:
            return
        # Octets that nobody read were not delivered, and the peer is told so (RFC 1122 section 4.2.2.13).
        if self._resets or unread:
            other.break_off(errno.ECONNRESET)
        else:
            other._peer_ended = True

    def lead_from(self, address: str) -> None:
        """This end was not meant: the connection was going to `address`, and rules of the kernel led it here."""
        self._meant = address

    def original_destination(self) -> tuple[str, int]:
        host, _, port = self._meant.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)

    def peer_identity(self) -> str:
        return self._network.identity(self._remote)

    def local_address(self) -> str:
        return self._local

    def peer_address(self) -> str:
        return self._remote

    def _check_open(self) -> None:
        if self.closed:
            raise _os_error(errno.EBADF)


class VirtualConduit(Conduit):
    """From one stream to another: what a pipe of the kernel's does."""

    def __init__(self, source: VirtualStream, sink: VirtualStream) -> None:
        super().__init__()
        self._source: Final = source
        self._sink: Final = sink
        self._octets = b""

    def fill(self) -> int | None:
        if self.held >= CONDUIT_BYTES:
            return None
        data = self._source.recv(CONDUIT_BYTES - self.held)
        if data is None:
            return None
        self._octets += data
        self.held += len(data)
        return len(data)

    def drain(self) -> None:
        sent = self._sink.send(self._octets)
        self._octets = self._octets[sent:]
        self.held -= sent

    def close(self) -> None:
        self._octets = b""


class VirtualListening(Listening):
    """A listening address; connections wait in its queue, already connected."""

    def __init__(self, network: "VirtualNetwork", address: str) -> None:
        self.address: Final = address
        self.closed = False
        self.failure = 0
        """An `errno` with which `accept` fails for as long as it is set."""
        self._network: Final = network
        self._descriptor: Final = network.add(self)
        self._queue: Final[deque[VirtualStream]] = deque()

    def readiness(self) -> int:
        """READ while a connection waits."""
        return READ if self._queue else 0

    def arrive(self, stream: VirtualStream) -> None:
        """A connection has come."""
        self._queue.append(stream)

    def fileno(self) -> int:
        return -1 if self.closed else self._descriptor

    def accept(self) -> Stream | None:
        if self.failure:
            raise _os_error(self.failure)
        return self._queue.popleft() if self._queue else None

    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._network.stop_listening(self)
            self._network.remove(self._descriptor)
            for stream in self._queue:
                stream.reset_on_close()
                stream.close()


class VirtualTransport(Transport):
    """Connects within a virtual network, from one host of it."""

    def __init__(self, network: "VirtualNetwork", host: str) -> None:
        self._network: Final = network
        self._host: Final = host

    def connect(self, host: str, port: int, source: str = "") -> VirtualStream:
        return self._network.connect(source or self._host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    def open_datagrams(self, host: str, port: int, source: str = "") -> DatagramSocket:
        return self._network.open_datagrams(source or self._host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
