"""One HTTP/1.1 connection to an endpoint, used by one exchange at a time and kept between them.

Three roles meet here: the connection, the pool that owns it, and the requester that uses it for the length of a call.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import (
    CLOSED,
    COUNTED,
    DATA,
    END,
    FAULT,
    NO_BODY,
    RESPONSE,
    Data,
    End,
    Fault,
    Request,
    Response,
)
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ClientMachine
from hauberk_core.model.reason import Reason
from hauberk_core.net.connection import READ_BULK_BYTES, READ_HEAD_BYTES, Connection
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.endpoint import UpstreamEndpoint

# After a tunnel ended on both sides, its last octets may take this long to go out: as long as a listener lets a body stand still.
LAST_OCTETS_SECONDS: Final = 60.0


@mypyc_attr(allow_interpreted_subclasses=True)
class ConnectionOwner:
    """The cluster that a connection belongs to."""

    def established(self, connection: "UpstreamConnection") -> bool:
        """One of its connections stands. Returns: whether that was all; False: it goes on as one of HTTP/1.1."""
        raise NotImplementedError

    def connect_failed(self, connection: "UpstreamConnection", reason: Reason, detail: str) -> None:
        """The connection never stood; it is closed. Its requester, if any, is the pool's again."""
        raise NotImplementedError

    def returned(self, connection: "UpstreamConnection") -> None:
        """An exchange is over and the connection may carry another."""
        raise NotImplementedError

    def gone(self, connection: "UpstreamConnection") -> None:
        """An established connection was closed."""
        raise NotImplementedError


class UpstreamConnection(Connection):
    """Speaks HTTP/1.1 through a client machine, and passes its events to the requester."""

    def __init__(
        self, loop: Loop, stream: Stream, endpoint: UpstreamEndpoint, machine: ClientMachine, owner: ConnectionOwner
    ) -> None:
        super().__init__(loop, stream)
        self.endpoint: Final = endpoint
        self.machine: Final = machine
        self.requester: Requester | None = None
        self.owner: ConnectionOwner | None = owner
        self.exchanges: int = 0
        """Requests begun on this connection."""
        self.is_idle = False
        self.since: Final = loop.now
        """When it was begun."""
        self.announced = ""
        """Whose it is, as the endpoint was told; empty: it was told nothing."""
        self._tunnel = False

    def use(self, requester: Requester) -> "ConnectionCall":
        """Belong to `requester` until `give_back` or `abandon`."""
        self.requester = requester
        self.is_idle = False
        self.exchanges += 1
        self.loop.wheel.disarm(self.timer)
        return ConnectionCall(self)

    def give_back(self) -> None:
        """The exchange is complete on both sides: keep the connection if HTTP allows it, else close it."""
        self.requester = None
        if self.closed:
            return
        machine = self.machine
        if self._tunnel or self._unsent or self.is_refused() or not machine.may_keep_alive():
            self.abandon()
            return
        machine.start_next_exchange()
        if machine.next_event() is not None:
            # Octets behind the response answer no request of ours: the next response could not be trusted.
            self.abandon()
            return
        self.read_size = READ_HEAD_BYTES
        if self.owner is not None:
            self.owner.returned(self)

    def abandon(self) -> None:
        """Close; nobody hears of it but the pool. One that is still connecting goes on, for others to use."""
        self.requester = None
        if self.established:
            if self.is_idle:
                self.close_in_order()
            else:
                self.close()

    def close_tunnel(self) -> None:
        """Both sides of a tunnel ended: close as soon as the endpoint has taken what is still on its way."""
        self.requester = None
        self.loop.wheel.arm(self.timer, self.loop.now + LAST_OCTETS_SECONDS)
        self.close_when_sent()

    def close(self) -> None:
        if not self.closed:
            super().close()
            owner = self.owner
            self.owner = None
            if owner is not None and self.established:
                owner.gone(self)

    def become_tunnel(self) -> bytes:
        """After a 101: pass octets as they are, for as long as they move. Returns what the endpoint has already sent."""
        self._tunnel = True
        self.loop.wheel.disarm(self.timer)
        self.read_size = READ_BULK_BYTES
        return self.machine.take_rest()

    def opened(self) -> None:
        requester = self.requester
        owner = self.owner
        self.loop.wheel.disarm(self.timer)
        if owner is not None:
            if owner.established(self):
                return
            if requester is not None:
                requester.assigned()
            else:
                owner.returned(self)

    def received(self, data: bytes) -> None:
        if self._tunnel:
            requester = self.requester
            if requester is not None:
                if data:
                    requester.response_data(data)
                    requester.response_batch_end()
                else:
                    requester.response_end(None)
            return
        machine = self.machine
        machine.receive(data)
        while True:
            event = machine.next_event()
            if event is None:
                break
            requester = self.requester
            if requester is None:
                # Idle: the endpoint closed, or sent something that nobody asked for.
                self.abandon()
                return
            kind = event.kind
            if kind == DATA:
                assert isinstance(event, Data)
                requester.response_data(event.data)
            elif kind == RESPONSE:
                assert isinstance(event, Response)
                if event.framing != NO_BODY and (event.framing != COUNTED or event.length > READ_HEAD_BYTES):
                    self.read_size = READ_BULK_BYTES
                requester.response(event)
            elif kind == END:
                assert isinstance(event, End)
                # The endpoint was in time, however long it takes whoever passes its answer on.
                self.loop.wheel.disarm(self.timer)
                requester.response_end(event.trailers)
            elif kind == FAULT:
                assert isinstance(event, Fault)
                self.abandon()
                requester.upstream_failed(event.reason, event.detail)
            elif kind == CLOSED:
                self.abandon()
                requester.upstream_failed(Reason.UPSTREAM_RESET, "the endpoint closed the connection before it answered")
            if self.closed or self._tunnel:
                return
        if self.requester is not None:
            self.requester.response_batch_end()

    def carried(self, size: int) -> None:
        if self.requester is not None:
            self.requester.carried(size)

    def write_ready(self) -> None:
        if self.requester is not None:
            self.requester.upstream_write_ready()

    def broken(self, error: OSError) -> None:
        requester = self.requester
        if self.established:
            self.abandon()
            if requester is not None:
                requester.upstream_failed(Reason.UPSTREAM_RESET, f"the connection broke: {error}")
            return
        self._connect_failed(Reason.CONNECT_FAILED, f"connecting failed: {error}")

    def send_failed(self, error: OSError) -> None:
        # It may have answered without waiting for the whole request.
        self.hear_out(error)

    def timed_out(self) -> None:
        if self.established:
            requester = self.requester
            self.abandon()
            if requester is not None:
                requester.upstream_failed(Reason.UPSTREAM_TIMEOUT, "the endpoint took longer than the route's backend_timeout")
            return
        self._connect_failed(Reason.CONNECT_TIMEOUT, "connecting took longer than the cluster's connect_timeout")

    def give_up(self, error: Exception) -> None:
        if not self.established:
            self._connect_failed(Reason.INTERNAL, f"a fault of the proxy while it connected: {error}")
            return
        requester = self.requester
        self.abandon()
        if requester is not None:
            requester.upstream_failed(Reason.INTERNAL, "a fault of the proxy; its log has the details")

    def _connect_failed(self, reason: Reason, detail: str) -> None:
        owner = self.owner
        self.owner = None
        self.close()
        if owner is not None:
            owner.connect_failed(self, reason, detail)


class ConnectionCall(Call):
    """A whole connection, for the length of one exchange."""

    __slots__ = ("_written", "connection")

    def __init__(self, connection: UpstreamConnection) -> None:
        super().__init__(connection.endpoint, False)
        self.connection: Final = connection
        self._written: Final[int] = connection.bytes_written

    def local_address(self) -> str:
        return self.connection.stream.local_address()

    def peer_identity(self) -> str:
        return self.connection.stream.peer_identity()

    def is_on_kept_connection(self) -> bool:
        return self.connection.exchanges > 1

    def nothing_went_out(self) -> bool:
        return self.connection.bytes_written == self._written

    def set_deadline(self, seconds: float) -> None:
        connection = self.connection
        loop = connection.loop
        loop.wheel.arm(connection.timer, loop.now + seconds)

    def send_request(self, request: Request) -> None:
        connection = self.connection
        connection.queue(connection.machine.send_request(request))

    def send_data(self, data: bytes) -> None:
        connection = self.connection
        connection.queue(connection.machine.send_data(data))

    def send_end(self, trailers: Headers | None) -> None:
        connection = self.connection
        connection.queue(connection.machine.send_end(trailers))

    def flush(self) -> None:
        self.connection.flush()

    def is_congested(self) -> bool:
        return self.connection.is_congested

    def backlog(self) -> int:
        return self.connection.unsent()

    def taken(self) -> int:
        return self.connection.bytes_written

    def pause_reading(self) -> None:
        self.connection.pause_reading()

    def resume_reading(self) -> None:
        self.connection.resume_reading()

    def is_reading(self) -> bool:
        return self.connection.is_reading()

    def give_back(self) -> None:
        self.connection.give_back()

    def abandon(self) -> None:
        self.connection.abandon()

    def give_up(self, error: Exception) -> None:
        self.connection.loop.give_up(self.connection, error)

    def become_tunnel(self) -> bytes:
        return self.connection.become_tunnel()

    def send_octets(self, data: bytes) -> None:
        self.connection.queue(data)

    def end_octets(self) -> None:
        self.connection.end_writing()

    def close_tunnel(self) -> None:
        self.connection.close_tunnel()

    def reset(self) -> None:
        self.connection.requester = None
        self.connection.reset()
