"""Runs control, and a gateway for each Gateway, as processes of this machine."""

import signal
from functools import partial
from pathlib import Path
from typing import Final

import click
import trio

from hauberk_cli.errors import CommandError
from hauberk_cli.exit_codes import OK
from hauberk_cli.mesh.control import read_leeway, read_validity
from hauberk_cli.mesh.control_process import control_child, control_not_ready
from hauberk_cli.mesh.first_error import first_error
from hauberk_cli.mesh.free_ports import LOOPBACK, free_port, unprivileged
from hauberk_cli.mesh.gateways import GatewayProxy, GatewayRunner
from hauberk_cli.mesh.hangup import Terminal
from hauberk_cli.mesh.processes import StartFailed

# Control opens its folder, its keys and its ports first.
CONTROL_START_SECONDS: Final = 20.0
# The control of a `hauberk up` that was killed notices it, and ends what it has under way.
_PREDECESSOR_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.1


def run_up(folder: Path, validity: str, clock_leeway: str) -> int:
    """Run the mesh of `folder` until Ctrl-C or SIGTERM. Returns: the exit code."""
    read_validity(validity)
    read_leeway(clock_leeway)
    try:
        trio.run(_run, folder.resolve(), ["--validity", validity, "--clock-leeway", clock_leeway])
    except* StartFailed as group:
        raise CommandError(str(first_error(group, (StartFailed,))), f"correct that, then: hauberk up {folder}") from None
    return OK


async def _run(folder: Path, options: list[str]) -> None:
    """Args: options - control's."""
    terminal = Terminal()
    gateways = GatewayRunner(folder, _choose_port, _tell)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve, folder, options, gateways)
            async for number in signals:
                if number == signal.SIGHUP and not terminal.is_gone():
                    for proxy in gateways.children():
                        nursery.start_soon(proxy.replace)
                    continue
                click.echo("ending")
                nursery.cancel_scope.cancel()
                break


async def _wait_for_predecessor(folder: Path) -> None:
    """Until no other control serves the folder: two would give each Gateway two proxies. Raises: StartFailed, if it stays."""
    told = False
    with trio.move_on_after(_PREDECESSOR_SECONDS):
        while not await control_not_ready(folder):
            if not told:
                click.echo(f"another control serves {folder}; its end is waited for", err=True)
                told = True
            await trio.sleep(_LOOK_SECONDS)
        return
    raise StartFailed(f"another control serves {folder} already: end the `hauberk up` or `hauberk demo` that runs it, or use it")


async def _serve(folder: Path, options: list[str], gateways: GatewayRunner) -> None:
    await _wait_for_predecessor(folder)
    control = control_child(folder, options)
    async with trio.open_nursery() as nursery:
        await nursery.start(control.keep)
        await control.wait_ready(partial(control_not_ready, folder), CONTROL_START_SECONDS)
        click.echo(f"control runs; its log: {control.log}")
        click.echo("each Gateway in the folder gets a proxy, now and when it is added; mistakes: hauberk status")
        click.echo(f"join with: hauberk run --mesh {folder} --service NAME --port PORT -- CMD...")
        await gateways.run()


def _choose_port(port: int) -> int:
    return free_port(unprivileged(port))


def _tell(gateway: GatewayProxy) -> None:
    for wanted, port in gateway.ports.items():
        click.echo(f"gateway {gateway.name}: port {wanted} is {LOOPBACK}:{port}")
    click.echo(f"gateway {gateway.name}: metrics are http://{gateway.admin}/stats/prometheus, its log {gateway.child.log}")
