"""Endpoints on the virtual network that answer whatever is spoken to them, at once or when they are told to."""

from collections.abc import Callable
from typing import Final

from http2_endpoint import Http2Connection

from hauberk_core.http.events import Request
from hauberk_core.http.h2.codes import PREFACE
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

BODY_OCTETS: Final = 1000
"""Of each answer: what the request's path says, again and again."""

_LENGTH: Final = (("content-length", str(BODY_OCTETS)),)


def body_of(path: bytes) -> bytes:
    """The body by which a client knows the answer to its own request."""
    return (path * BODY_OCTETS)[:BODY_OCTETS]


class Server:
    """One endpoint. Octets that are neither version of HTTP are sent back in capitals."""

    def __init__(self, endpoint: ScriptedEndpoint, greeting: bytes = b"") -> None:
        """Args: greeting - what it says first on each connection."""
        self.asked: Final[list[bytes]] = []
        """The paths of the requests that have come whole."""
        self.holding = ""
        """What it keeps of its answers until `release`: "" nothing, "all", "body" all but the head, "half" half of the body."""
        self.refuses = 0
        """How many of the next requests it answers 503, and does not act on."""
        self.is_deaf = False
        """Whether it takes nothing of what has come."""
        self._endpoint: Final = endpoint
        self._greeting: Final = greeting
        self._talks: Final[list[_Talk]] = []

    def connections(self) -> int:
        """How many there have been."""
        return len(self._endpoint.connections())

    def serve(self) -> bool:
        """Answer what has come. Returns: whether anything had."""
        if self.is_deaf:
            return False
        peers = self._endpoint.connections()
        for peer in peers[len(self._talks) :]:
            peer.send(self._greeting)
            self._talks.append(_Talk(self, peer))
        busy = False
        for talk in self._talks:
            busy = talk.go_on() or busy
        return busy

    def close_idle(self) -> None:
        """Close all connections, of which none must be in use."""
        for talk in self._talks:
            talk.close()

    def release(self) -> None:
        """Send what was kept, and keep nothing any more."""
        self.holding = ""
        for talk in self._talks:
            for rest in talk.kept:
                rest()
            talk.kept.clear()


class _Talk:
    """One of its connections."""

    def __init__(self, server: Server, peer: Peer) -> None:
        self.kept: Final[list[Callable[[], None]]] = []
        self._server: Final = server
        self._peer: Final = peer
        self._octets = b""
        self._shared: Http2Connection | None = None
        self._answered: Final[set[int]] = set()
        self._is_raw = False

    def go_on(self) -> bool:
        """Returns: whether anything had come."""
        data = self._peer.received()
        ended = self._peer.is_open() and self._peer.saw_end()
        if data:
            self._take(data)
        if ended:
            self._peer.close()
        return bool(data) or ended

    def close(self) -> None:
        """Close it, now."""
        self._peer.close()
        self._peer.act()

    def _take(self, data: bytes) -> None:
        if self._shared is None:
            self._octets += data
            if not self._is_raw and PREFACE.startswith(self._octets[: len(PREFACE)]):
                if len(self._octets) < len(PREFACE):
                    return
                self._shared = Http2Connection(self._peer)
                data = self._octets
        if self._shared is not None:
            self._shared.hear(data)
            self._answer_streams(self._shared)
            return
        if self._octets[:1] in (b"G", b"P") and not self._is_raw:
            while self._octets:
                head, found, rest = self._octets.partition(b"\r\n\r\n")
                if not found:
                    break
                if b"chunked" in head:
                    _, end, rest = rest.partition(b"0\r\n\r\n")
                    if not end:
                        break
                elif head.startswith(b"POST"):
                    if len(rest) < 4:
                        break
                    rest = rest[4:]
                self._octets = rest
                self._answer(head)
        else:
            self._is_raw = True
            self._peer.send(self._octets.upper())
            self._octets = b""

    def _answer(self, head: bytes) -> None:
        if self._server.refuses:
            self._server.refuses -= 1
            self._peer.send(b"HTTP/1.1 503 Not Now\r\nContent-Length: 0\r\n\r\n")
            return
        path = head.split()[1]
        self._server.asked.append(path)
        if b"upgrade: " in head.lower():
            switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
            self._is_raw = True
            self._send(switch, b"")
            return
        self._send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY_OCTETS, body_of(path))

    def _send(self, head: bytes, body: bytes) -> None:
        holding = self._server.holding
        whole = head + body
        at_once = {"": len(whole), "all": 0, "body": len(head), "half": len(head) + len(body) // 2}[holding]
        self._peer.send(whole[:at_once])
        if at_once < len(whole):
            self.kept.append(lambda: self._peer.send(whole[at_once:]))

    def _answer_streams(self, shared: Http2Connection) -> None:
        for stream, request in shared.requests().items():
            if stream not in self._answered and (request.method == "GET" or shared.body(stream)[1] == "end"):
                self._answered.add(stream)
                self._answer_stream(shared, stream, request)

    def _answer_stream(self, shared: Http2Connection, stream: int, request: Request) -> None:
        path = request.path.encode()
        self._server.asked.append(path)
        body = body_of(path)
        holding = self._server.holding
        half = {"": len(body), "all": -1, "body": 0, "half": len(body) // 2}[holding]
        if half >= 0:
            shared.head(stream, fields=_LENGTH)
            shared.machine.send_data(stream, body[:half])
            shared.talk()

        def rest() -> None:
            if half < 0:
                shared.head(stream, fields=_LENGTH)
            shared.machine.send_data(stream, body[max(half, 0) :])
            shared.end(stream)

        if holding:
            self.kept.append(rest)
        else:
            rest()
