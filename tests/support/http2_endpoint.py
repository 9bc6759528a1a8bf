"""An endpoint that speaks HTTP/2, on the virtual network: what it answers is up to the script."""

from collections.abc import Sequence
from typing import Final

from h2.settings import SettingCodes
from h2_talker import H2Talker
from h2_wire import frame

from hauberk_core.http.events import CHUNKED, Data, End, Fault, GoingAway, Request, Reset, Response
from hauberk_core.http.h2.codes import GOAWAY_FRAME, NO_ERROR, REFUSED_STREAM
from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.sim.peer import Peer, ScriptedEndpoint


class Http2Connection(H2Talker):
    """One accepted connection. By default h2 speaks on it, which is not our own code's judge."""

    def __init__(self, peer: Peer, machine: MultiplexedMachine | None = None) -> None:
        super().__init__(peer, machine or LibraryMachine(False, "http", HttpLimits()))

    def requests(self) -> dict[int, Request]:
        """The heads that have come, by stream."""
        self.talk()
        return {stream: event for stream, events in self.events.items() for event in events if isinstance(event, Request)}

    def body(self, stream: int) -> tuple[bytes, str]:
        """A request's body, and how it ended: `end`, `reset CODE`, `fault`, or nothing yet; trailers stand behind `end`."""
        self.talk()
        body, ending = b"", ""
        for event in self.events.get(stream, []):
            if isinstance(event, Data):
                body += event.data
            elif isinstance(event, End):
                ending = "end" if event.trailers is None else f"end {dict(event.trailers.items())}"
            elif isinstance(event, Reset):
                ending = f"reset {event.code}"
            elif isinstance(event, Fault):
                ending = "fault"
        return body, ending

    def said_goodbye(self) -> bool:
        """Whether GOAWAY has come."""
        self.talk()
        return any(isinstance(event, GoingAway) for event in self.events.get(0, []))

    def head(self, stream: int, status: int = 200, fields: Sequence[tuple[str, str]] = ()) -> None:
        """Send a response's head, interim or final; a body is to follow."""
        self.talk()
        headers = Headers()
        for name, value in fields:
            headers.add(name, value)
        response = Response(status, "", 20, headers)
        response.framing = CHUNKED
        if status < 200:
            self.machine.send_interim(stream, response)
        else:
            self.machine.send_response(stream, response)
        self.talk()

    def answer(
        self, stream: int, body: bytes = b"ok", fields: Sequence[tuple[str, str]] = (), trailers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Send a whole response."""
        self.head(stream, 200, fields)
        self.machine.send_data(stream, body)
        self.end(stream, trailers)

    def allow(self, streams: int) -> None:
        """Say how many requests at a time it takes."""
        assert isinstance(self.machine, LibraryMachine)
        self.machine._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: streams})
        self.talk()

    def reset(self, stream: int, code: int = REFUSED_STREAM) -> None:
        """Give a stream up."""
        self.talk()
        self.machine.reset(stream, code)
        self.talk()

    def go_away(self, last: int, code: int = NO_ERROR) -> None:
        """Say GOAWAY, of which h2 itself has only the most final form."""
        self.peer.send(frame(GOAWAY_FRAME, 0, 0, last.to_bytes(4, "big") + code.to_bytes(4, "big")))

    def end(self, stream: int, trailers: Sequence[tuple[str, str]] = ()) -> None:
        """End a response."""
        last = Headers()
        for name, value in trailers:
            last.add(name, value)
        self.machine.send_end(stream, last if trailers else None)
        self.talk()


class Http2Endpoint:
    """A server whose connections all speak HTTP/2."""

    def __init__(self, endpoint: ScriptedEndpoint) -> None:
        self.endpoint: Final = endpoint
        self._connections: Final[list[Http2Connection]] = []

    def connections(self) -> list[Http2Connection]:
        """All connections so far, in the order in which they came."""
        while True:
            new = self.endpoint.connections()[len(self._connections) :]
            self._connections.extend([Http2Connection(peer) for peer in new])
            # What they say first may lead to others.
            for connection in self._connections:
                connection.talk()
            if not new:
                return self._connections

    def connection(self) -> Http2Connection:
        """The latest connection. Raises: IndexError if there was none."""
        return self.connections()[-1]
