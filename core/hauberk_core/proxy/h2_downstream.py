"""A client's HTTP/2 connection: many exchanges at a time, each as on a connection of its own.

What all of them have to send goes out together at the end of the loop's batch.
"""

from typing import Final

from hauberk_core.http.events import CLOSED, DATA, END, FAULT, REQUEST, RESET, WRITABLE, Data, End, Event, Fault, Request
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.model.reason import Reason
from hauberk_core.net.connection import READ_BULK_BYTES
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.net.wheel import NEVER, Timer, TimerOwner
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client_connection import ClientConnection, ConnectionListener
from hauberk_core.proxy.h2_stream import H2StreamClient
from hauberk_core.proxy.serving import explaining_headers, explanation, own_response, report_refused

# Between "no more, but what is on its way is served" and "no more": a round trip, for which a second is long.
LAST_CALL_SECONDS: Final = 1.0
# What was said last may take this long to be taken.
GOODBYE_SECONDS: Final = 2.0


class H2DownstreamConnection(ClientConnection):
    """Reads requests off a machine, and keeps their streams."""

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
        self.machine: Final[MultiplexedMachine] = chain.new_multiplexed_machine()
        self.streams: Final[dict[int, H2StreamClient]] = {}
        self.read_size = READ_BULK_BYTES
        self._pumping = False
        self._flushing = False
        self._drawn = False
        """The line is drawn: no further stream is served."""
        self._ending = False
        self._left = -1
        """Octets that waited for the client when its taking was last looked at; -1: not since its last stream ended."""
        self._last_call: Timer | None = None

    # Connection.

    def opened(self) -> None:
        if not self.is_counted:
            self.listener.connection_opened(self)
        self._send()
        self._arm_idle()

    def received(self, data: bytes) -> None:
        self.machine.receive(data, self.loop.now)
        self.pump()

    def write_ready(self) -> None:
        self.resume_reading()
        for stream in list(self.streams.values()):
            stream.write_ready()

    def broken(self, error: OSError) -> None:
        self._lose_all(f"the client's connection broke: {error}")
        self.close()

    def give_up(self, error: Exception) -> None:
        for stream in list(self.streams.values()):
            exchange = stream.exchange
            stream.exchange = None
            if exchange is not None:
                exchange.client_gone(Reason.INTERNAL, "a fault of the proxy; its log has the details")
        self.chain.owner.pressure.streams -= len(self.streams)
        self.streams.clear()
        self.close()

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._last_call is not None:
                self.loop.wheel.drop(self._last_call)
                self._last_call = None
            self._lose_all(Reason.CLIENT_GONE.meaning)
            self.listener.connection_closed(self)

    def timed_out(self) -> None:
        now = self.loop.now
        if self.streams:
            stall = self.chain.stall_timeout
            for stream in list(self.streams.values()):
                if stream.deadline(stall) <= now:
                    stream.timed_out(now)
            self._arm_streams()
        elif self.unsent() or self.machine.open_streams():
            # Answers that are complete here wait for the client, or for its windows.
            left = self.unsent() + self.machine.all_pending()
            if 0 <= self._left <= left:
                self.reset()
            else:
                self._left = left
                self._arm(GOODBYE_SECONDS if self._ending else self.chain.stall_timeout)
        else:
            self._end()

    # What the machine reports.

    def pump(self) -> None:
        """Act on the machine's events until it has none."""
        if self._pumping:
            return
        self._pumping = True
        machine = self.machine
        touched: list[H2StreamClient] = []
        try:
            while not self.closed:
                event = machine.next_event()
                if event is None:
                    break
                self._act(event, machine.stream, touched)
            for stream in touched:
                stream.flush_request()
        finally:
            self._pumping = False
        if self._drawn and not self.streams and not self.closed:
            self._end_when_taken()
        self.flush_soon()

    def _act(self, event: Event, number: int, touched: list[H2StreamClient]) -> None:
        kind = event.kind
        if kind == REQUEST:
            assert isinstance(event, Request)
            client = H2StreamClient(self, number)
            self.streams[number] = client
            self.chain.owner.pressure.stream_opened()
            client.touched = True
            touched.append(client)
            if event.upgrade or event.method == "CONNECT":
                client.ask_for_tunnel(event)
            else:
                client.begin(event)
            return
        stream = self.streams.get(number)
        if kind == DATA:
            assert isinstance(event, Data)
            exchange = None if stream is None else stream.exchange
            if stream is None or exchange is None:
                self.machine.consume(number, len(event.data))
                return
            if not stream.touched:
                stream.touched = True
                touched.append(stream)
            if stream.asks_for_tunnel:
                stream.tunnel_data(event.data)
            else:
                exchange.request_data(event.data)
            stream.took(len(event.data))
        elif kind == END:
            assert isinstance(event, End)
            exchange = None if stream is None else stream.exchange
            if stream is not None and exchange is not None:
                if not stream.touched:
                    stream.touched = True
                    touched.append(stream)
                if stream.asks_for_tunnel:
                    stream.tunnel_data(b"")
                else:
                    exchange.request_end(event.trailers)
        elif kind == WRITABLE:
            if stream is not None:
                stream.write_ready()
        elif kind == RESET:
            self._stream_lost(stream, Reason.CLIENT_GONE, "the client gave the request up")
        elif kind == FAULT:
            assert isinstance(event, Fault)
            self._fault(event, number, stream)
        elif kind == CLOSED:
            self._lose_all("the client closed the connection before the answer was complete")
            self.close_when_sent()

    def _fault(self, fault: Fault, number: int, stream: H2StreamClient | None) -> None:
        if not number:
            report_refused(self, fault.reason, fault.detail)
            self._lose_all(fault.detail)
            self._end()
            return
        if stream is None:
            report_refused(self, fault.reason, fault.detail)
        else:
            self._stream_lost(stream, fault.reason, fault.detail)
        machine = self.machine
        if machine.is_open(number):
            # Sound, but more than is taken here.
            body = explanation(fault.reason, fault.detail)
            machine.send_response(number, own_response(self, fault.reason.status, explaining_headers(fault.reason), body))
            machine.send_data(number, body)
            machine.send_end(number, None)
            machine.overtake(number)

    def _stream_lost(self, stream: H2StreamClient | None, reason: Reason, detail: str) -> None:
        if stream is not None:
            exchange = stream.exchange
            if exchange is not None:
                exchange.client_gone(reason, detail)
            stream.over()

    def _lose_all(self, detail: str) -> None:
        for stream in list(self.streams.values()):
            self._stream_lost(stream, Reason.CLIENT_GONE, detail)

    # What streams ask for.

    def flush_soon(self) -> None:
        """Send what the machine has, together with what else this batch brings."""
        if not self._flushing and not self.closed:
            self._flushing = True
            self.loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = False
        if not self.closed:
            try:
                self._send()
            except Exception as error:
                self.loop.give_up(self, error)

    def _send(self) -> None:
        self.queue(self.machine.take_output())
        self.flush()
        if self.is_congested:
            # Who asks and asks and takes no answers must not have them all kept here.
            self.pause_reading()

    def stream_over(self, number: int) -> None:
        """One stream has ended."""
        if self.streams.pop(number, None) is None:
            return
        self.chain.owner.pressure.streams -= 1
        if self.streams or self.closed:
            return
        self._left = -1
        if self._drawn:
            self._end_when_taken()
        elif not self.draining:
            self._arm_idle()

    def arm_for(self, stream: H2StreamClient) -> None:
        """See to it that the stream's deadline is noticed."""
        deadline = stream.deadline(self.chain.stall_timeout)
        if deadline < NEVER and (len(self.streams) == 1 or deadline < self.timer.deadline):
            self.loop.wheel.arm(self.timer, deadline)

    def _arm_streams(self) -> None:
        if not self.streams or self.closed:
            return
        stall = self.chain.stall_timeout
        deadline = NEVER
        for stream in self.streams.values():
            due = stream.deadline(stall)
            if due < deadline:
                deadline = due
        if deadline < NEVER:
            self.loop.wheel.arm(self.timer, deadline)

    def _arm_idle(self) -> None:
        self._arm(self.idle_seconds())

    def _arm(self, seconds: float) -> None:
        if seconds > 0:
            self.loop.wheel.arm(self.timer, self.loop.now + seconds)
        else:
            self.loop.wheel.disarm(self.timer)

    # The end.

    def exchanges(self) -> int:
        return len(self.streams)

    def tighten(self) -> None:
        if self.established and not self.streams and not self.draining:
            self._arm_idle()

    def drain(self) -> None:
        """Take no further requests, but those that are on their way (RFC 9113 section 6.8), and close behind the last answer."""
        if self.draining or self.closed:
            return
        self.draining = True
        self.machine.go_away(True)
        self.flush_soon()
        timer = Timer(_LastCall(self))
        self._last_call = timer
        self.loop.wheel.arm(timer, self.loop.now + LAST_CALL_SECONDS)

    def draw_the_line(self) -> None:
        """The last call is over: no further stream is served."""
        if self.closed:
            return
        self._drawn = True
        self.machine.go_away(False)
        if self.streams:
            self.flush_soon()
        else:
            self._end_when_taken()

    def _end_when_taken(self) -> None:
        """End once the client's windows have let the last answers out, or it has taken nothing for too long."""
        if self.machine.open_streams():
            self._arm(self.chain.stall_timeout)
        else:
            self._end()

    def _end(self) -> None:
        """Say goodbye and close."""
        if self._ending or self.closed:
            return
        self._ending = True
        self.machine.go_away(False)
        self._send()
        if not self.closed:
            self._arm(GOODBYE_SECONDS)
            self.close_when_sent()


class _LastCall(TimerOwner):
    def __init__(self, connection: H2DownstreamConnection) -> None:
        self._connection: Final = connection

    def timed_out(self, timer: Timer) -> None:
        try:
            self._connection.draw_the_line()
        except Exception as error:
            self._connection.loop.give_up(self._connection, error)
