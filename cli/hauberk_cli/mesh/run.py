"""Runs a process as a workload: a sidecar beside it, and variables that tell it where everything is."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.mesh.first_error import first_error
from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_cli.mesh.hangup import Terminal
from hauberk_cli.mesh.joining import CONTROL_START_SECONDS, connect_to_control
from hauberk_cli.mesh.processes import StartFailed, run_program
from hauberk_cli.mesh.workload import Member, Workload, join
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused, find_mesh

# A control that runs answers well within it.
_AT_ONCE_SECONDS: Final = 0.5


def run_workload(workload: Workload, command: Sequence[str], mesh: Path | None) -> int:
    """Run until the process ends. Returns: its exit code."""
    try:
        return trio.run(_Run(workload, command, find_mesh(mesh)).run)
    except (BaseExceptionGroup, ControlAway, ControlRefused) as error:
        raise _explain(error) from error


def _explain(group: BaseException) -> BaseException:
    error = first_error(group, (ControlAway, ControlRefused, StartFailed, FileNotFoundError))
    if isinstance(error, FileNotFoundError):
        return CommandError(f"{error.filename}: there is no such program", "hauberk run --help")
    if isinstance(error, StartFailed):
        return CommandError(str(error), "hauberk status, to see whether control is well; then run this again")
    if isinstance(error, ControlAway | ControlRefused):
        return CommandError(str(error), "hauberk up DIR")
    return error


class _Run:
    def __init__(self, workload: Workload, command: Sequence[str], mesh: Path) -> None:
        self._workload: Final = workload
        self._command: Final = command
        self._mesh: Final = mesh
        self._status = 0

    async def run(self) -> int:
        connection = await _connect(self._mesh)
        member = await join(connection, self._mesh, self._workload)
        async with trio.open_nursery() as nursery:
            await nursery.start(member.keep, connection)
            click.echo(f"{member.name} joins as {member.identity}; {_sidecar(member)}", err=True)
            nursery.start_soon(self._run_program, member, nursery.cancel_scope)
        return self._status

    async def _run_program(self, member: Member, scope: trio.CancelScope) -> None:
        terminal = Terminal()
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:

                async def follow_signals() -> None:
                    async for number in signals:
                        if number == signal.SIGHUP and not terminal.is_gone():
                            nursery.start_soon(member.sidecar.replace)
                            continue
                        self._status = 128 + number
                        nursery.cancel_scope.cancel()
                        return

                nursery.start_soon(follow_signals)
                self._status = await run_program(self._command, member.ports.variables())
                nursery.cancel_scope.cancel()
        scope.cancel()


def _sidecar(member: Member) -> str:
    """Where the sidecar is, for people."""
    ports = member.ports
    inbound = ", ".join([f"port {port} is {LOOPBACK}:{ours} to the mesh" for port, (ours, _) in ports.inbound.items()])
    metrics = f"http://{LOOPBACK}:{ports.admin}/stats/prometheus"
    return f"{inbound}; its sidecar's metrics are {metrics}, its log {member.sidecar.log}"


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
