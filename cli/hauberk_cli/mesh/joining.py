"""Bootstrap documents for the proxies that this machine runs."""

import sys
from pathlib import Path
from typing import Final

import msgspec
import trio

from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_control.local.client import ControlAway, ControlConnection
from hauberk_control.local.messages import AskServices, Joined, Services
from hauberk_control.translate.node import Node
from hauberk_core.agent.bootstrap import Bootstrap, write_bootstrap

# Control opens its folder, its keys and its ports first.
CONTROL_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05


async def connect_to_control(mesh: Path, seconds: float = CONTROL_START_SECONDS) -> ControlConnection:
    """Connect to a control that answers, and wait for one that is just starting. Raises: ControlAway."""
    with trio.move_on_after(seconds):
        while True:
            connection: ControlConnection | None = None
            try:
                connection = await ControlConnection.open(mesh)
                await connection.ask(AskServices(), Services)
            except ControlAway:
                if connection is not None:
                    await connection.close()
                await trio.sleep(_LOOK_SECONDS)
            else:
                return connection
    raise ControlAway(f"no control serves {mesh}, and none started within {seconds:.0f} s")


def write_joining(folder: Path, joined: Joined, node: Node, admin_port: int, workers: int = 1) -> Path:
    """Write what a proxy is started with. Returns: the document's path. Raises: OSError."""
    path = folder / "bootstrap.json"
    write_bootstrap(
        path,
        Bootstrap(
            control=joined.control,
            join=joined.join,
            root=joined.root,
            identity=joined.identity,
            role=node.role,
            name=node.name,
            node=msgspec.Raw(msgspec.json.encode(node)),
            state=str(folder),
            join_token=joined.token,
            attended=True,
            admin=f"{LOOPBACK}:{admin_port}" if admin_port else "",
            workers=workers,
        ),
    )
    return path


def proxy_command(module: str, bootstrap: Path) -> list[str]:
    """How a proxy is started."""
    return [sys.executable, "-P", "-m", module, str(bootstrap)]
