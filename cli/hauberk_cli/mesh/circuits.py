"""Asks the proxies of a mesh for their circuits, and shows them."""

import http.client
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import click
import msgspec

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.local_proxies import LocalProxy, local_proxies
from hauberk_cli.mesh.table import show_table
from hauberk_cli.output import show_json
from hauberk_core.model.circuit import Circuits, ClusterCircuit, EndpointCircuit, Trip
from hauberk_core.model.health import EndpointHealth

# A proxy of this machine answers at once, or is just starting or ending.
_SECONDS: Final = 3.0
# A page has some 600 octets for each endpoint; the largest meshes have some ten thousand.
_LARGEST_PAGE: Final = 16 * 1024 * 1024
_AT_A_TIME: Final = 8


class ProxyCircuits(msgspec.Struct, frozen=True, kw_only=True):
    """The circuits of one proxy."""

    role: str
    """`gateway` or `sidecar`; `proxy` if it was asked by its address."""
    proxy: str
    """Its name, as `hauberk proxies` shows it, or that address."""
    clusters: tuple[ClusterCircuit, ...]
    """Those with limits or outlier detection."""
    endpoints: tuple[EndpointCircuit, ...]
    """Of these clusters, those that were used."""
    checks: tuple[EndpointHealth, ...]
    """Endpoints with active health checks."""


class MeshCircuits(msgspec.Struct, frozen=True, kw_only=True):
    """The circuits of every proxy that answers."""

    proxies: list[ProxyCircuits]
    """By role and name."""


def show_circuits(mesh: Path | None, admins: Sequence[str], as_json: bool) -> int:
    """Show the circuits of every proxy of a mesh, or of those whose admin servers are given. Returns: the exit code."""
    asked = [LocalProxy("proxy", admin, "", admin) for admin in admins] or list(local_proxies(mesh))
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        answers = [answer for answer in threads.map(_ask, asked) if answer is not None]
    if not answers and admins:
        raise CommandError(f"no proxy's admin server answers at {', '.join(admins)}", "hauberk proxy --help, for --admin")
    if not answers:
        raise CommandError("no proxy answers", "hauberk up DIR")
    if as_json:
        show_json(MeshCircuits(proxies=answers))
        return OK
    rows: list[tuple[str, ...]] = [
        ("PROXY", "CLUSTER", "ENDPOINT", "STATE", "REQUESTS", "CONNECTIONS", "WAITING", "RETRIES", "FAILED", "EJECTED")
    ]
    for one in answers:
        for cluster in one.clusters:
            rows.append((one.proxy, *_cluster_row(cluster)))
            rows += [(one.proxy, *_endpoint_row(end)) for end in one.endpoints if end.cluster == cluster.cluster]
    show_table(rows)
    for one in answers:
        for cluster in one.clusters:
            if cluster.tripped is not None:
                click.echo(_tripped(one.proxy, cluster.cluster, cluster.tripped))
        for endpoint in one.endpoints:
            if endpoint.tripped is not None:
                click.echo(_tripped(one.proxy, f"{endpoint.cluster} {endpoint.endpoint}", endpoint.tripped))
    _show_checks(answers)
    return OK


def _show_checks(answers: Sequence[ProxyCircuits]) -> None:
    """A table of its own for active health checks, where there are any, and why those that failed did."""
    checks = [(one.proxy, check) for one in answers for check in one.checks]
    if not checks:
        return
    click.echo()
    rows: list[tuple[str, ...]] = [("PROXY", "CLUSTER", "ENDPOINT", "HEALTH", "FOR", "CHECK", "CHECKS", "FAILED")]
    for proxy, check in checks:
        counts = (str(check.checks), str(check.failures))
        rows.append((proxy, check.cluster, check.endpoint, check.state, f"{check.seconds:.0f} s", check.check, *counts))
    show_table(rows)
    for proxy, check in checks:
        if check.fault:
            click.echo(f"{proxy}: {check.cluster} {check.endpoint}: {check.check}: {check.fault}")


def _ask(known: LocalProxy) -> ProxyCircuits | None:
    connection = http.client.HTTPConnection(known.admin, timeout=_SECONDS)
    try:
        connection.request("GET", "/circuits")
        answer = connection.getresponse()
        if answer.status != 200:
            return None
        told = msgspec.json.decode(answer.read(_LARGEST_PAGE), type=Circuits)
        return ProxyCircuits(
            role=known.role,
            proxy=known.full_name,
            clusters=told.clusters,
            endpoints=told.endpoints,
            checks=told.checks,
        )
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        # Its folder outlives a proxy; what listens on its port by now may be anything.
        return None
    finally:
        connection.close()


def _of(used: int, limit: int | None) -> str:
    return str(used) if limit is None else f"{used}/{limit}"


def _cluster_row(cluster: ClusterCircuit) -> tuple[str, ...]:
    limits = cluster.limits
    pairs = (
        (cluster.requests, limits.requests),
        (cluster.connections, limits.connections),
        (cluster.waiting, limits.waiting),
        (cluster.retries, limits.retries),
    )
    full = any(limit is not None and used >= limit for used, limit in pairs)
    used = [_of(used, limit) for used, limit in pairs]
    return (cluster.cluster, "(all)", "full" if full else "closed", *used, "", "")


def _endpoint_row(endpoint: EndpointCircuit) -> tuple[str, ...]:
    state: str = endpoint.state
    if endpoint.state == "open":
        state = f"open for {endpoint.open_seconds:.1f} s"
    failed = max(endpoint.consecutive_5xx, endpoint.consecutive_gateway, endpoint.consecutive_local)
    return (endpoint.cluster, endpoint.endpoint, state, str(endpoint.active), "", "", "", str(failed), str(endpoint.ejections))


def _tripped(proxy: str, what: str, trip: Trip) -> str:
    at = time.strftime("%H:%M:%S", time.localtime(trip.at))
    outcome = trip.reason or str(trip.status)
    ids = f"request {trip.request_id}" + (f", trace {trip.trace_id}" if trip.trace_id else "")
    return f"{proxy}: {what}: {at} {trip.method} {trip.path}: {outcome}: {trip.why} ({ids})"
