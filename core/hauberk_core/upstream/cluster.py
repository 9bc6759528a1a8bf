"""A cluster at work: its endpoints, its connections, and the requests that wait for one.

Decide first, then do: `acquire` chooses an endpoint, then makes a call on a connection, opens one, queues the request, or refuses
it with a reason. A connection belongs to the endpoint's address, to the cluster's TLS and identity, and is never handed to a
request of another.
"""

from collections import deque
from typing import Final

from hauberk_core.model.reason import Reason
from hauberk_core.net.loop import Loop
from hauberk_core.net.proxy_header import proxy_header
from hauberk_core.net.wheel import NEVER, Timer, TimerOwner
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.upstream.balance import Balancer
from hauberk_core.upstream.call import Call, Requester
from hauberk_core.upstream.connection import ConnectionOwner, UpstreamConnection
from hauberk_core.upstream.connector import Connector
from hauberk_core.upstream.endpoint import UpstreamEndpoint
from hauberk_core.upstream.guard import Guard, Refusal
from hauberk_core.upstream.guards import Guards
from hauberk_core.upstream.h2_connection import H2UpstreamConnection
from hauberk_core.upstream.hashing import NOTHING_TO_HASH, hash_of
from hauberk_core.upstream.levels import Levels
from hauberk_core.upstream.pool import Pool
from hauberk_core.upstream.prober import ClusterProber
from hauberk_core.upstream.retry_budget import RetryBudget
from hauberk_core.upstream.settings import HTTP1, HTTP2, ClusterSettings
from hauberk_core.upstream.sharing import Sharing

# Where workers share the right to connections, each looks this often whether it may have one that a request waits for; that is
# what a change of hands costs.
LOOK_WAITING_SECONDS: Final = 1 / 32
# And this often, while it has connections and nobody waits here, whether somebody waits elsewhere.
LOOK_IDLE_SECONDS: Final = 1 / 4
# Endpoints that guards are asked about for one request. Where so many in turn are refused, it is the cluster that ails.
MOST_REFUSALS: Final = 16


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
        self.balancer: Balancer = balancer
        self.retry_budget: Final = RetryBudget()
        self._meters: Final = meters
        self._endpoints: list[UpstreamEndpoint] = []
        self._pools: Final[dict[str, Pool]] = {}
        self._waiting: Final[deque[Requester]] = deque()
        self._sharing: Final = Sharing(self)
        self._open: int = 0
        self._resolving = False
        self._retired = False
        self._serving = False
        self._guards: Guards | None = None
        self._prober: ClusterProber | None = None
        self._levels: Levels | None = None
        """What chooses in place of the balancer, where some endpoints are preferred to others."""
        self._look: Final = Timer(_Look(self))
        self._learning: Final = Timer(_Learning(self))
        self._held_off = False
        """A connection was closed for another worker, which has until the next look to open one in its place."""

    # Configuration.

    def set_endpoints(self, endpoints: list[UpstreamEndpoint], resolving: bool) -> None:
        """Use these endpoints from now on.

        Args: resolving - names are still being looked up: with no endpoint yet, requests wait instead of being refused.
        """
        before = self._endpoints
        self._endpoints = endpoints
        self._resolving = resolving
        self._teach()
        for endpoint in endpoints:
            endpoint.retired = False
            if endpoint.address not in self._pools:
                self._pools[endpoint.address] = Pool(endpoint)
        # Last of all: where connections end, requests that wait ask for others at once.
        kept = {endpoint.address for endpoint in endpoints}
        for old in before:
            if old.address not in kept:
                self._retire_endpoint(old)
        if self._guards is not None:
            self._guards.watch(endpoints)
        self.serve_waiting()

    def set_balancer(self, balancer: Balancer) -> None:
        """Have this one choose from now on."""
        self.balancer = balancer
        self._teach()

    def set_levels(self, levels: Levels | None) -> None:
        """Have endpoints preferred in this way from now on; None: none is, and the balancer chooses among all."""
        self._levels = levels
        if levels is None:
            for endpoint in self._endpoints:
                endpoint.is_needed = False
        self._teach()

    def set_guards(self, guards: tuple[Guard, ...]) -> None:
        """Have all of these permit each attempt from now on."""
        before = self._guards
        if before is not None and before.are(guards):
            return
        self._guards = Guards(guards) if guards else None
        self._held_off = False
        if self._guards is not None:
            if self._prober is None:
                self._prober = ClusterProber(self.connector, self.settings.announces, self.settings.protocol == HTTP2)
            self._guards.attach(self._prober)
            self._guards.watch(self._endpoints)
            self._guards.count(self._open, self.waiting())
            self.look_again()
        self.serve_waiting()

    def is_steered(self) -> bool:
        """Whether its guards want endpoints that they leave out not to be chosen."""
        return self._guards is not None and self._guards.steers

    def endpoints(self) -> list[UpstreamEndpoint]:
        """The endpoints in use."""
        return self._endpoints

    def is_available(self) -> bool:
        """Whether a request has any prospect here: there is an endpoint, or names of endpoints are still being looked up."""
        return bool(self._endpoints) or self._resolving

    def retire(self) -> None:
        """No snapshot names this cluster any more: close what is idle, let the rest finish."""
        self._retired = True
        self.loop.wheel.drop(self._look)
        self.loop.wheel.drop(self._learning)
        if self._prober is not None:
            self._prober.retire()
        # Requests that are under way may ask once more: behind a pause, or when a kept connection has ended.
        endpoints = self._endpoints
        self._endpoints = []
        self._resolving = False
        for endpoint in endpoints:
            self._retire_endpoint(endpoint)
        while self._waiting:
            self._next_waiting().refused(Reason.NO_ENDPOINT, f"cluster {self.name} was removed")

    def is_out(self, endpoint: UpstreamEndpoint) -> bool:
        """Whether a guard leaves one of its endpoints out for now."""
        return self._guards is not None and self._guards.is_out(endpoint)

    def active(self) -> int:
        """Requests under way, those that wait for a connection included."""
        return sum([endpoint.active for endpoint in self._endpoints]) + len(self._waiting)

    def idle_connections(self, endpoint: UpstreamEndpoint) -> int:
        """Connections to one of its endpoints that wait for a request."""
        pool = self._pools.get(endpoint.address)
        return 0 if pool is None else pool.unused()

    def open_connections(self) -> int:
        """Connections that are open or being opened."""
        return self._open

    def waiting(self) -> int:
        """Requests that wait for a connection, without those that one is being opened for."""
        return len(self._waiting) + self._sharing.waiting()

    # Requests.

    def acquire(self, requester: Requester) -> Call | None:
        """A call for `requester`, on a connection that stands, or None.

        The endpoint that it prefers goes first, those that it has tried in vain come last. On None the requester hears
        `connecting` and then `assigned`, or `refused`: later, or already within this call.
        """
        endpoints = self._endpoints
        if not endpoints:
            if self._resolving:
                self.wait(requester)
            else:
                requester.refused(Reason.NO_ENDPOINT, f"cluster {self.name} has no endpoint")
            return None
        preferred = requester.preferred
        if preferred is not None and self._can_have(requester, preferred):
            endpoint = preferred
        else:
            if self._levels is not None:
                by = self._levels.by
                endpoint = self._choose(self._levels, NOTHING_TO_HASH if by is None else requester.hash_by(by))
            else:
                by = self.balancer.by
                if by is None:
                    endpoint = self.balancer.pick(endpoints)
                else:
                    endpoint = self.balancer.pick_by(requester.hash_by(by), endpoints, True)
            if requester.tried is not None and endpoint in requester.tried:
                endpoint = self._untried(requester, requester.tried)
        if self._guards is not None:
            admitted = self._admitted(self._guards, requester, endpoint)
            if admitted is None:
                return None
            endpoint = admitted
        pool = self._pools[endpoint.address]
        if self.settings.protocol != HTTP1 and self._sharing.applies_to(requester, pool):
            return self._sharing.acquire(requester, pool)
        idle = pool.idle
        if idle and not requester.fresh:
            connection = idle.pop() if not self.settings.announces else self._idle_for(idle, requester)
            if connection is not None:
                endpoint.active += 1
                return connection.use(requester)
        if not self.may_open():
            self.wait(requester)
            return None
        self._connect(endpoint, requester)
        return None

    def choose(self, client: str) -> UpstreamEndpoint | None:
        """An endpoint for what needs no connection of this pool; None: there is none now.

        Args: client - its host, the one thing that is known of it.
        """
        endpoints = self._endpoints
        if not endpoints:
            return None
        levels = self._levels
        by = self.balancer.by if levels is None else levels.by
        number = hash_of(client) if by is not None and by.source_address else NOTHING_TO_HASH
        if levels is not None:
            return self._choose(levels, number)
        return self.balancer.pick(endpoints) if by is None else self.balancer.pick_by(number, endpoints, True)

    def withdraw(self, requester: Requester) -> None:
        """`requester` no longer waits (its client is gone)."""
        if requester in self._waiting:
            self._waiting.remove(requester)
            self.wait_ended()
        else:
            self._sharing.withdraw(requester)

    def try_again(self, requester: Requester, endpoint: UpstreamEndpoint, reason: Reason, detail: str) -> None:
        """An attempt has failed, and proved that nothing was sent: make another for the request, if there is one left.

        The requester hears as after `acquire`, and of a refusal with `reason` if none is left.
        """
        admission = requester.admission
        if admission is not None:
            requester.admission = None
            admission.done(0, reason, self.loop.now)
        if requester.counted_attempts() >= self.settings.connect_attempts or self._retired:
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
        self._open -= 1
        self._tell_guards()
        self._meters.connect_failed()
        if not self._sharing.failed(connection, reason, detail):
            connection.endpoint.active -= 1
            requester = connection.requester
            connection.requester = None
            if requester is not None:
                self.try_again(requester, connection.endpoint, reason, detail)
        self.serve_waiting()

    def returned(self, connection: UpstreamConnection) -> None:
        endpoint = connection.endpoint
        endpoint.active -= 1
        if endpoint.retired or self._is_spent(connection) or self.is_surplus():
            connection.is_idle = True
            connection.abandon()
            return
        left = len(self._waiting)
        while left > 0 and self._waiting:
            left -= 1
            preferred = self._waiting[0].preferred
            elsewhere = preferred is not None and preferred is not endpoint and self._can_have(self._waiting[0], preferred)
            if elsewhere or self._waiting[0].fresh or not self._is_for(connection, self._waiting[0]):
                # It waits for room rather than for this connection, and closing this one makes room.
                connection.is_idle = True
                connection.abandon()
                return
            requester = self._next_waiting()
            refusal = self._ask_guards(self._guards, requester, endpoint) if self._guards is not None else None
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
        self.serve_waiting()

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
            self._tell_guards()
            self.try_again(requester, endpoint, Reason.CONNECT_FAILED, f"connecting failed: {error}")
            return None
        self._open += 1
        self._tell_guards()
        connection = UpstreamConnection(self.loop, stream, endpoint, self.connector.new_machine(), self)
        connection.announced = announced
        return connection

    def open(self, connection: UpstreamConnection) -> None:
        """Open it within the time that connecting may take."""
        self.loop.wheel.arm(connection.timer, self.loop.now + self.settings.connect_timeout)
        connection.open()

    def one_gone(self) -> None:
        """An established connection was closed; `serve_waiting` is for others to call."""
        self._open -= 1
        self._tell_guards()
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

    def _admitted(self, guards: Guards, requester: Requester, endpoint: UpstreamEndpoint) -> UpstreamEndpoint | None:
        """`endpoint`, or another one, for which all guards permit an attempt; None, and the requester is refused, if there is
        none."""
        refused: list[UpstreamEndpoint] = []
        candidate = endpoint
        while True:
            refusal = self._ask_guards(guards, requester, candidate)
            if refusal is None:
                return candidate
            if refusal.whole:
                requester.refused(refusal.reason, refusal.detail)
                return None
            refused.append(candidate)
            others = [other for other in self._endpoints if other not in refused]
            if not others or len(refused) >= MOST_REFUSALS:
                requester.refused(refusal.reason, f"{candidate.address}: {refusal.detail}")
                return None
            tried = requester.tried
            untried = others if tried is None else [other for other in others if other not in tried]
            candidate = self._pick(requester, untried or others)

    def _ask_guards(self, guards: Guards, requester: Requester, endpoint: UpstreamEndpoint) -> Refusal | None:
        """Have an attempt at `endpoint` permitted. Returns: the first refusal, or None, and the requester has its admission."""
        answer = guards.admit(endpoint, requester.tried is not None, requester, self.loop.now)
        if isinstance(answer, Refusal):
            return answer
        requester.admission = answer
        return None

    def _withdraw_admission(self, requester: Requester) -> None:
        admission = requester.admission
        if admission is not None:
            requester.admission = None
            admission.unused()

    def hand_over(self, call: Call, requester: Requester) -> None:
        """Give a call to a requester on whose behalf nobody is calling: its faults must not be another's."""
        requester.connecting(call)
        try:
            requester.assigned()
        except Exception as error:
            call.give_up(error)

    def acquire_anew(self, requester: Requester) -> None:
        """Go on with a requester that has waited."""
        self._withdraw_admission(requester)
        call = self.acquire(requester)
        if call is not None:
            self.hand_over(call, requester)

    def wait(self, requester: Requester) -> None:
        """Have a request wait until a connection may be opened, or comes free; nothing is permitted for it until then."""
        self._withdraw_admission(requester)
        if self.may_wait(requester):
            self._waiting.append(requester)
            self.wait_began()
            self.look_again()

    def may_wait(self, requester: Requester) -> bool:
        """Whether one more request may wait. If not, it is refused."""
        waiting = self.waiting()
        if waiting >= self.settings.max_pending:
            reason = Reason.OVERFLOW
            detail = (
                f"cluster {self.name} has {self._open} connections open and {waiting} requests waiting; "
                "the limits are max_connections and max_pending"
            )
        else:
            refusal = None if self._guards is None else self._guards.may_wait(waiting, requester)
            if refusal is None:
                return True
            reason = refusal.reason
            detail = refusal.detail
        self._withdraw_admission(requester)
        self._meters.overflowed()
        requester.refused(reason, detail)
        return False

    def wait_began(self) -> None:
        """One more waits."""
        self._meters.wait_began()
        self._tell_guards()

    def wait_ended(self) -> None:
        """One fewer."""
        self._meters.wait_ended()
        self._tell_guards()

    def queued(self) -> int:
        """Requests that wait and that no connection is being opened for."""
        return len(self._waiting)

    def next_for(self, pool: Pool, sharing: Sharing, connection: H2UpstreamConnection) -> Requester | None:
        """Of those, the first that a shared connection of this pool may serve; it waits no more."""
        for requester in self._waiting:
            if requester.fresh and not connection.is_proven() and self._has_room():
                # It has a new one instead.
                continue
            if self.settings.announces and connection.announced != self.announcement(requester):
                continue
            preferred = requester.preferred
            elsewhere = preferred is not None and preferred is not pool.endpoint and self._can_have(requester, preferred)
            if not elsewhere and sharing.applies_to(requester, pool):
                self._waiting.remove(requester)
                self.wait_ended()
                return requester
        return None

    def admits(self, requester: Requester, endpoint: UpstreamEndpoint) -> bool:
        """Whether guards permit an attempt at an endpoint for a request that has waited. If not, it asks elsewhere."""
        refusal = self._ask_guards(self._guards, requester, endpoint) if self._guards is not None else None
        if refusal is None:
            return True
        if refusal.whole:
            requester.refused(refusal.reason, refusal.detail)
        else:
            self.acquire_anew(requester)
        return False

    def _next_waiting(self) -> Requester:
        requester = self._waiting.popleft()
        self.wait_ended()
        return requester

    def _tell_guards(self) -> None:
        if self._guards is not None:
            self._guards.count(self._open, self.waiting())

    def serve_waiting(self) -> None:
        """Go on with requests that wait, as far as there is room."""
        # A connect that fails at once leads here again; the turn under way goes on, or a long queue would be as many calls deep.
        if self._waiting and not self._serving:
            self._serving = True
            try:
                self._serve_in_turn()
            finally:
                self._serving = False

    def _serve_in_turn(self) -> None:
        while self._waiting and (not self._resolving or self._endpoints):
            if self._endpoints and not self._has_room():
                return
            self.acquire_anew(self._next_waiting())
        self._tell_guards()

    def _keep(self, connection: UpstreamConnection) -> None:
        """Hold a connection that nobody uses for the next request."""
        connection.is_idle = True
        deadline = self.rest_until(connection.since)
        if deadline < NEVER:
            self.loop.wheel.arm(connection.timer, deadline)
        else:
            self.loop.wheel.disarm(connection.timer)
        self._pools[connection.endpoint.address].idle.append(connection)
        self.look_again()

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

    def may_open(self) -> bool:
        """Whether a connection may be opened now, if need be in place of one that nobody uses."""
        return self._has_room() or (self._close_one_idle() and self._has_room())

    def _has_room(self) -> bool:
        if self._open >= self.settings.max_connections or self._held_off:
            return False
        return self._guards is None or self._guards.may_connect(self._open)

    # What the balancer has to work out.

    def _teach(self) -> None:
        if self._levels is None:
            whole = self.balancer.learn(self._endpoints)
        else:
            whole = not self._endpoints or self._levels.learn(self._endpoints, self._guards, self.loop.now)
        if not whole:
            self.loop.wheel.arm(self._learning, self.loop.now)

    def go_on_learning(self) -> None:
        """Let the balancers work out the next part."""
        whole = self.balancer.advance() if self._levels is None else self._levels.advance()
        if not whole:
            self.loop.wheel.arm(self._learning, self.loop.now)

    def _choose(self, levels: Levels, number: int) -> UpstreamEndpoint:
        if self._guards is not None and self.loop.now >= levels.look_at and not levels.look(self._guards, self.loop.now):
            self.loop.wheel.arm(self._learning, self.loop.now)
        return levels.choose(number)

    # Sharing with other workers.

    def is_surplus(self) -> bool:
        """Whether the connection that has just come free is for another worker to replace by one of its own."""
        guards = self._guards
        if guards is None or not guards.shares or guards.surplus(self._open) == 0:
            return False
        self._hold_off()
        return True

    def _hold_off(self) -> None:
        self._held_off = True
        self.loop.wheel.arm(self._look, self.loop.now + LOOK_WAITING_SECONDS)

    def look_again(self) -> None:
        """See to it that other workers' wishes are noticed, where connections are counted together with theirs."""
        guards = self._guards
        if guards is not None and guards.shares and not self._retired and (self._waiting or self._open):
            pause = LOOK_WAITING_SECONDS if self._waiting else LOOK_IDLE_SECONDS
            due = self.loop.now + pause
            if due < self._look.deadline:
                self.loop.wheel.arm(self._look, due)

    def look(self) -> None:
        """See whether other workers wait for connections that nobody uses here, or have left some for requests that wait here."""
        self._held_off = False
        guards = self._guards
        if guards is None:
            return
        surplus = guards.surplus(self._open)
        if surplus > 0:
            # What is closed here must not be opened again for somebody who waits here.
            self._held_off = True
            closed = False
            while surplus > 0 and self._close_one_idle():
                closed = True
                surplus -= 1
            self._held_off = closed
        if not self._held_off:
            self.serve_waiting()
        self.look_again()

    def _can_have(self, requester: Requester, preferred: UpstreamEndpoint) -> bool:
        """Whether a request may go where its session belongs: the endpoint is there, and was not tried in vain."""
        if preferred.retired or preferred not in self._endpoints:
            return False
        return requester.tried is None or preferred not in requester.tried

    def _pick(self, requester: Requester, among: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """The balancer's choice among some of the endpoints."""
        levels = self._levels
        if levels is not None:
            number = NOTHING_TO_HASH if levels.by is None else requester.hash_by(levels.by)
            return levels.choose_among(number, among)
        by = self.balancer.by
        return self.balancer.pick(among) if by is None else self.balancer.pick_by(requester.hash_by(by), among, False)

    def _untried(self, requester: Requester, tried: list[UpstreamEndpoint]) -> UpstreamEndpoint:
        """An endpoint that was not tried; where all were, any but the one that failed last."""
        others = [endpoint for endpoint in self._endpoints if endpoint not in tried]
        if not others:
            others = [endpoint for endpoint in self._endpoints if endpoint is not tried[-1]]
        return self._pick(requester, others or self._endpoints)

    def _close_one_idle(self) -> bool:
        for endpoint in self._endpoints:  # noqa: SIM110 - compiled code has no generators to spare
            if self._pools[endpoint.address].close_one_unused():
                return True
        return False

    def _retire_endpoint(self, endpoint: UpstreamEndpoint) -> None:
        endpoint.retired = True
        pool = self._pools.pop(endpoint.address, None)
        if pool is not None:
            pool.retire()


class _Look(TimerOwner):
    def __init__(self, cluster: UpstreamCluster) -> None:
        self._cluster: Final = cluster

    def timed_out(self, timer: Timer) -> None:
        self._cluster.look()


class _Learning(TimerOwner):
    def __init__(self, cluster: UpstreamCluster) -> None:
        self._cluster: Final = cluster

    def timed_out(self, timer: Timer) -> None:
        self._cluster.go_on_learning()
