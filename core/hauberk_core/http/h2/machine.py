"""The seam between the proxy and an implementation of HTTP/2: one machine for each connection and side.

Implementations: `server` and `client` (ours) and `library` (the h2 package behind the same methods). As with HTTP/1.1 a machine
is sans-IO and reports the events of `http.events`; beside each, `stream` says whose it is. What it has to send gathers inside,
also what nobody asked for (acknowledgements, windows), until `take_output`.
"""

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import Event, Request, Response
from hauberk_core.http.headers import Headers


@mypyc_attr(allow_interpreted_subclasses=True)
class MultiplexedMachine:
    """One side of a connection, a server or a client."""

    def __init__(self) -> None:
        self.stream: int = 0
        """The stream of the event reported last; 0: the connection itself."""

    def receive(self, data: bytes, now: float) -> None:
        """Take octets from the peer; `b""` says that it closed its side. Args: now - the loop's seconds, to tell floods by."""
        raise NotImplementedError

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come.

        A `Fault` of stream 0 ends the connection: what explains it to the peer is among the output. One of another stream ends
        that stream, unless `is_open` says that it still waits for an answer.
        """
        raise NotImplementedError

    def take_output(self) -> bytes:
        """Everything to be sent, in one piece."""
        raise NotImplementedError

    def is_open(self, stream: int) -> bool:
        """Whether something may still be sent on it."""
        raise NotImplementedError

    def open_streams(self) -> int:
        """Streams that either side has open."""
        raise NotImplementedError

    def consume(self, stream: int, octets: int) -> None:
        """So many octets of `Data` are used: the peer may send others in their place (RFC 9113 section 5.2)."""
        raise NotImplementedError

    def pending(self, stream: int) -> int:
        """Octets that wait for the peer's window; when they have mostly gone, `Writable` is reported."""
        raise NotImplementedError

    def all_pending(self) -> int:
        """The same of all streams together."""
        raise NotImplementedError

    def send_data(self, stream: int, data: bytes) -> None:
        """Octets of a body. Raises: LocalProtocolError beyond the announced length."""
        raise NotImplementedError

    def send_end(self, stream: int, trailers: Headers | None) -> None:
        """The end of what we send on the stream. Raises: LocalProtocolError short of the announced length.

        The end of a request that asks for a tunnel (an upgrade, or CONNECT) is in its head, and sends nothing.
        """
        raise NotImplementedError

    def reset(self, stream: int, code: int) -> None:
        """Give the stream up; nothing more is reported of it."""
        raise NotImplementedError

    def overtake(self, stream: int) -> None:
        """Want no more of the request: behind the answer, which has been given in full, the stream is given up without an error.

        Nothing more is reported of it. Source: RFC 9113 section 8.1.
        """
        raise NotImplementedError

    def forget(self, stream: int) -> None:
        """Give the stream up without a word: the peer has said that it passes it over (RFC 9113 section 6.8)."""
        raise NotImplementedError

    def go_away(self, last_call: bool) -> None:
        """Take no further streams (RFC 9113 section 6.8).

        Args: last_call - only say so, and serve what is on its way; a second call without it then draws the line.
        """
        raise NotImplementedError

    def ping(self) -> None:
        """Ask whether the peer is there; `pongs` counts the answers."""
        raise NotImplementedError

    def pongs(self) -> int:
        """Answers to our pings so far."""
        raise NotImplementedError

    # On a server.

    def send_interim(self, stream: int, response: Response) -> None:
        """A 1xx response other than 101, which HTTP/2 does not have."""
        raise NotImplementedError

    def send_response(self, stream: int, response: Response) -> None:
        """A final response's head. Raises: LocalProtocolError if one was begun, or its Content-Length is not `length`."""
        raise NotImplementedError

    # On a client.

    def send_request(self, request: Request) -> int:
        """A request's head. Returns: its stream. Raises: LocalProtocolError while `room` is 0."""
        raise NotImplementedError

    def is_greeted(self) -> bool:
        """Whether the peer has said by its first SETTINGS what it takes."""
        raise NotImplementedError

    def takes_upgrades(self) -> bool:
        """Whether the server has said that it takes extended CONNECT (RFC 8441), as which a request with `upgrade` is sent."""
        raise NotImplementedError

    def room(self) -> int:
        """Streams that may be opened now: fewer than the peer's SETTINGS_MAX_CONCURRENT_STREAMS, none once it goes away."""
        raise NotImplementedError
