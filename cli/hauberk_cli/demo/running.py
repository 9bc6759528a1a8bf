"""The whole mesh of the demo, running: control, the gateway, and the bookshop, each process with its own sidecar."""

import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import trio

from hauberk_bookshop.calling import CallError, Service
from hauberk_cli.demo import show
from hauberk_cli.demo.folder import DemoFolder, write_files
from hauberk_cli.demo.minding import Minder, open_minder
from hauberk_cli.demo.ports import is_free
from hauberk_cli.mesh.control_process import control_child, control_not_ready
from hauberk_cli.mesh.free_ports import LOOPBACK, free_port, unprivileged
from hauberk_cli.mesh.gateways import GatewayProxy, GatewayRunner
from hauberk_cli.mesh.processes import Child, StartFailed
from hauberk_cli.mesh.workload import Member, Workload, join
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import AskProxies, Proxies
from hauberk_core.agent.bootstrap import read_bootstrap

SHOP_HOST: Final = "bookshop.localhost"
VERSIONS: Final = ("v1", "v2", "v3")
NAMES: Final = ("details", "ratings", "productpage", "reviews-v1", "reviews-v2", "reviews-v3")
"""The workloads: a service, and its version where it has several."""
PORT: Final = 9080
"""Of every service of the bookshop, as its manifests have it."""
START_SECONDS: Final = 90.0
"""For one process to answer; it takes a second, or several on a machine that is busy with the others."""
RESTART_SECONDS: Final = 5.0
"""Between the death of a program of the bookshop and its next start: time to see how the mesh takes it."""
# A demo is the same in every shell: an empty variable is none to the bookshop.
_STEERING: Final = {
    **{f"{service}_HOSTNAME": "" for service in ("DETAILS", "RATINGS", "REVIEWS")},
    "SERVICE_VERSION": "",
    "FAULT_DELAY": "",
    "FAULT_DELAY_FILE": "",
    "FAULT_RATE": "",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the gateway is to listen, and with how many workers."""

    http_port: int
    tls_port: int
    admin_port: int
    workers: int

    def port_for(self, port: int) -> int:
        """Where to listen for a port of a Gateway."""
        return {80: self.http_port, 443: self.tls_port}.get(port) or free_port(unprivileged(port))


@dataclass(frozen=True, slots=True)
class DemoWorkload:
    """One process of the bookshop, and its place in the mesh."""

    member: Member
    program: Child

    @property
    def admin(self) -> str:
        """Address of its sidecar's admin server."""
        return f"{LOOPBACK}:{self.member.ports.admin}"


@dataclass(frozen=True, slots=True)
class RunningDemo:
    """A demo whose parts all answer."""

    folder: DemoFolder
    plan: Plan
    control: Child
    gateway: GatewayProxy
    workloads: dict[str, DemoWorkload]
    """By their names, as in NAMES."""
    trust: ssl.SSLContext
    minder: Minder

    def service(self, *, tls: bool = False, retry: bool = True) -> Service:
        """A client of the shop, through the gateway."""
        if tls:
            return Service(LOOPBACK, self.plan.tls_port, f"{SHOP_HOST}:{self.plan.tls_port}", self.trust, retry=retry)
        return Service(LOOPBACK, self.plan.http_port, f"{SHOP_HOST}:{self.plan.http_port}", retry=retry)

    def authority(self) -> str:
        """The mesh's authority, PEM, by which its proxies know each other."""
        state = self.workloads["productpage"].member.sidecar.log.parent
        return read_bootstrap(state / "bootstrap.json").root

    def ports(self) -> list[int]:
        """Every port that somebody of the demo listens on."""
        found = [self.plan.http_port, self.plan.tls_port, self.plan.admin_port]
        for workload in self.workloads.values():
            ports = workload.member.ports
            found += [port for pair in ports.inbound.values() for port in pair]
            found += [*ports.outbound.values(), ports.http_proxy, ports.admin]
        return found


@asynccontextmanager
async def running_demo(
    folder: DemoFolder, plan: Plan, *, keep: bool, variables: Mapping[str, str] | None = None
) -> AsyncIterator[RunningDemo]:
    """Start everything, telling of each part when it answers, and end everything afterwards, however it ends.

    Args: variables - added to the environment of every proxy.
    Raises: StartFailed, OSError, in an exception group, if a part does not start.
    """
    with open_minder(folder.root, keep) as minder:
        async with trio.open_nursery() as nursery:
            yield await _Starter(nursery, minder, folder, plan, dict(variables or {})).start()
            nursery.cancel_scope.cancel()


class _Starter:
    def __init__(self, nursery: trio.Nursery, minder: Minder, folder: DemoFolder, plan: Plan, variables: dict[str, str]) -> None:
        self._nursery: Final = nursery
        self._minder: Final = minder
        self._folder: Final = folder
        self._plan: Final = plan
        self._variables: Final = variables
        self._workloads: Final[dict[str, DemoWorkload]] = {}
        self._gateways_in, self._gateways = trio.open_memory_channel[GatewayProxy](1)

    async def start(self) -> RunningDemo:
        began = trio.current_time()
        write_files(self._folder)
        control = control_child(self._folder.root, groups=self._minder)
        await self._nursery.start(control.keep)
        await control.wait_ready(partial(control_not_ready, self._folder.root), START_SECONDS)
        show.progress("control", f"reads {self._folder.root}", trio.current_time() - began)
        async with trio.open_nursery() as starting:
            for name in NAMES:
                starting.start_soon(self._start_workload, name)
            gateway = await self._start_gateway()
        trust = ssl.create_default_context(cafile=self._folder.authority)
        demo = RunningDemo(self._folder, self._plan, control, gateway, self._workloads, trust, self._minder)
        await control.wait_ready(partial(proxies_lacking, demo), START_SECONDS)
        for tls in (False, True):
            await gateway.child.wait_ready(partial(_shop_is_shut, demo.service(tls=tls)), START_SECONDS)
        show.progress("the mesh", "every proxy has the latest configuration", trio.current_time() - began)
        return demo

    async def _start_gateway(self) -> GatewayProxy:
        began = trio.current_time()
        for port in (self._plan.http_port, self._plan.tls_port, self._plan.admin_port):
            # Proxies share ports with their successors, so the gateway would not notice that somebody else listens there.
            if not is_free(port):
                raise StartFailed(f"port {port} was free a moment ago and is taken now; name another port")
        runner = GatewayRunner(
            self._folder.root,
            self._plan.port_for,
            self._gateways_in.send_nowait,
            choose_admin=lambda: self._plan.admin_port,
            workers=self._plan.workers,
            groups=self._minder,
            variables=self._variables,
        )
        self._nursery.start_soon(runner.run)
        gateway = await self._gateways.receive()
        await gateway.child.wait_ready(gateway.not_ready, START_SECONDS)
        where = f"http :{self._plan.http_port}, https :{self._plan.tls_port}"
        show.progress("gateway", where, trio.current_time() - began)
        return gateway

    async def _start_workload(self, name: str) -> None:
        began = trio.current_time()
        service, _, version = name.partition("-")
        workload = Workload(service, version, "default", "", (PORT,))
        connection = await ControlConnection.open(self._folder.root)
        member = await join(connection, self._folder.root, workload, groups=self._minder, variables=self._variables)
        program = self._program(name, service, version, member)
        # Both at once: nothing of the bookshop calls anybody before it is called itself.
        await self._nursery.start(program.keep)
        await self._nursery.start(member.keep, connection)
        await program.wait_ready(member.not_announced, START_SECONDS)
        self._workloads[name] = DemoWorkload(member, program)
        where = f"serves :{member.ports.own()[0]} behind its sidecar at :{member.ports.inbound[PORT][0]}"
        show.progress(name, where, trio.current_time() - began)

    def _program(self, name: str, service: str, version: str, member: Member) -> Child:
        variables = {**_STEERING, **member.ports.variables(), "INSTANCE_NAME": name, "SERVICE_VERSION": version}
        # By the folder in its command the minder knows what is the demo's.
        command = [sys.executable, "-P", "-m", "hauberk_bookshop", service, "--delay-file", str(self._folder.delay(name))]
        log = self._folder.log(name)
        return Child(name, lambda: command, log, variables=variables, groups=self._minder, first_pause=RESTART_SECONDS)


async def proxies_lacking(demo: RunningDemo) -> str:
    """Which proxies lack the latest configuration, as control knows; empty: none."""
    try:
        connection = await ControlConnection.open(demo.folder.root)
        try:
            rows = (await connection.ask(AskProxies(), Proxies)).proxies
        finally:
            await connection.close()
    except (ControlAway, ControlRefused) as error:
        return str(error)
    current = sum(row.current for row in rows)
    wanted = len(demo.workloads) + 1
    return "" if current == wanted else f"{current} of {wanted} proxies have the latest configuration"


async def _shop_is_shut(service: Service) -> str:
    """Why the shop has no reviews to show yet; empty: it has."""
    try:
        reply = await service.get("/productpage", seconds=5.0)
    except CallError as error:
        return str(error)
    finally:
        await service.aclose()
    if reply.status == 200 and reply.header("reviews-version"):
        return ""
    return f"the page has the status {reply.status} {reply.header('hauberk-reason')} and no reviews"
