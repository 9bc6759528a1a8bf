"""A cluster at work: the connections to its endpoints, and the requests that get them.

Decide first, then do: `acquire` chooses an endpoint, then makes a call on a connection, opens one, queues the request, or refuses
it with a reason. A connection belongs to the endpoint's address, to the cluster's TLS and identity, and is never handed to a
request of another.
"""

from typing import Final

from hauberk_core.model.reason import Reason
from hauberk_core.net.loop import Loop
from hauberk_core.net.proxy_header import proxy_header
from hauberk_core.net.wheel import NEVER
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.upstream.balance import Balancer
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.connection import ConnectionOwner, UpstreamConnection
from hauberk_core.upstream.connection_quota import ConnectionQuota
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.endpoint_choice import EndpointChoice
from hauberk_core.upstream.guard import Guard
from hauberk_core.upstream.guards import Guards
from hauberk_core.upstream.pool import Pool
from hauberk_core.upstream.prober import ClusterProber
from hauberk_core.upstream.request_queue import RequestQueue
from hauberk_core.upstream.retry_budget import RetryBudget
from hauberk_core.upstream.settings import HTTP1, HTTP2, ClusterSettings
from hauberk_core.upstream.sharing import Sharing
from hauberk_core.upstream.succession import Succession


class UpstreamCluster(ConnectionOwner):
    """The runtime of one cluster in one worker. Survives snapshots that do not change its transport."""

    def __init__(
        self,
        name: str,
        connector: Connector,
        settings: ClusterSettings,
        balancer: Balancer,
        meters: ClusterMeters,
    ) -> None:
        self.name: Final = name
        self.loop: Final[Loop] = connector.loop
        self.connector: Final = connector
        self.settings: ClusterSettings = settings
        self.retry_budget: Final = RetryBudget()
        self.guards: Guards | None = None
        """What must permit each attempt."""
        self.choice: Final = EndpointChoice(self.loop, balancer)
        """The endpoints, and what chooses among them."""
        self.quota: Final = ConnectionQuota(self)
        """How many connections there may be."""
        self.queue: Final = RequestQueue(self, meters)
        """Requests that wait until there may be one more."""
        self._meters: Final = meters
        self._pools: Final[dict[str, Pool]] = {}
        self._sharing: Final = Sharing(self)
        self.place: UpstreamEndpoint | None = None
        """Where connections of it were going, if that is what made it."""
        self._resolving = False
        self._retired = False
        self._succession: Succession | None = None
        self._prober: ClusterProber | None = None

    # Configuration.

    def set_endpoints(self, endpoints: list[UpstreamEndpoint], resolving: bool) -> None:
        """Use these endpoints from now on.

        Args: resolving - names are still being looked up: with no endpoint yet, requests wait instead of being refused.
        """
        before = self.choice.endpoints
        self._resolving = resolving
        self.choice.set_endpoints(endpoints)
        for endpoint in endpoints:
            endpoint.retired = False
            if endpoint.address not in self._pools:
                self._pools[endpoint.address] = Pool(endpoint)
        # Last of all: where connections end, requests that wait ask for others at once.
        kept = {endpoint.address for endpoint in endpoints}
        for old in before:
            if old.address not in kept:
                self._retire_endpoint(old)
        if self.guards is not None:
            self.guards.watch(endpoints)
        self.queue.serve()

    def set_guards(self, guards: tuple[Guard, ...]) -> None:
        """Have all of these permit each attempt from now on."""
        before = self.guards
        if before is not None and before.are(guards):
            return
        asked = Guards(guards) if guards else None
        self.guards = asked
        self.choice.guards = asked
        if asked is not None:
            if self._prober is None:
                self._prober = ClusterProber(self.connector, self.settings.announces, self.settings.protocol == HTTP2)
            asked.attach(self._prober)
            asked.watch(self.choice.endpoints)
        self.quota.guards_changed()
        self.queue.serve()

    def is_steered(self) -> bool:
        """Whether its guards want endpoints that they leave out not to be chosen."""
        return self.guards is not None and self.guards.steers

    def endpoints(self) -> list[UpstreamEndpoint]:
        """The endpoints in use."""
        return self.choice.endpoints

    def endpoint_at(self, address: str) -> UpstreamEndpoint | None:
        """The one of this address."""
        pool = self._pools.get(address)
        return None if pool is None else pool.endpoint

    def is_available(self) -> bool:
        """Whether a request has any prospect here: there is an endpoint, or names of endpoints are still being looked up."""
        return bool(self.choice.endpoints) or self._resolving

    def is_resolving(self) -> bool:
        """Whether there is no endpoint yet, because names are still being looked up."""
        return self._resolving and not self.choice.endpoints

    def retire(self, succession: Succession | None) -> None:
        """Another cluster is in its place, or none: close what is idle, let the rest finish.

        Requests that were sent here may still wait, or ask once more: behind a pause, or when a kept connection has ended. They
        go on at the successor; where there is none, at the endpoints that there were, each on a connection of its own.

        Args: succession - knows the successor, now or later; None: there will be none.
        """
        self._retired = True
        self._succession = succession
        # They belong to the successor, which counts for itself.
        self.guards = None
        self.quota.retire()
        self.choice.retire()
        if self._prober is not None:
            self._prober.retire()
        self._resolving = False
        for endpoint in self.choice.endpoints:
            endpoint.retired = True
            self._pools[endpoint.address].retire()
        while self.queue.requests and self._successor() is not None:
            self.acquire_anew(self.queue.next())
        self.queue.serve()

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        """Whether a guard leaves one of its endpoints out for now."""
        return self.guards is not None and self.guards.is_out(endpoint)

    def active(self) -> int:
        """Requests under way, those that wait for a connection included."""
        return sum([endpoint.active for endpoint in self.choice.endpoints]) + self.queue.length()

    def idle_connections(self, endpoint: UpstreamEndpoint) -> int:
        """Connections to one of its endpoints that wait for a request."""
        pool = self._pools.get(endpoint.address)
        return 0 if pool is None else pool.unused()

    def open_connections(self) -> int:
        """Connections that are open or being opened."""
        return self.quota.open

    def waiting(self) -> int:
        """Requests that wait for a connection, without those that one is being opened for."""
        return self.queue.length() + self._sharing.waiting()

    # Requests.

    def acquire(self, requester: Requester) -> Call | None:
        """A call for `requester`, on a connection that stands, or None.

        The endpoint that it prefers goes first, those that it has tried in vain come last. On None the requester hears
        `connecting` and then `assigned`, or `refused`: later, or already within this call.
        """
        if self._retired:
            successor = self._successor()
            if successor is not None:
                self._pass_on(requester, successor)
                return successor.acquire(requester)
        choice = self.choice
        endpoints = choice.endpoints
        if not endpoints:
            if self._resolving:
                self.queue.wait(requester)
            else:
                requester.refused(Reason.NO_ENDPOINT, f"cluster {self.name} has no endpoint")
            return None
        if choice.is_blind and requester.preferred is None and requester.tried is None:
            # Most requests: a call less for them.
            endpoint = choice.balancer.pick(endpoints)
        else:
            endpoint = choice.pick(requester)
        if self.guards is not None:
            permitted = choice.permitted(self.guards, requester, endpoint)
            if permitted is None:
                return None
            endpoint = permitted
        pool = self._pools[endpoint.address]
        if self.settings.protocol != HTTP1 and self._sharing.applies_to(requester, pool):
            return self._sharing.acquire(requester, pool)
        idle = pool.idle
        if idle and not requester.fresh:
            connection = idle.pop() if not self.settings.announces else self._idle_for(idle, requester)
            if connection is not None:
                endpoint.active += 1
                return connection.use(requester)
        if not self.quota.makes_room():
            self.queue.wait(requester)
            return None
        self._connect(endpoint, requester)
        return None

    def withdraw(self, requester: Requester) -> None:
        """`requester` no longer waits (its client is gone)."""
        if not self.queue.withdraw(requester):
            self._sharing.withdraw(requester)

    def try_again(self, requester: Requester, endpoint: UpstreamEndpoint, reason: Reason, detail: str) -> None:
        """An attempt has failed, and proved that nothing was sent: make another for the request, if there is one left.

        The requester hears as after `acquire`, and of a refusal with `reason` if none is left.
        """
        admission = requester.admission
        if admission is not None:
            requester.admission = None
            admission.done(0, reason, self.loop.now)
        if requester.counted_attempts() >= self.settings.connect_attempts:
            requester.refused(reason, f"{endpoint.address}: {detail} (attempt {requester.attempts})")
            return
        if requester.tried is None:
            requester.tried = []
        requester.tried.append(endpoint)
        call = self.acquire(requester)
        if call is not None:
            self.hand_over(call, requester)

    # ConnectionOwner.

    def connect_failed(self, connection: UpstreamConnection, reason: Reason, detail: str) -> None:
        self.quota.closed()
        self._meters.connect_failed()
        if not self._sharing.failed(connection, reason, detail):
            connection.endpoint.active -= 1
            requester = connection.requester
            connection.requester = None
            if requester is not None:
                self.try_again(requester, connection.endpoint, reason, detail)
        self.queue.serve()

    def returned(self, connection: UpstreamConnection) -> None:
        endpoint = connection.endpoint
        endpoint.active -= 1
        if endpoint.retired or self._is_spent(connection) or self.quota.is_surplus():
            connection.is_idle = True
            connection.abandon()
            return
        waiting = self.queue.requests
        left = len(waiting)
        while left > 0 and waiting:
            left -= 1
            preferred = waiting[0].preferred
            elsewhere = preferred is not None and preferred is not endpoint and self.choice.can_have(waiting[0], preferred)
            if elsewhere or waiting[0].fresh or not self._is_for(connection, waiting[0]):
                # It waits for room rather than for this connection, and closing this one makes room.
                connection.is_idle = True
                connection.abandon()
                return
            requester = self.queue.next()
            refusal = self.guards.permit(requester, endpoint, self.loop.now) if self.guards is not None else None
            if refusal is None:
                if connection.is_idle:
                    self._pools[endpoint.address].idle.remove(connection)
                endpoint.active += 1
                self.hand_over(connection.use(requester), requester)
                return
            if not refusal.whole:
                if not connection.is_idle:
                    # Another endpoint may still take it, for which this connection may have to make room.
                    self._keep(connection)
                self.acquire_anew(requester)
            else:
                requester.refused(refusal.reason, refusal.detail)
            if connection.closed or connection.requester is not None:
                # It has made room, or whoever was just told to look elsewhere has it.
                return
        if not connection.is_idle and not connection.closed:
            self._keep(connection)

    def gone(self, connection: UpstreamConnection) -> None:
        if connection.is_idle:
            pool = self._pools.get(connection.endpoint.address)
            if pool is not None and connection in pool.idle:
                pool.idle.remove(connection)
        else:
            connection.endpoint.active -= 1
        self.one_gone()
        self.queue.serve()

    def established(self, connection: UpstreamConnection) -> bool:
        self._meters.connection_opened()
        return self._sharing.stands(connection)

    # For connections that are shared, too.

    def pool_of(self, endpoint: UpstreamEndpoint) -> Pool | None:
        """The connections to one of its endpoints; None: it is not any more."""
        return self._pools.get(endpoint.address)

    def announcement(self, requester: Requester) -> str:
        """What a connection that announces its client tells of this one."""
        source, destination = requester.client_addresses()
        return source + " " + destination

    def dial(self, endpoint: UpstreamEndpoint, requester: Requester, is_shared: bool) -> UpstreamConnection | None:
        """A connection that is to be opened; None, and the requester tries again, if it failed at once."""
        requester.attempts += 1
        try:
            header = b""
            announced = ""
            if self.settings.announces:
                source, destination = requester.client_addresses()
                header = proxy_header(self.settings.announces, source, destination)
                announced = self.announcement(requester)
            stream = self.connector.stream(endpoint, is_shared, self.settings.keep_alive, header)
        except OSError as error:
            self._meters.connect_failed()
            self.quota.tell_guards()
            self.try_again(requester, endpoint, Reason.CONNECT_FAILED, f"connecting failed: {error}")
            return None
        self.quota.opened()
        connection = UpstreamConnection(self.loop, stream, endpoint, self.connector.new_machine(), self)
        connection.announced = announced
        return connection

    def open(self, connection: UpstreamConnection) -> None:
        """Open it within the time that connecting may take."""
        self.loop.wheel.arm(connection.timer, self.loop.now + self.settings.connect_timeout)
        connection.open()

    def one_gone(self) -> None:
        """An established connection was closed; it is for others to have those served who wait."""
        self.quota.closed()
        self._meters.connection_closed()

    # Inside.

    def _connect(self, endpoint: UpstreamEndpoint, requester: Requester) -> None:
        connection = self.dial(endpoint, requester, False)
        if connection is not None:
            endpoint.active += 1
            requester.connecting(connection.use(requester))
            self.open(connection)

    def _is_for(self, connection: UpstreamConnection, requester: Requester) -> bool:
        """Whether a connection may carry a request as far as its endpoint was told whose it is."""
        return not self.settings.announces or connection.announced == self.announcement(requester)

    def _idle_for(self, idle: list[UpstreamConnection], requester: Requester) -> UpstreamConnection | None:
        """One of the idle connections, no longer among them, if there is one for this request."""
        for index in range(len(idle) - 1, -1, -1):
            if self._is_for(idle[index], requester):
                return idle.pop(index)
        return None

    def hand_over(self, call: Call, requester: Requester) -> None:
        """Give a call to a requester on whose behalf nobody is calling: its faults must not be another's."""
        requester.connecting(call)
        try:
            requester.assigned()
        except Exception as error:
            call.give_up(error)

    def acquire_anew(self, requester: Requester) -> None:
        """Go on with a requester that has waited."""
        requester.withdraw_admission()
        call = self.acquire(requester)
        if call is not None:
            self.hand_over(call, requester)

    def admits(self, requester: Requester, endpoint: UpstreamEndpoint) -> bool:
        """Whether guards permit an attempt at an endpoint for a request that has waited. If not, it asks elsewhere."""
        refusal = self.guards.permit(requester, endpoint, self.loop.now) if self.guards is not None else None
        if refusal is None:
            return True
        if refusal.whole:
            requester.refused(refusal.reason, refusal.detail)
        else:
            self.acquire_anew(requester)
        return False

    def _keep(self, connection: UpstreamConnection) -> None:
        """Hold a connection that nobody uses for the next request."""
        connection.is_idle = True
        deadline = self.rest_until(connection.since)
        if deadline < NEVER:
            self.loop.wheel.arm(connection.timer, deadline)
        else:
            self.loop.wheel.disarm(connection.timer)
        self._pools[connection.endpoint.address].idle.append(connection)
        self.quota.look_again()

    def rest_until(self, since: float) -> float:
        """When a connection of that age, which nobody uses from now on, is closed."""
        settings = self.settings
        deadline = self.loop.now + settings.idle_timeout if settings.idle_timeout > 0 else NEVER
        if settings.max_seconds > 0 and since + settings.max_seconds < deadline:
            deadline = since + settings.max_seconds
        return deadline

    def _is_spent(self, connection: UpstreamConnection) -> bool:
        """Whether a connection has had all the requests, or all the time, that one may have."""
        settings = self.settings
        if settings.max_requests > 0 and connection.exchanges >= settings.max_requests:
            return True
        return settings.max_seconds > 0 and connection.since + settings.max_seconds <= self.loop.now

    def close_one_idle(self) -> bool:
        """Close a connection that nobody uses. Returns: whether there was one."""
        for endpoint in self.choice.endpoints:  # noqa: SIM110 - compiled code has no generators to spare
            if self._pools[endpoint.address].close_one_unused():
                return True
        return False

    def _successor(self) -> "UpstreamCluster | None":
        """The cluster that is in its place, if it is retired."""
        return None if self._succession is None else self._succession.successor(self)

    def _pass_on(self, requester: Requester, successor: "UpstreamCluster") -> None:
        """Have a request go on at the cluster that is in this one's place."""
        preferred = requester.preferred
        if preferred is not None:
            requester.preferred = successor.endpoint_at(preferred.address)
        requester.goes_on_at(successor)

    def _retire_endpoint(self, endpoint: UpstreamEndpoint) -> None:
        endpoint.retired = True
        pool = self._pools.pop(endpoint.address, None)
        if pool is not None:
            pool.retire()
