"""Ports that nobody listens on.

Some time passes between the choice of a port and its use by another process. The choice is therefore not left to the system: it
takes from those that it gives to outgoing connections too, and a mesh opens many of these. Ports are tried one after the other
from a place that depends on the process, so that processes that start together do not choose alike.
"""

import os
import socket
import sys
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

LOOPBACK: Final = "127.0.0.1"
# Below the ports of outgoing connections: Linux begins with 32768, macOS with 49152.
_FIRST: Final = 20_000
_COUNT: Final = 12_000
# More than one process takes at a time.
_APART: Final = 97


def _walk() -> Iterator[int]:
    start = os.getpid() * _APART
    return (_FIRST + (start + step) % _COUNT for step in count())


# One for the process, so that it does not choose a port twice before it is used.
_candidates: Final = _walk()


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is given and free, else another one. Somebody may still take it before it is used. Raises: OSError."""
    if wanted and _is_free(wanted):
        return wanted
    for _ in range(_COUNT):
        port = next(_candidates)
        if _is_free(port):
            return port
    raise OSError(f"no port from {_FIRST} to {_FIRST + _COUNT - 1} is free on {LOOPBACK}")


def free_ports(number: int) -> list[int]:
    """So many different free ports. Raises: OSError."""
    return [free_port() for _ in range(number)]


class HeldPorts:
    """Ports that are ours before a proxy of ours listens there: meshes that start meanwhile choose others.

    A name in Linux's abstract namespace, which goes with its process, stands for a port. Elsewhere nothing is held.
    """

    def __init__(self, ports: Iterable[int] = ()) -> None:
        self._names: Final[list[socket.socket]] = []
        for port in ports:
            self.hold(port)

    def hold(self, port: int) -> None:
        """Hold one more. Where another mesh was quicker, whoever listens there second finds out."""
        name = _take_name(port)
        if name is not None:
            self._names.append(name)

    def close(self) -> None:
        """Hold none any more. May be called again."""
        while self._names:
            self._names.pop().close()


def is_held(port: int) -> bool:
    """Whether a mesh, perhaps our own, is about to listen on a port."""
    if sys.platform != "linux":
        return False
    name = _take_name(port)
    if name is None:
        return True
    name.close()
    return False


def _take_name(port: int) -> socket.socket | None:
    """None: somebody has it, or there are no such names."""
    if sys.platform != "linux":
        return None
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.bind(f"\0hauberk-port-{port}")
    except OSError:
        sock.close()
        return None
    return sock


def unprivileged(port: int) -> int:
    """The port that stands for `port` where nobody is root: 8080 for 80, 8443 for 443."""
    return port + 8000 if port < 1024 else port


def _is_free(port: int) -> bool:
    # Of both: a port of a Gateway may be one of TCP, of UDP, or of each.
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind((LOOPBACK, port))
            except OSError:
                return False
    return not is_held(port)
