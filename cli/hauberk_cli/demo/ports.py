"""Choosing ports on loopback."""

import socket

from hauberk_cli.mesh.free_ports import LOOPBACK, free_port, is_held


class PortError(Exception):
    """A port that was asked for by number is taken."""


def is_free(port: int) -> bool:
    """Whether nobody listens on `port` of the loopback address."""
    with socket.socket() as probe:
        # What proxies do: connections of an earlier run that still linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def choose_port(asked: int | None, preferred: int) -> int:
    """`asked` if given, else `preferred` if it is free, else any free one. Somebody may still take it before it is used.

    Raises: PortError if `asked` is taken.
    """
    if asked:
        if not is_free(asked):
            raise PortError(f"port {asked} is taken; name another one, or none to have one chosen")
        return asked
    return preferred if is_free(preferred) and not is_held(preferred) else free_port()
