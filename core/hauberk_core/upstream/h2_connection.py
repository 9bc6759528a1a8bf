"""One HTTP/2 connection to an endpoint, which many calls share.

What all of them have to send goes out together at the end of the loop's batch. An endpoint that is gone without a word would
have every call end at its deadline, and the next ones sent after them. So a connection on which nothing at all has come for as
long as a call waited in vain takes no further ones, and is asked once (PING) whether anybody is there; `ping_interval` asks
without such a cause. Asking oftener is no use: servers of gRPC take it for a flood.

How many calls the endpoint takes at a time stands in its first SETTINGS, which are on their way when the connection stands. Until
they have come one call goes out, so that few have to be refused and made again: an endpoint may take no more than one.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import (
    CLOSED,
    DATA,
    END,
    FAULT,
    GOING_AWAY,
    RESET,
    RESPONSE,
    WRITABLE,
    Data,
    End,
    Event,
    Fault,
    GoingAway,
    Request,
    Reset,
    Response,
)
from hauberk_core.http.h2.codes import CANCEL, NO_ERROR, REFUSED_STREAM, code_name
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.model.reason import Reason
from hauberk_core.net.connection import READ_BULK_BYTES, Connection
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.net.wheel import NEVER, Timer, TimerOwner
from hauberk_core.upstream.call import Requester
from hauberk_core.upstream.connection import LAST_OCTETS_SECONDS
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.h2_call import H2Call
from hauberk_core.upstream.settings import ClusterSettings

# A call that was given up sooner says nothing about its connection: clients change their minds, and endpoints think.
DOUBT_SECONDS: Final = 1.0
# What was said last may take this long to be taken.
GOODBYE_SECONDS: Final = 2.0
_HTTP1: Final = b"HTTP/1."


@mypyc_attr(allow_interpreted_subclasses=True)
class SharedOwner:
    """Whom a connection belongs to."""

    def settings(self) -> ClusterSettings:
        """Those of its cluster that hold now."""
        raise NotImplementedError

    def call_over(self, connection: "H2UpstreamConnection") -> None:
        """A call has ended, and whoever it was for knows; the connection, which is open, may carry another in its place."""
        raise NotImplementedError

    def greeted(self, connection: "H2UpstreamConnection") -> None:
        """The endpoint has said how many calls it takes, or is taken not to: `room` counts from now on."""
        raise NotImplementedError

    def has_room(self, connection: "H2UpstreamConnection") -> None:
        """The endpoint allows more calls than it did."""
        raise NotImplementedError

    def stopped(self, connection: "H2UpstreamConnection") -> None:
        """The connection takes no further calls, perhaps before it was `greeted`."""
        raise NotImplementedError

    def gone(self, connection: "H2UpstreamConnection") -> None:
        """The connection was closed. Calls that are open yet will be told, and `freed` follows."""
        raise NotImplementedError

    def freed(self) -> None:
        """A closed connection's place may be taken by another: nobody's call is on it any more."""
        raise NotImplementedError


class H2UpstreamConnection(Connection):
    """Passes a machine's events to the calls that they belong to. Its stream's handshake is done."""

    def __init__(
        self, loop: Loop, stream: Stream, endpoint: UpstreamEndpoint, machine: MultiplexedMachine, owner: SharedOwner
    ) -> None:
        super().__init__(loop, stream)
        self.endpoint: Final = endpoint
        self.machine: Final = machine
        self.owner: Final = owner
        self.calls_open: int = 0
        """Calls that have not ended, those included whose request is about to be sent."""
        self.exchanges: int = 0
        """Calls begun on this connection."""
        self.since: Final = loop.now
        """When it was begun."""
        self.announced = ""
        """Whose it is, as the endpoint was told; empty: it was told nothing."""
        self.read_size = READ_BULK_BYTES
        self._calls: Final[dict[int, H2Call]] = {}
        self._held: list[tuple[H2Call, Request]] = []
        """Upgrades that wait for the endpoint's first SETTINGS."""
        self._lingering: Final[list[H2Call]] = []
        """Tunnels that are over but for octets that the endpoint's windows do not take yet."""
        self._unsent_calls = 0
        self._unsettled = 0
        """Calls that are over, and whose requesters are about to hear of it."""
        self._stopped = False
        self._ending = False
        self._pumping = False
        self._flushing = False
        self._had_room = True
        self._quiet_since: float = loop.now
        """Since when nothing has come, as far as anything could be expected."""
        self._asked = False
        """The endpoint was asked whether it is there, and has said nothing since."""
        self._heard_at: float = -1.0
        self._goodbye = ""
        """Why the endpoint takes no further calls, where that was for a mistake."""
        self._trusted = False
        """More than one call at a time may go out."""
        self._patience: Final = Timer(_Patience(self))
        self.failure: Reason | None = None
        """Why it was closed; None: it was not, or in good order."""
        self.failure_detail: str = ""

    # Calls.

    def room(self) -> int:
        """Calls that it takes now."""
        if self._stopped or self.closed:
            return 0
        settings = self.owner.settings()
        room = self.machine.room() - self._unsent_calls
        if settings.max_streams - self.calls_open < room:
            room = settings.max_streams - self.calls_open
        if settings.max_requests > 0 and settings.max_requests - self.exchanges < room:
            room = settings.max_requests - self.exchanges
        if settings.max_seconds > 0 and self.since + settings.max_seconds <= self.loop.now:
            room = 0
        if not self._trusted and room > 1 - self.calls_open:
            room = 1 - self.calls_open
        return room if room > 0 else 0

    def await_greeting(self, seconds: float) -> None:
        """Wait so long for the endpoint's SETTINGS."""
        self.loop.wheel.arm(self._patience, self.loop.now + seconds)

    def trust(self) -> None:
        """Let as many calls go out as its SETTINGS allow; while there are none, as many as RFC 9113 recommends it to allow."""
        if not self._trusted:
            self._trusted = True
            self.loop.wheel.drop(self._patience)
            self.owner.greeted(self)

    def is_proven(self) -> bool:
        """Whether its endpoint has said something within this very batch, so that it is there."""
        return self._heard_at == self.loop.now

    def is_spent(self) -> bool:
        """Whether it has had all the requests, or all the time, that one may have."""
        settings = self.owner.settings()
        if settings.max_requests > 0 and self.exchanges >= settings.max_requests:
            return True
        return settings.max_seconds > 0 and self.since + settings.max_seconds <= self.loop.now

    def call(self, requester: Requester, is_kept: bool) -> H2Call:
        """One for `requester`; `room` must have been found. Args: is_kept - as `H2Call` has it."""
        self.exchanges += 1
        self.calls_open += 1
        self._unsent_calls += 1
        if self.calls_open == 1:
            self._quiet_since = self.loop.now
            self._watch_silence()
        return H2Call(self, requester, is_kept)

    def begin(self, call: H2Call, request: Request) -> int:
        """Send a call's head. Returns: its stream."""
        stream = self.machine.send_request(request)
        self._unsent_calls -= 1
        self._calls[stream] = call
        return stream

    def hold(self, call: H2Call, request: Request) -> None:
        """Send the head of an upgrade once the endpoint has said whether it takes any (RFC 8441 section 3)."""
        self._held.append((call, request))
        self.flush_soon()

    def _send_held(self) -> None:
        if self.machine.is_greeted():
            held = self._held
            self._held = []
            for call, request in held:
                call.send_held(request)

    def _turn_held_away(self, detail: str, in_order: bool) -> None:
        """Nothing of them was sent, and nothing will be. Args: in_order - as `H2Call.turn_away` has it."""
        held = self._held
        self._held = []
        for call, _ in held:
            call.turn_away(detail, in_order)

    def call_over(self, call: H2Call) -> None:
        """It is at its end; `settle` follows when its requester knows."""
        if call.stream:
            self._calls.pop(call.stream, None)
        else:
            self._unsent_calls -= 1
        self.calls_open -= 1
        self._unsettled += 1
        self.endpoint.active -= 1
        if not self.calls_open and not self.closed and self._stopped:
            self._end()

    def settle(self) -> None:
        """Let others have the place of a call that is over. Not before its requester has told the guards, which count it."""
        self._unsettled -= 1
        if not self.closed:
            self.owner.call_over(self)
        elif not self.calls_open and not self._unsettled:
            self.owner.freed()

    def linger(self, call: H2Call) -> None:
        """Its requester is done with it, but not the endpoint: until that has taken what is left the connection is in use."""
        self._calls.pop(call.stream, None)
        self._lingering.append(call)

    def drop_lingering(self, call: H2Call) -> None:
        """The endpoint has had time enough for what is left of it."""
        self.machine.reset(call.stream, CANCEL)
        self._end_lingering()
        self.flush_soon()

    def _end_lingering(self) -> None:
        """Let those go of which nothing is left, or nothing can be sent any more."""
        for call in list(self._lingering):
            if self.closed or not self.machine.is_open(call.stream):
                self._lingering.remove(call)
                call.lingered()

    def rest(self, deadline: float) -> None:
        """Nobody uses it: close it at `deadline`, unless somebody does before."""
        self._asked = False
        if deadline < NEVER:
            self.loop.wheel.arm(self.timer, deadline)
        else:
            self.loop.wheel.disarm(self.timer)

    def stop(self) -> None:
        """Take no further calls, and close behind the last."""
        if self.closed:
            return
        if not self._stopped:
            self._stopped = True
            self.owner.stopped(self)
        if not self.calls_open:
            self._end()

    def retire(self) -> None:
        """Its endpoint is not to be used any more: as `stop`, but behind those who wait for it already."""
        self.trust()
        self.stop()

    def is_stopped(self) -> bool:
        """Whether it takes no further calls; it then closes by itself."""
        return self._stopped

    def doubt_since(self, when: float) -> None:
        """A call that was begun at `when` waited in vain. See whether that is the connection's fault."""
        now = self.loop.now
        if self._quiet_since > when or now - when < DOUBT_SECONDS or self._stopped or self.closed:
            return
        self.stop()
        if not self.closed and not self._ending:
            self._ask()

    # Connection.

    def opened(self) -> None:
        self._send()

    def received(self, data: bytes) -> None:
        if self.bytes_read == len(data) and data.startswith(_HTTP1):
            self._fail_all(
                Reason.UPSTREAM_PROTOCOL,
                "the endpoint answers in HTTP/1.1, and was spoken to in HTTP/2: see the port's name or appProtocol, and the "
                "cluster's protocol",
            )
            return
        self._quiet_since = self.loop.now
        self._heard_at = self.loop.now
        self._asked = False
        self.machine.receive(data, self.loop.now)
        self.pump()

    def write_ready(self) -> None:
        for call in list(self._calls.values()):
            call.write_ready()

    def broken(self, error: OSError) -> None:
        self._fail_all(Reason.UPSTREAM_RESET, f"the connection broke: {error}{self._goodbye}")

    def send_failed(self, error: OSError) -> None:
        # It may have said which calls it has not acted on.
        self.hear_out(error)

    def give_up(self, error: Exception) -> None:
        self._fail_all(Reason.INTERNAL, "a fault of the proxy; its log has the details")

    def timed_out(self) -> None:
        if self._ending:
            self.close()
        elif self._asked:
            seconds = self.owner.settings().ping_timeout
            self._fail_all(Reason.UPSTREAM_RESET, f"the endpoint says nothing, not even to a PING for {seconds} s")
        elif not self.calls_open:
            self.stop()
        elif 0 < self.owner.settings().ping_interval <= self.loop.now - self._quiet_since:
            self._ask()
        else:
            self._watch_silence()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stopped = True
            self.loop.wheel.drop(self._patience)
            self.owner.gone(self)
            if not self.calls_open and not self._unsettled:
                self.owner.freed()

    # What the machine reports.

    def pump(self) -> None:
        """Act on the machine's events until it has none."""
        if self._pumping:
            return
        self._pumping = True
        machine = self.machine
        touched: list[H2Call] = []
        while not self.closed:
            event = machine.next_event()
            if event is None:
                break
            call = self._calls.get(machine.stream)
            if call is None:
                self._act(event, machine.stream)
            else:
                if not call.touched:
                    call.touched = True
                    touched.append(call)
                self._pass_on(event, call)
        for call in touched:
            self._end_batch(call)
        if self._lingering:
            self._end_lingering()
        self._pumping = False
        if self.closed:
            return
        self.flush_soon()
        if not self._trusted and machine.is_greeted():
            self.trust()
        had_room = self._had_room
        self._had_room = machine.room() > 0
        if self._had_room and not had_room:
            self.owner.has_room(self)

    def _end_batch(self, call: H2Call) -> None:
        try:
            call.batch_end()
        except Exception as error:  # other calls go on
            call.give_up(error)

    def _pass_on(self, event: Event, call: H2Call) -> None:
        try:
            self._act_on(event, call)
        except Exception as error:  # other calls go on
            call.give_up(error)

    def _act_on(self, event: Event, call: H2Call) -> None:
        kind = event.kind
        if kind == DATA:
            assert isinstance(event, Data)
            call.response_data(event.data)
        elif kind == RESPONSE:
            assert isinstance(event, Response)
            call.response(event)
        elif kind == END:
            assert isinstance(event, End)
            call.response_end(event.trailers)
        elif kind == WRITABLE:
            call.write_ready()
        elif kind == RESET:
            assert isinstance(event, Reset)
            if event.code == REFUSED_STREAM:
                call.turn_away("the endpoint refused the stream (REFUSED_STREAM)", False)
            else:
                call.was_reset(f"the endpoint reset the stream ({code_name(event.code)})")
        elif kind == FAULT:
            assert isinstance(event, Fault)
            call.fail(event.reason, "the endpoint's response: " + event.detail)

    def _act(self, event: Event, number: int) -> None:
        """What concerns no call, or one that is over."""
        kind = event.kind
        if kind == DATA:
            assert isinstance(event, Data)
            self.machine.consume(number, len(event.data))
        elif kind == GOING_AWAY:
            assert isinstance(event, GoingAway)
            self._endpoint_leaves(event)
        elif kind == FAULT and not number:
            assert isinstance(event, Fault)
            # What is wrong is said to the endpoint, as far as it listens.
            self._send()
            self._fail_all(event.reason, "the endpoint's HTTP/2: " + event.detail)
        elif kind == CLOSED:
            if not self.calls_open:
                self.close_in_order()
                return
            detail = "the endpoint closed the connection before the answer was complete" + self._goodbye
            self._fail_all(Reason.UPSTREAM_RESET, detail)

    def _endpoint_leaves(self, event: GoingAway) -> None:
        """RFC 9113 section 6.8: streams above the last that is named were not looked at."""
        if event.code:
            self._goodbye = f" (it had sent GOAWAY: {code_name(event.code)})"
        self.stop()
        in_order = event.code == NO_ERROR
        why = "the endpoint closes the connection before it has said whether it takes upgrades (GOAWAY)"
        self._turn_held_away(why, in_order)
        for stream, call in list(self._calls.items()):
            if stream > event.last:
                self.machine.forget(stream)
                # Other kept connections to an endpoint that leaves may be about to end as well.
                call.requester.fresh = True
                call.turn_away("the endpoint closes the connection and has not looked at the request (GOAWAY)", in_order)

    # Inside.

    def flush_soon(self) -> None:
        """Send what the machine has, together with what else this batch brings."""
        if not self._flushing and not self.closed:
            self._flushing = True
            self.loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = False
        if not self.closed:
            try:
                if self._held:
                    self._send_held()
                self._send()
            except Exception as error:
                self.loop.give_up(self, error)

    def _send(self) -> None:
        self.queue(self.machine.take_output())
        self.flush()

    def _watch_silence(self) -> None:
        """While it is in use, see to it that its endpoint's silence is noticed."""
        interval = self.owner.settings().ping_interval
        if interval > 0:
            self.loop.wheel.arm(self.timer, self._quiet_since + interval)
        else:
            self.loop.wheel.disarm(self.timer)

    def _ask(self) -> None:
        self._asked = True
        self.machine.ping()
        self.flush_soon()
        self.loop.wheel.arm(self.timer, self.loop.now + self.owner.settings().ping_timeout)

    def _fail_all(self, reason: Reason, detail: str) -> None:
        """The connection is of no more use."""
        calls = list(self._calls.values())
        self.failure = reason
        self.failure_detail = detail
        # First of all, so that nobody is sent here again.
        self.close()
        for call in calls:
            call.connection_gone(reason, detail)
        self._turn_held_away(detail, False)
        self._end_lingering()

    def _end(self) -> None:
        """Say goodbye and close."""
        if self._ending or self.closed:
            return
        self._ending = True
        self._send()
        # A tunnel's last octets may be among what waits.
        seconds = LAST_OCTETS_SECONDS if self.unsent() else GOODBYE_SECONDS
        self.machine.go_away(False)
        self._send()
        if not self.closed:
            self.loop.wheel.arm(self.timer, self.loop.now + seconds)
            self.close_when_sent()


class _Patience(TimerOwner):
    def __init__(self, connection: H2UpstreamConnection) -> None:
        self._connection: Final = connection

    def timed_out(self, timer: Timer) -> None:
        connection = self._connection
        try:
            connection.trust()
        except Exception as error:
            connection.loop.give_up(connection, error)
