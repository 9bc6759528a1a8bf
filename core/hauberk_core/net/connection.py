"""One connection in the loop: handshake, reading and writing with bounds, and closing; what the octets mean is up to subclasses.

Writing: `queue` collects, `flush` sends what was collected in one call and keeps the rest until the peer takes it. Above the high
mark `is_congested` turns true, and `write_ready` tells when the buffer has drained to the low mark; whoever feeds the connection
stops reading its own source in between. Reading: `pause_reading` and `resume_reading`; what the peer does meanwhile, a half-close
included, waits in the kernel and is seen after `resume_reading`.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.bypass import MOST_BYPASSES, Bypass
from hauberk_core.net.loop import Handler, Loop
from hauberk_core.net.poller import ERROR, HANGUP, READ, WRITE
from hauberk_core.net.transport import HANDSHAKE_DONE, HANDSHAKE_WANTS_READ, Stream
from hauberk_core.net.wheel import Timer, TimerOwner

# One read while heads are expected: larger than nearly every request and response.
READ_HEAD_BYTES: Final = 16 * 1024
# One read while a body streams: measured best for bulk.
READ_BULK_BYTES: Final = 256 * 1024
# Octets kept for a peer that does not take them before its source is paused: two bulk reads.
HIGH_MARK: Final = 512 * 1024
LOW_MARK: Final = 128 * 1024


@mypyc_attr(allow_interpreted_subclasses=True)
class TimerRelay(TimerOwner):
    """Passes a timer on to its connection, which already inherits from `Handler`."""

    def __init__(self, connection: "Connection") -> None:
        self._connection: Connection | None = connection

    def timed_out(self, timer: Timer) -> None:
        connection = self._connection
        if connection is not None:
            try:
                connection.timed_out()
            except Exception as error:  # with its deadline gone nothing else would ever end the connection
                connection.loop.give_up(connection, error)

    def forget(self) -> None:
        """Break the cycle of references between a connection and its timer."""
        self._connection = None


@mypyc_attr(allow_interpreted_subclasses=True)
class Connection(Handler):
    """A stream registered with a loop. Closed connections stay harmless: every method may still be called."""

    def __init__(self, loop: Loop, stream: Stream) -> None:
        self.loop: Final = loop
        self.stream: Stream = stream
        self.descriptor: Final[int] = stream.fileno()
        self.closed = False
        self.established = False
        self.read_size: int = READ_HEAD_BYTES
        self.bytes_read: int = 0
        self.bytes_written: int = 0
        self.is_congested = False
        self._interest: int = 0
        self._reading = True
        self._ended = False
        self._hung_up = False
        self._queued: list[bytes] = []
        self._unsent: bytes = b""
        self._closing = False
        self._ending = False
        self._finishing = False
        self._refused: OSError | None = None
        """Why nothing can be sent any more, while the peer is heard out."""
        self._outlet: Bypass | None = None
        """By which what comes here goes elsewhere unread."""
        self._inlet: Bypass | None = None
        """By which others' octets go out here."""
        self._relay: Final = TimerRelay(self)
        self.timer: Final = Timer(self._relay)

    # What subclasses say.

    def opened(self) -> None:
        """The handshake is done: octets may flow."""
        raise NotImplementedError

    def received(self, data: bytes) -> None:
        """Octets came; `b""`: the peer ended its side."""
        raise NotImplementedError

    def write_ready(self) -> None:
        """The write buffer fell to the low mark after having been congested."""
        raise NotImplementedError

    def broken(self, error: OSError) -> None:
        """Handshake, read or write failed. The connection is of no more use; close it."""
        raise NotImplementedError

    def send_failed(self, error: OSError) -> None:
        """Writing failed: `hear_out`, where what the peer has said before is of use, else `broken`."""
        self.broken(error)

    def carried(self, size: int) -> None:
        """So many octets have come that go elsewhere unread: see `pass_to`."""

    def timed_out(self) -> None:
        """The connection's own deadline has passed."""
        raise NotImplementedError

    # Life.

    def open(self) -> None:
        """Register with the loop and go on with the handshake. What fails is told to `broken`."""
        self._interest = READ
        self.loop.register(self.descriptor, self, READ)
        self._shake_hands()

    def close(self) -> None:
        """Close now, whatever is still unsent."""
        if not self.closed:
            self.closed = True
            self._queued = []
            self.loop.buffered -= len(self._unsent)
            self._unsent = b""
            self.loop.wheel.drop(self.timer)
            self._relay.forget()
            for bypass in (self._outlet, self._inlet):
                if bypass is not None:
                    bypass.close()
            self.loop.release(self.descriptor, self.stream)

    def close_in_order(self) -> None:
        """Close now; if everything is sent, a peer inside TLS is told that nothing was cut off (RFC 8446 section 6.1)."""
        if self.established and not self.closed and not self._unsent and self.stream.is_secure():
            self.stream.shutdown_write()
        self.close()

    def close_when_sent(self) -> None:
        """Close as soon as everything queued has been taken by the kernel.

        What still comes is read and dropped: octets left unread would make the kernel reset the connection, and the reset could
        overtake what was sent (RFC 9112 section 9.6).
        """
        self.flush()
        if not self.closed:
            self._closing = True
            if self._unsent:
                self.resume_reading()
            else:
                self._finish()

    def end_writing(self) -> None:
        """Close our side as soon as everything queued has been taken; reading goes on."""
        self.flush()
        if not self.closed:
            self._ending = True
            if self.established and not self._unsent:
                self._finish()

    def reset(self) -> None:
        """Close so that the peer sees a failure, whatever it has received."""
        self.stream.reset_on_close()
        self.close()

    def unsent(self) -> int:
        """Octets that wait for the peer."""
        return len(self._unsent)

    def let_go(self) -> Stream:
        """End this connection and leave its stream open, for somebody else. Everything that was queued must have been sent."""
        if not self.closed:
            self.closed = True
            self.loop.wheel.drop(self.timer)
            self._relay.forget()
            if not self._hung_up:
                self.loop.forget(self.descriptor)
        return self.stream

    def go_on(self, data: bytes, ended: bool) -> None:
        """Open with a stream that another connection has let go of.

        Args: data - what that one has read; ended - the peer has ended its side behind it.
        """
        self.open()
        if data and not self.closed:
            self.bytes_read += len(data)
            self.received(data)
        if self.closed:
            return
        if ended:
            self._ended = True
            self.pause_reading()
            self.received(b"")
        elif self.stream.pending() and self._reading:
            self.loop.call_soon(self._read_pending)

    # Reading.

    def pause_reading(self) -> None:
        """Leave what comes in the kernel."""
        if self._reading:
            self._reading = False
            self._watch()

    def resume_reading(self) -> None:
        """Read again; what came meanwhile is seen with the loop's next batch."""
        if not self._reading and not self._ended:
            self._reading = True
            if self._hung_up and not self.closed:
                self._hung_up = False
                self._interest = READ
                self.loop.register(self.descriptor, self, READ)
            self._watch()
            if self.stream.pending():
                self.loop.call_soon(self._read_pending)

    def is_reading(self) -> bool:
        """Whether reading is not paused."""
        return self._reading

    def hear_out(self, error: OSError) -> None:
        """Writing failed with `error`: send nothing more, but read what the peer said before it closed, as far as that has come.

        An answer may have come early, or word that requests were not served; both would be lost if the connection ended now.
        `broken` follows behind it, unless the peer had ended its side in order and that ends the connection.
        """
        if not isinstance(error, ConnectionError):
            # Nothing says that the peer is gone, and that reading comes to an end.
            self.broken(error)
            return
        self._refused = error
        self._queued.clear()
        self.loop.buffered -= len(self._unsent)
        self._unsent = b""
        self._watch()

    def is_refused(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._refused is not None

    # Past everybody.

    def pass_to(self, sink: "Connection") -> bool:
        """Have what comes from now on go to `sink` unread, as fast as that takes it: `carried` tells how much, `received` only of
        the end. Returns: False if that cannot be, now or at all."""
        if self._outlet is not None:
            return True
        if self.closed or sink.closed or sink.has_unsent() or self.loop.bypasses >= MOST_BYPASSES:
            return False
        conduit = self.stream.conduit_to(sink.stream)
        if conduit is None:
            return False
        self.loop.bypasses += 1
        bypass = Bypass(self, sink, conduit)
        self._outlet = bypass
        sink.take_in(bypass)
        return True

    def take_in(self, bypass: Bypass) -> None:
        """Others' octets go out here by this from now on."""
        self._inlet = bypass

    def bypass_gone(self, bypass: Bypass) -> None:
        """The connection at its other end, or this one, is closed."""
        if self._outlet is bypass:
            self._outlet = None
        if self._inlet is bypass:
            self._inlet = None

    def has_unsent(self) -> bool:
        """Whether something waits for the peer, or to be flushed."""
        return bool(self._unsent) or bool(self._queued)

    def bypassed_end(self) -> None:
        """What went elsewhere unread has come to its end."""
        self._ended = True
        self.pause_reading()
        if self._refused is not None:
            self._heard_out(self._refused)
        elif not self._closing:
            self.received(b"")

    def watch_again(self) -> None:
        """What a bypass holds for the peer has come, or is gone."""
        self._watch()

    # Writing.

    def queue(self, data: bytes) -> None:
        """Collect octets for the next `flush`."""
        if data:
            self._queued.append(data)

    def flush(self) -> None:
        """Send what is queued, as much as the peer takes; the rest follows when it can take more."""
        queued = self._queued
        if not queued or self.closed:
            return
        data = queued[0] if len(queued) == 1 else b"".join(queued)
        queued.clear()
        if self._refused is not None:
            return
        if self._unsent or not self.established:
            self._keep(self._unsent + data, len(data))
            return
        try:
            sent = self.stream.send(data)
        except OSError as error:
            self.send_failed(error)
            return
        self.bytes_written += sent
        if sent < len(data):
            self._keep(data[sent:], len(data) - sent)
            self._watch()

    def _keep(self, unsent: bytes, more: int) -> None:
        """What the peer has not taken waits; where all connections together keep too much, its source is paused at once."""
        self._unsent = unsent
        loop = self.loop
        loop.buffered += more
        if len(unsent) > HIGH_MARK or loop.buffered > loop.most_buffered:
            self.is_congested = True

    # The loop's side.

    def ready(self, events: int) -> None:
        if not self.established:
            self._shake_hands()
            return
        if events & WRITE:
            inlet = self._inlet
            if inlet is not None and inlet.is_full():
                inlet.go_on()
            else:
                self._drain()
            if self.closed:
                return
        if events & READ or events & (HANGUP | ERROR):
            if not self._reading:
                if events & (HANGUP | ERROR):
                    # Reported again and again until it is taken note of: stop listening, and look again at `resume_reading`.
                    self._hung_up = True
                    self._interest = 0
                    self.loop.forget(self.descriptor)
                return
            if self._outlet is not None:
                self._outlet.carry()
                return
            loop = self.loop
            try:
                data = self.stream.recv(self.read_size if loop.buffered <= loop.most_buffered else READ_HEAD_BYTES)
            except OSError as error:
                self.broken(error)
                return
            if data is not None:
                self.bytes_read += len(data)
                if not data:
                    # An ended side stays readable for ever.
                    self._ended = True
                    self.pause_reading()
                    if self._refused is not None:
                        self._heard_out(self._refused)
                        return
                if not self._closing:
                    self.received(data)
                if self.stream.pending() and self._reading and not self.closed:
                    self.loop.call_soon(self._read_pending)

    def give_up(self, error: Exception) -> None:
        self.close()

    def _heard_out(self, error: OSError) -> None:
        """All that the peer had said is read, and writing had failed with `error`."""
        if isinstance(error, BrokenPipeError):
            # By this alone the kernel tells that the peer had ended its side in order before it refused ours.
            self.received(b"")
        if not self.closed:
            self.broken(error)

    def _shake_hands(self) -> None:
        try:
            state = self.stream.handshake()
        except OSError as error:
            self.broken(error)
            return
        if state != HANDSHAKE_DONE:
            wanted = READ if state == HANDSHAKE_WANTS_READ else WRITE
            if wanted != self._interest:
                self._interest = wanted
                self.loop.poller.modify(self.descriptor, wanted)
            return
        self.established = True
        self.stream = self.stream.settled()
        self._watch()
        self.opened()
        if (self._unsent or self._ending) and not self.closed:
            self._drain()

    def _drain(self) -> None:
        data = self._unsent
        if data:
            try:
                sent = self.stream.send(data)
            except OSError as error:
                self.send_failed(error)
                return
            self.bytes_written += sent
            self.loop.buffered -= sent
            self._unsent = data[sent:] if sent < len(data) else b""
        if not self._unsent:
            if self._closing or self._ending:
                self._finish()
                if self.closed:
                    return
            self._watch()
        loop = self.loop
        if self.is_congested and (not self._unsent or (len(self._unsent) <= LOW_MARK and loop.buffered <= loop.most_buffered)):
            self.is_congested = False
            self.write_ready()

    def _finish(self) -> None:
        """Everything is sent: say so to the peer, and close if that is wanted."""
        stream = self.stream
        if self.established and (self._ending or stream.is_secure()):
            # In the clear, closing says it as well.
            stream.shutdown_write()
            self._finishing = stream.shutdown_waits()
            if self._finishing:
                self._watch()
                return
        self._ending = False
        if self._closing:
            self.close()
        elif self._reading and stream.pending():
            self.loop.call_soon(self._read_pending)

    def _read_pending(self) -> None:
        if not self.closed and self._reading:
            try:
                self.ready(READ)
            except Exception as error:
                self.loop.give_up(self, error)

    def _watch(self) -> None:
        if self.closed or self._hung_up or not self.established:
            return
        waits = bool(self._unsent) or self._finishing or (self._inlet is not None and self._inlet.is_full())
        interest = (READ if self._reading else 0) | (WRITE if waits else 0)
        if interest != self._interest:
            self._interest = interest
            self.loop.poller.modify(self.descriptor, interest)
