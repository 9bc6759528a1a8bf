"""A copy of a request, on its way to a cluster whose answer nobody waits for.

The exchange that it is a copy of never waits for it either: where the copy's endpoint does not keep up, the copy is given up.
"""

from typing import Final

from hauberk_core.http.events import Request, Response
from hauberk_core.http.h2.message import VERSION as HTTP2_VERSION
from hauberk_core.http.headers import Headers
from hauberk_core.http.pieces import add_piece
from hauberk_core.model.reason import Reason
from hauberk_core.net.connection import READ_BULK_BYTES
from hauberk_core.net.loop import Loop
from hauberk_core.observe.mirror_meters import MirrorMeters
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.guard import Description

# Octets of a body that wait for a slow endpoint, or for a connection, before the copy is given up: what comes in two reads, so
# that an endpoint which takes one as fast as the client sends it is never too slow.
WAITING_OCTETS: Final = 2 * READ_BULK_BYTES
# For the copy's endpoint to take octets, and then to answer: as long as a listener lets a body stand still.
STALL_SECONDS: Final = 60.0


class MirroredRequest(Requester):
    """One copy."""

    __slots__ = (
        "_answered",
        "_body_began",
        "_call",
        "_cluster",
        "_complete",
        "_ended",
        "_held",
        "_loop",
        "_meters",
        "_over",
        "_request",
        "_sending",
        "_trailers",
        "_waiting",
    )

    def __init__(self, request: Request, cluster: UpstreamCluster, meters: MirrorMeters) -> None:
        """Copy the head of `request` as it is now. Args: meters - of `cluster`."""
        super().__init__()
        copy = Request(request.method, request.authority, request.path, request.query, request.version, request.headers.copy())
        copy.scheme = request.scheme
        copy.framing = request.framing
        copy.length = request.length
        # Nobody would wait for the answer to it.
        copy.headers.remove("expect")
        self._request: Final = copy
        self._cluster: UpstreamCluster = cluster
        self._loop: Final[Loop] = cluster.loop
        self._meters: Final = meters
        self._answered = False
        """The head of the answer has come, and with it the copy was counted."""
        self._call: Call | None = None
        self._held: list[bytes] = []
        self._waiting: int = 0
        self._body_began = False
        """Octets of the body were sent."""
        self._trailers: Headers | None = None
        self._ended = False
        self._sending = False
        self._over = False

    def begin(self) -> None:
        """Ask the cluster for a connection."""
        call = self._cluster.acquire(self)
        if call is not None:
            self._call = call
            self._send(call)

    def add(self, data: bytes) -> None:
        """Octets of the body."""
        if self._over or self._ended:
            return
        call = self._call
        if not self._sending or call is None:
            self._waiting += len(data)
            if self._waiting > WAITING_OCTETS:
                self.give_up()
            else:
                add_piece(self._held, data)
            return
        self._body_began = True
        call.send_data(data)
        self._flush(call)

    def end(self, trailers: Headers | None) -> None:
        """The request is complete."""
        if self._over or self._ended:
            return
        self._ended = True
        self._trailers = trailers
        call = self._call
        if self._sending and call is not None:
            call.send_end(trailers)
            self._flush(call)

    def cut(self) -> None:
        """No more of the request will come."""
        if not self._ended:
            self.give_up()

    def give_up(self) -> None:
        """Leave the copy as it is."""
        if self._over:
            return
        if not self._answered:
            self._meters.given_up()
        self._finish(0, None)
        call = self._call
        self._call = None
        if call is not None:
            call.abandon()
        else:
            self._cluster.withdraw(self)

    def _send(self, call: Call) -> None:
        call.send_request(self._request)
        self._sending = True
        held = self._held
        self._held = []
        for data in held:
            self._body_began = True
            call.send_data(data)
        if self._ended:
            call.send_end(self._trailers)
        self._flush(call)

    def _flush(self, call: Call) -> None:
        call.set_deadline(STALL_SECONDS)
        call.flush()
        if call.backlog() > WAITING_OCTETS:
            self.give_up()

    def _fail(self, reason: Reason) -> None:
        if not self._answered:
            self._meters.failed()
        self._finish(0, reason)

    def _finish(self, status: int, reason: Reason | None) -> None:
        self._over = True
        self._held = []
        admission = self.admission
        if admission is not None:
            self.admission = None
            admission.done(status, reason, self._loop.now)

    # Requester.

    def describe(self) -> Description:
        request = self._request
        return Description(request.method, request.path + request.query, request.headers.get("x-request-id") or "", "")

    def came_by_http2(self) -> bool:
        return self._request.version == HTTP2_VERSION

    def goes_on_at(self, cluster: UpstreamCluster) -> None:
        self._cluster = cluster

    def connecting(self, call: Call) -> None:
        self._call = call

    def assigned(self) -> None:
        call = self._call
        if call is None:
            return
        if self._over:
            call.give_back()
        else:
            self._send(call)

    def refused(self, reason: Reason, detail: str) -> None:
        if not self._over:
            self._meters.refused()
        self._call = None
        self._over = True
        self._held = []

    def response(self, response: Response) -> None:
        if response.status < 200:
            return
        self._answered = True
        self._meters.answered(response.status)
        admission = self.admission
        if admission is not None:
            self.admission = None
            admission.answered(response.status)
            admission.done(response.status, None, self._loop.now)

    def response_data(self, data: bytes) -> None:
        call = self._call
        if call is not None:
            call.set_deadline(STALL_SECONDS)

    def response_end(self, trailers: Headers | None) -> None:
        call = self._call
        self._call = None
        if call is None:
            return
        whole = self._ended and self._sending
        self._finish(0, None)
        if whole:
            call.give_back()
        else:
            call.abandon()

    def response_batch_end(self) -> None:
        pass

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        self._call = None
        if not self._over:
            self._fail(reason)

    def turned_away(self, detail: str) -> None:
        call = self._call
        self._call = None
        if self._over or call is None:
            return
        if self._body_began:
            # Nobody waits for a copy, so that nothing of it is kept.
            self._fail(Reason.UPSTREAM_REFUSED)
            return
        if call.is_on_kept_connection():
            self.attempts += 1
        self._sending = False
        self._cluster.try_again(self, call.endpoint, Reason.UPSTREAM_REFUSED, detail)

    def upstream_write_ready(self) -> None:
        pass
