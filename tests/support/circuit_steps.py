"""A language for scenarios about circuits: a list of steps, each of which says what happens and what must be seen."""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plugin_fixtures import use

from hauberk_circuitbreaker.circuit import ClusterCircuit
from hauberk_core.model.circuit import (
    NANOSECONDS,
    EndpointCircuit,
    decode_told,
    read_cluster,
    read_endpoint,
)
from hauberk_core.model.circuit import ClusterCircuit as ShownCluster
from hauberk_core.model.duration import Duration
from hauberk_core.model.plugin import JsonObject
from hauberk_core.sim.peer import Peer, ScriptedEndpoint

if TYPE_CHECKING:
    from tests.sim.conftest import Build, Scenario


class Ask(NamedTuple):
    """A request, what becomes of it at the endpoint, and the status and reason in the access log."""

    answer: int | str = 200
    """A status, or `reset`, `silent` (until the timeout), `leave` (the client does), `no connect`, `nobody` (is asked)."""
    status: int = 0
    """0: as the endpoint answered."""
    reason: str = ""


class Wait(NamedTuple):
    """Time passes."""

    seconds: float


class State(NamedTuple):
    """The endpoint's circuit is so."""

    state: str
    ejections: int = 0


Step = Ask | Wait | State
TIMEOUT: Final = 2.0


class Circuits:
    """One cluster's circuits in a scenario."""

    def __init__(self, scenario: "Scenario") -> None:
        self._scenario: Final = scenario

    def _circuit(self) -> ClusterCircuit:
        circuits: dict[str, ClusterCircuit] = self._scenario.plugins.services("circuitbreaker").state("circuits", dict)
        return circuits["books"]

    def endpoint(self, address: str) -> EndpointCircuit:
        """What people are shown of an endpoint."""
        record = self._circuit()._endpoints[address].record
        told = decode_told(record.text())
        assert told is not None
        now = int(self._scenario.clock.now() * NANOSECONDS)
        return read_endpoint(told, [record.own.tolist()], record.common.tolist(), now)

    def cluster(self) -> ShownCluster:
        """What people are shown of the cluster."""
        record = self._circuit().record
        told = decode_told(record.text())
        assert told is not None
        return read_cluster(told, [record.own.tolist()], record.folded.tolist())


def with_breaker(build: "Build", config: dict[str, Any], **cluster: Any) -> "Scenario":
    """A scenario whose cluster has a breaker."""
    plugins = (use("circuitbreaker", JsonObject.of(config).text),)
    return build(cluster={"plugins": plugins, "connect_attempts": 1, **cluster}, route={"backend_timeout": Duration(TIMEOUT)})


def play(scenario: "Scenario", steps: list[Step]) -> None:
    """Go through the steps with the scenario's one endpoint."""
    circuits = Circuits(scenario)
    endpoint: ScriptedEndpoint = scenario.serve()
    for number, step in enumerate(steps):
        where = f"step {number}: {step}"
        match step:
            case Wait(seconds):
                scenario.advance(seconds)
            case State(state, ejections):
                shown = circuits.endpoint(scenario.books)
                assert (shown.state, shown.ejections) == (state, ejections), where
            case Ask():
                endpoint = _ask(scenario, endpoint, step, where)


def _ask(scenario: "Scenario", endpoint: ScriptedEndpoint, step: Ask, where: str) -> ScriptedEndpoint:
    if step.answer == "no connect":
        endpoint.close()
        for connection in endpoint.connections():
            connection.close()
    client: Peer = scenario.browser()
    scenario.get(client)
    match step.answer:
        case int(status):
            endpoint.connection().send(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
        case "reset":
            endpoint.connection().reset()
        case "silent":
            endpoint.connection()
            scenario.advance(TIMEOUT + 0.1)
        case "leave":
            endpoint.connection()
            client.close()
        case "no connect":
            scenario.run()
            endpoint = scenario.serve()
    scenario.run()
    expected = (step.answer if isinstance(step.answer, int) else step.status, step.reason)
    assert scenario.log() == [expected], where
    client.close()
    scenario.run()
    return endpoint
