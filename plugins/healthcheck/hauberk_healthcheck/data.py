"""The guard that a configuration asks for, and what checks the endpoints of its cluster.

The checks of a cluster hang on one alarm: a heap says whose is due next. What is known outlives every configuration that has the
same cluster, and the worker itself.
"""

from heapq import heapify, heappop, heappush
from typing import Final

from hauberk_core.model.health import DUE, HEALTHY, UNHEALTHY, UNKNOWN
from hauberk_core.plugin.data import (
    Alarm,
    Endpoint,
    Guard,
    Outcome,
    Permit,
    ProbeListener,
    Prober,
    Question,
    Reason,
    Refusal,
    Services,
    Subject,
    Waker,
)
from hauberk_healthcheck.endpoint import NANOSECONDS, CheckedEndpoint
from hauberk_healthcheck.rules import Asked, Rules

MOST_AT_ONCE: Final = 64
"""Checks under way in one worker, of all clusters; what is due beyond them waits for its turn."""
# Others are looked for again so much later where all turns are taken, or where a lock was.
_AGAIN_SECONDS: Final = 0.05
# First checks that decide are not put off for the whole of a long interval.
_FIRST_SECONDS: Final = 0.5


class Checked:
    """All of one worker."""

    def __init__(self) -> None:
        self.endpoints: Final[dict[str, CheckedEndpoint]] = {}
        """By cluster and address. Held by guards, and gone with the last."""
        self.holders: Final[dict[str, int]] = {}
        self.under_way = 0


def make_guard(rules: Rules, cluster: str, checked: Checked, services: Services) -> "HealthGuard":
    """A guard for a cluster."""
    return HealthGuard(rules, cluster, checked, services)


class HealthGuard(Guard):
    """Leaves unhealthy endpoints of one cluster out, and finds out which these are."""

    def __init__(self, rules: Rules, cluster: str, checked: Checked, services: Services) -> None:
        self._rules: Final = rules
        self._question: Final = _question(rules.asked)
        self._cluster: Final = cluster
        self._checked: Final = checked
        self._services: Final = services
        self._passed: Final = services.counter("passed")
        self._failed: Final = services.counter("failed")
        self._permit: Final = _Nothing()
        self._prober: Prober | None = None
        self._alarm: Alarm | None = None
        self._known: dict[str, CheckedEndpoint] = {}
        self._due: list[tuple[int, int, CheckedEndpoint]] = []
        """A heap: when, a number that tells equals apart, and whose check is due."""
        self._number = 0
        self._closed = False

    # Guard.

    def attach(self, prober: Prober) -> None:
        if self._alarm is not None:
            self._alarm.drop()
        self._prober = prober
        self._alarm = prober.alarm(_Wake(self))

    def watch(self, endpoints: list[Endpoint]) -> None:
        now = self._now()
        before = self._known
        known: dict[str, CheckedEndpoint] = {}
        for endpoint in endpoints:
            found = before.pop(endpoint.address, None)
            if found is None:
                found = self._hold(endpoint)
                found.introduce(self._rules, now)
                self._push(self._first_due(found, now), found)
            found.endpoint = endpoint
            known[endpoint.address] = found
        for gone in before.values():
            self._let_go(gone)
        if before:
            self._due = [entry for entry in self._due if not entry[2].gone]
            heapify(self._due)
        self._known = known
        self._set_alarm(now)

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        if endpoint.is_needed or not self.is_out(endpoint):
            return self._permit
        found = self._known[endpoint.address]
        if found.state() == UNKNOWN:
            return Refusal("it has not passed its first health check yet", Reason.UNHEALTHY)
        return Refusal(f"its health check ({self._rules.asked.shown}) fails: {found.fault()}", Reason.UNHEALTHY)

    def is_out(self, endpoint: Endpoint) -> bool:
        found = self._known.get(endpoint.address)
        if found is None:
            return False
        state = found.state()
        return state == UNHEALTHY or (state == UNKNOWN and self._rules.first_decides)

    def steers(self) -> bool:
        return True

    def close(self) -> None:
        self._closed = True
        if self._alarm is not None:
            self._alarm.drop()
        for found in self._known.values():
            self._let_go(found)
        self._known = {}
        self._due = []

    # Checking.

    def woken(self) -> None:
        """Some may be due."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            found = heappop(self._due)[2]
            shared = int(found.common[DUE])
            if shared > now:
                # Another worker has checked it meanwhile, or is about to.
                self._push(shared + self._chance(_AGAIN_SECONDS), found)
            elif self._checked.under_way >= MOST_AT_ONCE or not found.take(now, now + self._lease()):
                self._push(now + int(_AGAIN_SECONDS * NANOSECONDS) + self._chance(_AGAIN_SECONDS), found)
            else:
                self._check(found)
        self._set_alarm(now)

    def checked(self, found: CheckedEndpoint, fault: str) -> None:
        """A check is over."""
        self._checked.under_way -= 1
        if fault:
            self._failed.add()
        else:
            self._passed.add()
        if found.gone:
            # Its record may be another's by now.
            return
        now = self._now()
        rules = self._rules
        varied = rules.interval * (1.0 + rules.jitter * (2.0 * self._services.random() - 1.0))
        due = now + int(varied * NANOSECONDS)
        state = found.note(rules, fault, now, due)
        what = f"{self._cluster}: {found.endpoint.address}"
        if state == UNHEALTHY:
            self._services.log().warning(f"{what} is unhealthy: {rules.asked.shown}: {fault}")
        elif state == HEALTHY:
            self._services.log().info(f"{what} is healthy: {rules.asked.shown} passed")
        if not self._closed:
            self._push(due, found)
            self._set_alarm(now)

    # Inside.

    def _check(self, found: CheckedEndpoint) -> None:
        prober = self._prober
        assert prober is not None
        self._checked.under_way += 1
        prober.probe(found.endpoint, self._question, self._rules.timeout, _Heard(self, found))

    def _first_due(self, found: CheckedEndpoint, now: int) -> int:
        """Spread over an interval; over less of it where somebody waits for it."""
        shared = int(found.common[DUE])
        if shared > now:
            return shared
        rules = self._rules
        return now + self._chance(min(rules.interval, _FIRST_SECONDS) if rules.first_decides else rules.interval)

    def _lease(self) -> int:
        return int((self._rules.timeout + self._rules.interval) * NANOSECONDS)

    def _hold(self, endpoint: Endpoint) -> CheckedEndpoint:
        key = f"{self._cluster} {endpoint.address}"
        checked = self._checked
        found = checked.endpoints.get(key)
        if found is None:
            found = CheckedEndpoint(self._cluster, endpoint, self._services.shared(f"check {key}", True))
            checked.endpoints[key] = found
        checked.holders[key] = checked.holders.get(key, 0) + 1
        found.gone = False
        return found

    def _let_go(self, found: CheckedEndpoint) -> None:
        key = f"{self._cluster} {found.endpoint.address}"
        checked = self._checked
        checked.holders[key] -= 1
        if not checked.holders[key]:
            del checked.holders[key]
            del checked.endpoints[key]
            found.gone = True
            found.record.release()

    def _push(self, at: int, found: CheckedEndpoint) -> None:
        self._number += 1
        heappush(self._due, (at, self._number, found))

    def _set_alarm(self, now: int) -> None:
        if self._alarm is not None and self._due:
            self._alarm.set(self._services.now() + max(self._due[0][0] - now, 0) / NANOSECONDS)

    def _chance(self, seconds: float) -> int:
        return int(self._services.random() * seconds * NANOSECONDS)

    def _now(self) -> int:
        return int(self._services.now() * NANOSECONDS)


def _question(asked: Asked) -> Question:
    question = Question(asked.kind)
    question.method = asked.method
    question.path = asked.path
    question.authority = asked.authority
    question.fields = asked.fields
    question.statuses = asked.statuses
    question.service = asked.service
    question.http2 = asked.http2
    return question


class _Nothing(Permit):
    """Of an attempt that nobody watches."""

    def done(self, outcome: Outcome) -> None:
        """Checks judge endpoints, requests do not."""


class _Wake(Waker):
    def __init__(self, guard: HealthGuard) -> None:
        self._guard: Final = guard

    def woken(self) -> None:
        self._guard.woken()


class _Heard(ProbeListener):
    def __init__(self, guard: HealthGuard, found: CheckedEndpoint) -> None:
        self._guard: Final = guard
        self._found: Final = found

    def probed(self, fault: str) -> None:
        self._guard.checked(self._found, fault)
