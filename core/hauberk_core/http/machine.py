"""The seam between the proxy and an implementation of HTTP: one machine for each connection and side.

Implementations: `h1_server` and `h1_client` (ours, strict) and `h11_codec` (h11 behind the same methods). A machine is sans-IO:
`receive` takes octets, `next_event` gives events, the `send_*` methods give octets. Nothing here blocks, and nothing raises on
a peer's input: what a peer does wrong is a `Fault` event.
"""

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import Event, Request, Response
from hauberk_core.http.headers import Headers


@mypyc_attr(allow_interpreted_subclasses=True)
class ServerMachine:
    """The server's side of one connection: requests come in, responses go out, one exchange at a time."""

    def receive(self, data: bytes) -> None:
        """Take octets from the client; `b""` says that it closed its side."""
        raise NotImplementedError

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come.

        After `End` it reports nothing (pipelined octets wait, unread) until `start_next_exchange`.
        """
        raise NotImplementedError

    def buffered(self) -> int:
        """Octets received and not yet consumed: what a paused connection holds."""
        raise NotImplementedError

    def send_interim(self, response: Response) -> bytes:
        """A 1xx response other than 101."""
        raise NotImplementedError

    def send_response(self, response: Response, close: bool) -> bytes:
        """A final response's head, or a 101. The machine chooses the framing its client can read.

        `response.framing` and `length` say what will follow. `close` asks for `Connection: close`. The machine adds every
        hop-by-hop field itself; `response.headers` has none (Content-Length is kept there when framing is COUNTED or the
        response answers HEAD).
        """
        raise NotImplementedError

    def send_data(self, data: bytes) -> bytes:
        """Octets of the response's body, framed. Returns b"" where the response has no body (HEAD)."""
        raise NotImplementedError

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the response; trailers are dropped where the framing cannot carry them."""
        raise NotImplementedError

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another?"""
        raise NotImplementedError

    def start_next_exchange(self) -> None:
        """Forget the finished exchange; `next_event` then reads the next request."""
        raise NotImplementedError

    def take_rest(self) -> bytes:
        """After a 101: what the client has already sent beyond the head; the machine is then out of use."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientMachine:
    """The client's side of one connection: requests go out, responses come in, one exchange at a time."""

    def receive(self, data: bytes) -> None:
        """Take octets from the server; `b""` says that it closed its side."""
        raise NotImplementedError

    def next_event(self) -> Event | None:
        """The next event, or None until more octets come. Octets while no request is open are a `Fault`."""
        raise NotImplementedError

    def send_request(self, request: Request) -> bytes:
        """A request's head with this hop's own hop-by-hop fields; the target is `path` and `query`, Host is in `headers`."""
        raise NotImplementedError

    def send_data(self, data: bytes) -> bytes:
        """Octets of the request's body, framed."""
        raise NotImplementedError

    def send_end(self, trailers: Headers | None) -> bytes:
        """The end of the request."""
        raise NotImplementedError

    def may_keep_alive(self) -> bool:
        """After both sides of an exchange ended: may this connection carry another?"""
        raise NotImplementedError

    def start_next_exchange(self) -> None:
        """Forget the finished exchange."""
        raise NotImplementedError

    def take_rest(self) -> bytes:
        """After a 101: what the server has already sent beyond the head; the machine is then out of use."""
        raise NotImplementedError
