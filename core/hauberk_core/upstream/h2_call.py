"""One stream of an HTTP/2 connection to an endpoint: the length of one exchange."""

from typing import TYPE_CHECKING, Final

from hauberk_core.http.events import TUNNEL, Request, Response
from hauberk_core.http.h2.codes import CANCEL
from hauberk_core.http.h2.sender import DRAINED_OCTETS
from hauberk_core.http.h2.switch import is_carried
from hauberk_core.http.headers import Headers
from hauberk_core.model.reason import Reason
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.connection import LAST_OCTETS_SECONDS

if TYPE_CHECKING:
    from hauberk_core.upstream.h2_connection import H2UpstreamConnection


class H2Call(Call):
    """Sends and hears on one stream. What came on it is given back to the endpoint's window only while its requester keeps up."""

    __slots__ = (
        "_asked_at",
        "_connection",
        "_ended",
        "_is_kept",
        "_is_tunnel",
        "_over",
        "_paused",
        "_responded",
        "_sent",
        "_timer",
        "_unread",
        "requester",
        "stream",
        "touched",
    )

    def __init__(self, connection: "H2UpstreamConnection", requester: Requester, is_kept: bool) -> None:
        """Args: is_kept - the connection stood before anybody asked for this call."""
        super().__init__(connection.endpoint, True)
        self.requester: Final = requester
        self.stream: int = 0
        """0: nothing was sent yet."""
        self.touched = False
        """Something came on it in this batch."""
        self._connection: Final = connection
        self._is_kept = is_kept
        self._over = False
        self._asked_at: float = connection.loop.now
        self._sent = 0
        self._unread = 0
        self._paused = False
        self._responded = False
        self._ended = False
        """The response is complete."""
        self._is_tunnel = False
        self._timer: Timer | None = None

    # What it goes over.

    def local_address(self) -> str:
        return self._connection.stream.local_address()

    def peer_identity(self) -> str:
        return self._connection.stream.peer_identity()

    def is_on_kept_connection(self) -> bool:
        return self._is_kept

    # The request.

    def set_deadline(self, seconds: float) -> None:
        timer = self._timer
        if timer is None:
            timer = Timer(_Deadline(self))
            self._timer = timer
        loop = self._connection.loop
        loop.wheel.arm(timer, loop.now + seconds)

    def send_request(self, request: Request) -> None:
        if self._over:
            return
        if request.upgrade and not is_carried(request.upgrade):
            # Endpoints may end the whole connection, which others share, for a head that is malformed.
            self.fail(Reason.NOT_IMPLEMENTED, "an upgrade to " + repr(request.upgrade[:64]) + " cannot be asked for over HTTP/2")
        elif request.upgrade and not self._connection.machine.takes_upgrades():
            self._connection.hold(self, request)
        else:
            self.stream = self._connection.begin(self, request)

    def send_held(self, request: Request) -> None:
        """The endpoint has said what it takes: go on with an upgrade, or fail."""
        if self._over:
            return
        machine = self._connection.machine
        if machine.takes_upgrades():
            if machine.room():
                self.stream = self._connection.begin(self, request)
            else:
                self.turn_away("the endpoint takes fewer requests at a time (SETTINGS_MAX_CONCURRENT_STREAMS)", False)
        else:
            # No failure of the endpoint that guards should count: which clients ask it for that is not its doing.
            detail = f"the endpoint takes no upgrade to {request.upgrade[:64]} over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL)"
            self.fail(Reason.NOT_IMPLEMENTED, detail)

    def send_data(self, data: bytes) -> None:
        machine = self._connection.machine
        # An endpoint that has answered may have told that it does not want the rest (RFC 9113 section 8.1).
        if machine.is_open(self.stream):
            self._sent += len(data)
            machine.send_data(self.stream, data)

    def send_end(self, trailers: Headers | None) -> None:
        machine = self._connection.machine
        if machine.is_open(self.stream):
            machine.send_end(self.stream, trailers)

    def flush(self) -> None:
        self._connection.flush_soon()

    def is_congested(self) -> bool:
        connection = self._connection
        return connection.is_congested or connection.machine.pending(self.stream) > DRAINED_OCTETS

    def backlog(self) -> int:
        connection = self._connection
        return connection.machine.pending(self.stream) + connection.unsent()

    def taken(self) -> int:
        connection = self._connection
        taken = self._sent - connection.machine.pending(self.stream)
        # What other calls have sent counts only while it is in this one's way.
        return taken + connection.bytes_written if connection.unsent() else taken

    # The response.

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._consume()

    def is_reading(self) -> bool:
        return not self._paused

    def response(self, response: Response) -> None:
        """The head of a response has come, interim or final."""
        if response.status >= 200 or response.framing == TUNNEL:
            self._responded = True
        self.requester.response(response)

    def response_data(self, data: bytes) -> None:
        """Octets of its body have come."""
        self._unread += len(data)
        self.requester.response_data(data)

    def response_end(self, trailers: Headers | None) -> None:
        """It is complete, and the endpoint was in time, however long it takes whoever passes it on."""
        self._ended = True
        if self._timer is not None and not self._is_tunnel:
            self._connection.loop.wheel.disarm(self._timer)
        self.requester.response_end(trailers)

    def batch_end(self) -> None:
        """Nothing more came for now."""
        self.touched = False
        if self._over:
            return
        self.requester.response_batch_end()
        if not self._paused:
            self._consume()

    def write_ready(self) -> None:
        """The connection, or the stream's window, takes octets again."""
        if not self._over and self._connection.machine.pending(self.stream) <= DRAINED_OCTETS:
            self.requester.upstream_write_ready()

    def _consume(self) -> None:
        unread = self._unread
        if unread and not self._over:
            self._unread = 0
            self._connection.machine.consume(self.stream, unread)
            self._connection.flush_soon()

    # The end.

    def give_back(self) -> None:
        # The request may be complete and yet wait for a window that an endpoint which has answered never opens.
        self._cancel()

    def abandon(self) -> None:
        connection = self._connection
        if not self._over and not self._responded:
            connection.doubt_since(self._asked_at)
        self._cancel()

    def reset(self) -> None:
        self._cancel()

    def give_up(self, error: Exception) -> None:
        if not self._over:
            self._connection.loop.report("a call to an endpoint", error)
            self.fail(Reason.INTERNAL, "a fault of the proxy; its log has the details")

    def fail(self, reason: Reason, detail: str) -> None:
        """It can go no further: end it, and tell its requester."""
        if not self._over:
            self._reset_stream()
            self._leave()
            self._tell_failed(reason, detail)
            self._connection.settle()

    def connection_gone(self, reason: Reason, detail: str) -> None:
        """Its connection is closed: `fail`, unless the whole answer has come, which may still be on its way to the client."""
        if self._ended and not self._is_tunnel:
            if not self._over:
                self._leave()
                self._connection.settle()
            return
        self.fail(reason, detail)

    def turn_away(self, detail: str, in_order: bool) -> None:
        """The endpoint says that it has not looked at the request, and will not.

        Args: in_order - only because it closes the connection, and for no mistake (GOAWAY with NO_ERROR).
        """
        if self._over or (self._ended and not self._is_tunnel):
            return
        if in_order:
            self.requester.goodbyes += 1
        if self._responded:
            # It did look: the client has a part of the answer, which another one must not follow.
            self._is_kept = False
            self._leave()
            self._tell_failed(Reason.UPSTREAM_RESET, detail + ", in the middle of its answer")
            self._connection.settle()
            return
        self._leave()
        try:
            self.requester.turned_away(detail)
        except Exception as error:  # other calls of the connection go on
            self._connection.loop.report("a call to an endpoint", error)
            self._tell_failed(Reason.INTERNAL, "a fault of the proxy; its log has the details")
        self._connection.settle()

    def was_reset(self, detail: str) -> None:
        """The endpoint has given the stream up."""
        if not self._ended or self._is_tunnel:
            # It was looked at: this is not the end of a connection that the request has crossed.
            self._is_kept = False
            self.fail(Reason.UPSTREAM_RESET, detail)

    def timed_out(self) -> None:
        """Its deadline has passed."""
        if self._over:
            self._connection.drop_lingering(self)
            return
        if not self._responded:
            self._connection.doubt_since(self._asked_at)
        self.fail(Reason.UPSTREAM_TIMEOUT, "the endpoint took longer than the route's backend_timeout")

    def _tell_failed(self, reason: Reason, detail: str) -> None:
        try:
            self.requester.upstream_failed(reason, detail)
        except Exception as error:  # other calls of the connection go on
            self._connection.loop.report("a call to an endpoint", error)

    def _cancel(self) -> None:
        """Its requester, who knows, wants no more of it."""
        if not self._over:
            self._reset_stream()
            self._leave()
            self._connection.settle()

    def _reset_stream(self) -> None:
        if self.stream:
            self._connection.machine.reset(self.stream, CANCEL)
            self._connection.flush_soon()

    def _leave(self) -> None:
        self._over = True
        connection = self._connection
        if self._timer is not None:
            connection.loop.wheel.drop(self._timer)
        connection.call_over(self)

    # A tunnel.

    def become_tunnel(self) -> bytes:
        self._is_tunnel = True
        if self._timer is not None:
            self._connection.loop.wheel.disarm(self._timer)
        return b""

    def send_octets(self, data: bytes) -> None:
        self.send_data(data)

    def end_octets(self) -> None:
        self.send_end(None)
        self.flush()

    def close_tunnel(self) -> None:
        if self._over:
            return
        self.flush()
        connection = self._connection
        if connection.machine.pending(self.stream):
            self._over = True
            connection.linger(self)
            self.set_deadline(LAST_OCTETS_SECONDS)
        else:
            self._leave()
            connection.settle()

    def lingered(self) -> None:
        """The tunnel's last octets have gone out, or never will."""
        self._leave()
        self._connection.settle()


class _Deadline(TimerOwner):
    def __init__(self, call: H2Call) -> None:
        self._call: Final = call

    def timed_out(self, timer: Timer) -> None:
        self._call.timed_out()
