"""Runs a process as a workload: a sidecar beside it, and variables that tell it where everything is."""

import re
import signal
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.mesh.folders import proxy_folder
from hauberk_cli.mesh.free_ports import LOOPBACK, free_ports
from hauberk_cli.mesh.hangup import Terminal
from hauberk_cli.mesh.joining import CONTROL_START_SECONDS, connect_to_control, proxy_command, write_joining
from hauberk_cli.mesh.processes import Child, run_program
from hauberk_cli.mesh.proxy_child import ProxyChild
from hauberk_cli.mesh.tokens import give_tokens
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused, find_mesh
from hauberk_control.local.messages import (
    AskServices,
    Joined,
    JoinWorkload,
    Noted,
    RegisterWorkload,
    ServicePorts,
    Services,
    WorkloadReady,
)
from hauberk_control.translate.node import Node

# The sidecar's interpreter starts, its identity and its configuration are fetched.
_START_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.05
# A control that runs answers well within it.
_AT_ONCE_SECONDS: Final = 0.5
# After control was away: it has thousands to take back.
_REJOIN_SECONDS: Final = 0.5
_NO_VARIABLE: Final = re.compile(r"[^A-Z0-9_]")


class Workload(NamedTuple):
    """What is to run."""

    service: str
    version: str
    namespace: str
    service_account: str
    ports: tuple[int, ...]
    command: tuple[str, ...]


def run_workload(workload: Workload, mesh: Path | None) -> int:
    """Run until the process ends. Returns: its exit code."""
    try:
        return trio.run(_Run(workload, find_mesh(mesh)).run)
    except (ControlAway, ControlRefused) as error:
        raise CommandError(str(error), "hauberk up DIR") from error
    except FileNotFoundError as error:
        raise CommandError(f"{error.filename}: there is no such program", "hauberk run --help") from error


class _Run:
    def __init__(self, workload: Workload, mesh: Path) -> None:
        self._workload: Final = workload
        self._mesh: Final = mesh
        self._status = 0

    async def run(self) -> int:
        workload = self._workload
        connection = await _connect(self._mesh)
        services = (await connection.ask(AskServices(), Services)).services
        name = f"{workload.service}-{workload.version}" if workload.version else workload.service
        plan = _Ports(workload, services)
        request = RegisterWorkload(
            service=workload.service,
            version=workload.version,
            namespace=workload.namespace,
            service_account=workload.service_account,
            name=name,
            ports={port: listen for port, (listen, _) in plan.inbound.items()},
        )
        joined = await connection.ask(request, Joined)
        labels = {"app": workload.service} | ({"version": workload.version} if workload.version else {})
        node = Node(
            identity=joined.identity,
            role="sidecar",
            name=name,
            namespace=workload.namespace,
            labels=labels,
            address=LOOPBACK,
            inbound=plan.inbound,
            outbound=plan.outbound,
            http_proxy_port=plan.http_proxy,
        )
        folder = proxy_folder(self._mesh, "sidecar", workload.namespace, name)

        def write(joined: Joined) -> Path:
            return write_joining(folder, joined, node, plan.admin)

        bootstrap = write(joined)
        again = JoinWorkload(namespace=workload.namespace, name=name)
        sidecar = ProxyChild(f"sidecar {name}", lambda: proxy_command("hauberk_sidecar", bootstrap), folder / "log")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_tokens, sidecar.name, self._mesh, folder, again, write)
            await nursery.start(sidecar.keep)
            await _wait_ready(plan.admin, sidecar)
            click.echo(f"{name} joins as {joined.identity}; the sidecar's log: {sidecar.log}", err=True)
            nursery.start_soon(self._run_program, plan.variables(), nursery.cancel_scope, sidecar)
            await _wait_listening([own for _, own in plan.inbound.values()])
            await _announce(connection, request)
            await self._stay_registered(connection, request)
        return self._status

    async def _run_program(self, variables: dict[str, str], scope: trio.CancelScope, sidecar: ProxyChild) -> None:
        terminal = Terminal()
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:

                async def follow_signals() -> None:
                    async for number in signals:
                        if number == signal.SIGHUP and not terminal.is_gone():
                            nursery.start_soon(sidecar.replace)
                            continue
                        self._status = 128 + number
                        nursery.cancel_scope.cancel()
                        return

                nursery.start_soon(follow_signals)
                self._status = await run_program(self._workload.command, variables)
                nursery.cancel_scope.cancel()
        scope.cancel()

    async def _stay_registered(self, connection: ControlConnection, request: RegisterWorkload) -> None:
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
                    await connection.ask(request, Joined)
                    await _announce(connection, request)
                    break
                except (ControlAway, ControlRefused):
                    await connection.close()


class _Ports:
    """Which port is for what, all of them free."""

    def __init__(self, workload: Workload, services: list[ServicePorts]) -> None:
        pairs = [(service, port) for service in services for port in service.ports]
        free = iter(free_ports(2 * len(workload.ports) + len(pairs) + 2))
        self._workload: Final = workload
        self._services: Final = services
        self.inbound: Final = {port: (next(free), next(free)) for port in workload.ports}
        self.outbound: Final = {f"{service.name}.{service.namespace}:{port}": next(free) for service, port in pairs}
        self.http_proxy: Final = next(free)
        self.admin: Final = next(free)

    def variables(self) -> dict[str, str]:
        """What the process is told."""
        first = self._workload.ports[0]
        variables = {"PORT": str(self.inbound[first][1])}
        for port, (_, own) in self.inbound.items():
            variables[f"PORT_{port}"] = str(own)
        for service in self._services:
            if service.namespace == self._workload.namespace and service.ports:
                name = _NO_VARIABLE.sub("_", service.name.upper().replace("-", "_"))
                variables[f"{name}_SERVICE_HOST"] = LOOPBACK
                listen = self.outbound[f"{service.name}.{service.namespace}:{service.ports[0]}"]
                variables[f"{name}_SERVICE_PORT"] = str(listen)
        proxy = f"http://{LOOPBACK}:{self.http_proxy}"
        variables |= {"HTTP_PROXY": proxy, "http_proxy": proxy, "NO_PROXY": "localhost,127.0.0.1,::1"}
        variables["no_proxy"] = variables["NO_PROXY"]
        return variables


async def _connect(mesh: Path) -> ControlConnection:
    """Connect, if need be after waiting for a control that is starting. Raises: ControlAway."""
    try:
        return await connect_to_control(mesh, _AT_ONCE_SECONDS)
    except ControlAway:
        click.echo(f"waiting up to {CONTROL_START_SECONDS:.0f} s for the control of {mesh} to answer", err=True)
        click.echo(f"if none is starting, type in another terminal: hauberk up {mesh}", err=True)
    try:
        return await connect_to_control(mesh, CONTROL_START_SECONDS)
    except ControlAway as error:
        raise ControlAway(f"{error}; start it with: hauberk up {mesh}") from error


async def _announce(connection: ControlConnection, request: RegisterWorkload) -> None:
    # A control that has just gone hears of it when it is back.
    with suppress(ControlAway):
        await connection.ask(WorkloadReady(namespace=request.namespace, name=request.name), Noted)


async def _wait_listening(ports: list[int]) -> None:
    """Wait until the process takes connections, for as long as it takes."""
    for port in ports:
        while True:
            try:
                await trio.aclose_forcefully(await trio.open_tcp_stream(LOOPBACK, port))
                break
            except OSError:
                await trio.sleep(_LOOK_SECONDS)


async def _wait_ready(admin: int, sidecar: Child) -> None:
    url = f"http://{LOOPBACK}:{admin}/healthz/ready"
    with trio.move_on_after(_START_SECONDS):
        while True:
            if await trio.to_thread.run_sync(_is_ready, url):
                return
            await trio.sleep(_LOOK_SECONDS)
    raise ControlRefused(f"the sidecar was not ready within {_START_SECONDS:.0f} s; its log: {sidecar.log}")


def _is_ready(url: str) -> bool:
    # No proxy from the environment: this is this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False
