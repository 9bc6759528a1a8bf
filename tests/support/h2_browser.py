"""A client of a simulated proxy that speaks HTTP/2."""

from collections.abc import Sequence

from h2_talker import H2Talker

from hauberk_core.http.events import CHUNKED, NO_BODY, Data, End, Fault, Request, Reset, Response
from hauberk_core.http.h2.library import LibraryMachine
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.headers import Headers
from hauberk_core.model.listener import HttpLimits
from hauberk_core.sim.peer import Peer


class Browser(H2Talker):
    """Speaks it with prior knowledge."""

    def __init__(self, peer: Peer, machine: MultiplexedMachine | None = None) -> None:
        """Args: peer - its connection to the proxy; machine - h2's, unless another is given."""
        super().__init__(peer, machine or LibraryMachine(True, "http", HttpLimits()))

    def ask(
        self,
        method: str = "GET",
        path: str = "/",
        fields: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        authority: str = "a.test",
        upgrade: str = "",
    ) -> int:
        """Send a request's head, and its end unless a body is to follow. Returns: its stream."""
        headers = Headers()
        headers.add("host", authority)
        for name, value in fields:
            headers.add(name, value)
        request = Request(method, authority, path, "", 11, headers)
        request.framing = NO_BODY if body is None else CHUNKED
        request.upgrade = upgrade
        stream = self.machine.send_request(request)
        if not body:
            if body is None:
                self.machine.send_end(stream, None)
        else:
            self.machine.send_data(stream, body)
        self.talk()
        return stream

    def read_on(self) -> None:
        """Read from now on, beginning with what has come."""
        self.reads = True
        for stream, events in self.events.items():
            self.machine.consume(stream, sum(len(event.data) for event in events if isinstance(event, Data)))
        self.talk()

    def answer(self, stream: int) -> tuple[int, dict[str, str], bytes, str]:
        """Status, fields and body of what has come on a stream, and how it ended: end, reset, or nothing yet."""
        self.talk()
        status, fields, body, ending = 0, {}, b"", ""
        for event in self.events.get(stream, []):
            if isinstance(event, Response):
                status, fields = event.status, dict(event.headers.items())
            elif isinstance(event, Data):
                body += event.data
            elif isinstance(event, End):
                ending = "end"
                fields |= {} if event.trailers is None else dict(event.trailers.items())
            elif isinstance(event, Reset):
                ending = f"reset {event.code}"
            elif isinstance(event, Fault):
                ending = "fault"
        return status, fields, body, ending
