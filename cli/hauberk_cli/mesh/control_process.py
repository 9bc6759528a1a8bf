"""Control as a process of its own."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hauberk_cli.mesh.folders import private_folder
from hauberk_cli.mesh.processes import Child, Groups
from hauberk_control.local.client import ControlAway, ControlConnection, ControlRefused
from hauberk_control.local.messages import FOLDER_NAME, AskGateways, Gateways


def control_child(
    folder: Path, options: Sequence[str] = (), *, groups: Groups | None = None, variables: Mapping[str, str] | None = None
) -> Child:
    """The control of the mesh in `folder`, to be kept.

    Args: options - of `hauberk control`. Raises: OSError.
    """
    state = private_folder(folder / FOLDER_NAME)
    command = [sys.executable, "-P", "-m", "hauberk_cli", "control", *options, str(folder)]
    return Child("control", lambda: command, state / "control.log", groups=groups, variables=variables)


async def control_not_ready(folder: Path) -> str:
    """Why the control of `folder` does not answer yet; empty: it does."""
    try:
        connection = await ControlConnection.open(folder)
        try:
            await connection.ask(AskGateways(), Gateways)
        finally:
            await connection.close()
    except (ControlAway, ControlRefused) as error:
        return str(error)
    return ""
