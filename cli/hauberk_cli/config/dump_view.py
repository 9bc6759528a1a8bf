"""A proxy's configuration as tables for people."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from hauberk_cli.errors import CommandError
from hauberk_cli.mesh.table import show_table
from hauberk_cli.mesh.words import printable
from hauberk_core.agent.config_dump import ConfigDump
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.codec import decode_snapshot
from hauberk_core.model.errors import ConfigErrors
from hauberk_core.model.listener import FilterChain
from hauberk_core.model.plugin import PluginConfig
from hauberk_core.model.route import Match, PathMatch, Route, RouteTable, ValueMatch, WeightedCluster
from hauberk_core.model.snapshot import Snapshot
from hauberk_core.model.transport import TransportConfig

# A table whose lines break is none; who wants every endpoint asks for JSON.
_MOST_ENDPOINTS: Final = 4
_NONE: Final = "-"


def show_configuration(name: str, told: ConfigDump, sections: Sequence[str]) -> None:
    """Show what a proxy serves by. Args: sections - the parts to show; none: all. Raises: CommandError."""
    snapshot = _read(name, told)
    if snapshot is None:
        click.echo(f"{printable(name)} has no configuration yet")
    else:
        _show_parts(name, told, snapshot, sections)
    for what, reason in told.refused.items():
        lines = "\n".join([printable(line) for line in reason.splitlines()])
        click.secho(f"{printable(name)} refused a later {what}: {lines}", fg="red", err=True)


def _read(name: str, told: ConfigDump) -> Snapshot | None:
    text = bytes(told.snapshot)
    if text == b"null":
        return None
    try:
        return decode_snapshot(text, name)
    except ConfigErrors as error:
        why = f"its configuration is not one that this version of hauberk knows: {error.errors[0].message}"
        raise CommandError(f"{name}: {why}", "the same with: -o json") from error


def _show_parts(name: str, told: ConfigDump, snapshot: Snapshot, sections: Sequence[str]) -> None:
    click.echo(f"{printable(name)}: configuration {snapshot.version or _NONE}, number {told.number} since its agent started")
    parts = {
        "listeners": (
            ("LISTENER", "ADDRESS", "FOR", "PROTOCOL", "SECURITY", "ROUTES", "PLUGINS"),
            _listener_rows(told, snapshot),
        ),
        "routes": (("ROUTES", "HOSTS", "MATCH", "ROUTE", "THEN"), _route_rows(snapshot)),
        "clusters": (("CLUSTER", "ENDPOINTS", "SECURITY", "PLUGINS"), _cluster_rows(snapshot)),
    }
    for part, (headings, rows) in parts.items():
        if not sections or part in sections:
            click.echo()
            show_table([headings, *rows])


def _listener_rows(told: ConfigDump, snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    for name, listener in snapshot.listeners.items():
        for chain in listener.filter_chains:
            yield (
                name,
                told.addresses.get(name, listener.address),
                _takes(chain),
                chain.protocol,
                _security(chain.transport),
                " ".join([part for part in (chain.route_table, _shares(chain.backends)) if part]) or _NONE,
                _plugins(chain.plugins),
            )


def _route_rows(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    for name, table in snapshot.route_tables.items():
        yield from _table_rows(name, table)


def _table_rows(name: str, table: RouteTable) -> Iterator[tuple[str, ...]]:
    for host in table.virtual_hosts:
        hosts = _some(host.hosts)
        for route in host.routes:
            for match in route.matches:
                yield name, hosts, _match(match), route.name, _then(route)
        if not host.routes:
            yield name, hosts, _NONE, _NONE, "421: misdirected" if host.misdirected else "404"


def _cluster_rows(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    for name, cluster in snapshot.clusters.items():
        yield name, _endpoints(cluster), _security(cluster.transport), _plugins(cluster.plugins)


def _takes(chain: FilterChain) -> str:
    """Which connections of its listener a filter chain takes."""
    ports = [f":{port}" for port in chain.destination_ports]
    return _some([*chain.destinations, *ports, *chain.server_names]) if ports or chain.destinations or chain.server_names else "*"


def _endpoints(cluster: Cluster) -> str:
    if cluster.reach != "endpoints":
        return cluster.reach.replace("_", " ")
    even = len({endpoint.weight for endpoint in cluster.endpoints}) <= 1
    shown = [one.address if even else f"{one.address} (weight {one.weight})" for one in cluster.endpoints]
    return _some(shown)


def _some(items: Sequence[str]) -> str:
    more = len(items) - _MOST_ENDPOINTS
    return (", ".join(items[:_MOST_ENDPOINTS]) + (f" and {more} more" if more > 0 else "")) or _NONE


def _security(transport: TransportConfig) -> str:
    if transport.security == "mesh":
        return f"mesh, {transport.mode}"
    return transport.security


def _plugins(uses: Sequence[PluginConfig]) -> str:
    return " ".join([f"{use.plugin} (missing)" if use.missing else use.plugin for use in uses]) or _NONE


def _match(match: Match) -> str:
    parts = [match.method, _path(match.path)]
    parts += [_value("header", one) for one in match.headers]
    parts += [_value("query", one) for one in match.query]
    return " ".join([part for part in parts if part])


def _path(path: PathMatch) -> str:
    if path.kind == "exact":
        return f"={path.value}"
    if path.kind == "regex":
        return f"~{path.value}"
    if path.kind == "starts_with":
        return f"{path.value}*"
    return path.value if path.value.endswith("/") else f"{path.value}[/...]"


def _value(what: str, condition: ValueMatch) -> str:
    signs = {"exact": "=", "prefix": "^=", "regex": "~=", "present": ""}
    negated = "not " if condition.invert else ""
    return f"{negated}{what}:{condition.name}{signs[condition.kind]}{condition.value}"


def _then(route: Route) -> str:
    if route.redirect is not None:
        return f"redirect {route.redirect.status}"
    parts = [_shares(route.backends) or "500: no backend"]
    parts += [f"mirrored to {', '.join([mirror.cluster for mirror in route.mirrors])}"] if route.mirrors else []
    parts += [f"at most {route.timeout}"] if route.timeout.seconds else []
    parts += [f"plugins {_plugins(route.plugins)}"] if route.plugins else []
    changes = (route.rewrite, route.request_headers, route.response_headers, route.retry, route.cors)
    names = ("rewrite", "request headers", "response headers", "retry", "cors")
    parts += [name for name, change in zip(names, changes, strict=True) if change is not None]
    return "; ".join(parts)


def _shares(backends: Sequence[WeightedCluster]) -> str:
    """Who answers, in hundredths of the requests; empty if nobody does."""
    total = sum(backend.weight for backend in backends)
    if not total:
        return ""
    if len(backends) == 1:
        return backends[0].cluster or "500"
    return ", ".join([f"{backend.cluster or '500'} {100 * backend.weight / total:.4g} %" for backend in backends])
