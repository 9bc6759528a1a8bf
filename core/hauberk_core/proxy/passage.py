"""The way of octets that are not HTTP, between a client's connection and an endpoint's. It reads nothing in them."""

from typing import TYPE_CHECKING, Final

from hauberk_core.http.events import Response
from hauberk_core.http.headers import Headers
from hauberk_core.model.cluster import HashBy
from hauberk_core.model.reason import Reason
from hauberk_core.observe.meters import PassageMeters
from hauberk_core.observe.record import Record
from hauberk_core.proxy.chain import Chain, Target, Unreachable
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.connection import ConnectionCall, UpstreamConnection
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of

if TYPE_CHECKING:
    from hauberk_core.proxy.tcp import TcpConnection

# What guards are told where an endpoint's connection stands: there is no answer whose status could be told.
_STANDS: Final = 200


BULK_BYTES: Final = 32 * 1024
"""One read that brings so much begins a long transfer: the kernel is asked to carry the rest by itself. Messages are shorter."""


class Passage(Requester):
    """Asks a cluster for a connection of its own, and passes octets both ways until both sides have ended."""

    __slots__ = (
        "_began",
        "_bulky",
        "_client",
        "_client_ended",
        "_client_host",
        "_cluster",
        "_connection",
        "_decided",
        "_early_answer",
        "_ended",
        "_endpoint_ended",
        "_held",
        "_loop",
        "_meters",
        "_owner",
        "_target",
        "endpoint_spoke",
        "record",
        "stands",
    )

    def __init__(self, client: "TcpConnection", chain: Chain) -> None:
        super().__init__()
        self.fresh = True
        self.is_raw = True
        self.record: Final = Record()
        self.endpoint_spoke = False
        self._owner: Final = chain.owner
        self._loop: Final = client.loop
        self._client_host: Final = client.peer_host
        self._began: Final[float] = client.loop.clock.now()
        self._client: TcpConnection | None = client
        """None once it is over."""
        self._target: Target | None = None
        self._cluster: UpstreamCluster | None = None
        self._connection: UpstreamConnection | None = None
        self._meters: PassageMeters | None = None
        self._held: list[bytes] = []
        """Octets of the client, who is not read from while there is no connection: one read at most."""
        self._early_answer: list[bytes] = []
        """What the endpoint said before the client could be told, likewise."""
        self.stands = False
        """There is a connection."""
        self._decided = False
        self._bulky = False
        """The endpoint has just sent so much at once that more is to be expected."""
        self._client_ended = False
        self._endpoint_ended = False
        self._ended = False
        record = self.record
        record.start = client.loop.clock.wall()
        record.cluster = chain.pick_backend()
        record.downstream_local = client.local_address()
        record.downstream_remote = client.stream.peer_address()

    def begin(self) -> None:
        """Ask for the connection. What comes of it is told to the client's, perhaps within this call."""
        client = self._client
        assert client is not None
        cluster = self.record.cluster
        target = self._owner.target(cluster) if cluster else None
        if target is None:
            client.endpoint_failed(Reason.NO_BACKEND, "the filter chain names no cluster for what is not HTTP")
            return
        self._target = target
        reached = target.reach(client.destination_host, client.destination_port)
        if isinstance(reached, Unreachable):
            client.endpoint_failed(reached.reason, reached.detail)
            return
        self._cluster = reached
        reached.acquire(self)

    def misses_chain(self, server_name: str) -> None:
        """It never begins: no filter chain is there for what the client asks for."""
        self.record.cluster = ""
        self.record.server_name = server_name

    # The client's way.

    def decided(self) -> None:
        """The client's connection is known not to be HTTP: it counts from now on, and hears what the endpoint has said."""
        self._decided = True
        client = self._client
        if client is None:
            return
        record = self.record
        record.server_name = client.stream.server_name() or record.server_name
        record.peer_identity = client.stream.peer_identity()
        if self.stands:
            self._count()
        early = self._early_answer
        if early:
            self._early_answer = []
            for data in early:
                self._send_to_client(client, data)
            client.flush()
            self.client_write_ready()

    def take(self, data: bytes) -> bool:
        """Octets from the client; `b""`: it has ended its side. Returns: whether it may send more for now."""
        connection = self._connection
        if data:
            self.record.bytes_received += len(data)
            if self._meters is not None:
                self._meters.received(len(data))
        else:
            self._client_ended = True
        if connection is None or not self.stands:
            if data:
                self._held.append(data)
            return False
        if data:
            connection.queue(data)
            connection.flush()
            if len(data) >= BULK_BYTES and self._client is not None:
                self._client.pass_to(connection)
            return not connection.is_congested
        connection.flush()
        connection.end_writing()
        self._finish_if_ended()
        return True

    def client_carried(self, size: int) -> None:
        """So many octets have gone from the client to the endpoint unread."""
        self.record.bytes_received += size
        if self._meters is not None:
            self._meters.received(size)

    def client_write_ready(self) -> None:
        """The client takes octets again."""
        if self._connection is not None:
            self._connection.resume_reading()

    def unwanted(self) -> None:
        """The client speaks HTTP: the connection was made in vain."""
        self._ended = True
        self._let_go(False)

    def end(self, reason: Reason | None, detail: str) -> None:
        """End the endpoint's side; the client's has ended already. Args: reason - of a failure."""
        if self._ended:
            return
        self._ended = True
        self._let_go(reason is not None)
        self.record.reason = reason
        self.record.details = detail
        self._report()

    # Requester: the endpoint's way.

    def hash_by(self, by: HashBy) -> int:
        """By the client's address; octets have nothing else in common."""
        return hash_of(self._client_host) if by.source_address and self._client_host else NOTHING_TO_HASH

    def client_addresses(self) -> tuple[str, str]:
        return self.record.downstream_remote, self.record.downstream_local

    def goes_on_at(self, cluster: UpstreamCluster) -> None:
        self._cluster = cluster

    def connecting(self, call: Call) -> None:
        # Whoever wants a fresh connection has the whole of it.
        assert isinstance(call, ConnectionCall)
        self._connection = call.connection

    def refused(self, reason: Reason, detail: str) -> None:
        self._connection = None
        self.record.upstream_failure = detail
        if self._client is not None:
            self._client.endpoint_failed(reason, detail)

    def assigned(self) -> None:
        connection = self._connection
        assert connection is not None
        record = self.record
        record.upstream_host = connection.endpoint.address
        record.upstream_local = connection.stream.local_address()
        record.upstream_identity = connection.stream.peer_identity()
        connection.become_tunnel()
        self.stands = True
        if self.admission is not None:
            self.admission.answered(_STANDS)
        if self._decided:
            self._count()
        if self._client is not None:
            self._client.endpoint_stands()
        held = self._held
        self._held = []
        for data in held:
            connection.queue(data)
        connection.flush()
        if self._client_ended:
            connection.end_writing()
        elif self._client is not None and not connection.is_congested:
            self._client.progressed()

    def response(self, response: Response) -> None:
        self.upstream_failed(Reason.UPSTREAM_PROTOCOL, "a response, where octets pass as they are")

    def response_data(self, data: bytes) -> None:
        client = self._client
        if client is None:
            return
        self.endpoint_spoke = True
        if client.endpoint_spoke():
            self._send_to_client(client, data)
            self._bulky = len(data) >= BULK_BYTES
        elif self._connection is not None:
            # The client's handshake is under way.
            self._early_answer.append(data)
            self._connection.pause_reading()

    def response_end(self, trailers: Headers | None) -> None:
        self._endpoint_ended = True
        if self._client is not None:
            self._client.endpoint_ended()
        self._finish_if_ended()

    def response_batch_end(self) -> None:
        client = self._client
        if client is not None and not client.closed:
            client.flush()
            connection = self._connection
            if connection is None:
                return
            if client.is_congested:
                connection.pause_reading()
            elif self._bulky:
                connection.pass_to(client)

    def carried(self, size: int) -> None:
        self.record.bytes_sent += size
        if self._meters is not None:
            self._meters.sent(size)
        if self._client is not None:
            self._client.endpoint_moved()

    def upstream_failed(self, reason: Reason, detail: str) -> None:
        self._connection = None
        if self._client is not None:
            self._client.endpoint_failed(reason, detail)

    def upstream_write_ready(self) -> None:
        if self._client is not None:
            self._client.progressed()

    # Inside.

    def _send_to_client(self, client: "TcpConnection", data: bytes) -> None:
        self.record.bytes_sent += len(data)
        if self._meters is not None:
            self._meters.sent(len(data))
        client.queue(data)

    def _count(self) -> None:
        target = self._target
        if target is not None:
            record = self.record
            meters = target.meters.passage(record.peer_identity, record.upstream_identity)
            meters.opened()
            meters.received(record.bytes_received)
            self._meters = meters

    def _finish_if_ended(self) -> None:
        if not (self._client_ended and self._endpoint_ended) or self._ended:
            return
        self._ended = True
        client = self._client
        self._let_go(False)
        self._report()
        if client is not None:
            client.finished()

    def _let_go(self, failed: bool) -> None:
        connection = self._connection
        admission = self.admission
        self._connection = None
        self._client = None
        self.admission = None
        if admission is not None:
            admission.done(_STANDS if self.stands else 0, None, self._loop.now)
        if connection is None:
            if self._cluster is not None and not self.stands:
                self._cluster.withdraw(self)
        elif self._client_ended and self._endpoint_ended:
            connection.close_tunnel()
        elif failed and self.stands:
            # The endpoint must not take what it has for the whole.
            connection.requester = None
            connection.reset()
        else:
            connection.abandon()

    def _report(self) -> None:
        record = self.record
        if not self._decided and record.reason is Reason.CLIENT_GONE:
            # It came, said nothing, and went.
            return
        record.duration = self._loop.clock.now() - self._began
        if self._meters is not None:
            self._meters.closed()
        self._owner.report_passage(record)
