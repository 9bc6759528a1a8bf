"""Runs control, and a gateway for each Gateway, as processes of this machine."""

import signal
import sys
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.control import read_leeway, read_validity
from hauberk_cli.mesh.folders import private_folder, proxy_folder
from hauberk_cli.mesh.free_ports import LOOPBACK, free_port, unprivileged
from hauberk_cli.mesh.hangup import Terminal
from hauberk_cli.mesh.joining import connect_to_control, proxy_command, write_joining
from hauberk_cli.mesh.processes import Child
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.tokens import give_tokens
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import FOLDER_NAME, AskGateways, GatewayPorts, Gateways, Joined, JoinGateway
from hauberk_control.translate.node import Node

# How soon a Gateway that was added or removed is noticed; a person waits for it.
_LOOK_SECONDS: Final = 0.25


def run_up(folder: Path, validity: str, clock_leeway: str) -> int:
    """Run the mesh of `folder` until Ctrl-C or SIGTERM. Returns: the exit code."""
    read_validity(validity)
    read_leeway(clock_leeway)
    try:
        trio.run(_Mesh(folder.resolve(), ["--validity", validity, "--clock-leeway", clock_leeway]).run)
    except* ControlAway as group:
        raise CommandError(str(group.exceptions[0]), f"hauberk control {folder}") from None
    return OK


class _Mesh:
    def __init__(self, folder: Path, options: list[str]) -> None:
        """Args: options - control's."""
        self._folder: Final = folder
        self._options: Final = options
        self._proxies: Final[dict[str, ProxyChild]] = {}
        self._chosen: Final[set[int]] = set()
        """What gateways listen on, or will: one that is still starting holds nothing yet."""
        self._gateways: Final[dict[tuple[str, str], tuple[GatewayPorts, trio.CancelScope]]] = {}

    async def run(self) -> None:
        terminal = Terminal()
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve)
                async for number in signals:
                    if number == signal.SIGHUP and not terminal.is_gone():
                        for proxy in list(self._proxies.values()):
                            nursery.start_soon(proxy.replace)
                        continue
                    click.echo("ending")
                    nursery.cancel_scope.cancel()
                    break

    async def _serve(self) -> None:
        state = private_folder(self._folder / FOLDER_NAME)
        command = [sys.executable, "-P", "-m", "hauberk_cli", "control", *self._options, str(self._folder)]
        control = Child("control", lambda: command, state / "control.log")
        async with trio.open_nursery() as nursery:
            await nursery.start(control.keep)
            connection = await connect_to_control(self._folder)
            click.echo(f"control runs; its log: {control.log}")
            click.echo(f"join with: hauberk run --mesh {self._folder} --service NAME --port PORT -- CMD...")
            while True:
                try:
                    answer = await connection.ask(AskGateways(), Gateways)
                except (ControlAway, ControlRefused):
                    await connection.close()
                    connection = await self._reconnect()
                    continue
                await self._follow(nursery, connection, answer)
                await trio.sleep(_LOOK_SECONDS)

    async def _reconnect(self) -> ControlConnection:
        """Wait for control for as long as it takes: it is started again, and gateways serve on without it."""
        while True:
            await trio.sleep(_LOOK_SECONDS)
            try:
                return await ControlConnection.open(self._folder)
            except ControlAway:
                continue

    async def _follow(self, nursery: trio.Nursery, connection: ControlConnection, answer: Gateways) -> None:
        wanted = {(gateway.namespace, gateway.name): gateway for gateway in answer.gateways}
        for key, (running, scope) in list(self._gateways.items()):
            if wanted.get(key) != running:
                scope.cancel()
                del self._gateways[key]
        for key, gateway in wanted.items():
            if key not in self._gateways:
                scope = trio.CancelScope()
                self._gateways[key] = gateway, scope
                await nursery.start(self._run_gateway, connection, gateway, scope)

    async def _run_gateway(
        self,
        connection: ControlConnection,
        gateway: GatewayPorts,
        scope: trio.CancelScope,
        *,
        task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with scope:
            folder = proxy_folder(self._folder, "gateway", gateway.namespace, gateway.name)
            ports = {port: self._choose_port(unprivileged(port)) for port in gateway.ports}
            admin = free_port()
            request = JoinGateway(namespace=gateway.namespace, name=gateway.name)
            joined = await connection.ask(request, Joined)
            name = f"{gateway.namespace}/{gateway.name}"
            node = Node(
                identity=joined.identity, role="gateway", name=name, namespace=gateway.namespace, address=LOOPBACK, ports=ports
            )

            def write(joined: Joined) -> Path:
                return write_joining(folder, joined, node, admin)

            bootstrap = write(joined)
            child = ProxyChild(f"gateway {name}", lambda: proxy_command("hauberk_gateway", bootstrap), folder / "log")
            self._proxies[name] = child
            for wanted, port in ports.items():
                click.echo(f"gateway {name}: port {wanted} is {LOOPBACK}:{port}")
            click.echo(f"gateway {name}: metrics are http://{LOOPBACK}:{admin}/stats/prometheus, its log {child.log}")
            task_status.started()
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(give_tokens, child.name, self._folder, folder, request, write)
                    await child.keep()
            finally:
                del self._proxies[name]

    def _choose_port(self, wanted: int) -> int:
        port = free_port(0 if wanted in self._chosen else wanted)
        self._chosen.add(port)
        return port
