"""The datagrams of one client's address, and the answers to them, by way of one endpoint."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.net.datagrams import DatagramPath, DatagramSocket, peer_address
from hauberk_core.net.loop import Handler
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.observe.record import Record
from hauberk_core.upstream.endpoint import UpstreamEndpoint

# Answers of one wake: other sessions come first again after so many, and the kernel keeps the rest.
ANSWERS_PER_WAKE: Final = 32


@mypyc_attr(allow_interpreted_subclasses=True)
class SessionOwner(Handler):
    """What a session needs of its listener."""

    def answer(self, session: "DatagramSession", data: bytes) -> None:
        """Send the client what its endpoint has answered."""
        raise NotImplementedError

    def end(self, session: "DatagramSession", reason: Reason | None, detail: str) -> None:
        """Close a session, and log it. Args: reason - of a failure."""
        raise NotImplementedError


class DatagramSession(Handler):
    """One session; its socket is connected to the endpoint, so that only this endpoint's answers reach the client."""

    def __init__(
        self,
        owner: SessionOwner,
        key: tuple[DatagramPath, str],
        cluster: str,
        endpoint: UpstreamEndpoint,
        sock: DatagramSocket,
    ) -> None:
        """Args: key - by which the owner knows it, the client's path first."""
        self._owner: Final = owner
        self.key: Final = key
        self.path: Final[DatagramPath] = key[0]
        self.endpoint: Final = endpoint
        self.socket: Final = sock
        self.descriptor: Final[int] = sock.fileno()
        self.timer: Final = Timer(_Silence(self))
        self.began: float = 0.0
        """In the clock's seconds."""
        self.answered = False
        """The endpoint has answered."""
        self.awaits = False
        """The client spoke last."""
        self.ended = False
        self.record: Final = Record()
        record = self.record
        record.protocol = "UDP"
        record.cluster = cluster
        record.downstream_remote = peer_address(self.path)
        record.upstream_host = endpoint.address
        record.upstream_local = sock.local_address()

    def send(self, data: bytes) -> bool:
        """Pass a client's datagram on. Returns: whether it went out. Raises: OSError, see `DatagramSocket.send`."""
        if not self.socket.send(data):
            return False
        self.awaits = True
        self.record.bytes_received += len(data)
        return True

    def silent(self) -> None:
        """Nothing has moved for as long as it may."""
        self._owner.end(self, None, "")

    def ready(self, events: int) -> None:
        for _ in range(ANSWERS_PER_WAKE):
            if self.ended:
                return
            try:
                data = self.socket.receive()
            except OSError as error:
                self._owner.end(self, Reason.CONNECT_FAILED, f"the endpoint is not there: {error}")
                return
            if data is None:
                return
            self._owner.answer(self, data)

    def give_up(self, error: Exception) -> None:
        self._owner.end(self, Reason.INTERNAL, "a fault of the proxy; its log has the details")


class _Silence(TimerOwner):
    def __init__(self, session: DatagramSession) -> None:
        self._session: Final = session

    def timed_out(self, timer: Timer) -> None:
        self._session.silent()
