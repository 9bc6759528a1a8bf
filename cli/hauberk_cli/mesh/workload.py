"""A workload in the mesh: known to control, with a sidecar beside it. Its program is for others to run."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import trio

from hauberk_cli.mesh.admin_page import not_ready
from hauberk_cli.mesh.folders import proxy_folder
from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_cli.mesh.joining import proxy_command, write_joining
from hauberk_cli.mesh.processes import Groups
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.tokens import give_tokens
from hauberk_cli.mesh.workload_ports import WorkloadPorts
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import AskServices, Joined, JoinWorkload, Noted, RegisterWorkload, Services, WorkloadReady
from hauberk_control.translate.node import Node
from hauberk_core.pod import LOCALITY_LABEL

# The sidecar's interpreter starts, its identity and its configuration are fetched.
START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
# After control was away: it has thousands to take back.
_REJOIN_SECONDS: Final = 0.5


class Workload(NamedTuple):
    """What is to be part of the mesh."""

    service: str
    version: str
    namespace: str
    service_account: str
    """Empty: as the service."""
    ports: tuple[int, ...]
    """Of the service, not empty."""
    given_name: str = ""
    """Empty: after service and version."""
    locality: str = ""
    """`region/zone/sub-zone`; empty: unknown."""

    @property
    def own_labels(self) -> dict[str, str]:
        """Labels beside those that tell service and version."""
        return {LOCALITY_LABEL: self.locality.replace("/", ".")} if self.locality else {}

    @property
    def name(self) -> str:
        """What this instance is called."""
        return self.given_name or (f"{self.service}-{self.version}" if self.version else self.service)


class Member:
    """One workload in the mesh. Made by `join`."""

    def __init__(
        self,
        mesh: Path,
        request: RegisterWorkload,
        ports: WorkloadPorts,
        identity: str,
        sidecar: ProxyChild,
        write: Callable[[Joined], Path],
    ) -> None:
        """Args: write - puts what control answered to one who joins where the sidecar finds it."""
        self.name: Final = request.name
        self.ports: Final = ports
        self.identity: Final = identity
        """The SPIFFE ID that it was given."""
        self.sidecar: Final = sidecar
        self._mesh: Final = mesh
        self._request: Final = request
        self._write: Final = write
        self._announced = False

    async def not_announced(self) -> str:
        """Why nobody is sent to this workload yet; empty: control was told that it takes requests."""
        return "" if self._announced else "its program does not take connections"

    async def keep(self, connection: ControlConnection, *, task_status: "trio.TaskStatus[None]") -> None:
        """Keep the sidecar running and the workload registered. Started once the sidecar is ready; the program may then run.

        Raises: StartFailed if the sidecar does not come up. Cancellation: ends the sidecar.
        """
        again = JoinWorkload(namespace=self._request.namespace, name=self.name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_tokens, self.sidecar.name, self._mesh, self.sidecar.log.parent, again, self._write)
            await nursery.start(self.sidecar.keep)
            await self.sidecar.wait_ready(self._sidecar_not_ready, START_SECONDS)
            task_status.started()
            await wait_listening(self.ports.own())
            await self._announce(connection)
            await self._stay_registered(connection)

    async def _sidecar_not_ready(self) -> str:
        return await not_ready(f"{LOOPBACK}:{self.ports.admin}")

    async def _announce(self, connection: ControlConnection) -> None:
        """The program takes requests now."""
        # A control that has just gone hears of it when it is back.
        with suppress(ControlAway):
            await connection.ask(WorkloadReady(namespace=self._request.namespace, name=self.name), Noted)
            self._announced = True

    async def _stay_registered(self, connection: ControlConnection) -> None:
        """Register again whenever control has been away."""
        while True:
            await connection.wait_end()
            await connection.close()
            while True:
                await trio.sleep(_REJOIN_SECONDS)
                try:
                    connection = await ControlConnection.open(self._mesh)
                except ControlAway:
                    continue
                try:
                    await connection.ask(self._request, Joined)
                    await self._announce(connection)
                    break
                except (ControlAway, ControlRefused):
                    await connection.close()


async def join(
    connection: ControlConnection,
    mesh: Path,
    workload: Workload,
    *,
    groups: Groups | None = None,
    variables: Mapping[str, str] | None = None,
) -> Member:
    """Make a workload known to control, for as long as the connection stands, which is from now on for its `keep` alone.

    Args: mesh - the folder whose control it is; groups - is told of the sidecar's processes; variables - added to their
    environment.
    Raises: ControlAway, ControlRefused, OSError.
    """
    services = (await connection.ask(AskServices(), Services)).services
    ports = WorkloadPorts(workload.namespace, workload.ports, services)
    request = RegisterWorkload(
        service=workload.service,
        version=workload.version,
        namespace=workload.namespace,
        service_account=workload.service_account,
        name=workload.name,
        ports={port: listen for port, (listen, _) in ports.inbound.items()},
        labels=workload.own_labels,
    )
    joined = await connection.ask(request, Joined)
    node = Node(
        identity=joined.identity,
        role="sidecar",
        name=workload.name,
        namespace=workload.namespace,
        labels={"app": workload.service} | ({"version": workload.version} if workload.version else {}) | workload.own_labels,
        address=LOOPBACK,
        inbound=ports.inbound,
        outbound=ports.outbound,
        http_proxy_port=ports.http_proxy,
    )
    folder = proxy_folder(mesh, "sidecar", workload.namespace, workload.name)

    def write(joined: Joined) -> Path:
        return write_joining(folder, joined, node, ports.admin)

    bootstrap = write(joined)
    sidecar = ProxyChild(
        f"sidecar {workload.name}",
        lambda: proxy_command("hauberk_sidecar", bootstrap),
        folder / "log",
        groups=groups,
        variables=variables,
    )
    return Member(mesh, request, ports, joined.identity, sidecar, write)


async def wait_listening(ports: Sequence[int]) -> None:
    """Wait until somebody takes connections on each of `ports` of this machine, for as long as it takes."""
    for port in ports:
        while True:
            try:
                await trio.aclose_forcefully(await trio.open_tcp_stream(LOOPBACK, port))
                break
            except OSError:
                await trio.sleep(_LOOK_SECONDS)
