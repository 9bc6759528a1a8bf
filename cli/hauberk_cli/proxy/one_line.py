"""Turns `--from` and `--to` into a snapshot: the same value that a configuration file would give."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from hauberk_cli.proxy.address import ProxyAddress
from hauberk_core.model.cluster import Cluster, Endpoint
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.route import Route, RouteTable, VirtualHost, WeightedCluster
from hauberk_core.model.snapshot import AccessLog, Snapshot
from hauberk_core.model.transport import Certificate, TransportConfig

CERTIFICATE: Final = "listener"
CLUSTER: Final = "upstream"
_ROUTE_TABLE: Final = "everything"


class Trust(NamedTuple):
    """Which certificates of the upstream are believed."""

    verify: bool = True
    file: str = ""
    """PEM bundle; empty: the system's."""


def build_snapshot(
    listen: Sequence[ProxyAddress],
    upstream: Sequence[ProxyAddress],
    certificate: Certificate | None,
    trust: Trust,
    access_log: AccessLog | None,
) -> Snapshot:
    """Everything that arrives goes to one cluster, its endpoints in turn.

    Args: upstream - not empty, all of one scheme; certificate - needed where a listening address is https.
    """
    return Snapshot(
        listeners={_listener_name(index, address): _listener(address) for index, address in enumerate(listen)},
        route_tables={_ROUTE_TABLE: _route_table()},
        clusters={CLUSTER: _cluster(upstream, trust)},
        certificates={} if certificate is None else {CERTIFICATE: certificate},
        access_log=access_log,
    )


def _listener_name(index: int, address: ProxyAddress) -> str:
    # The number keeps apart what is alike: port 0 may be asked for twice, and another port twice is for checking to refuse.
    return f"from-{index + 1}-{address}"


def _listener(address: ProxyAddress) -> Listener:
    secure = address.scheme == "https"
    transport = TransportConfig(security="tls", certificates=(CERTIFICATE,)) if secure else TransportConfig()
    return Listener(address=str(address.address), filter_chains=(FilterChain(route_table=_ROUTE_TABLE, transport=transport),))


def _route_table() -> RouteTable:
    route = Route(name="everything", backends=(WeightedCluster(cluster=CLUSTER),))
    return RouteTable(virtual_hosts=(VirtualHost(name="every-host", hosts=("*",), routes=(route,)),))


def _cluster(upstream: Sequence[ProxyAddress], trust: Trust) -> Cluster:
    endpoints = tuple([Endpoint(address=str(_dialled(address))) for address in upstream])
    transport = TransportConfig()
    if upstream[0].scheme == "https":
        transport = TransportConfig(security="tls", verify=trust.verify, trust_file=trust.file)
    return Cluster(endpoints=endpoints, load_balancing="round_robin", transport=transport)


def _dialled(address: ProxyAddress) -> str:
    return str(address.address) if address.address.host else f"127.0.0.1:{address.address.port}"


def absolute(file: Path | None) -> str:
    """A file's path as it stands whatever folder a process later works in; empty for None."""
    return "" if file is None else str(file.absolute())
