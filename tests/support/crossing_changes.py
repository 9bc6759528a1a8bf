"""Every kind of change that a proxy's configuration may see, each from one and the same snapshot.

`crossed` names the listener's chain and the cluster that the scenarios are about; beside them there are others that stay.
"""

import copy
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from plugin_fixtures import use

from hauberk_core.model import (
    Cluster,
    Duration,
    Endpoint,
    FilterChain,
    HttpTimeouts,
    Listener,
    Route,
    RouteTable,
    Snapshot,
    TransportConfig,
    VirtualHost,
    WeightedCluster,
)
from hauberk_core.model.retry import Retry

OUTBOUND: Final = "192.0.2.10:15001"
SERVICE: Final = "10.96.0.10"
BOOKS: Final = "192.0.2.20:9080"
OTHER: Final = "192.0.2.21:9080"
# What "plain" does not ask for, so that nothing but the comparison of transports sees a difference: TLS is not simulated.
ANOTHER_TRANSPORT: Final = TransportConfig(alpn=("h2", "http/1.1"))


def leading_to(cluster: str, retries: bool = False) -> RouteTable:
    """Every request goes there. Args: retries - again after a 503."""
    retry = Retry(codes=(503,), attempts=1, backoff=Duration(0.1)) if retries else None
    routes = (Route(name="all", backends=(WeightedCluster(cluster=cluster),), retry=retry),)
    return RouteTable(virtual_hosts=(VirtualHost(name="all", hosts=("*",), routes=routes),))


def make_snapshot(
    protocol: str = "http",
    plugin: str = "careful",
    cluster_protocol: str = "http1",
    max_connections: int = 1024,
    retries: bool = False,
) -> Snapshot:
    """A listener of captured connections, whose chain `crossed` has one plugin, and its cluster of one endpoint."""
    crossed = Cluster(
        endpoints=(Endpoint(address=BOOKS),),
        protocol=cluster_protocol,  # type: ignore[arg-type]
        max_connections=max_connections,
    )
    return Snapshot(
        listeners={"outbound": Listener(address=OUTBOUND, captured=True, filter_chains=(_ELSEWHERE, _chain(protocol, plugin)))},
        route_tables={"crossed": leading_to("crossed", retries), "elsewhere": leading_to("elsewhere")},
        clusters={
            "crossed": crossed,
            "elsewhere": Cluster(endpoints=(Endpoint(address=OTHER),)),
        },
    )


class Change(NamedTuple):
    """One change."""

    to: Callable[[Snapshot], Snapshot]
    serves: bool = True
    """Whether somebody serves after it whatever comes then."""
    passes: bool = True
    """Whether what is not HTTP is served after it."""


def _chain(protocol: str, plugin: str = "") -> FilterChain:
    return FilterChain(
        destinations=(SERVICE,),
        protocol=protocol,  # type: ignore[arg-type]
        route_table="" if protocol == "tcp" else "crossed",
        backends=() if protocol == "http" else (WeightedCluster(cluster="crossed"),),
        plugins=(use(plugin),) if plugin and protocol != "tcp" else (),
    )


_ELSEWHERE: Final = FilterChain(destinations=("10.96.0.11",), route_table="elsewhere")


def _with_chains(snapshot: Snapshot, *chains: FilterChain) -> Snapshot:
    listener = msgspec.structs.replace(snapshot.listeners["outbound"], filter_chains=chains)
    return msgspec.structs.replace(snapshot, listeners={"outbound": listener})


def _chain_with(**settings: Any) -> Callable[[Snapshot], Snapshot]:
    def change(snapshot: Snapshot) -> Snapshot:
        first, chain = snapshot.listeners["outbound"].filter_chains
        return _with_chains(snapshot, first, msgspec.structs.replace(chain, **settings))

    return change


def _chain_of(protocol: str) -> Callable[[Snapshot], Snapshot]:
    def change(snapshot: Snapshot) -> Snapshot:
        return _with_chains(snapshot, _ELSEWHERE, _chain(protocol, "careful"))

    return change


def _cluster_with(**settings: Any) -> Callable[[Snapshot], Snapshot]:
    def change(snapshot: Snapshot) -> Snapshot:
        cluster = msgspec.structs.replace(snapshot.clusters["crossed"], **settings)
        return msgspec.structs.replace(snapshot, clusters=snapshot.clusters | {"crossed": cluster})

    return change


def _again(snapshot: Snapshot) -> Snapshot:
    return copy.deepcopy(snapshot)


def _listener_at(address: str) -> Callable[[Snapshot], Snapshot]:
    def change(snapshot: Snapshot) -> Snapshot:
        listener = msgspec.structs.replace(snapshot.listeners["outbound"], address=address)
        return msgspec.structs.replace(snapshot, listeners={"outbound": listener})

    return change


def _cluster_renamed(snapshot: Snapshot) -> Snapshot:
    first, chain = snapshot.listeners["outbound"].filter_chains
    if chain.backends:
        chain = msgspec.structs.replace(chain, backends=(WeightedCluster(cluster="renamed"),))
    clusters = {"renamed": snapshot.clusters["crossed"], "elsewhere": snapshot.clusters["elsewhere"]}
    tables = snapshot.route_tables | {"crossed": leading_to("renamed")}
    return msgspec.structs.replace(_with_chains(snapshot, first, chain), clusters=clusters, route_tables=tables)


def _cluster_gone(snapshot: Snapshot) -> Snapshot:
    clusters = {"elsewhere": snapshot.clusters["elsewhere"]}
    tables = snapshot.route_tables | {"crossed": RouteTable()}
    return msgspec.structs.replace(_chain_of("http")(snapshot), clusters=clusters, route_tables=tables)


def _nothing_left(snapshot: Snapshot) -> Snapshot:
    return Snapshot()


CHANGES: Final[dict[str, Change]] = {
    "nothing but new objects": Change(_again),
    "timeouts": Change(_chain_with(timeouts=HttpTimeouts(idle=Duration(20.0), head=Duration(9.0)))),
    "limits of the chain": Change(_chain_with(codec="h11", http2_codec="h2")),
    "the chain's transport": Change(_chain_with(transport=ANOTHER_TRANSPORT)),
    "the chain becomes http": Change(_chain_of("http"), passes=False),
    "the chain becomes detect": Change(_chain_of("detect")),
    "the chain becomes tcp": Change(_chain_of("tcp")),
    "the chain moves": Change(lambda snapshot: _with_chains(snapshot, *snapshot.listeners["outbound"].filter_chains[::-1])),
    "the chain is gone": Change(lambda snapshot: _with_chains(snapshot, _ELSEWHERE), serves=False),
    "the listener moves": Change(_listener_at("192.0.2.10:15002"), serves=False),
    "the listener is gone": Change(lambda snapshot: msgspec.structs.replace(snapshot, listeners={}), serves=False),
    "everything is gone": Change(_nothing_left, serves=False),
    "other plugins": Change(_chain_with(plugins=(use("careful", '{"other": 1}'),))),
    "no plugins": Change(_chain_with(plugins=())),
    "routes to another cluster": Change(
        lambda snapshot: msgspec.structs.replace(
            snapshot, route_tables=snapshot.route_tables | {"crossed": leading_to("elsewhere")}
        )
    ),
    "no routes": Change(
        lambda snapshot: msgspec.structs.replace(snapshot, route_tables=snapshot.route_tables | {"crossed": RouteTable()}),
        serves=False,
    ),
    "the cluster's transport": Change(_cluster_with(transport=ANOTHER_TRANSPORT)),
    "the cluster's codec": Change(_cluster_with(codec="h11", http2_codec="h2")),
    "the cluster becomes http1": Change(_cluster_with(protocol="http1")),
    "the cluster becomes http2": Change(_cluster_with(protocol="http2")),
    "the cluster follows its clients": Change(_cluster_with(protocol="client")),
    "the cluster's timeouts": Change(_cluster_with(connect_timeout=Duration(2.0), idle_timeout=Duration(9.0))),
    "other endpoints": Change(_cluster_with(endpoints=(Endpoint(address=OTHER),))),
    "more endpoints": Change(_cluster_with(endpoints=(Endpoint(address=BOOKS), Endpoint(address=OTHER)))),
    "no endpoints": Change(_cluster_with(endpoints=()), serves=False, passes=False),
    "fewer connections": Change(_cluster_with(max_connections=1, max_pending=1)),
    "more connections": Change(_cluster_with(max_connections=900)),
    "the cluster is gone": Change(_cluster_gone, serves=False),
    "the cluster has another name": Change(_cluster_renamed),
}
