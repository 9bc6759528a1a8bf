"""A mesh for tests: an authority, a control whose store is a table of snapshots, and identities for proxies."""

import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import trio

from hauberk_control.bridge import open_grpc_server
from hauberk_control.ca.authority import Authority
from hauberk_control.ca.server_tls import server_credentials
from hauberk_control.ca.service import CertificateService
from hauberk_control.ca.tokens import JoinTokens
from hauberk_control.discovery.service import DiscoveryService
from hauberk_control.discovery.snapshots import Configurations
from hauberk_control.translate.node import Node
from hauberk_control.translate.notes import Notes
from hauberk_core.agent.grpc_bridge import open_asyncio_thread
from hauberk_core.agent.identity.key import make_key, write_key
from hauberk_core.agent.identity.workload import WorkloadIdentity
from hauberk_core.agent.wire import CertificatePem
from hauberk_core.identity import SpiffeId
from hauberk_core.model import Cluster, Endpoint, FilterChain, Listener, Route, RouteTable, Snapshot, VirtualHost, WeightedCluster

TRUST_DOMAIN: Final = "mesh.test"


_EPOCH: Final = time.time() - time.monotonic()


def steady_time() -> float:
    """Seconds since the epoch, by a clock that nobody sets meanwhile."""
    return _EPOCH + time.monotonic()


class Meant(NamedTuple):
    """What a proxy is meant to have."""

    snapshot: Snapshot
    certificates: dict[str, CertificatePem] = {}  # noqa: RUF012 - never changed
    notes: Notes = Notes()


Table = dict[str, Meant]
"""By the proxy's name."""


def translate(table: Table, node: Node) -> Meant:
    """What the table says, or nothing."""
    return table.get(node.name, Meant(Snapshot(version="nothing", access_log=None)))


def snapshot_to(port: int, version: str = "", address: str = "127.0.0.1:0", routes: int = 1) -> Snapshot:
    """One listener, and everything to one endpoint."""
    rules = tuple(Route(name=f"route-{number}", backends=(WeightedCluster(cluster="books"),)) for number in range(routes))
    return Snapshot(
        version=version or f"to {port}",
        listeners={"web": Listener(address=address, filter_chains=(FilterChain(route_table="all"),))},
        route_tables={"all": RouteTable(virtual_hosts=(VirtualHost(name="any", hosts=("*",), routes=rules),))},
        clusters={"books": Cluster(endpoints=(Endpoint(address=f"127.0.0.1:{port}"),))},
        access_log=None,
    )


def node_document(name: str, namespace: str = "default", role: str = "sidecar", **more: object) -> dict[str, object]:
    """What a proxy says of itself."""
    return {"identity": "", "role": role, "name": name, "namespace": namespace, "address": "127.0.0.1", **more}


def make_node(name: str, namespace: str = "default", role: str = "sidecar", **more: object) -> Node:
    """The same as a value."""
    return msgspec.convert(node_document(name, namespace, role, **more), Node)


class People:
    """A directory in which tests write."""

    def __init__(self) -> None:
        self.gateways: Final[dict[tuple[str, str], str]] = {}
        self.workloads: Final[dict[tuple[str, str], str]] = {}

    def gateway_accounts(self, namespace: str, name: str) -> frozenset[str]:
        """The service account of a Gateway's proxies."""
        known = self.gateways.get((namespace, name))
        return frozenset(()) if known is None else frozenset((f"{name}-{known}",))

    def workload_account(self, node: Node) -> str | None:
        """The service account of a workload."""
        return self.workloads.get((node.namespace, node.pod or node.name))

    def completed(self, node: Node) -> Node:
        """Nothing else is known."""
        return node


class MeshWorld:
    """One mesh."""

    def __init__(self, folder: Path) -> None:
        self.authority: Final = Authority(folder, TRUST_DOMAIN)
        self.tokens: Final = JoinTokens(time.monotonic)
        self.people: Final = People()
        self.table: Table = {}
        self.configurations: Configurations[Table] = Configurations(translate)

    def publish(self, **meant: Meant) -> None:
        """Change what some proxies are meant to have; underscores in names stand for dashes."""
        self.table = self.table | {name.replace("_", "-"): value for name, value in meant.items()}
        self.configurations.publish(self.table)

    def identity(self, account: str, namespace: str = "default", seconds: float = 3600.0) -> WorkloadIdentity:
        """A certificate that is valid for so long."""
        key = make_key()
        name = SpiffeId(TRUST_DOMAIN, namespace, account)
        issued = self.authority.sign_workload(key.public_key(), name, dt.timedelta(seconds=seconds))
        return WorkloadIdentity(
            certificate_pem="".join(issued.chain).encode(),
            key_pem=write_key(key),
            trust_pem="".join(issued.roots).encode(),
            spiffe_id=str(name),
            obtained=time.time(),
            not_after=issued.not_after.timestamp(),
        )

    def pem(self, account: str) -> CertificatePem:
        """A certificate such as a gateway presents."""
        identity = self.identity(account)
        return CertificatePem(identity.certificate_pem, identity.key_pem)


class Control(NamedTuple):
    """A running control."""

    service: DiscoveryService
    address: str
    join: str
    """Where tokens are taken."""


@contextlib.asynccontextmanager
async def open_control(
    world: MeshWorld, port: int = 0, join_port: int = 0, clock: Callable[[], float] = steady_time
) -> AsyncIterator[Control]:
    """Serve discovery and the authority. Args: clock - discovery's, seconds since the epoch."""
    service = DiscoveryService(world.configurations, world.people, TRUST_DOMAIN, clock=clock)
    certificates = CertificateService(world.authority, world.tokens).handler()
    tls, join_tls = await trio.to_thread.run_sync(
        lambda: [server_credentials(world.authority, ["127.0.0.1"], require_certificate=required) for required in (True, False)]
    )
    async with (
        open_asyncio_thread() as thread,
        open_grpc_server(thread, [service.handler(), certificates], ("127.0.0.1", port), tls) as server,
        open_grpc_server(thread, [certificates], ("127.0.0.1", join_port), join_tls) as join_server,
    ):
        try:
            yield Control(service, server.address, join_server.address)
        finally:
            service.close()
