"""A client's connection whose octets pass as they are, or that has yet to show what it speaks.

While the client is silent, an endpoint is dialled beside: in many protocols (SMTP, MySQL, SSH) the server speaks first, and a
client that waits for it would wait for ever. If the endpoint speaks, that is what decides. If the client turns out to speak HTTP,
the connection to the endpoint is closed unused, and the client's goes on as one of HTTP.
"""

from typing import Final

from hauberk_core.http.sniff import IS_HTTP, UNDECIDED, guess, sniff
from hauberk_core.model.reason import Reason
from hauberk_core.net.by_name import ServerNameRefused
from hauberk_core.net.client_hello import name_asked_for
from hauberk_core.net.connection import READ_BULK_BYTES
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Stream
from hauberk_core.net.wheel import NEVER, Timer, TimerOwner
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client_connection import DRAIN_FIRST_SECONDS, ClientConnection, ConnectionListener
from hauberk_core.proxy.passage import Passage

# What comes through the network first, such as the beginning of TLS, takes longer than what a process
# on this machine says.
_MOMENTS_UNTIL_TLS: Final = 4
# For the rest of a line that may be a request's. Slower clients are taken for what their first word looks like.
SNIFF_SECONDS: Final = 5.0
# After both sides have ended, the last octets may take this long to go out: as long as a listener lets a body stand still.
LAST_OCTETS_SECONDS: Final = 60.0


class TcpConnection(ClientConnection):
    """The client's side. Its passage leads to the endpoint.

    A client that speaks first does so within a moment of its connect; dialling before would make a connection in vain for each of
    HTTP. Two proxies wait one after the other, so that a longer silence would be felt by clients that wait for the server.
    """

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
        self._passage: Passage | None = None
        self._passes = False
        """It is known not to be HTTP."""
        self._early: bytes = b""
        """What the client has said while that was not known."""
        self._client_ended = False
        self._dialled_in_vain = False
        self._waits = False
        """It passes, as soon as there is a connection to the endpoint."""
        self._silence: Final = Timer(_Silence(self))
        self._moments = 0
        self._deadline: float = NEVER
        """When whatever it waits for must have come, be it a handshake, a line or an end."""
        self._last_moment: float = NEVER
        """When it ends, because it drains, unless it has turned out to be of another kind."""
        self._progress: float = loop.now

    # Connection.

    def open(self) -> None:
        handshake = self.chain.handshake_timeout
        self._deadline = self.loop.now + handshake if handshake > 0 else NEVER
        self._arm()
        super().open()
        if not self.established and not self.closed and self.stream.may_be_plain():
            self._await_silence(_MOMENTS_UNTIL_TLS)

    def opened(self) -> None:
        self._deadline = NEVER
        chain = self.listener.chain_of(self)
        if chain is None:
            # A change of the configuration during the handshake.
            self._refuse(self.stream.server_name())
            return
        self.chain = chain
        if not self.chain.passes_octets or (self.chain.detects and self.stream.alpn() == "h2"):
            self._become_http()
        elif not self.chain.detects or (self._passage is not None and self._passage.endpoint_spoke):
            self._pass_on()
        else:
            if self.draining:
                self._last_moment = self.loop.now + DRAIN_FIRST_SECONDS
            self._arm()
            self._await_silence(1)

    def received(self, data: bytes) -> None:
        self._progress = self.loop.now
        if not data:
            self._client_ended = True
        if self._passes:
            self._pass_on_more(data)
            return
        early = self._early + data if self._early else data
        waited = bool(self._early)
        self._early = early
        kind = sniff(early) if data else guess(early)
        if kind == IS_HTTP:
            self._become_http()
        elif kind != UNDECIDED:
            self._pass_on()
        elif not waited:
            self._last_moment = NEVER
            self._deadline = self.loop.now + SNIFF_SECONDS
            self._arm()

    def carried(self, size: int) -> None:
        self._progress = self.loop.now
        if self._passage is not None:
            self._passage.client_carried(size)

    def write_ready(self) -> None:
        self._progress = self.loop.now
        if self._passage is not None:
            self._passage.client_write_ready()

    def broken(self, error: OSError) -> None:
        if isinstance(error, ServerNameRefused):
            self._refuse(error.server_name)
            return
        if not self.established:
            self.listener.handshake_failed()
        self._end(Reason.CLIENT_GONE, f"the client's connection broke: {error}")

    def give_up(self, error: Exception) -> None:
        self._end(Reason.INTERNAL, "a fault of the proxy; its log has the details")

    def timed_out(self) -> None:
        now = self.loop.now
        if self._last_moment <= now:
            self._end_drained()
        elif now < self._deadline:
            if not self._is_idle(now):
                self._arm()
            elif self._passes:
                self._end(None, "")
            else:
                # Neither it nor the endpoint that was dialled for it has said anything.
                self.close()
        elif not self.established:
            self.listener.handshake_failed()
            self._end(None, "")
        elif self._passes and self._waits:
            self._end(Reason.CONNECT_TIMEOUT, "there was no connection to be had within timeouts.stall")
        elif self._passes:
            self._end(None, "")
        elif guess(self._early) == IS_HTTP:
            self._become_http()
        else:
            self._pass_on()

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.loop.wheel.drop(self._silence)
            passage = self._passage
            self._passage = None
            if passage is not None:
                passage.end(Reason.CLIENT_GONE, Reason.CLIENT_GONE.meaning)
            self.listener.connection_closed(self)

    # ClientConnection.

    def exchanges(self) -> int:
        return 0 if self._passage is None else 1

    def tighten(self) -> None:
        # Nobody knows whether it is used but those at its ends.
        pass

    def drain(self) -> None:
        """What passes cannot be told to end: it gets the time that its listener allows.

        What is not known to pass may have a request on its way. It goes on until it shows what it is, and drains as that.
        """
        if self.draining:
            return
        self.draining = True
        if self._passes:
            self._last_moment = self._end_of_draining()
        elif not self._early and (self.established or self.stream.may_be_plain()):
            # Nothing has come of it: of a client that speaks first it will, and soon.
            self._last_moment = self.loop.now + DRAIN_FIRST_SECONDS
        self._arm()

    def follow(self, chain: Chain) -> None:
        self.chain = chain
        self.forget_filters()
        if self._passes or not self.established:
            return
        if not chain.passes_octets:
            self._become_http()
        elif not chain.detects:
            self._pass_on()

    # What the passage says.

    def endpoint_spoke(self) -> bool:
        """The endpoint has said something. Returns: whether the client may be told."""
        self._progress = self.loop.now
        if self._passes:
            return not self.closed
        if not self.established:
            # In permissive mode: nobody who speaks TLS waits for the other side's first word.
            if not self.stream.may_be_plain():
                return False
            self.stream.take_for_plain()
            self._shake_hands()
        else:
            self._pass_on()
        return self._may_hear()

    def endpoint_moved(self) -> None:
        """The endpoint has said something that went to the client by itself."""
        self._progress = self.loop.now

    def _may_hear(self) -> bool:
        return self._passes and not self.closed

    def endpoint_ended(self) -> None:
        """The endpoint has ended its side."""
        if not self._passes:
            # It did not want to hear anything: whatever the client speaks, it is not served here.
            self._pass_on()
        if not self.closed:
            self.end_writing()

    def finished(self) -> None:
        """Both sides have ended."""
        self._passage = None
        self._deadline = self.loop.now + LAST_OCTETS_SECONDS
        self._arm()
        self.close_when_sent()

    def endpoint_failed(self, reason: Reason, detail: str) -> None:
        """There is no endpoint to be had, or its connection broke."""
        if self._passes:
            self._end(reason, detail)
            return
        # A client of HTTP will be told why. One that goes on being silent has the endpoint tried once more.
        passage = self._passage
        self._passage = None
        if passage is not None:
            passage.unwanted()
        self._dialled_in_vain = True
        self._deadline = min(self._deadline, self.loop.now + SNIFF_SECONDS)
        self._arm()

    def endpoint_stands(self) -> None:
        """There is a connection to the endpoint."""
        self._progress = self.loop.now
        if self._waits:
            self._waits = False
            self._deadline = NEVER
            self._arm()

    def progressed(self) -> None:
        """The endpoint takes octets again."""
        self._progress = self.loop.now
        self.resume_reading()

    # Inside.

    def silent(self) -> None:
        """The client has said nothing for a moment: see whether the endpoint does."""
        self._moments -= 1
        if self._moments > 0:
            self.loop.wheel.arm_moment(self._silence, self.loop.now)
            return
        if self._passes or self.closed or self._passage is not None or self._dialled_in_vain or self._client_ended:
            return
        chain = self.chain
        if (self.established or self.stream.may_be_plain()) and chain.passes_octets and not self._early:
            self._passage = Passage(self, chain)
            self._passage.begin()

    def _pass_on(self) -> None:
        """It is not HTTP, or is not to be looked at."""
        self._passes = True
        self._waits = self._passage is None or not self._passage.stands
        self._deadline = self.loop.now + self.chain.stall_timeout if self._waits and self.chain.stall_timeout > 0 else NEVER
        self._last_moment = self._end_of_draining() if self.draining else NEVER
        self.read_size = READ_BULK_BYTES
        self.listener.connection_opened(self)
        passage = self._passage
        if passage is None:
            passage = Passage(self, self.chain)
            self._passage = passage
            if self._early:
                # TLS that passes is not opened, but whom it is for is there to be read, and to be logged.
                passage.record.server_name = name_asked_for(self._early)
            passage.begin()
        if self.closed:
            return
        passage.decided()
        early = self._early
        self._early = b""
        if early:
            self._pass_on_more(early)
        if self._client_ended and not self.closed:
            self._pass_on_more(b"")
        self._arm()

    def _pass_on_more(self, data: bytes) -> None:
        passage = self._passage
        if passage is not None and not passage.take(data):
            self.pause_reading()

    def _refuse(self, server_name: str) -> None:
        """Nobody is there for the name that the client asks for."""
        self._passage = Passage(self, self.chain)
        self._passage.misses_chain(server_name)
        self._end(Reason.NO_LISTENER, "")

    def _become_http(self) -> None:
        passage = self._passage
        self._passage = None
        if passage is not None:
            passage.unwanted()
        early = self._early
        self._early = b""
        self.loop.wheel.drop(self._silence)
        self.let_go()
        self.listener.speaks_http(self, early, self._client_ended)

    def _end(self, reason: Reason | None, detail: str) -> None:
        """Close both sides; after a failure so that both notice that something is missing."""
        passage = self._passage
        self._passage = None
        if passage is not None:
            passage.end(reason, detail)
        if reason is None:
            self.close()
        else:
            self.reset()

    def _end_drained(self) -> None:
        """The last moment of a connection that drains has come."""
        if self._passes:
            self._end(None, "")
        elif self.established or self.stream.may_be_plain():
            self.close_in_order()
        else:
            # It has begun TLS meanwhile, and a request may follow in the same flight as the handshake's end.
            self._last_moment = NEVER
            self._arm()

    def _end_of_draining(self) -> float:
        """When what passes ends at the latest, if it begins to drain now."""
        seconds = self.chain.drain_timeout
        return self.loop.now + seconds if seconds > 0 else NEVER

    def _is_idle(self, now: float) -> bool:
        idle = self.chain.tcp_idle_timeout
        return idle > 0 and self._progress + idle <= now

    def _await_silence(self, moments: int) -> None:
        self._moments = moments
        if self._silence.deadline >= NEVER:
            self.loop.wheel.arm_moment(self._silence, self.loop.now)

    def _arm(self) -> None:
        if self.closed:
            return
        deadline = min(self._deadline, self._last_moment)
        idle = self.chain.tcp_idle_timeout
        if idle > 0 and self._progress + idle < deadline:
            deadline = self._progress + idle
        if deadline < NEVER:
            self.loop.wheel.arm(self.timer, deadline)
        else:
            self.loop.wheel.disarm(self.timer)


class _Silence(TimerOwner):
    def __init__(self, connection: TcpConnection) -> None:
        self._connection: Final = connection

    def timed_out(self, timer: Timer) -> None:
        connection = self._connection
        try:
            connection.silent()
        except Exception as error:  # nothing else would ever end the connection
            connection.loop.give_up(connection, error)
