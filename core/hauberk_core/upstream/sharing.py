"""Connections that several requests share: HTTP/2's.

A request takes the connection of its endpoint that has the fewest. Where none takes another, one more is opened, and whoever
comes meanwhile waits for it as well instead of opening one of his own. What it speaks may not be known before it stands (ALPN):
where it turns out to be HTTP/1.1 one request has it, and the others ask again.
"""

from typing import TYPE_CHECKING, Final

from hauberk_core.model.reason import Reason
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.connection import UpstreamConnection
from hauberk_core.upstream.h2_connection import H2UpstreamConnection, SharedOwner
from hauberk_core.upstream.pool import Pool
from hauberk_core.upstream.settings import AS_CLIENT, BY_ALPN, HTTP2, ClusterSettings

if TYPE_CHECKING:
    from hauberk_core.upstream.cluster import UpstreamCluster

# An endpoint that chose HTTP/1.1 is not asked again for so long: until then each request opens a connection of its own at once,
# instead of waiting with others for what one will be.
ALPN_SECONDS: Final = 300.0
# Calls that a connection is trusted to take before it stands: what RFC 9113 section 6.5.2 recommends at the least.
EXPECTED_STREAMS: Final = 100


class Sharing(SharedOwner):
    """One cluster's."""

    def __init__(self, cluster: "UpstreamCluster") -> None:
        self._cluster: Final = cluster
        self._opening: Final[dict[UpstreamConnection, Pool]] = {}
        """Connections on their way."""
        self._joined: int = 0
        """Requests that wait for these."""

    def waiting(self) -> int:
        """Requests that wait for a connection that others have asked for."""
        behind = self._joined - len(self._opening)
        return behind if behind > 0 else 0

    def applies_to(self, requester: Requester, pool: Pool) -> bool:
        """Whether a request may go on a connection together with others."""
        if requester.is_raw:
            return False
        protocol = self.settings().protocol
        if protocol == HTTP2:
            return True
        if requester.upgrades():
            # Every server that switches protocols does so in HTTP/1.1, and few in HTTP/2 (RFC 8441).
            return False
        if protocol == AS_CLIENT:
            return requester.came_by_http2()
        return self._cluster.loop.now >= pool.http1_until and not pool.idle

    def acquire(self, requester: Requester, pool: Pool) -> Call | None:
        """As `UpstreamCluster.acquire`, at one endpoint, which guards have admitted."""
        connection = pool.roomiest()
        if connection is not None:
            pool.endpoint.active += 1
            return connection.call(requester, True)
        cluster = self._cluster
        if self._places(pool) > 0:
            if cluster.may_wait(requester):
                requester.attempts += 1
                self._join(requester, pool)
        elif not cluster.may_open():
            cluster.wait(requester)
        else:
            self._open(requester, pool)
        return None

    def withdraw(self, requester: Requester) -> None:
        """`requester` no longer waits."""
        pool = requester.joined
        if pool is not None:
            pool.joined.remove(requester)
            self._left(requester, pool)

    # What becomes of connections on their way.

    def stands(self, connection: UpstreamConnection) -> bool:
        """A connection stands. Returns: whether it was opened to be shared, and is taken care of."""
        pool = self._opening.pop(connection, None) if self._opening else None
        if pool is None:
            return False
        pool.opening -= 1
        if self.settings().protocol == BY_ALPN and connection.stream.alpn() != "h2":
            pool.http1_until = self._cluster.loop.now + ALPN_SECONDS
            self._serve_one(connection, pool)
        else:
            self._begin(connection, pool)
        # Those ask again who waited for what will not be.
        while self._places(pool) < 0:
            requester = pool.joined.popleft()
            self._left(requester, pool)
            requester.attempts -= 1
            self._cluster.acquire_anew(requester)
        return True

    def failed(self, connection: UpstreamConnection, reason: Reason, detail: str) -> bool:
        """A connection never stood. Returns: as `stands`."""
        pool = self._opening.pop(connection, None) if self._opening else None
        if pool is None:
            return False
        pool.opening -= 1
        if not pool.opening:
            joined = list(pool.joined)
            pool.joined.clear()
            for requester in joined:
                self._left(requester, pool)
            for requester in joined:
                self._cluster.try_again(requester, pool.endpoint, reason, detail)
        return True

    def _open(self, requester: Requester, pool: Pool) -> None:
        cluster = self._cluster
        connection = cluster.dial(pool.endpoint, requester, True)
        if connection is not None:
            self._opening[connection] = pool
            pool.opening += 1
            self._join(requester, pool)
            cluster.open(connection)

    def _places(self, pool: Pool) -> int:
        """How many more may wait for the connections that are on their way; less than 0: some do in vain."""
        settings = self.settings()
        most = min(EXPECTED_STREAMS, settings.max_streams)
        if 0 < settings.max_requests < most:
            most = settings.max_requests
        return pool.opening * most - len(pool.joined)

    def _join(self, requester: Requester, pool: Pool) -> None:
        requester.joined = pool
        pool.joined.append(requester)
        pool.endpoint.active += 1
        self._joined += 1
        self._cluster.wait_began()

    def _left(self, requester: Requester, pool: Pool) -> None:
        requester.joined = None
        pool.endpoint.active -= 1
        self._joined -= 1
        self._cluster.wait_ended()

    def _begin(self, connection: UpstreamConnection, pool: Pool) -> None:
        """HTTP/2 is spoken on it: serve those who waited."""
        cluster = self._cluster
        loop = cluster.loop
        machine = cluster.connector.new_multiplexed_machine()
        shared = H2UpstreamConnection(loop, connection.let_go(), pool.endpoint, machine, self)
        pool.shared.append(shared)
        shared.go_on(b"", False)
        while pool.joined and shared.room():
            requester = pool.joined.popleft()
            self._left(requester, pool)
            pool.endpoint.active += 1
            cluster.hand_over(shared.call(requester, False), requester)
        if pool.endpoint.retired:
            shared.stop()
        elif not shared.calls_open and not shared.closed:
            self._keep(shared)

    def _serve_one(self, connection: UpstreamConnection, pool: Pool) -> None:
        """HTTP/1.1 is spoken on it: one request has the whole of it."""
        pool.endpoint.active += 1
        if pool.joined:
            requester = pool.joined.popleft()
            self._left(requester, pool)
            self._cluster.hand_over(connection.use(requester), requester)
        else:
            self._cluster.returned(connection)

    # SharedOwner.

    def settings(self) -> ClusterSettings:
        return self._cluster.settings

    def call_over(self, connection: H2UpstreamConnection) -> None:
        if connection.is_stopped():
            return
        if connection.endpoint.retired or connection.is_spent() or (not connection.calls_open and self._cluster.is_surplus()):
            connection.stop()
            return
        self.has_room(connection)
        if not connection.calls_open and not connection.closed:
            self._keep(connection)

    def has_room(self, connection: H2UpstreamConnection) -> None:
        cluster = self._cluster
        pool = cluster.pool_of(connection.endpoint)
        # Who is refused here and waits for room elsewhere is at the end of the queue, where this turn must not find him.
        left = cluster.queued()
        while pool is not None and left > 0 and cluster.queued() and connection.room():
            left -= 1
            requester = cluster.next_for(pool, self)
            if requester is None:
                if not connection.calls_open:
                    # Those who wait want a connection of their own, or one to another endpoint: closing this one makes room.
                    connection.stop()
                return
            if cluster.admits(requester, pool.endpoint):
                pool.endpoint.active += 1
                cluster.hand_over(connection.call(requester, True), requester)

    def stopped(self, connection: H2UpstreamConnection) -> None:
        pool = self._cluster.pool_of(connection.endpoint)
        if pool is not None and connection in pool.shared:
            pool.shared.remove(connection)

    def gone(self, connection: H2UpstreamConnection) -> None:
        self.stopped(connection)
        self._cluster.one_gone()

    def freed(self) -> None:
        self._cluster.serve_waiting()

    def _keep(self, connection: H2UpstreamConnection) -> None:
        """Hold a connection that nobody uses for the next request."""
        cluster = self._cluster
        connection.rest(cluster.rest_until(connection.since))
        cluster.look_again()
