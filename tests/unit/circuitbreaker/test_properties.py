"""Whatever comes in whatever order to however many workers: limits hold, and no more endpoints are ejected than may be."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from keeping_services import KeepingServices

from hauberk_circuitbreaker.circuit import ClusterCircuit
from hauberk_circuitbreaker.config import read_rules
from hauberk_circuitbreaker.rules import Rules
from hauberk_core.model.circuit import CONNECTIONS, EJECTED_UNTIL, REQUESTS, RETRIES, WAITING
from hauberk_core.observe.shared_cells import SharedCells, SharedRecord, create_shared_cells
from hauberk_core.plugin.data import Endpoint, Outcome, Permit, Reason, Refusal, Subject

WORKERS: Final = 3
SUBJECT: Final = Subject()


class SharingServices(KeepingServices):
    """Those of one worker."""

    def __init__(self, cells: SharedCells) -> None:
        super().__init__()
        self._cells: Final = cells
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def shared(self, key: str, kept: bool = False) -> SharedRecord:
        record = self._cells.record(key)
        assert record is not None
        return record


class World:
    """Several workers with one cluster."""

    def __init__(self, descriptor: int, rules: Rules, endpoints: int) -> None:
        self.endpoints: Final = [Endpoint("192.0.2.1", number, f"192.0.2.1:{number}", "") for number in range(1, endpoints + 1)]
        self.services: Final = [SharingServices(SharedCells(descriptor, worker)) for worker in range(WORKERS)]
        self.circuits: Final = [ClusterCircuit("books", services) for services in self.services]
        self.permits: Final[list[tuple[int, Permit]]] = []
        for circuit in self.circuits:
            circuit.watch(rules, self.endpoints)

    def ejected(self) -> int:
        """Endpoints that are not closed."""
        return sum(circuit.common[EJECTED_UNTIL] != 0 for circuit in self.circuits[0]._endpoints.values())

    def total(self, word: int) -> int:
        """What all workers have."""
        return self.circuits[0].record.total(word)


@contextmanager
def shared_file() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        create_shared_cells(file.fileno(), WORKERS, 128)
        descriptor = os.dup(file.fileno())
        yield descriptor
        os.close(descriptor)


EVENTS: Final = st.lists(
    st.tuples(
        st.sampled_from(["begin", "good", "bad", "gone", "unused", "later", "dies"]),
        st.integers(0, WORKERS - 1),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, endpoints=st.integers(1, 10), percent=st.integers(0, 100), minimum=st.sampled_from([0, 0, 50, 100]))
def test_limits_and_the_share_of_ejected_endpoints(
    events: list[tuple[str, int, int, bool]], endpoints: int, percent: int, minimum: int
) -> None:
    outliers = {
        "consecutive_5xx": 2,
        "base_ejection": "10s",
        "max_ejection_percent": percent,
        "min_health_percent": minimum,
    }
    rules = read_rules({"max_requests": 4, "max_retries": 2, "outliers": outliers})
    most = max(1, endpoints * percent // 100)
    with shared_file() as descriptor:
        world = World(descriptor, rules, endpoints)
        for what, worker, which, is_retry in events:
            _happen(world, descriptor, what, worker, which, is_retry)
            assert world.total(REQUESTS) == len(world.permits) <= 4
            assert 0 <= world.total(RETRIES) <= 2
            assert world.ejected() <= most
        while world.permits:
            world.permits.pop()[1].done(Outcome(True, 200, None, 0.0, SUBJECT))
        assert world.total(REQUESTS) == world.total(RETRIES) == 0


def _happen(world: World, descriptor: int, what: str, worker: int, which: int, is_retry: bool) -> None:
    match what:
        case "begin":
            endpoint = world.endpoints[which % len(world.endpoints)]
            answer = world.circuits[worker].admit(endpoint, is_retry, SUBJECT)
            if isinstance(answer, Refusal):
                assert answer.reason in (Reason.OVERFLOW, Reason.CIRCUIT_OPEN)
            else:
                world.permits.append((worker, answer))
        case "later":
            for services in world.services:
                services.moment += which * 2.0
        case "dies":
            # The agent sees to what it had under way; another worker takes its place.
            SharedCells(descriptor, 0).clear_worker(worker)
            world.permits[:] = [pair for pair in world.permits if pair[0] != worker]
            world.circuits[worker] = ClusterCircuit("books", world.services[worker])
            world.circuits[worker].watch(world.circuits[(worker + 1) % WORKERS].rules, world.endpoints)
        case _ if world.permits:
            _, permit = world.permits.pop(which % len(world.permits))
            reason = {"bad": Reason.UPSTREAM_RESET, "gone": Reason.CLIENT_GONE}.get(what)
            if what == "good":
                permit.answered(200, SUBJECT)
            elif what == "bad" and is_retry:
                permit.answered(500, SUBJECT)
                reason = None
            permit.done(Outcome(what != "unused", 200, reason, 0.0, SUBJECT))


@settings(max_examples=60, deadline=None)
@given(
    events=st.lists(st.tuples(st.sampled_from(["open", "close", "wait", "go"]), st.integers(0, WORKERS - 1)), max_size=150),
    limit=st.integers(1, 6),
    pending=st.integers(0, 5),
)
def test_connections_and_waiting_requests_stay_within_their_limits(
    events: list[tuple[str, int]], limit: int, pending: int
) -> None:
    rules = read_rules({"max_connections": limit, "max_pending": pending})
    with shared_file() as descriptor:
        world = World(descriptor, rules, 1)
        connections = [0] * WORKERS
        waiting = [0] * WORKERS
        for what, worker in events:
            circuit = world.circuits[worker]
            if what == "open" and circuit.may_connect(connections[worker] + 1):
                connections[worker] += 1
            elif what == "close" and connections[worker]:
                connections[worker] -= 1
            elif what == "wait" and circuit.may_wait(waiting[worker] + 1, SUBJECT) is None:
                waiting[worker] += 1
            elif what == "go" and waiting[worker]:
                waiting[worker] -= 1
            circuit.connections(connections[worker])
            circuit.waiting(waiting[worker])
            assert world.total(CONNECTIONS) == sum(connections) <= limit
            assert world.total(WAITING) == sum(waiting) <= pending
            for each, other in enumerate(world.circuits):
                surplus = other.surplus(connections[each])
                assert 0 <= surplus <= connections[each]
                if sum(connections) < limit or sum(waiting) == waiting[each]:
                    assert surplus == 0
