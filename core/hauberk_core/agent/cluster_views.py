"""What a worker tells of its clusters when the admin server asks, and the sum over all workers.

Each worker has connections of its own, and so sees its own part of an endpoint's requests.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:  # the agent, which only sums, has no proxy in memory
    from hauberk_core.upstream.cluster_runtime import ClusterRuntime

CLUSTERS: Final = "clusters"
"""The topic of `wire.Ask` that `view_clusters` answers."""


class EndpointView(msgspec.Struct, frozen=True):
    """One address of a cluster."""

    address: str
    """`host:port`, numeric."""
    name: str
    """The host as configured."""
    active: int
    """Requests that use or wait for a connection to it."""
    idle: int
    """Connections kept for the next request."""
    priority: int = 0
    """Its level; the smallest is preferred."""
    locality: str = ""
    """Where it is, where localities have shares."""
    out: bool = False
    """A guard, for example a health check or a circuit breaker, leaves it out."""


class ClusterView(msgspec.Struct, frozen=True):
    """One cluster at this moment."""

    name: str
    load_balancing: str
    security: str
    connections: int
    """Open, or being opened."""
    waiting: int
    """Requests that wait for a connection."""
    endpoints: list[EndpointView]
    unresolved: list[str]
    """Configured hosts for which no address is known."""


_decoder: Final = msgspec.json.Decoder(list[ClusterView])


def view_clusters(clusters: "list[ClusterRuntime]") -> bytes:
    """One worker's view, as JSON."""
    return msgspec.json.encode([_view(runtime) for runtime in clusters])


def _view(runtime: "ClusterRuntime") -> ClusterView:
    clusters = [runtime.cluster, *([] if runtime.destinations is None else runtime.destinations.clusters())]
    endpoints = [
        EndpointView(
            endpoint.address,
            endpoint.name,
            endpoint.active,
            cluster.idle_connections(endpoint),
            endpoint.priority,
            endpoint.locality,
            cluster.is_out(endpoint),
        )
        for cluster in clusters
        for endpoint in cluster.endpoints()
    ]
    return ClusterView(
        runtime.cluster.name,
        runtime.config.load_balancing,
        runtime.config.transport.security,
        sum(cluster.open_connections() for cluster in clusters),
        sum(cluster.waiting() for cluster in clusters),
        endpoints,
        runtime.unresolved(),
    )


def sum_clusters(answers: Sequence[bytes]) -> list[ClusterView]:
    """All workers' views together, by name.

    A host is unresolved if one worker has no address for it: some of the requests then suffer.
    Raises: msgspec.ValidationError if a worker told something else.
    """
    by_name: dict[str, list[ClusterView]] = {}
    for answer in answers:
        for view in _decoder.decode(answer):
            by_name.setdefault(view.name, []).append(view)
    return [_sum(by_name[name]) for name in sorted(by_name)]


def _sum(views: list[ClusterView]) -> ClusterView:
    endpoints: dict[str, EndpointView] = {}
    for view in views:
        for endpoint in view.endpoints:
            known = endpoints.get(endpoint.address)
            active, idle = (known.active, known.idle) if known is not None else (0, 0)
            endpoints[endpoint.address] = msgspec.structs.replace(
                endpoint, active=active + endpoint.active, idle=idle + endpoint.idle
            )
    return msgspec.structs.replace(
        views[0],
        connections=sum(view.connections for view in views),
        waiting=sum(view.waiting for view in views),
        endpoints=[endpoints[address] for address in sorted(endpoints)],
        unresolved=sorted({name for view in views for name in view.unresolved}),
    )
