"""Backends of a route for tests of pickers, with clusters at work behind them, and requests to choose for."""

from collections.abc import Iterator
from contextlib import contextmanager

from hauberk_core.http.events import Request
from hauberk_core.http.headers import Headers
from hauberk_core.model import Cluster, Endpoint, Snapshot
from hauberk_core.model.decision import Decision
from hauberk_core.observe.record import Record
from hauberk_core.plugin.data import Backend, Exchange
from hauberk_core.sim.simulation import Simulation


@contextmanager
def open_backends(
    weights: dict[str, int], down: frozenset[str] = frozenset(), endpoints: int = 1
) -> Iterator[tuple[Backend, ...]]:
    """One backend for each weight. Args: down - those without endpoint; endpoints - how many the others have."""
    clusters: dict[str, Cluster] = {}
    for number, name in enumerate(weights):
        addresses = [] if name in down else [f"192.0.2.{number + 1}:{8000 + index}" for index in range(endpoints)]
        clusters[name] = Cluster(endpoints=tuple([Endpoint(address=address) for address in addresses]))
    total = sum(weights.values())
    with Simulation(Snapshot(clusters=clusters)) as simulation:
        backends = tuple([Backend(name, weight / total) for name, weight in weights.items()])
        for backend in backends:
            target = simulation.core.target(backend.cluster)
            assert target is not None
            backend.bind(target.cluster)
        yield backends


def plain_backends(weights: dict[str, int]) -> tuple[Backend, ...]:
    """Backends whose clusters nobody asks about."""
    total = sum(weights.values())
    return tuple([Backend(name, weight / total) for name, weight in weights.items()])


def exchange_with(*fields: tuple[str, str], forwarded_for: str = "", path: str = "/", decided: str = "") -> Exchange:
    """A request. Args: forwarded_for - as the proxy notes it, whoever has connected last; decided - what the weights say."""
    headers = Headers()
    for name, value in fields:
        headers.add(name, value)
    record = Record()
    record.x_forwarded_for = forwarded_for
    exchange = Exchange(Request("GET", "shop.test", path, "", 11, headers), record, "")
    if decided:
        exchange.decision = Decision(cluster=decided)
    return exchange
