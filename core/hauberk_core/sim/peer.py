"""Clients and endpoints that do what a script says, and remember what they got."""

from collections.abc import Callable
from typing import Final

from hauberk_core.sim.stream import VirtualListening, VirtualStream

_READ_BYTES: Final = 1 << 20


class Peer:
    """One scripted connection, a client's or an endpoint's.

    What it is told to do happens with the simulation's next `run`, so that a script can let several things happen at once;
    whatever asks for an outcome runs the simulation first. A peer reads all that comes unless it is told to pause.
    """

    def __init__(self, stream: VirtualStream, run: Callable[[], None]) -> None:
        self._stream: Final = stream
        self._run: Final = run
        self._unsent: Final = bytearray()
        self._inbox: Final = bytearray()
        self._paused = False
        self._half_closing = False
        self._closing = False
        self._saw_end = False
        self._saw_reset = False

    # What a script lets it do.

    def send(self, data: bytes) -> None:
        """Send, as fast as the proxy takes it."""
        self._unsent.extend(data)

    def half_close(self) -> None:
        """End this side once everything is sent; go on reading."""
        self._half_closing = True

    def close(self) -> None:
        """Close in order once everything is sent."""
        self._closing = True

    def reset(self) -> None:
        """Break the connection off, now."""
        self._stream.reset_on_close()
        self._stream.close()

    def pause(self) -> None:
        """Read no more."""
        self._paused = True

    def resume(self) -> None:
        """Read on."""
        self._paused = False

    # What a script may ask.

    def received(self) -> bytes:
        """What has come since the last call."""
        self._run()
        data = bytes(self._inbox)
        self._inbox.clear()
        return data

    def unsent(self) -> int:
        """Octets that the proxy has not taken yet."""
        self._run()
        return len(self._unsent)

    def saw_end(self) -> bool:
        """Whether the proxy ended its side in order."""
        self._run()
        return self._saw_end

    def saw_reset(self) -> bool:
        """Whether the proxy broke the connection off."""
        self._run()
        return self._saw_reset

    def is_open(self) -> bool:
        """Whether this side has not been closed by its script, whatever the other does."""
        return not self._stream.closed

    def is_connected(self) -> bool:
        """Whether both sides are still open."""
        self._run()
        return not (self._saw_end or self._saw_reset or self._stream.closed)

    def address(self) -> str:
        """`host:port` of this side."""
        return self._stream.local_address()

    def peer(self) -> str:
        """`host:port` of the other side, as this one knows it."""
        return self._stream.peer_address()

    def read(self, size: int) -> None:
        """Take up to `size` octets although reading is paused."""
        self._take(size)

    # The simulation's side.

    def act(self) -> bool:
        """Do what can be done now. Returns whether anything was."""
        stream = self._stream
        if stream.closed or not stream.readiness():
            return False
        moved = False
        if self._unsent:
            moved = self._push()
        if not self._unsent and not stream.closed:
            if self._half_closing:
                self._half_closing = False
                stream.shutdown_write()
                moved = True
            if self._closing:
                stream.close()
                return True
        if not self._paused:
            moved = self._take(_READ_BYTES) or moved
        return moved

    def _push(self) -> bool:
        try:
            sent = self._stream.send(bytes(self._unsent))
        except OSError:
            self._unsent.clear()
            return True
        del self._unsent[:sent]
        return sent > 0

    def _take(self, size: int) -> bool:
        if self._saw_end or self._saw_reset or self._stream.closed:
            return False
        try:
            data = self._stream.recv(size)
        except OSError:
            self._saw_reset = True
            return True
        if data is None:
            return False
        self._inbox.extend(data)
        self._saw_end = not data
        return True


class ScriptedEndpoint:
    """A server that accepts every connection; what each one answers is up to the script."""

    def __init__(self, listening: VirtualListening, run: Callable[[], None]) -> None:
        self._listening: Final = listening
        self._run: Final = run
        self._peers: Final[list[Peer]] = []

    def connections(self) -> list[Peer]:
        """All connections so far, in the order in which they came, closed ones too."""
        self._run()
        return list(self._peers)

    def connection(self) -> Peer:
        """The latest connection. Raises: LookupError if there was none."""
        self._run()
        if not self._peers:
            raise LookupError(f"nobody has connected to {self._listening.address}")
        return self._peers[-1]

    def address(self) -> str:
        """`host:port`."""
        return self._listening.address

    def is_open(self) -> bool:
        """Whether connects are accepted."""
        return not self._listening.closed

    def close(self) -> None:
        """Refuse connects from now on; what is open stays."""
        self._listening.close()

    def act(self) -> bool:
        """Accept, and let every connection do what it can. Returns whether anything was done."""
        moved = False
        while (stream := self._listening.accept()) is not None:
            assert isinstance(stream, VirtualStream)
            self._peers.append(Peer(stream, self._run))
            moved = True
        for peer in self._peers:
            moved = peer.act() or moved
        return moved
