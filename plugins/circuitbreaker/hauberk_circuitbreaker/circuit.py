"""The circuits of one cluster in one worker: its limits, and which of its endpoints are left out.

What Envoy does is the model (its circuit breakers and outlier detection), with two differences. The end of an ejection is not the
end of suspicion: the endpoint is half open, one request at a time tries it, and only a good answer takes it back. And the time of
an ejection ends when it is over, not at the next turn of an interval.
"""

from typing import Final

from hauberk_circuitbreaker.endpoint import EndpointCircuit
from hauberk_circuitbreaker.failures import GATEWAY_STATUSES, is_endpoints_fault
from hauberk_circuitbreaker.rules import NO_LIMIT, OutlierRules, Rules
from hauberk_core.model.circuit import (
    ACTIVE,
    CONNECTION_OVERFLOWS,
    CONNECTIONS,
    EJECTED_UNTIL,
    EJECTION_OVERFLOWS,
    EJECTIONS_5XX,
    EJECTIONS_GATEWAY,
    EJECTIONS_LOCAL,
    EJECTIONS_PROBE,
    NANOSECONDS,
    REQUEST_OVERFLOWS,
    REQUESTS,
    RETRIES,
    RETRY_OVERFLOWS,
    WAITING,
    WAITING_OVERFLOWS,
    Limits,
    Told,
    Trip,
    encode_told,
)
from hauberk_core.plugin.data import Endpoint, Outcome, Permit, Reason, Refusal, Services, Subject

# A limit that refuses thousands of requests is told of by one of them now and then.
_TELL_NANOSECONDS: Final = NANOSECONDS
# Of a request's path, for people; the whole is in the access log, under the request's id.
_LONGEST_PATH: Final = 256

_AFTER: Final = "the first request after it had been left out failed"
# Whether a request may go to an endpoint that is not closed.
_OUT: Final = 0
_AS_PROBE: Final = 1
_AS_ALWAYS: Final = 2


class ClusterCircuit:
    """Lives as long as any configuration has a breaker for the cluster, through all changes of its rules."""

    def __init__(self, name: str, services: Services) -> None:
        self.name: Final = name
        self.rules: Rules = Rules(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, None)
        self.record: Final = services.shared(f"cluster {name}")
        self._own: Final[memoryview] = self.record.own
        self._services: Final = services
        self._endpoints: dict[str, EndpointCircuit] = {}
        self._leaving: Final[dict[str, EndpointCircuit]] = {}
        """Endpoints that are gone, while requests to them are under way."""
        self._holders = 0
        self._tell_next = 0
        self._tripped: Trip | None = None

    # Configuration.

    def hold(self) -> None:
        """One more guard goes by it."""
        self._holders += 1

    def let_go(self) -> bool:
        """One goes by it no more. Returns: whether it was the last; the records are given back then."""
        self._holders -= 1
        if self._holders:
            return False
        for circuit in [*self._endpoints.values(), *self._leaving.values()]:
            circuit.record.release()
        self.record.release()
        return True

    def watch(self, rules: Rules, endpoints: list[Endpoint]) -> None:
        """Go by these rules, for these endpoints, from now on."""
        if rules is not self.rules or not self.record.text():
            self.rules = rules
            self._tell()
        known = self._endpoints
        found: dict[str, EndpointCircuit] = {}
        for endpoint in endpoints:
            address = endpoint.address
            circuit = known.pop(address, None) or self._leaving.pop(address, None)
            if circuit is None:
                record = self._services.shared(f"endpoint {self.name} {address}")
                circuit = EndpointCircuit(self.name, address, record)
            circuit.retired = False
            circuit.introduce()
            found[address] = circuit
        for address, circuit in known.items():
            circuit.retired = True
            self._leaving[address] = circuit
            self._forget(circuit)
        self._endpoints = found

    def is_out(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint is ejected, and its time not over."""
        circuit = self._endpoints.get(endpoint.address)
        if circuit is None or self.rules.outliers is None:
            return False
        until = int(circuit.common[EJECTED_UNTIL])
        return until > 0 and self._now() < until

    # Attempts.

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        """Permit one attempt, or say why not."""
        rules = self.rules
        own = self._own
        circuit = self._endpoints.get(endpoint.address)
        is_probe = False
        if circuit is not None and rules.outliers is not None and circuit.common[EJECTED_UNTIL]:
            way = _AS_ALWAYS if endpoint.is_needed else self._way_in(rules.outliers, circuit)
            if way == _OUT:
                return self._is_out(circuit)
            is_probe = way == _AS_PROBE
        requests = int(own[REQUESTS]) + 1
        if rules.max_requests < 0:
            own[REQUESTS] = requests
        elif not self.record.enter(REQUESTS, requests, rules.max_requests):
            if circuit is not None and is_probe:
                circuit.end_probe()
            why = f"{rules.max_requests} requests are under way to {self.name}, which is the limit (http2MaxRequests)"
            return self._overflowed(REQUEST_OVERFLOWS, why, subject)
        if is_retry:
            retries = int(own[RETRIES]) + 1
            if rules.max_retries < 0:
                own[RETRIES] = retries
            elif not self.record.enter(RETRIES, retries, rules.max_retries):
                own[REQUESTS] -= 1
                if circuit is not None and is_probe:
                    circuit.end_probe()
                why = f"{rules.max_retries} retries are under way to {self.name}, which is the limit (maxRetries)"
                return self._overflowed(RETRY_OVERFLOWS, why, subject)
        if circuit is not None:
            circuit.own[ACTIVE] += 1
        return AttemptPermit(self, circuit, is_retry, is_probe)

    def left(self, circuit: EndpointCircuit | None, is_retry: bool, is_probe: bool) -> None:
        """An attempt that was permitted is over."""
        own = self._own
        own[REQUESTS] -= 1
        if is_retry:
            own[RETRIES] -= 1
        if circuit is not None:
            circuit.own[ACTIVE] -= 1
            if is_probe:
                circuit.end_probe()
            if circuit.retired:
                self._forget(circuit)

    def answered(self, circuit: EndpointCircuit, is_probe: bool, status: int, subject: Subject) -> None:
        """An endpoint has answered with a final status."""
        rules = self.rules.outliers
        if rules is None:
            return
        if rules.split:
            circuit.streak_local.broke()
        self._note_status(rules, circuit, is_probe, status, None, subject)

    def failed(self, circuit: EndpointCircuit, is_probe: bool, reason: Reason, subject: Subject) -> None:
        """An endpoint could not be reached, did not answer in time, or broke off."""
        rules = self.rules.outliers
        if rules is None:
            return
        if not rules.split:
            self._note_status(rules, circuit, is_probe, reason.status, reason, subject)
        elif rules.consecutive_local:
            if is_probe:
                self._eject(rules, circuit, True, EJECTIONS_PROBE, _AFTER, 0, reason, subject)
                return
            count = circuit.streak_local.failed()
            if count >= rules.consecutive_local:
                why = f"{count} times in a row it could not be reached (consecutiveLocalOriginFailures)"
                self._eject(rules, circuit, False, EJECTIONS_LOCAL, why, 0, reason, subject)

    # Connections.

    def connections(self, count: int) -> None:
        """So many this worker has."""
        self._own[CONNECTIONS] = count

    def may_connect(self, count: int) -> bool:
        """Whether there may be `count`; if so, the last is counted at once."""
        limit = self.rules.max_connections
        return limit < 0 or self.record.enter(CONNECTIONS, count, limit)

    def waiting(self, count: int) -> None:
        """So many requests wait for one in this worker."""
        self._own[WAITING] = count

    def may_wait(self, count: int, subject: Subject) -> Refusal | None:
        """Whether `count` requests may wait; if so, the last is counted at once."""
        rules = self.rules
        if 0 <= rules.max_connections <= self.record.total(CONNECTIONS):
            self._own[CONNECTION_OVERFLOWS] += 1
        if rules.max_pending < 0 or self.record.enter(WAITING, count, rules.max_pending):
            return None
        connections = self.record.total(CONNECTIONS)
        why = (
            f"{rules.max_pending} requests wait already, which is the limit (http1MaxPendingRequests), "
            f"for {connections} connections to {self.name}"
        )
        return self._overflowed(WAITING_OVERFLOWS, why, subject)

    def has_others(self) -> bool:
        """Whether the proxy has other workers."""
        return bool(self.record.others)

    def surplus(self, connections: int) -> int:
        """How many connections of this worker others should have, because requests wait there and the limit is reached.

        One where nobody waits here can spare all. Otherwise each worker with waiting requests should have its share; where there
        are fewer connections than such workers, they take turns.
        """
        limit = self.rules.max_connections
        record = self.record
        elsewhere = record.elsewhere(WAITING)
        if not elsewhere or not connections or limit < 0 or record.total(CONNECTIONS) < limit:
            return 0
        surplus = connections
        if self._own[WAITING]:
            workers = 1
            for row in record.others:
                if row[WAITING]:
                    workers += 1
            fair = limit // workers
            surplus = connections - fair if fair else 1
        if surplus > elsewhere:
            surplus = elsewhere
        return surplus if surplus > 0 else 0

    # Inside.

    def _way_in(self, rules: OutlierRules, circuit: EndpointCircuit) -> int:
        if self._panics(rules):
            return _AS_ALWAYS
        if self._now() < circuit.common[EJECTED_UNTIL]:
            return _OUT
        return _AS_PROBE if circuit.try_probe() else _OUT

    def _is_out(self, circuit: EndpointCircuit) -> Refusal:
        left = int(circuit.common[EJECTED_UNTIL]) - self._now()
        if left > 0:
            detail = f"it has failed too often and is left out for another {left // 1_000_000} ms"
        else:
            detail = "it was left out because it failed too often, and another request is trying it just now"
        return Refusal(detail, Reason.CIRCUIT_OPEN)

    def _panics(self, rules: OutlierRules) -> bool:
        """Whether so few endpoints are in service that leaving any out would only make it worse."""
        if not rules.min_health_percent:
            return False
        count = len(self._endpoints)
        return (count - self._ejected()) * 100 < rules.min_health_percent * count

    def _ejected(self) -> int:
        ejected = 0
        for circuit in self._endpoints.values():
            if not circuit.is_in_service():
                ejected += 1
        return ejected

    def _note_status(
        self, rules: OutlierRules, circuit: EndpointCircuit, is_probe: bool, status: int, reason: Reason | None, subject: Subject
    ) -> None:
        """Count an answer with this status, or a failure that counts like one."""
        is_gateway = status in GATEWAY_STATUSES
        counts = status >= 500 and (rules.consecutive_5xx > 0 or (is_gateway and rules.consecutive_gateway > 0))
        if is_probe:
            if counts:
                self._eject(rules, circuit, True, EJECTIONS_PROBE, _AFTER, status, reason, subject)
            else:
                self._take_back(circuit)
            return
        if status < 500:
            circuit.streak_5xx.broke()
            circuit.streak_gateway.broke()
            return
        if rules.consecutive_gateway:
            if is_gateway:
                count = circuit.streak_gateway.failed()
                if count >= rules.consecutive_gateway:
                    why = f"{count} of 502, 503 and 504 in a row (consecutiveGatewayErrors)"
                    self._eject(rules, circuit, False, EJECTIONS_GATEWAY, why, status, reason, subject)
                    return
            else:
                circuit.streak_gateway.broke()
        if rules.consecutive_5xx:
            count = circuit.streak_5xx.failed()
            if count >= rules.consecutive_5xx:
                why = f"{count} of 500 and above in a row (consecutive5xxErrors)"
                self._eject(rules, circuit, False, EJECTIONS_5XX, why, status, reason, subject)

    def _eject(
        self,
        rules: OutlierRules,
        circuit: EndpointCircuit,
        is_probe: bool,
        cause: int,
        why: str,
        status: int,
        reason: Reason | None,
        subject: Subject,
    ) -> None:
        record = circuit.record
        if not record.try_lock():
            # Another worker changes something this very moment; the next failure leads here again.
            return
        try:
            if not is_probe:
                if not circuit.is_in_service():
                    return
                ejected = self._ejected()
                # Envoy's rule, with `always_eject_one_host`: the first is always ejected, a further one if the share allows it.
                if ejected and (ejected + 1) * 100 > rules.max_ejection_percent * len(self._endpoints):
                    self._own[EJECTION_OVERFLOWS] += 1
                    circuit.begin_anew()
                    return
            circuit.eject(rules, self._now(), cause, self._trip(why, status, reason, subject))
        finally:
            record.unlock()

    def _take_back(self, circuit: EndpointCircuit) -> None:
        if circuit.record.try_lock():
            circuit.close(self._now())
            circuit.record.unlock()

    def _overflowed(self, count: int, why: str, subject: Subject) -> Refusal:
        self._own[count] += 1
        now = self._now()
        if now >= self._tell_next:
            self._tell_next = now + _TELL_NANOSECONDS
            self._tripped = self._trip(why, 0, Reason.OVERFLOW, subject)
            self._tell()
        return Refusal(why, Reason.OVERFLOW, True)

    def _trip(self, why: str, status: int, reason: Reason | None, subject: Subject) -> Trip:
        told = subject.describe()
        return Trip(
            at=self._services.wall(),
            why=why,
            method=told.method,
            path=told.path[:_LONGEST_PATH],
            status=status if reason is None else 0,
            reason="" if reason is None else reason.code,
            request_id=told.request_id,
            trace_id=told.trace_id,
        )

    def _tell(self) -> None:
        """Write the cluster's text, unless another worker is writing just now; what it writes is as good."""
        rules = self.rules
        limits = Limits(
            connections=_shown(rules.max_connections),
            waiting=_shown(rules.max_pending),
            requests=_shown(rules.max_requests),
            retries=_shown(rules.max_retries),
        )
        if self.record.try_lock():
            self.record.write_text(encode_told(Told(cluster=self.name, limits=limits, tripped=self._tripped)))
            self.record.unlock()

    def _forget(self, circuit: EndpointCircuit) -> None:
        """Give back the record of an endpoint that is gone, once no request is under way to it."""
        if not circuit.own[ACTIVE]:
            circuit.record.release()
            self._leaving.pop(circuit.address, None)

    def _now(self) -> int:
        return int(self._services.now() * NANOSECONDS)


class AttemptPermit(Permit):
    """One attempt."""

    __slots__ = ("_answered", "_circuit", "_cluster", "_is_probe", "_is_retry")

    def __init__(self, cluster: ClusterCircuit, circuit: EndpointCircuit | None, is_retry: bool, is_probe: bool) -> None:
        self._cluster: Final = cluster
        self._circuit: Final = circuit
        self._is_retry: Final = is_retry
        self._is_probe: Final = is_probe
        self._answered = False

    def answered(self, status: int, subject: Subject) -> None:
        self._answered = True
        if self._circuit is not None:
            self._cluster.answered(self._circuit, self._is_probe, status, subject)

    def done(self, outcome: Outcome) -> None:
        circuit = self._circuit
        reason = outcome.reason
        # A probe that was answered has been judged by that.
        judged = self._answered and self._is_probe
        if circuit is not None and outcome.used and reason is not None and not judged and is_endpoints_fault(reason):
            self._cluster.failed(circuit, self._is_probe, reason, outcome.subject)
        self._cluster.left(circuit, self._is_retry, self._is_probe)


def _shown(limit: int) -> int | None:
    return None if limit < 0 else limit
