"""One stream of a client's HTTP/2 connection: the client's side of one exchange."""

from typing import TYPE_CHECKING, Final

from hauberk_core.http.events import COUNTED, TUNNEL, Request, Response
from hauberk_core.http.grpc.status import status_of_reason
from hauberk_core.http.h2.codes import CANCEL, CONNECT_ERROR, INTERNAL_ERROR, NO_ERROR
from hauberk_core.http.h2.sender import DRAINED_OCTETS
from hauberk_core.http.h2.switch import ACCEPT, KEY, WEBSOCKET, accept_of, new_key
from hauberk_core.http.headers import Headers
from hauberk_core.http.pieces import add_piece
from hauberk_core.model.reason import Reason
from hauberk_core.net.wheel import NEVER
from hauberk_core.proxy.exchange import Exchange
from hauberk_core.proxy.grpc_call import call_trailers
from hauberk_core.proxy.serving import ServingClient

if TYPE_CHECKING:
    from hauberk_core.proxy.h2_downstream import H2DownstreamConnection


class H2StreamClient(ServingClient):
    """Reads and writes one stream. What it has read is given back to the client's window only while the endpoint keeps up."""

    def __init__(self, connection: "H2DownstreamConnection", stream: int) -> None:
        super().__init__(connection)
        self.stream: Final = stream
        self.exchange: Exchange | None = None
        self.progress: float = connection.loop.now
        """When something last moved on it."""
        self.touched = False
        """Octets of the request were passed on in this batch."""
        self.asks_for_tunnel = False
        """Its request is its head alone; what follows is for the tunnel, if there will be one."""
        self._early: list[bytes] = []
        """What has come for the tunnel before it was there; `b""`: its end."""
        self._connection: Final = connection
        self._paused = False
        self._unread = 0
        self._backlog = 0
        self._is_counted = False
        """Whether the response said how long it is."""

    # The request's way.

    def took(self, octets: int) -> None:
        """Octets of the request's body were passed on."""
        self.progress = self._connection.loop.now
        self._unread += octets

    def flush_request(self) -> None:
        """The batch is over: send on what was passed on, and let the client send as much again if there is room."""
        self.touched = False
        exchange = self.exchange
        if exchange is not None and not exchange.over:
            exchange.flush_request()
        if not self._paused:
            self._give_back()

    def pause_request(self) -> None:
        self._paused = True

    def resume_request(self) -> None:
        self._paused = False
        self.progress = self._connection.loop.now
        self._give_back()

    def _give_back(self) -> None:
        unread = self._unread
        if unread:
            self._unread = 0
            self._connection.machine.consume(self.stream, unread)
            self._connection.flush_soon()

    # A tunnel's.

    def ask_for_tunnel(self, request: Request) -> None:
        """A request's head has come that asks for one: CONNECT, or extended CONNECT (RFC 8441)."""
        self.asks_for_tunnel = True
        # The window of one stream bounds what may come before the answer.
        self._paused = True
        if request.upgrade.lower() == WEBSOCKET:
            request.headers.set(KEY, new_key(self._connection.chain.owner.request_ids.next()))
        self.begin(request)
        exchange = self.exchange
        if exchange is not None:
            exchange.request_end(None)

    def tunnel_data(self, data: bytes) -> None:
        """Octets for the tunnel; `b""`: the client ended its side."""
        exchange = self.exchange
        if exchange is not None and exchange.is_tunnel and not self._early:
            exchange.tunnel_data(data)
        elif data:
            add_piece(self._early, data)
        else:
            self._early.append(b"")

    def switch_fault(self, exchange: Exchange, response: Response) -> str:
        request = exchange.request
        if not request.upgrade:
            return super().switch_fault(exchange, response)
        if response.status < 300 and response.framing != TUNNEL:
            # To the client any 2xx is the tunnel.
            return f"the endpoint answered {response.status} where it was asked to switch to {request.upgrade[:64]}"
        if response.framing == TUNNEL and request.upgrade.lower() == WEBSOCKET:
            key = request.headers.get(KEY)
            if key is not None and response.headers.get(ACCEPT) != accept_of(key):
                return "the endpoint's Sec-WebSocket-Accept is not the answer to the key that it was sent"
        return ""

    def become_tunnel(self, exchange: Exchange) -> None:
        self._connection.flush_soon()
        early = self._early
        self._early = []
        self._paused = False
        for data in early:
            exchange.tunnel_data(data)
        if not self._paused:
            self._give_back()

    # The response's way.

    def forward_interim(self, exchange: Exchange, response: Response) -> None:
        self._connection.machine.send_interim(self.stream, response)
        self._connection.flush_soon()

    def forward_response(self, exchange: Exchange, response: Response) -> None:
        connection = self._connection
        self.progress = connection.loop.now
        exchange.record.status = response.status
        self._is_counted = response.framing == COUNTED
        if "date" not in response.headers.names:
            response.headers.add("date", connection.chain.owner.http_date())
        connection.machine.send_response(self.stream, response)

    def forward_data(self, exchange: Exchange, data: bytes) -> None:
        self.progress = self._connection.loop.now
        self._connection.machine.send_data(self.stream, data)

    def forward_end(self, exchange: Exchange, trailers: Headers | None) -> None:
        self._connection.machine.send_end(self.stream, trailers)
        self._connection.flush_soon()

    def flush_response(self, exchange: Exchange) -> bool:
        connection = self._connection
        connection.flush_soon()
        return connection.is_congested or connection.machine.pending(self.stream) > DRAINED_OCTETS

    def write_ready(self) -> None:
        """The connection, or the stream's window, takes octets again."""
        exchange = self.exchange
        if exchange is not None and self._connection.machine.pending(self.stream) <= DRAINED_OCTETS:
            self.progress = self._connection.loop.now
            exchange.client_write_ready()

    def send_own(self, exchange: Exchange, response: Response, body: bytes) -> None:
        machine = self._connection.machine
        machine.send_response(self.stream, response)
        machine.send_data(self.stream, body)
        machine.send_end(self.stream, None)
        if exchange.request.method != "HEAD":
            exchange.record.bytes_sent += len(body)
        self._connection.flush_soon()
        exchange.answered_locally()
        if not exchange.over:
            self.response_overtook(exchange)

    def response_overtook(self, exchange: Exchange) -> None:
        # RFC 9113 section 8.1: the answer is complete, and the rest of the request is not wanted.
        exchange.end_record()
        self._connection.machine.overtake(self.stream)
        self._connection.flush_soon()
        self.over()

    def cut_response(self, exchange: Exchange) -> None:
        record = exchange.record
        reason = record.reason
        machine = self._connection.machine
        if record.grpc_type and reason is not None and not self._is_counted and not machine.pending(self.stream):
            # The client has all that there is, so that it can be told why there is no more.
            machine.send_end(self.stream, call_trailers(record, status_of_reason(reason), reason.code + ": " + record.details))
            exchange.end_record()
            self._reset(NO_ERROR)
            return
        exchange.end_record()
        self._reset(_code_of(exchange))

    def _reset(self, code: int) -> None:
        connection = self._connection
        connection.machine.reset(self.stream, code)
        connection.flush_soon()
        self.over()

    # Both ways.

    def began(self, exchange: Exchange) -> None:
        self.exchange = exchange

    def decided(self, exchange: Exchange) -> None:
        self._connection.arm_for(self)

    def deadline(self, stall: float) -> float:
        """When the exchange has taken too long, or stood still for `stall` seconds."""
        exchange = self.exchange
        if exchange is not None and exchange.response_started and exchange.record.grpc_type:
            # A stream of messages may say nothing for long: whoever dislikes that has deadlines, and asks by PING.
            stall = self._connection.chain.tcp_idle_timeout
        deadline = self.progress + stall if stall > 0 else NEVER
        return exchange.deadline if exchange is not None and exchange.deadline < deadline else deadline

    def timed_out(self, now: float) -> None:
        """That time has come."""
        exchange = self.exchange
        if exchange is None:
            return
        if exchange.deadline <= now:
            exchange.time_out(Reason.UPSTREAM_TIMEOUT, "the exchange took longer than the route's timeout")
        elif self._backlog_moves(exchange) or exchange.is_held():
            self.progress = now
        elif exchange.is_tunnel:
            self.lost(Reason.CLIENT_GONE, "the tunnel stood still longer than timeouts.stall")
        elif self._connection.machine.pending(self.stream) or self._connection.unsent():
            self.lost(Reason.CLIENT_GONE, "the client took nothing of the answer within timeouts.stall")
        elif exchange.request_complete or self._paused:
            exchange.time_out(Reason.UPSTREAM_TIMEOUT, "nothing moved at the endpoint within timeouts.stall")
        else:
            exchange.time_out(Reason.REQUEST_TIMEOUT, "nothing more of the request came within timeouts.stall")

    def _backlog_moves(self, exchange: Exchange) -> bool:
        """Whether a peer that does not keep up has taken anything since the last time this was asked."""
        connection = self._connection
        waiting = connection.machine.pending(self.stream)
        backlog = waiting + connection.unsent() + exchange.backlog()
        taken = connection.bytes_written + exchange.taken() - waiting
        moves = backlog > 0 and taken != self._backlog
        self._backlog = taken
        return moves

    def lost(self, reason: Reason, detail: str) -> None:
        """The client will not have this answer: end the exchange and the stream."""
        exchange = self.exchange
        if exchange is not None:
            exchange.client_gone(reason, detail)
        self._reset(INTERNAL_ERROR if exchange is None else _code_of(exchange))

    def give_up(self, exchange: Exchange, error: Exception) -> None:
        if not exchange.over:
            self._connection.loop.give_up(self._connection, error)

    def exchange_over(self, exchange: Exchange) -> None:
        if self.asks_for_tunnel and not exchange.is_tunnel:
            # There is no tunnel, and nothing that still comes for it is wanted.
            self._connection.machine.overtake(self.stream)
            self._connection.flush_soon()
        self.over()

    def over(self) -> None:
        """Nothing more happens on the stream."""
        self.exchange = None
        self._connection.stream_over(self.stream)


def _code_of(exchange: Exchange) -> int:
    """By which the client learns that its answer, or its tunnel, broke (RFC 9113 section 8.5, RFC 8441 section 5)."""
    if not exchange.is_tunnel:
        return INTERNAL_ERROR
    return CANCEL if exchange.request.upgrade else CONNECT_ERROR
