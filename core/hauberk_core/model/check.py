"""Holds a snapshot against the rules that no single type can express: that its names lead somewhere, and that its texts are safe.

Regular expressions are the one thing not checked here, because only the routing code knows how it compiles them.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from hauberk_core.identity import SpiffeError, parse_uri
from hauberk_core.model import syntax
from hauberk_core.model.address import Address, parse_address
from hauberk_core.model.check_capture import (
    check_destinations,
    check_edge,
    check_protocol,
    check_proxy_protocol,
    check_reach,
)
from hauberk_core.model.check_datagrams import check_datagrams
from hauberk_core.model.check_hashing import check_hashing
from hauberk_core.model.check_routes import check_plugins, check_route_table
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.errors import ConfigError, Path, quote
from hauberk_core.model.listener import FilterChain, Listener
from hauberk_core.model.mistake import Mistake
from hauberk_core.model.route import RouteTable
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.model.suggest import suggest
from hauberk_core.model.transport import TransportConfig

_EVERY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 - recognised here, not bound

# Prometheus' rule for label names.
_LABEL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_LABEL: Final = 256
_LONGEST_FILE_NAME: Final = 4096
# What the proxy can speak inside TLS; a client that was promised more would be left without an answer.
LARGEST_BUNDLE = 256 * 1024
"""Characters of `trust_pem`: as many as every public authority together has."""
_PROTOCOLS: Final = ("http/1.1", "h2")


def check_snapshot(snapshot: Snapshot) -> list[ConfigError]:
    """Every mistake in a snapshot, each with its path; empty if it may be served."""
    return [mistake.without_place() for mistake in find_mistakes(snapshot) if mistake.severity == "error"]


def tables_to_check(snapshot: Snapshot, before: Snapshot | None) -> Mapping[str, RouteTable]:
    """The route tables of a snapshot, but for those that one without mistakes has too, if the clusters to lead to are the same.

    Args: before - that one; None: there is none.
    """
    if before is None or before.clusters.keys() != snapshot.clusters.keys():
        return snapshot.route_tables
    return {name: table for name, table in snapshot.route_tables.items() if before.route_tables.get(name) is not table}


def find_mistakes(snapshot: Snapshot, tables: Mapping[str, RouteTable] | None = None) -> list[Mistake]:
    """Every mistake and every warning, in the order of the model. Args: tables - those to look into; None: all."""
    mistakes: list[Mistake] = []
    for group, names in (
        ("listeners", snapshot.listeners),
        ("route_tables", snapshot.route_tables),
        ("clusters", snapshot.clusters),
        ("certificates", snapshot.certificates),
    ):
        for name in names:
            _add(mistakes, (group, name), syntax.resource_name(name))
    _check_listeners(snapshot, mistakes)
    for name, table in (snapshot.route_tables if tables is None else tables).items():
        check_route_table(table, snapshot.clusters, ("route_tables", name), mistakes)
    for name, cluster in snapshot.clusters.items():
        _check_cluster(cluster, snapshot, ("clusters", name), mistakes)
    for name, certificate in snapshot.certificates.items():
        _check_file(certificate.chain_file, ("certificates", name, "chain_file"), mistakes)
        _check_file(certificate.key_file, ("certificates", name, "key_file"), mistakes)
    if snapshot.access_log is not None:
        _check_file(snapshot.access_log.file, ("access_log", "file"), mistakes)
    return mistakes


def _add(mistakes: list[Mistake], path: Path, fault: syntax.Fault | None) -> None:
    if fault is not None:
        mistakes.append(Mistake(path, *fault))


def _address(text: str, path: Path, mistakes: list[Mistake]) -> Address | None:
    try:
        return parse_address(text)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        mistakes.append(Mistake(path, message, hint))
        return None


def _check_file(text: str, path: Path, mistakes: list[Mistake]) -> None:
    if not text:
        mistakes.append(Mistake(path, "no file is named", "write the file's path, relative to this configuration or absolute"))
    elif "\0" in text or len(text) > _LONGEST_FILE_NAME:
        mistakes.append(Mistake(path, f"{quote(text)} cannot be a file", "write a path the system can open"))


def _check_reference(name: str, known: Iterable[str], what: str, path: Path, mistakes: list[Mistake]) -> None:
    names = list(known)
    if name not in names:
        mistakes.append(Mistake(path, f"no {what} is called {quote(name)}", suggest(name, names)))


def _check_listeners(snapshot: Snapshot, mistakes: list[Mistake]) -> None:
    taken: dict[tuple[Address, bool], str] = {}
    for name, listener in snapshot.listeners.items():
        path: Path = ("listeners", name)
        address = _address(listener.address, (*path, "address"), mistakes)
        if address is not None and address.port:
            key = Address("" if address.host in _EVERY_ADDRESS else address.host.lower(), address.port)
            # TCP and UDP have ports of their own each.
            other = taken.setdefault((key, listener.datagrams is not None), name)
            if other != name:
                message = f"the listener {quote(other)} already has the address {quote(listener.address)}"
                mistakes.append(
                    Mistake((*path, "address"), message, "choose another port, or give that one a second filter chain")
                )
        if listener.datagrams is not None:
            check_datagrams(listener, listener.datagrams, snapshot.clusters, path, mistakes)
        elif not listener.filter_chains:
            hint = 'write at least one: [{"route_table": "a-name"}]'
            mistakes.append(Mistake((*path, "filter_chains"), "a listener without a filter chain can serve nobody", hint))
        _check_chains(listener, snapshot, path, mistakes)
        check_destinations(listener, path, mistakes)
        check_proxy_protocol(listener, path, mistakes)


def _check_chains(listener: Listener, snapshot: Snapshot, listener_path: Path, mistakes: list[Mistake]) -> None:
    names: dict[str, int] = {}
    for index, chain in enumerate(listener.filter_chains):
        path = (*listener_path, "filter_chains", index)
        if chain.protocol not in ("tcp", "tls"):
            _check_reference(chain.route_table, snapshot.route_tables, "route table", (*path, "route_table"), mistakes)
        check_protocol(chain, snapshot.clusters, path, mistakes)
        check_edge(chain, path, mistakes)
        _check_listening_transport(chain, snapshot, path, mistakes)
        check_plugins(chain.plugins, path, mistakes)
        if listener.captured:
            if chain.protocol == "tls":
                message = "captured connections are told apart by where they were going, not by server names"
                mistakes.append(Mistake((*path, "protocol"), message, 'write "tcp"'))
            continue
        if _security(chain) != _security(listener.filter_chains[0]):
            hint = "give the plain and the TLS chains listeners with different ports"
            mistakes.append(Mistake((*path, "transport"), "one address cannot be both plain and TLS", hint))
        for position, server_name in enumerate(chain.server_names):
            _add(mistakes, (*path, "server_names", position), syntax.host_pattern(server_name))
        for server_name in chain.server_names or ("",):
            first = names.setdefault(server_name.lower(), index)
            if first != index:
                what = f"the server name {quote(server_name)}" if server_name else "every connection without a better match"
                message = f"filter chain {first} of this listener already takes {what}"
                mistakes.append(Mistake((*path, "server_names"), message, "give each chain server names of its own"))


def _security(chain: FilterChain) -> str:
    """What the first octets of a chain's connections belong to, whoever ends it."""
    return "tls" if chain.protocol == "tls" else chain.transport.security


def _check_listening_transport(chain: FilterChain, snapshot: Snapshot, path: Path, mistakes: list[Mistake]) -> None:
    transport = chain.transport
    transport_path = (*path, "transport")
    _check_transport(transport, snapshot, transport_path, mistakes)
    if transport.security == "tls" and not transport.certificates:
        message = "a listener that terminates TLS needs a certificate"
        mistakes.append(Mistake((*transport_path, "certificates"), message, suggest("", snapshot.certificates)))
    if transport.security == "mesh" and chain.server_names:
        message = "in the mesh a chain is not chosen by server names"
        mistakes.append(Mistake((*path, "server_names"), message, "remove them, and give other chains listeners of their own"))
    if _security(chain) == "plain" and chain.server_names:
        message = "server names are known only inside TLS"
        hint = 'set transport.security to "tls", or tell hosts apart by the route table\'s virtual hosts'
        mistakes.append(Mistake((*path, "server_names"), message, hint))
    if transport.unproven_clients == "take" and transport.security == "mesh":
        message = "peers in the mesh always prove who they are"
        mistakes.append(Mistake((*transport_path, "unproven_clients"), message, "remove it, or use the security 'tls'"))
    elif transport.security == "tls" and transport.unproven_clients == "take" and not transport.trust_file + transport.trust_pem:
        message = "without authorities no client is asked for a certificate"
        hint = "name the authorities in 'trust_file', or remove it"
        mistakes.append(Mistake((*transport_path, "unproven_clients"), message, hint))
    for member, wrong in (
        ("server_name", bool(transport.server_name)),
        ("subject_alt_names", bool(transport.subject_alt_names)),
        ("verify", not transport.verify),
    ):
        if wrong:
            message = f"{quote(member)} has a meaning for clusters only"
            mistakes.append(Mistake((*transport_path, member), message, "remove it from this listener"))


def _check_mesh(transport: TransportConfig, path: Path, mistakes: list[Mistake]) -> None:
    if transport.security != "mesh":
        members = (
            ("identities", bool(transport.identities)),
            ("mode", transport.mode != "strict"),
            ("foreign_tls", transport.foreign_tls != "refuse"),
        )
        for member, given in members:
            if given:
                message = f"{quote(member)} is given, but the transport is not the mesh's"
                mistakes.append(Mistake((*path, member), message, 'write "security": "mesh", or remove it'))
        return
    if transport.foreign_tls == "pass" and transport.mode != "permissive":
        message = "TLS of applications is refused where everything but the mesh's is"
        mistakes.append(Mistake((*path, "foreign_tls"), message, 'write "mode": "permissive", or remove it'))
    if not transport.certificates:
        message = "a peer in the mesh must show who it is"
        mistakes.append(Mistake((*path, "certificates"), message, 'name the proxy\'s own identity: ["workload"]'))
    if not transport.trust_file:
        message = "a peer in the mesh must be held against the mesh's authorities"
        mistakes.append(Mistake((*path, "trust_file"), message, 'name what the proxy holds of them: "workload"'))
    for index, identity in enumerate(transport.identities):
        try:
            parse_uri(identity)
        except SpiffeError as error:
            hint = "write for example spiffe://cluster.local/ns/default/sa/reviews"
            mistakes.append(Mistake((*path, "identities", index), str(error), hint))


def _check_calling_transport(transport: TransportConfig, snapshot: Snapshot, path: Path, mistakes: list[Mistake]) -> None:
    _check_transport(transport, snapshot, path, mistakes)
    if transport.server_name and (
        transport.server_name.startswith("*") or syntax.host_pattern(transport.server_name) is not None
    ):
        message = f"{quote(transport.server_name)} is no server name"
        mistakes.append(Mistake((*path, "server_name"), message, "write the name in the endpoint's certificate"))
    for index, name in enumerate(transport.subject_alt_names):
        if "://" not in name:
            fault = syntax.host_pattern(name)
            if fault is not None:
                mistakes.append(Mistake((*path, "subject_alt_names", index), *fault))
    if transport.unproven_clients != "refuse":
        message = "'unproven_clients' has a meaning for listeners only"
        mistakes.append(Mistake((*path, "unproven_clients"), message, "remove it from this cluster"))
    if transport.security != "mesh":
        return
    if transport.mode != "strict":
        message = "'mode' has a meaning for listeners only"
        mistakes.append(Mistake((*path, "mode"), message, "remove it from this cluster"))
    if not transport.identities:
        message = "without identities any workload of the mesh could stand in for this one"
        mistakes.append(Mistake((*path, "identities"), message, "name the endpoints' SPIFFE IDs"))
    if not transport.verify:
        message = "peers in the mesh are always verified"
        mistakes.append(Mistake((*path, "verify"), message, "remove it, or use the security 'tls'"))


def _check_transport(transport: TransportConfig, snapshot: Snapshot, path: Path, mistakes: list[Mistake]) -> None:
    _check_mesh(transport, path, mistakes)
    if transport.security != "mesh":
        for index, name in enumerate(transport.certificates):
            _check_reference(name, snapshot.certificates, "certificate", (*path, "certificates", index), mistakes)
    for index, protocol in enumerate(transport.alpn):
        if protocol not in _PROTOCOLS:
            message = f"the protocol {quote(protocol)} is not spoken here"
            mistakes.append(Mistake((*path, "alpn", index), message, suggest(protocol, _PROTOCOLS)))
    if transport.trust_file:
        _check_file(transport.trust_file, (*path, "trust_file"), mistakes)
    if transport.trust_pem and transport.trust_file:
        message = "both 'trust_file' and 'trust_pem' say who is believed"
        mistakes.append(Mistake((*path, "trust_pem"), message, "remove one of the two"))
    if len(transport.trust_pem) > LARGEST_BUNDLE:
        message = f"a bundle of {len(transport.trust_pem)} characters, {LARGEST_BUNDLE} are allowed"
        mistakes.append(Mistake((*path, "trust_pem"), message, "leave out authorities that nobody needs"))
    if transport.security == "plain":
        useless = (
            ("certificates", bool(transport.certificates)),
            ("server_name", bool(transport.server_name)),
            ("trust_file", bool(transport.trust_file)),
            ("trust_pem", bool(transport.trust_pem)),
            ("subject_alt_names", bool(transport.subject_alt_names)),
            ("unproven_clients", transport.unproven_clients != "refuse"),
        )
        for member, given in useless:
            if given:
                message = f"{quote(member)} is given, but the transport is plain"
                mistakes.append(Mistake((*path, member), message, 'add "security": "tls", or remove it'))


def _check_warmup(cluster: Cluster, path: Path, mistakes: list[Mistake]) -> None:
    if cluster.warmup is None:
        return
    if cluster.load_balancing not in ("least_request", "round_robin"):
        message = f"new endpoints begin with a small share by least_request and round_robin, not by {cluster.load_balancing}"
        mistakes.append(Mistake((*path, "warmup"), message, "remove it, or choose one of these two"))
    if cluster.warmup.duration.seconds < 1:
        mistakes.append(Mistake((*path, "warmup", "duration"), "too short a time to grow in", "write at least 1s"))


def _check_cluster(cluster: Cluster, snapshot: Snapshot, path: Path, mistakes: list[Mistake]) -> None:
    check_reach(cluster, path, mistakes)
    if not cluster.endpoints and cluster.reach == "endpoints":
        hint = 'add one: [{"address": "127.0.0.1:9080"}]'
        mistakes.append(Mistake((*path, "endpoints"), "a cluster without endpoints answers 503 to everything", hint, "warning"))
    seen: dict[Address, int] = {}
    for index, endpoint in enumerate(cluster.endpoints):
        place = (*path, "endpoints", index, "address")
        address = _address(endpoint.address, place, mistakes)
        if address is None:
            continue
        if not address.host:
            hint = f"write for example '127.0.0.1:{address.port}'"
            mistakes.append(Mistake(place, "an endpoint needs a host", hint))
        elif not address.port:
            mistakes.append(Mistake(place, "an endpoint needs a port other than 0", f"write for example '{address.host}:9080'"))
        first = seen.setdefault(Address(address.host.lower(), address.port), index)
        if first != index:
            message = f"endpoint {first} has the same address"
            mistakes.append(Mistake(place, message, "remove one; shares are set by the weights of a route's backends", "warning"))
    check_hashing(cluster, path, mistakes)
    _check_warmup(cluster, path, mistakes)
    _check_calling_transport(cluster.transport, snapshot, (*path, "transport"), mistakes)
    check_plugins(cluster.plugins, path, mistakes)
    for name, value in cluster.labels.items():
        if _LABEL_NAME.fullmatch(name) is None or len(name) > _LONGEST_LABEL or name.startswith("__"):
            message = f"{quote(name)} is no metric label"
            mistakes.append(Mistake((*path, "labels", name), message, "write letters, digits and single underscores"))
        if len(value) > _LONGEST_LABEL or not value.isprintable():
            message = f"{quote(value)} cannot be a label's value"
            mistakes.append(Mistake((*path, "labels", name), message, f"write at most {_LONGEST_LABEL} printable characters"))
