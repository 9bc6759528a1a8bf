"""Connections that several requests share: HTTP/2's.

A request takes the connection of its endpoint that has the fewest. Where none takes another, one more is opened, and whoever
comes meanwhile waits for it as well instead of opening one of his own: until it stands, and until its endpoint has said how many
requests it takes. What it speaks may not be known before it stands (ALPN): where it turns out to be HTTP/1.1 one request has it,
and the others ask again. Where connections tell endpoints whose they are (PROXY protocol), only requests of one client share.
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


class Sharing(SharedOwner):
    """One cluster's."""

    def __init__(self, cluster: "UpstreamCluster") -> None:
        self._cluster: Final = cluster
        self._opening: Final[dict[UpstreamConnection, Pool]] = {}
        """Connections on their way."""
        self._greeting: Final[dict[H2UpstreamConnection, Pool]] = {}
        """Connections that stand, and whose endpoint has not yet said how many requests it takes."""
        self._joined: int = 0
        """Requests that wait for these."""
        self._roomy: Final[list[H2UpstreamConnection]] = []
        """Connections whose turn it is to take requests that wait."""
        self._serving = False

    def waiting(self) -> int:
        """Requests that wait for a connection that others have asked for; where it stands, without those that it is for."""
        behind = self._joined - len(self._opening) - self._places_ahead(None)
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
        if not self.settings().announces:
            return self._acquire(requester, pool)
        part = pool.of_client(self._cluster.announcement(requester))
        call = self._acquire(requester, part)
        part.forget_if_empty()
        return call

    def _acquire(self, requester: Requester, pool: Pool) -> Call | None:
        cluster = self._cluster
        connection = pool.roomiest(requester.fresh)
        if connection is None and requester.fresh and self._places(pool) <= 0 and not cluster.quota.makes_room():
            # Better one that was kept than to wait for others, which may last, to make room for a new one.
            connection = pool.roomiest(False)
        if connection is not None:
            pool.endpoint.active += 1
            return connection.call(requester, True)
        if self._places(pool) > 0:
            # What only waits for its endpoint's first word has a connection.
            if self._places_ahead(pool) > len(pool.joined) or cluster.queue.may_wait(requester):
                requester.attempts += 1
                self._join(requester, pool)
        elif not cluster.quota.makes_room():
            cluster.queue.wait(requester)
        else:
            self._open(requester, pool)
        return None

    def withdraw(self, requester: Requester) -> None:
        """`requester` no longer waits."""
        pool = requester.joined
        if pool is not None:
            pool.joined.remove(requester)
            self._left(requester, pool)
            pool.forget_if_empty()

    # What becomes of connections on their way.

    def stands(self, connection: UpstreamConnection) -> bool:
        """A connection stands. Returns: whether it was opened to be shared, and is taken care of."""
        pool = self._opening.pop(connection, None) if self._opening else None
        if pool is None:
            return False
        if self.settings().protocol == BY_ALPN and connection.stream.alpn() != "h2":
            pool.opening -= 1
            (pool.whole or pool).http1_until = self._cluster.loop.now + ALPN_SECONDS
            self._serve_one(connection, pool)
            self._send_on(pool)
            pool.forget_if_empty()
        else:
            self._begin(connection, pool)
        return True

    def failed(self, connection: UpstreamConnection, reason: Reason, detail: str) -> bool:
        """A connection never stood. Returns: as `stands`."""
        pool = self._opening.pop(connection, None) if self._opening else None
        if pool is None:
            return False
        self._came_to_nothing(pool, reason, detail)
        return True

    def _came_to_nothing(self, pool: Pool, reason: Reason, detail: str) -> None:
        """One of the connections that requests wait for will not be."""
        pool.opening -= 1
        if not pool.opening:
            joined = list(pool.joined)
            pool.joined.clear()
            for requester in joined:
                self._left(requester, pool)
            for requester in joined:
                self._cluster.try_again(requester, pool.endpoint, reason, detail)
        pool.forget_if_empty()

    def _send_on(self, pool: Pool) -> None:
        """Those ask again who wait for what will not be; it was no attempt."""
        while self._places(pool) < 0:
            requester = pool.joined.popleft()
            self._left(requester, pool)
            requester.attempts -= 1
            self._cluster.acquire_anew(requester)

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
        taken = len(pool.joined)
        for connection, own in self._greeting.items():
            if own is pool:
                taken += connection.calls_open
        return pool.opening * self._expected(pool) - taken

    def _places_ahead(self, pool: Pool | None) -> int:
        """How many more connections that stand are trusted to take once their endpoints have said so. Args: pool - None: all."""
        places = 0
        for connection, own in self._greeting.items():
            if pool is None or own is pool:
                places += self._expected(own) - connection.calls_open
        return places

    def _expected(self, pool: Pool) -> int:
        """How many requests a connection is trusted to take before its endpoint has said so."""
        settings = self.settings()
        most = min(pool.streams, settings.max_streams)
        return settings.max_requests if 0 < settings.max_requests < most else most

    def _join(self, requester: Requester, pool: Pool) -> None:
        requester.joined = pool
        pool.joined.append(requester)
        pool.endpoint.active += 1
        self._joined += 1
        self._cluster.queue.wait_began()

    def _left(self, requester: Requester, pool: Pool) -> None:
        requester.joined = None
        pool.endpoint.active -= 1
        self._joined -= 1
        self._cluster.queue.wait_ended()

    def _begin(self, connection: UpstreamConnection, pool: Pool) -> None:
        """HTTP/2 is spoken on it: serve the first of those who wait, and more once its endpoint has said how many it takes."""
        cluster = self._cluster
        loop = cluster.loop
        machine = cluster.connector.new_multiplexed_machine()
        shared = H2UpstreamConnection(loop, connection.let_go(), pool.endpoint, machine, self)
        shared.announced = connection.announced
        pool.shared.append(shared)
        self._greeting[shared] = pool
        shared.await_greeting(self.settings().connect_timeout)
        shared.go_on(b"", False)
        self._serve_joined(shared, pool)
        if pool.endpoint.retired:
            shared.retire()
        elif not shared.calls_open and not shared.closed:
            self._keep(shared)

    def _serve_joined(self, shared: H2UpstreamConnection, pool: Pool) -> None:
        while pool.joined and shared.room():
            requester = pool.joined.popleft()
            self._left(requester, pool)
            pool.endpoint.active += 1
            self._cluster.hand_over(shared.call(requester, False), requester)

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
        if (
            connection.endpoint.retired
            or connection.is_spent()
            or (not connection.calls_open and self._cluster.quota.is_surplus())
        ):
            connection.stop()
            return
        self.has_room(connection)
        if not connection.calls_open and not connection.closed:
            self._keep(connection)

    def greeted(self, connection: H2UpstreamConnection) -> None:
        pool = self._greeting.pop(connection, None)
        if pool is None:
            return
        machine = connection.machine
        allowed = machine.room() + machine.open_streams()
        pool.streams = allowed if allowed > 1 else 1
        if pool.whole is not None:
            pool.whole.streams = pool.streams
        self._serve_joined(connection, pool)
        if allowed:
            pool.opening -= 1
            self._send_on(pool)
        else:
            # An attempt, or requests would go from one connection to the next for ever.
            detail = "the endpoint takes no request (SETTINGS_MAX_CONCURRENT_STREAMS 0)"
            self._came_to_nothing(pool, Reason.UPSTREAM_REFUSED, detail)
        self.has_room(connection)

    def has_room(self, connection: H2UpstreamConnection) -> None:
        if not self._cluster.queue.requests:
            return
        if connection not in self._roomy:
            self._roomy.append(connection)
        # A call that ends as soon as it has begun leads here again; the turn under way goes on, or a long queue of such would be
        # as many calls deep.
        if not self._serving:
            self._serving = True
            try:
                while self._roomy:
                    self._serve_from(self._roomy.pop(0))
            finally:
                self._serving = False

    def _serve_from(self, connection: H2UpstreamConnection) -> None:
        """Let requests that wait have the room of a connection."""
        cluster = self._cluster
        pool = cluster.pool_of(connection.endpoint)
        # Who is refused here and waits for room elsewhere is at the end of the queue, where this turn must not find him.
        left = cluster.queue.length()
        while pool is not None and left > 0 and cluster.queue.requests and connection.room():
            left -= 1
            requester = cluster.queue.next_for(pool, self, connection)
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
        if pool is not None and connection.announced:
            pool = pool.of_clients.get(connection.announced)
        if pool is not None and connection in pool.shared:
            pool.shared.remove(connection)
            pool.forget_if_empty()
        awaited = self._greeting.pop(connection, None)
        if awaited is not None:
            reason = connection.failure
            detail = connection.failure_detail or "the connection ended before the endpoint had said how many requests it takes"
            self._came_to_nothing(awaited, Reason.UPSTREAM_RESET if reason is None else reason, detail)

    def gone(self, connection: H2UpstreamConnection) -> None:
        self.stopped(connection)
        self._cluster.one_gone()

    def freed(self) -> None:
        self._cluster.queue.serve()

    def _keep(self, connection: H2UpstreamConnection) -> None:
        """Hold a connection that nobody uses for the next request."""
        cluster = self._cluster
        connection.rest(cluster.rest_until(connection.since))
        cluster.quota.look_again()
