"""Connections of the agent within its own pod."""

import socket
from typing import Final, NamedTuple

import trio

from hauberk_core.pod import INBOUND_SOURCES


class Target(NamedTuple):
    """A place in the pod."""

    host: str
    port: int
    is_led: bool = False
    """Rules of the kernel shall lead the connection as they lead others; else it goes past them, to the application itself."""


async def open_connection(target: Target) -> trio.SocketStream:
    """Connect. Raises: OSError."""
    is_six = ":" in target.host
    sock = trio.socket.socket(socket.AF_INET6 if is_six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if not target.is_led:
            await _come_from_proxy(sock, is_six)
        await sock.connect((target.host, target.port))
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


async def _come_from_proxy(sock: "trio.socket.SocketType", is_six: bool) -> None:
    source: Final = INBOUND_SOURCES[1 if is_six else 0]
    try:
        await sock.bind((source, 0))
    except OSError:
        # No rules were installed in this pod, which would have given it that address: there is nothing to go past.
        return
