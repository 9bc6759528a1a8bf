"""A proxy for each Gateway of the mesh, on this machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import click
import trio

from hauberk_cli.mesh.admin_page import not_ready
from hauberk_cli.mesh.first_error import first_error
from hauberk_cli.mesh.folders import proxy_folder
from hauberk_cli.mesh.free_ports import LOOPBACK, HeldPorts, free_port
from hauberk_cli.mesh.joining import proxy_command, write_joining
from hauberk_cli.mesh.processes import Child, Groups
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.tokens import give_tokens
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import AskGateways, Gateways, Joined, JoinGateway, Ports
from hauberk_control.translate.node import Node

# How soon a Gateway that was added or removed is noticed; a person waits for it.
_LOOK_SECONDS: Final = 0.25

Key = tuple[str, str]
"""A Gateway's namespace and name."""


class GatewayProxy(NamedTuple):
    """The proxy of one Gateway."""

    name: str
    """`namespace/name`."""
    ports: dict[int, int]
    """For each port of the resource, the one that it listens on."""
    admin: str
    """Address of its admin server."""
    child: Child

    async def not_ready(self) -> str:
        """What it lacks before it serves; empty: nothing."""
        return await not_ready(self.admin)


class _Joined(NamedTuple):
    proxy: GatewayProxy
    child: ProxyChild
    write: Callable[[Joined], Path]
    """Writes the proxy's bootstrap document anew."""


class _Running(NamedTuple):
    wanted: Ports
    child: ProxyChild
    scope: trio.CancelScope


class GatewayRunner:
    """Runs a proxy for each Gateway that control has, and ends those that it has no more."""

    def __init__(
        self,
        mesh: Path,
        choose_port: Callable[[int], int],
        started: Callable[[GatewayProxy], None],
        *,
        choose_admin: Callable[[], int] = free_port,
        workers: int = 1,
        groups: Groups | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare.

        Args: choose_port - where to listen for a port of a resource; started - is told of each proxy when it runs, before
        it serves; choose_admin - where its admin server is to listen; workers - of each proxy; groups - is told of processes;
        variables - added to proxies' environment.
        """
        self._mesh: Final = mesh
        self._choose_port: Final = choose_port
        self._started: Final = started
        self._choose_admin: Final = choose_admin
        self._workers: Final = workers
        self._groups: Final = groups
        self._variables: Final = variables
        self._running: Final[dict[Key, _Running]] = {}
        self._ports: Final[dict[tuple[Key, int], int]] = {}
        """Where a Gateway's ports are listened on: one that is changed keeps them, one that is starting holds them."""
        self._held: Final = HeldPorts()
        self._told: dict[Key, str] = {}
        """Why a Gateway has no proxy, as it was told."""

    def children(self) -> list[ProxyChild]:
        """The proxies that run now."""
        return [running.child for running in self._running.values()]

    async def run(self) -> None:
        """Follow control until cancelled, whatever becomes of it. Cancellation: ends the proxies."""
        try:
            await self._run()
        finally:
            self._held.close()

    async def _run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    connection = await ControlConnection.open(self._mesh)
                except ControlAway:
                    # It is started again; gateways serve on without it.
                    await trio.sleep(_LOOK_SECONDS)
                    continue
                try:
                    await self._follow(nursery, connection)
                except (ControlAway, ControlRefused):
                    await trio.sleep(_LOOK_SECONDS)
                finally:
                    await connection.close()

    async def _follow(self, nursery: trio.Nursery, connection: ControlConnection) -> None:
        """Raises: ControlAway, ControlRefused."""
        while True:
            answer = await connection.ask(AskGateways(), Gateways)
            wanted = {(gateway.namespace, gateway.name): gateway for gateway in answer.gateways}
            for key, running in list(self._running.items()):
                if wanted.get(key) != running.wanted:
                    running.scope.cancel()
                    del self._running[key]
            for key, gateway in wanted.items():
                if key not in self._running:
                    await self._start(nursery, connection, key, gateway)
            await trio.sleep(_LOOK_SECONDS)

    async def _start(self, nursery: trio.Nursery, connection: ControlConnection, key: Key, gateway: Ports) -> None:
        """Raises: ControlAway."""
        try:
            joined = await self._join(connection, gateway)
        except (ControlRefused, OSError) as error:
            # It is tried again: the Gateway may have gone in this moment, or the disk may have room again.
            self._tell_failure(key, str(error))
            return
        scope = trio.CancelScope()
        failure = ""
        self._running[key] = _Running(gateway, joined.child, scope)
        try:
            await nursery.start(self._keep, joined, gateway, scope)
        except* OSError as group:
            failure = str(first_error(group, (OSError,)))
        if failure:
            # The machine has no room for another process now, or for its files.
            del self._running[key]
            self._tell_failure(key, failure)
            return
        self._told.pop(key, None)
        self._started(joined.proxy)

    def _tell_failure(self, key: Key, reason: str) -> None:
        """Say why a Gateway has no proxy; the same reason once."""
        if self._told.get(key) != reason:
            click.echo(f"gateway {'/'.join(key)} cannot run: {reason}", err=True)
        self._told[key] = reason

    async def _join(self, connection: ControlConnection, gateway: Ports) -> _Joined:
        """Raises: ControlAway, ControlRefused, OSError."""
        folder = proxy_folder(self._mesh, "gateway", gateway.namespace, gateway.name)
        ports = {port: self._port_for((gateway.namespace, gateway.name), port) for port in gateway.ports}
        admin = self._choose_admin()
        joined = await connection.ask(_request(gateway), Joined)
        name = f"{gateway.namespace}/{gateway.name}"
        node = Node(
            identity=joined.identity, role="gateway", name=name, namespace=gateway.namespace, address=LOOPBACK, ports=ports
        )

        def write(joined: Joined) -> Path:
            return write_joining(folder, joined, node, admin, self._workers)

        bootstrap = write(joined)
        child = ProxyChild(
            f"gateway {name}",
            lambda: proxy_command("hauberk_gateway", bootstrap),
            folder / "log",
            groups=self._groups,
            variables=self._variables,
        )
        return _Joined(GatewayProxy(name, ports, f"{LOOPBACK}:{admin}", child), child, write)

    def _port_for(self, key: Key, port: int) -> int:
        """Raises: OSError."""
        chosen = self._ports.get((key, port))
        if chosen is None:
            chosen = self._choose_port(port)
            if chosen in self._ports.values():
                chosen = free_port()
            self._ports[key, port] = chosen
            self._held.hold(chosen)
        return chosen

    async def _keep(
        self, joined: _Joined, gateway: Ports, scope: trio.CancelScope, *, task_status: "trio.TaskStatus[None]"
    ) -> None:
        child = joined.child
        with scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(give_tokens, child.name, self._mesh, child.log.parent, _request(gateway), joined.write)
                await child.keep(task_status=task_status)


def _request(gateway: Ports) -> JoinGateway:
    return JoinGateway(namespace=gateway.namespace, name=gateway.name)
