"""One request under way to an endpoint: the whole of an HTTP/1.1 connection for a while, or one stream of an HTTP/2 connection.

Whoever asks a cluster is its `Requester`; what it is given to send the request on, and to be called back from, is a `Call`.
"""

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.events import Request, Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.cluster import HashBy
from hauberk_core.model.reason import Reason
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guard import Admission, Subject
from hauberk_core.upstream.hashing import NOTHING_TO_HASH

if TYPE_CHECKING:
    from hauberk_core.upstream.cluster import UpstreamCluster
    from hauberk_core.upstream.pool import Pool

# Endpoints that close a connection in order behind so many requests turn away what is under way on it by then, perhaps more than
# once; one that says goodbye so often to the same request serves nobody.
MOST_GOODBYES: Final = 16


class Call:
    """Belongs to its requester until `give_back`, `abandon`, `close_tunnel` or `reset`; of no effect from then on.

    What is sent is collected, and goes out with `flush`.
    """

    __slots__ = ("endpoint", "is_shared")

    def __init__(self, endpoint: UpstreamEndpoint, is_shared: bool) -> None:
        self.endpoint: Final = endpoint
        self.is_shared: Final = is_shared
        """Others use its connection too: the endpoint may turn a request away, which should be kept until it is answered."""

    # What it goes over.

    def local_address(self) -> str:
        """`host:port` of this end of the connection."""
        raise NotImplementedError

    def peer_identity(self) -> str:
        """The identity that the endpoint's certificate proved (a SPIFFE id), or empty."""
        raise NotImplementedError

    def is_on_kept_connection(self) -> bool:
        """Whether the connection was there before, for another request."""
        raise NotImplementedError

    def nothing_went_out(self) -> bool:
        """Whether no octet of the request has left this process: known for sure, or False."""
        return False

    # The request.

    def set_deadline(self, seconds: float) -> None:
        """Fail with UPSTREAM_TIMEOUT unless it is over in so many seconds; what was set before does not count any more."""
        raise NotImplementedError

    def send_request(self, request: Request) -> None:
        """The request's head, with this hop's own fields."""
        raise NotImplementedError

    def send_data(self, data: bytes) -> None:
        """Octets of the request's body."""
        raise NotImplementedError

    def send_end(self, trailers: Headers | None) -> None:
        """The end of the request."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send what was collected, or as much of it as the endpoint takes."""
        raise NotImplementedError

    def is_congested(self) -> bool:
        """Whether the endpoint does not keep up: `upstream_write_ready` tells when it takes octets again."""
        raise NotImplementedError

    def backlog(self) -> int:
        """Octets that wait for the endpoint to take them."""
        raise NotImplementedError

    def taken(self) -> int:
        """A number that grows when the endpoint takes octets: to be compared with what it was."""
        raise NotImplementedError

    # The response.

    def pause_reading(self) -> None:
        """Whoever takes the response does not keep up: let the endpoint wait."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Go on."""
        raise NotImplementedError

    def is_reading(self) -> bool:
        """Whether it is not paused."""
        raise NotImplementedError

    # The end.

    def give_back(self) -> None:
        """The exchange is complete on both sides."""
        raise NotImplementedError

    def abandon(self) -> None:
        """The rest is not wanted: the endpoint is told so, as far as its protocol can tell."""
        raise NotImplementedError

    def give_up(self, error: Exception) -> None:
        """The requester raised `error`, a fault of our own: report that, and fail with INTERNAL."""
        raise NotImplementedError

    # A tunnel.

    def become_tunnel(self) -> bytes:
        """From now on octets pass as they are, with no deadline. Returns: what the endpoint has already sent."""
        raise NotImplementedError

    def send_octets(self, data: bytes) -> None:
        """Octets for the tunnel's far side."""
        raise NotImplementedError

    def end_octets(self) -> None:
        """Behind what was sent, our side of the tunnel ends; the other goes on."""
        raise NotImplementedError

    def close_tunnel(self) -> None:
        """Both sides have ended: close as soon as the endpoint has taken what is still on its way."""
        raise NotImplementedError

    def reset(self) -> None:
        """End it so that the endpoint cannot take what it has for the whole."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Requester(Subject):
    """Whoever asks a cluster for a call, and then hears what comes back on it."""

    __slots__ = ("admission", "attempts", "fresh", "goodbyes", "is_raw", "joined", "preferred", "tried")

    def __init__(self) -> None:
        self.attempts: int = 0
        """Connections tried for this request."""
        self.goodbyes: int = 0
        """Of these, those that their endpoint closed in order before it looked at the request (GOAWAY with NO_ERROR)."""
        self.tried: list[UpstreamEndpoint] | None = None
        """Endpoints that could not be reached for it."""
        self.fresh = False
        """Whether it wants a connection that nobody has used, or a shared one whose endpoint speaks at this very moment: one that
        was kept has failed it."""
        self.is_raw = False
        """Whether octets pass as they are, so that nobody may share its connection, whatever else is spoken to the endpoint."""
        self.preferred: UpstreamEndpoint | None = None
        """The endpoint that its session belongs to: taken in place of the balancer's choice while it can be."""
        self.admission: Admission | None = None
        """What the cluster's guards permitted for the attempt under way; None where there are none."""
        self.joined: Pool | None = None
        """Where it waits, with others, for a connection that they are to share."""

    def counted_attempts(self) -> int:
        """Attempts of which there may be as many as the cluster's `connect_attempts`: one that ended in order is no failure."""
        return self.attempts - (self.goodbyes if self.goodbyes < MOST_GOODBYES else MOST_GOODBYES)

    def withdraw_admission(self) -> None:
        """Nothing is attempted by what guards have permitted."""
        admission = self.admission
        if admission is not None:
            self.admission = None
            admission.unused()

    def came_by_http2(self) -> bool:
        """Whether the request came by HTTP/2, for clusters that speak to their endpoints as clients speak to us."""
        return False

    def hash_by(self, by: HashBy) -> int:
        """The number of this request among those that are told apart by `by`; NOTHING_TO_HASH where it lacks that."""
        return NOTHING_TO_HASH

    def client_addresses(self) -> tuple[str, str]:
        """`host:port` of the client, and of what it connected to; empty: the proxy asks for itself."""
        return "", ""

    def upgrades(self) -> bool:
        """Whether the request asks for another protocol on its connection."""
        return False

    def goes_on_at(self, cluster: "UpstreamCluster") -> None:
        """The cluster that it asked was replaced by this one, which it asks, and waits at, from now on."""
        raise NotImplementedError

    def connecting(self, call: Call) -> None:
        """This call, whose connection stands or not yet, now belongs to the requester; `assigned` or `refused` follows."""
        raise NotImplementedError

    def refused(self, reason: Reason, detail: str) -> None:
        """There is no connection to be had; nothing was sent."""
        raise NotImplementedError

    def assigned(self) -> None:
        """The connection stands: send the request."""
        raise NotImplementedError

    def response(self, response: Response) -> None:
        """A response's head, interim or final."""
        raise NotImplementedError

    def response_data(self, data: bytes) -> None:
        """Octets of the response's body, or of the tunnel."""
        raise NotImplementedError

    def response_end(self, trailers: Headers | None) -> None:
        """The response is complete, or the tunnel's far side has ended."""
        raise NotImplementedError

    def response_batch_end(self) -> None:
        """Nothing more came for now: send on what was queued."""
        raise NotImplementedError

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        """The call broke after the request had been given to it; it is over."""
        raise NotImplementedError

    def turned_away(self, detail: str) -> None:
        """The endpoint has not looked at the request, and will not: it may be made elsewhere. The call is over.

        Only for a call that `is_shared`.
        """
        self.upstream_failed(Reason.UPSTREAM_REFUSED, detail)

    def carried(self, size: int) -> None:
        """So many octets of a tunnel have gone to the client unread: see `Connection.pass_to`."""

    def upstream_write_ready(self) -> None:
        """The endpoint was congested and takes octets again."""
        raise NotImplementedError
