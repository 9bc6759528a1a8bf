"""Connects a command to the control of its mesh, wherever that runs."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar

import msgspec

from hauberk_cli.mesh.cluster_connection import open_cluster_connection
from hauberk_cli.mesh.which import InCluster, WhichMesh
from hauberk_control.local.client import ControlConnection, find_mesh
from hauberk_control.local.messages import Request

_AnswerT = TypeVar("_AnswerT", bound=msgspec.Struct)


class Connection(Protocol):
    """Whom a command asks."""

    async def ask(self, request: Request, expected: type[_AnswerT]) -> _AnswerT:
        """Raises: ControlRefused, ControlAway."""
        ...


@contextlib.asynccontextmanager
async def open_connection(mesh: WhichMesh) -> AsyncGenerator[Connection, None]:
    """Connect until the end of the block. Raises: ControlAway."""
    if isinstance(mesh, InCluster):
        async with open_cluster_connection(mesh.revision) as replicas:
            yield replicas
        return
    connection = await ControlConnection.open(find_mesh(mesh))
    try:
        yield connection
    finally:
        await connection.close()


def next_command(mesh: WhichMesh) -> str:
    """What to type where control does not answer."""
    return "hauberk check" if isinstance(mesh, InCluster) else "hauberk up DIR"
