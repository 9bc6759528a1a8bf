"""A client's HTTP/1.1 connection: reads requests, one at a time, and writes their responses."""

from typing import Final

from hauberk_core.http.events import (
    CLOSED,
    COUNTED,
    DATA,
    END,
    FAULT,
    NO_BODY,
    REQUEST,
    Data,
    End,
    Fault,
    Request,
    Response,
)
from hauberk_core.http.h2.codes import PREFACE
from hauberk_core.http.headers import Headers
from hauberk_core.http.machine import ServerMachine
from hauberk_core.model.reason import Reason
from hauberk_core.net.connection import READ_BULK_BYTES, READ_HEAD_BYTES
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.net.wheel import NEVER
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client_connection import DRAIN_FIRST_SECONDS, DRAIN_IDLE_SECONDS, ClientConnection, ConnectionListener
from hauberk_core.proxy.exchange import Exchange, body_is_short
from hauberk_core.proxy.forwarding import PHRASES
from hauberk_core.proxy.serving import ServingClient, explanation, report_refused

# A request's body of at most this is read and dropped after an answer of our own, so that the connection can go on.
DISCARD_BYTES: Final = 64 * 1024
# Octets of requests behind the current one that are held before reading stops.
PIPELINE_BYTES: Final = 64 * 1024
# After an answer that ends a connection, what the client still sends is read and dropped this long and this much: closing at once
# would reset the connection, and the reset could overtake the answer (RFC 9112 section 9.6).
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 1024 * 1024


class DownstreamConnection(ClientConnection):
    """The socket's side: feeds the machine and lives by its deadlines."""

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        chain: Chain,
        peer_host: str,
        listener: ConnectionListener,
        destination_host: str = "",
        destination_port: int = 0,
    ) -> None:
        super().__init__(loop, stream, chain, peer_host, listener, destination_host, destination_port)
        self.machine: ServerMachine = chain.new_machine()
        self.exchange: Exchange | None = None
        self._client: DownstreamClient | None = DownstreamClient(self)
        self._undecided = True
        """Nothing has told yet which version of HTTP the client speaks."""
        self._first = b""
        """What it has said meanwhile: less than HTTP/2's preface."""
        self._head_began = False
        self._served = False
        self._pumping = False
        self._again = False
        self._held_back = False
        self._lingering = -1
        self._progress: float = loop.now
        self._taken: int = 0

    # Connection.

    def open(self) -> None:
        self._arm(self.chain.handshake_timeout if self.stream.is_secure() else self.chain.head_timeout)
        super().open()

    def opened(self) -> None:
        stream = self.stream
        if stream.is_secure():
            chain = self.listener.chain_of(self)
            if chain is not None and chain is not self.chain:
                self.follow(chain)
                self.machine = self.chain.new_machine()
            if stream.alpn() == "h2":
                self._become_http2(b"")
                return
        self.listener.connection_opened(self)
        self._arm(self.chain.head_timeout)

    def received(self, data: bytes) -> None:
        if self._lingering >= 0:
            self._lingering += len(data)
            if not data:
                self.close_when_sent()
            elif self._lingering > LINGER_BYTES:
                # A client that can send no more has reason to look at the answer; closing now might destroy it.
                self.pause_reading()
            return
        if self._undecided and data:
            data = self._first + data
            self._first = b""
            if PREFACE.startswith(data[: len(PREFACE)]):
                # HTTP/2 with prior knowledge (RFC 9113 section 3.3), as soon as nothing else begins so.
                if len(data) >= len(PREFACE):
                    self._become_http2(data)
                    return
                self._first = data
                if not self._head_began:
                    self._head_began = True
                    self._arm(self.chain.head_timeout)
                return
            self._undecided = False
        self._progress = self.loop.now
        exchange = self.exchange
        if exchange is not None and exchange.is_tunnel:
            exchange.tunnel_data(data)
            return
        self.machine.receive(data)
        self.pump()
        if not data and exchange is not None and self.exchange is exchange:
            # Nobody can tell a client that has gone from one that only ended its side; nearly all have gone (and nginx and Envoy
            # decide alike), and an endpoint must not work for them.
            self.lost(Reason.CLIENT_GONE, Reason.CLIENT_GONE.meaning)

    def write_ready(self) -> None:
        self._progress = self.loop.now
        if self.exchange is not None:
            self.exchange.client_write_ready()
        elif self._held_back:
            self._go_on()

    def broken(self, error: OSError) -> None:
        if not self.established:
            self.listener.handshake_failed()
        self.lost(Reason.CLIENT_GONE, f"the client's connection broke: {error}")
        self.close()

    def give_up(self, error: Exception) -> None:
        self.lost(Reason.INTERNAL, "a fault of the proxy; its log has the details")

    def timed_out(self) -> None:
        exchange = self.exchange
        if not self.established:
            self.listener.handshake_failed()
            self.close()
        elif exchange is not None and (exchange.is_tunnel or not exchange.response_complete):
            self._exchange_timed_out(exchange)
        elif self.unsent():
            # The last answer is still on its way.
            if self._backlog_moves(None):
                self._arm(LINGER_SECONDS if self._lingering >= 0 else self.chain.stall_timeout)
            else:
                self.reset()
        elif exchange is not None:
            # It is answered, and its rest does not come.
            self._end_unread(exchange)
        elif self._lingering < 0 and not self._closing and (self._head_began or not (self._served or self.draining)):
            self.refuse(Reason.REQUEST_TIMEOUT, f"no complete head within {self.chain.head_timeout} s (timeouts.head)")
        else:
            self.close_in_order()

    def _exchange_timed_out(self, exchange: Exchange) -> None:
        stall = self.chain.stall_timeout
        if exchange.deadline <= self.loop.now:
            exchange.time_out(Reason.UPSTREAM_TIMEOUT, "the exchange took longer than the route's timeout")
        elif stall <= 0 or self._progress + stall > self.loop.now:
            self.arm_exchange(exchange)
        elif self._backlog_moves(exchange) or exchange.is_held():
            self._progress = self.loop.now
            self.arm_exchange(exchange)
        elif exchange.is_tunnel:
            self.lost(Reason.CLIENT_GONE, "the tunnel stood still longer than timeouts.stall")
        elif self.unsent():
            self.lost(Reason.CLIENT_GONE, "the client took nothing of the answer within timeouts.stall")
        elif exchange.request_complete or not self.is_reading():
            exchange.time_out(Reason.UPSTREAM_TIMEOUT, "nothing moved at the endpoint within timeouts.stall")
        else:
            exchange.time_out(Reason.REQUEST_TIMEOUT, "nothing more of the request came within timeouts.stall")

    def _backlog_moves(self, exchange: Exchange | None) -> bool:
        """Whether a peer that does not keep up has taken anything since the last time this was asked."""
        backlog = self.unsent()
        taken = self.bytes_written
        if exchange is not None:
            backlog += exchange.backlog()
            taken += exchange.taken()
        moves = backlog > 0 and taken != self._taken
        self._taken = taken
        return moves

    def close(self) -> None:
        if not self.closed:
            super().close()
            # It refers back: held, the pair would wait for a collection of cycles, with all that the connection holds.
            self._client = None
            self.listener.connection_closed(self)

    def _become_http2(self, early: bytes) -> None:
        self.let_go()
        self._client = None
        self.listener.speaks_http2(self, early)

    # What the machine reports.

    def pump(self) -> None:
        """Act on the machine's events until it has none, or the current exchange must come first."""
        if self._pumping:
            self._again = True
            return
        self._pumping = True
        self._again = True
        try:
            self._pump_all()
        except Exception as error:  # it may be an endpoint's events that led here, and the fault is not that connection's
            self.loop.give_up(self, error)
        self._pumping = False

    def _pump_all(self) -> None:
        while self._again and not self.closed:
            self._again = False
            self._pump_once()

    def _pump_once(self) -> None:
        machine = self.machine
        while not self.closed and self._lingering < 0:
            event = machine.next_event()
            if event is None:
                break
            kind = event.kind
            exchange = self.exchange
            if kind == REQUEST:
                assert isinstance(event, Request)
                self._begin(event)
            elif kind == DATA:
                assert isinstance(event, Data)
                if exchange is not None:
                    exchange.request_data(event.data)
            elif kind == END:
                assert isinstance(event, End)
                if exchange is not None:
                    exchange.request_end(event.trailers)
                    if exchange.request.upgrade and not exchange.over:
                        break
            elif kind == FAULT:
                assert isinstance(event, Fault)
                if event.reason is Reason.CLIENT_GONE:
                    self.lost(event.reason, event.detail)
                else:
                    self.refuse(event.reason, event.detail)
                return
            elif kind == CLOSED:
                if exchange is not None:
                    self.lost(Reason.CLIENT_GONE, "the client closed the connection before the answer was complete")
                else:
                    self.close_when_sent()
                return
        exchange = self.exchange
        if exchange is not None:
            exchange.flush_request()
            if exchange.request_complete and machine.buffered() > PIPELINE_BYTES:
                self.pause_reading()
        elif not self.closed and not self._head_began and machine.buffered():
            self._head_began = True
            self._arm(self.chain.head_timeout)

    def _begin(self, request: Request) -> None:
        client = self._client
        assert client is not None
        self._head_began = False
        self._served = True
        self._progress = self.loop.clock.now()
        if request.framing != NO_BODY and (request.framing != COUNTED or request.length > READ_HEAD_BYTES):
            self.read_size = READ_BULK_BYTES
        client.begin(request)

    # Answers of our own.

    def send_own(self, exchange: Exchange, response: Response, body: bytes) -> None:
        """Answer `exchange` in the endpoint's place, and keep the connection if what remains of the request is short."""
        request = exchange.request
        rest_is_short = exchange.request_complete or body_is_short(request, DISCARD_BYTES)
        # Whoever did not send the rest in time is not waited for again.
        late = exchange.record.reason is Reason.REQUEST_TIMEOUT
        close = self.is_parting() or late or not rest_is_short or request.expects_continue
        machine = self.machine
        self.queue(machine.send_response(response, close))
        if request.method != "HEAD":
            self.queue(machine.send_data(body))
            exchange.record.bytes_sent += len(body)
        self.queue(machine.send_end(None))
        self.flush()
        exchange.answered_locally()
        if exchange.over:
            return
        if close:
            self._end_unread(exchange)
        else:
            self._await_rest()

    def refuse(self, reason: Reason, detail: str) -> None:
        """The client broke a rule or a limit: answer where that is still possible, and end the connection."""
        exchange = self.exchange
        if exchange is not None and not exchange.over:
            if exchange.response_complete:
                self._end_unread(exchange)
                return
            if exchange.response_started:
                self.lost(reason, detail)
                return
            exchange.client_gone(reason, detail)
        else:
            report_refused(self, reason, detail)
        self.exchange = None
        body = explanation(reason, detail)
        # The machine is in no state to frame anything: the request it would answer was never understood.
        fields = (
            f"HTTP/1.1 {reason.status} {PHRASES.get(reason.status, '')}",
            "content-type: text/plain; charset=iso-8859-1",
            f"hauberk-reason: {reason.code}",
            f"date: {self.chain.owner.http_date()}",
            f"content-length: {len(body)}",
            "connection: close\r\n\r\n",
        )
        self.queue("\r\n".join(fields).encode("latin-1"))
        self.queue(body)
        self._linger()

    def lost(self, reason: Reason, detail: str) -> None:
        """The connection is of no more use: end its exchange and close."""
        exchange = self.exchange
        self.exchange = None
        if exchange is None:
            self.close()
            return
        exchange.client_gone(reason, detail)
        if exchange.response_complete and not exchange.is_tunnel:
            # Only the rest of the request is missing.
            self._arm(LINGER_SECONDS)
            self.close_when_sent()
        elif exchange.response_started:
            # What was sent of the answer must not pass for the whole.
            self.reset()
        else:
            self.close()

    def exchanges(self) -> int:
        return 0 if self.exchange is None else 1

    def tighten(self) -> None:
        if self.established and self.exchange is None and self._served and not self._head_began and self._lingering < 0:
            self._arm(self.idle_seconds())

    def is_parting(self) -> bool:
        """Whether it ends behind the answer under way."""
        return self.draining or self.chain.owner.pressure.parting

    def drain(self) -> None:
        """Answer with `Connection: close` from now on, and close behind that answer.

        A client that is between two requests gets a moment to send the next: closing at once would cross it on the way.
        """
        self.draining = True
        if self.established and self.exchange is None and not self._head_began and self._lingering < 0:
            self._arm(DRAIN_IDLE_SECONDS if self._served or self.refusal else DRAIN_FIRST_SECONDS)

    # What the client side of an exchange does.

    def next_exchange(self) -> None:
        """The exchange is over: go on with the next request, or close."""
        self.exchange = None
        machine = self.machine
        if self.closed:
            return
        if self.draining or not machine.may_keep_alive():
            self.close_after_response()
            return
        if self.is_congested:
            # Who asks and asks and reads no answers must not have them all kept here.
            self._held_back = True
            self.pause_reading()
            self._arm(self.chain.stall_timeout)
            return
        self._go_on()

    def _go_on(self) -> None:
        machine = self.machine
        self._held_back = False
        self.read_size = READ_HEAD_BYTES
        machine.start_next_exchange()
        self._arm(self.idle_seconds())
        self.resume_reading()
        if machine.buffered():
            self.pump()

    def close_after_response(self) -> None:
        """The response said, or its framing says, that this connection ends here."""
        if self.machine.buffered():
            self._linger()
        else:
            self.close_when_sent()

    def _await_rest(self) -> None:
        """The answer is complete, a short rest of the request is not: drop it as it comes, so that the connection can go on."""
        self._arm(self.chain.stall_timeout)
        self.resume_reading()

    def _end_unread(self, exchange: Exchange) -> None:
        exchange.end_record()
        self.exchange = None
        self._linger()

    def _linger(self) -> None:
        self.read_size = READ_BULK_BYTES
        self._lingering = 0
        self.resume_reading()
        if self.stream.is_secure():
            # A close_notify that crosses what the client is sending would tear the connection down, and the answer with it.
            self.flush()
        else:
            self.end_writing()
        if self._ended:
            self.close_when_sent()
        if not self.closed:
            self._arm(LINGER_SECONDS)

    def _arm(self, seconds: float) -> None:
        if seconds > 0:
            self.loop.wheel.arm(self.timer, self.loop.now + seconds)
        else:
            self.loop.wheel.disarm(self.timer)

    def arm_exchange(self, exchange: Exchange) -> None:
        stall = self.chain.stall_timeout
        deadline = self._progress + stall if stall > 0 else NEVER
        if exchange.deadline < deadline:
            deadline = exchange.deadline
        if deadline < NEVER:
            self.loop.wheel.arm(self.timer, deadline)
        else:
            self.loop.wheel.disarm(self.timer)

    def progressed(self) -> None:
        """Something moved on the other side of the exchange."""
        self._progress = self.loop.now


class DownstreamClient(ServingClient):
    """What exchanges see of the connection."""

    def __init__(self, connection: DownstreamConnection) -> None:
        super().__init__(connection)
        self._connection: Final = connection

    def began(self, exchange: Exchange) -> None:
        self._connection.exchange = exchange

    def decided(self, exchange: Exchange) -> None:
        self._connection.arm_exchange(exchange)

    def send_own(self, exchange: Exchange, response: Response, body: bytes) -> None:
        self._connection.send_own(exchange, response, body)

    def pause_request(self) -> None:
        self._connection.pause_reading()

    def resume_request(self) -> None:
        connection = self._connection
        if not connection.closed:
            connection.progressed()
            connection.resume_reading()

    def forward_interim(self, exchange: Exchange, response: Response) -> None:
        connection = self._connection
        if exchange.request.version == 11:
            connection.queue(connection.machine.send_interim(response))
            connection.flush()

    def forward_response(self, exchange: Exchange, response: Response) -> None:
        connection = self._connection
        connection.progressed()
        exchange.record.status = response.status
        if not response.reason:
            # HTTP/2 has none.
            response.reason = PHRASES.get(response.status, "")
        if "date" not in response.headers.names:
            response.headers.add("date", connection.chain.owner.http_date())
        connection.queue(connection.machine.send_response(response, connection.is_parting()))

    def forward_data(self, exchange: Exchange, data: bytes) -> None:
        connection = self._connection
        connection.progressed()
        if exchange.is_tunnel:
            connection.queue(data)
            connection.flush()
        else:
            connection.queue(connection.machine.send_data(data))

    def forward_end(self, exchange: Exchange, trailers: Headers | None) -> None:
        connection = self._connection
        if exchange.is_tunnel:
            connection.flush()
            connection.end_writing()
        else:
            connection.queue(connection.machine.send_end(trailers))
            connection.flush()

    def flush_response(self, exchange: Exchange) -> bool:
        connection = self._connection
        connection.flush()
        return connection.is_congested

    def become_tunnel(self, exchange: Exchange) -> None:
        connection = self._connection
        connection.flush()
        connection.read_size = READ_BULK_BYTES
        rest = connection.machine.take_rest()
        connection.resume_reading()
        if rest:
            exchange.tunnel_data(rest)

    def response_overtook(self, exchange: Exchange) -> None:
        connection = self._connection
        if connection.closed:
            return
        if body_is_short(exchange.request, DISCARD_BYTES):
            connection._await_rest()
        else:
            connection._end_unread(exchange)

    def give_up(self, exchange: Exchange, error: Exception) -> None:
        if not exchange.over:
            self._connection.loop.give_up(self._connection, error)

    def cut_response(self, exchange: Exchange) -> None:
        # A body that ends with the connection would pass for complete if the connection ended in order.
        connection = self._connection
        connection.flush()
        exchange.end_record()
        connection.exchange = None
        connection.reset()

    def exchange_over(self, exchange: Exchange) -> None:
        self._connection.next_exchange()
