"""The guard that a configuration asks for: rules of its own, on the cluster's circuits, which outlive it."""

from typing import Final

from hauberk_circuitbreaker.circuit import ClusterCircuit
from hauberk_circuitbreaker.rules import Rules
from hauberk_core.plugin.data import Endpoint, Guard, Permit, Refusal, Services, Subject

Circuits = dict[str, ClusterCircuit]
"""All of one worker, by cluster."""


def make_guard(rules: Rules, cluster: str, circuits: Circuits, services: Services) -> "BreakerGuard":
    """A guard for a cluster."""
    circuit = circuits.get(cluster)
    if circuit is None:
        circuit = ClusterCircuit(cluster, services)
        circuits[cluster] = circuit
    return BreakerGuard(rules, circuit, circuits)


class BreakerGuard(Guard):
    """Breaks the circuits of one cluster."""

    __slots__ = ("_circuit", "_circuits", "_rules")

    def __init__(self, rules: Rules, circuit: ClusterCircuit, circuits: Circuits) -> None:
        self._rules: Final = rules
        self._circuit: Final = circuit
        self._circuits: Final = circuits
        circuit.hold()

    def admit(self, endpoint: Endpoint, is_retry: bool, subject: Subject) -> Permit | Refusal:
        return self._circuit.admit(endpoint, is_retry, subject)

    def is_out(self, endpoint: Endpoint) -> bool:
        return self._circuit.is_out(endpoint)

    def watch(self, endpoints: list[Endpoint]) -> None:
        self._circuit.watch(self._rules, endpoints)

    def connections(self, count: int) -> None:
        self._circuit.connections(count)

    def may_connect(self, count: int) -> bool:
        return self._circuit.may_connect(count)

    def waiting(self, count: int) -> None:
        self._circuit.waiting(count)

    def may_wait(self, count: int, subject: Subject) -> Refusal | None:
        return self._circuit.may_wait(count, subject)

    def shares(self) -> bool:
        return self._rules.max_connections >= 0 and self._circuit.has_others()

    def surplus(self, connections: int) -> int:
        return self._circuit.surplus(connections)

    def close(self) -> None:
        if self._circuit.let_go():
            self._circuits.pop(self._circuit.name, None)
