"""Bootstrap documents for the proxies that this machine runs."""

import sys
from pathlib import Path
from typing import Final

import msgspec
import trio

from hauberk_cli.mesh.free_ports import LOOPBACK
from hauberk_control.local.client import ControlAway, ControlConnection
from hauberk_control.local.messages import Joined
from hauberk_control.translate.node import Node
from hauberk_core.agent.bootstrap import Bootstrap, write_bootstrap

# Control opens its folder, its keys and its ports first.
CONTROL_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05


async def connect_to_control(mesh: Path) -> ControlConnection:
    """Connect, and wait for a control that is just starting. Raises: ControlAway."""
    with trio.move_on_after(CONTROL_START_SECONDS):
        while True:
            try:
                return await ControlConnection.open(mesh)
            except ControlAway:
                await trio.sleep(_LOOK_SECONDS)
    raise ControlAway(f"no control serves {mesh}, and none started within {CONTROL_START_SECONDS:.0f} s; its log tells why")


def write_joining(folder: Path, joined: Joined, node: Node, admin_port: int) -> Path:
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
            admin=f"{LOOPBACK}:{admin_port}" if admin_port else "",
        ),
    )
    return path


def proxy_command(module: str, bootstrap: Path) -> list[str]:
    """How a proxy is started."""
    return [sys.executable, "-P", "-m", module, str(bootstrap)]
