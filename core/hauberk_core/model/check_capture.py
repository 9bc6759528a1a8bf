"""The rules about what is not HTTP and about captured connections, where a snapshot is held against what it may say."""

import ipaddress
from collections.abc import Collection, Sequence

from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import Path, quote
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import WeightedCluster
from hauberk_core.model.suggest import suggest


def check_destinations(listener: Listener, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with where the connections of a listener's chains were going."""
    taken: dict[tuple[str, int], int] = {}
    for index, chain in enumerate(listener.filter_chains):
        place = (*path, "filter_chains", index)
        if not listener.captured:
            for member, given in (
                ("destinations", bool(chain.destinations)),
                ("destination_ports", bool(chain.destination_ports)),
            ):
                if given:
                    message = f"{quote(member)} is given, but nobody leads connections to this listener"
                    mistakes.append(Mistake((*place, member), message, 'add "captured": true to the listener, or remove it'))
            continue
        if chain.server_names:
            message = "captured connections are told apart by where they were going, not by server names"
            mistakes.append(Mistake((*place, "server_names"), message, "remove them"))
        for destination in _networks(chain.destinations, (*place, "destinations"), mistakes) or ("",):
            for port in chain.destination_ports or (0,):
                first = taken.setdefault((destination, port), index)
                if first != index:
                    what = f"{destination or 'every other address'}, port {port or 'any'}"
                    message = f"filter chain {first} of this listener already takes {what}"
                    mistakes.append(Mistake(place, message, "give each chain destinations of its own"))


def check_proxy_protocol(listener: Listener, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with the proxies in front of a listener."""
    _networks(listener.proxy_protocol_from, (*path, "proxy_protocol_from"), mistakes)
    if listener.captured and listener.proxy_protocol_from:
        message = "captured connections come from whom they are"
        mistakes.append(Mistake((*path, "proxy_protocol_from"), message, "remove it"))


def check_edge(chain: FilterChain, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with whom a chain believes about its clients."""
    if chain.edge is not None:
        _networks(chain.edge.trusted_proxies, (*path, "edge", "trusted_proxies"), mistakes)
        if chain.edge.trusted_proxies and chain.edge.trusted_hops:
            message = "proxies in front are told by their addresses or by their number, not by both"
            mistakes.append(Mistake((*path, "edge", "trusted_hops"), message, "remove one of them"))


def _networks(several: Sequence[str], path: Path, mistakes: list[Mistake]) -> list[str]:
    found: list[str] = []
    for index, text in enumerate(several):
        try:
            found.append(str(ipaddress.ip_network(text)))
        except ValueError:
            message = f"{quote(text)} is neither an address nor a range of addresses"
            mistakes.append(Mistake((*path, index), message, "write for example '10.0.0.7' or '10.0.0.0/8'"))
    return found


def check_protocol(chain: FilterChain, clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with the way of what is not HTTP."""
    if chain.protocol == "http":
        if chain.transport.foreign_tls == "pass":
            message = "TLS of applications can be passed on only where octets may be"
            mistakes.append(Mistake((*path, "transport", "foreign_tls"), message, 'write "protocol": "detect", or remove it'))
        if chain.backends:
            message = "only octets that are not HTTP go to a chain's backends, and this chain takes none"
            mistakes.append(Mistake((*path, "backends"), message, 'write "protocol": "tcp" or "detect", or remove them'))
        return
    if chain.protocol in ("tcp", "tls") and chain.route_table:
        message = "a chain that passes octets as they are routes no requests"
        mistakes.append(Mistake((*path, "route_table"), message, 'remove it, or write "protocol": "detect"'))
    if chain.protocol == "tls" and chain.transport.security != "plain":
        message = "TLS cannot be ended where it passes as it is"
        mistakes.append(Mistake((*path, "transport"), message, 'remove it, or write "protocol": "tcp"'))
    check_backends(chain.backends, clusters, path, mistakes)


def check_backends(backends: Sequence[WeightedCluster], clusters: Collection[str], path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with where octets or datagrams go that nobody routes. Args: path - of what has the backends."""
    for index, backend in enumerate(backends):
        if backend.cluster and backend.cluster not in clusters:
            message = f"no cluster is called {quote(backend.cluster)}"
            mistakes.append(Mistake((*path, "backends", index, "cluster"), message, suggest(backend.cluster, list(clusters))))


def check_reach(cluster: Cluster, path: Path, mistakes: list[Mistake]) -> None:
    """Append what is wrong with where a cluster leads, and where its connections come from."""
    if cluster.reach != "endpoints":
        for member, given in (("endpoints", bool(cluster.endpoints)), ("plugins", bool(cluster.plugins))):
            if given:
                message = f"{quote(member)} is given, but the cluster has no endpoints of its own"
                mistakes.append(Mistake((*path, member), message, 'remove it, or write "reach": "endpoints"'))
    families: dict[int, int] = {}
    for index, text in enumerate(cluster.source_addresses):
        place = (*path, "source_addresses", index)
        try:
            version = ipaddress.ip_address(text).version
        except ValueError:
            mistakes.append(Mistake(place, f"{quote(text)} is no address", "write for example '127.0.0.6'"))
            continue
        if families.setdefault(version, index) != index:
            message = f"there is another address of IPv{version} already"
            mistakes.append(Mistake(place, message, "write one of each family"))
