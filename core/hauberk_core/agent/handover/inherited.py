"""The descriptors that a process was started with, by sd_listen_fds(3): from the agent before, or from a socket unit."""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from hauberk_core.agent.handover.names import LISTENER, WORKERS, DescriptorName, parse_name, tail_of
from hauberk_core.agent.logs import LOG
from hauberk_core.model.address import Address

_FIRST_DESCRIPTOR: Final = 3
# As many as a link to a worker may carry, for each of several workers; whoever passes more does not mean us.
MOST_INHERITED: Final = 65_536
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Inherited:
    """Sockets that wait for somebody who wants their address, and the lifelines of earlier agents' workers."""

    def __init__(self, descriptors: list[tuple[str, int]]) -> None:
        """Take these descriptors, by name. What is of no use here is closed."""
        self._named: Final[dict[tuple[str, str], dict[int, socket.socket]]] = {}
        self._strangers: Final[list[socket.socket]] = []
        """Sockets that listen, under names that are not ours; a socket unit may have called them anything."""
        self.names: Final[list[str]] = []
        """Everything that the manager has under a name of ours."""
        self.taken: Final[set[str]] = set()
        """Names of sockets that somebody has taken."""
        self._lifelines: Final[list[int]] = []
        for name, descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            self._sort(name, descriptor)

    def _sort(self, text: str, descriptor: int) -> None:
        name = parse_name(text)
        if name is not None:
            self.names.append(text)
            if name.kind == WORKERS:
                self._lifelines.append(descriptor)
                return
        sock = _listening_socket(descriptor)
        if sock is None:
            LOG.warning("descriptor %d, called %r, is no socket that listens and is not used", descriptor, text)
        elif name is None:
            self._strangers.append(sock)
        else:
            before = self._named.setdefault((name.kind, name.tail), {}).setdefault(name.number, sock)
            if before is not sock:
                sock.close()

    def take(
        self, kind: str, key: str, address: Address, transport: socket.SocketKind = socket.SOCK_STREAM
    ) -> list[socket.socket]:
        """The sockets parked for `key`, in order, or else those of a socket unit for this address; the caller's from now on."""
        by_number = self._named.pop((kind, tail_of(key)), {})
        sockets = [by_number[number] for number in sorted(by_number)]
        self.taken.update(str(DescriptorName(kind, number, tail_of(key))) for number in by_number)
        if not sockets and kind == LISTENER and address.port:
            sockets = [sock for sock in self._strangers if sock.type == transport and _listens_on(sock, address)]
            for sock in sockets:
                self._strangers.remove(sock)
        return sockets

    def close_sockets(self) -> None:
        """Close what nobody wanted."""
        for by_number in self._named.values():
            for sock in by_number.values():
                LOG.info("%s is not listened on any more", Address(*sock.getsockname()[:2]))
                sock.close()
        self._named.clear()
        for sock in self._strangers:
            LOG.warning("no listener has the inherited address %s", Address(*sock.getsockname()[:2]))
            sock.close()
        self._strangers.clear()

    def cut_lifelines(self) -> None:
        """Let go of what tells the workers of earlier agents that somebody may come to take over."""
        while self._lifelines:
            os.close(self._lifelines.pop())


def inherit(environ: MutableMapping[str, str]) -> Inherited:
    """Take what this process was started with, and remove its traces from `environ`, so that no child takes it too."""
    process, count, names = [environ.pop(name, "") for name in _VARIABLES]
    # The variables of a process further up are not meant for us.
    if process != str(os.getpid()) or not count.isascii() or not count.isdigit() or int(count) > MOST_INHERITED:
        return Inherited([])
    named = names.split(":") if names else []
    descriptors: list[tuple[str, int]] = []
    for index in range(int(count)):
        descriptor = _FIRST_DESCRIPTOR + index
        try:
            os.fstat(descriptor)
        except OSError:
            LOG.error("LISTEN_FDS speaks of %s descriptors, and %d is none", count, descriptor)
            break
        descriptors.append((named[index] if index < len(named) else "", descriptor))
    return Inherited(descriptors)


def _listening_socket(descriptor: int) -> socket.socket | None:
    """The TCP socket that listens, or the UDP socket that is bound; None, and closed, if it is something else."""
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    try:
        listens = sock.family in {socket.AF_INET, socket.AF_INET6} and (
            (sock.type == socket.SOCK_STREAM and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1)
            or (sock.type == socket.SOCK_DGRAM and sock.getsockname()[1] != 0)
        )
        sock.setblocking(False)
    except OSError:
        listens = False
    if not listens:
        sock.close()
        return None
    return sock


def _listens_on(sock: socket.socket, address: Address) -> bool:
    host, port = sock.getsockname()[:2]
    wanted = {"::", "0.0.0.0"} if not address.host else {address.host}  # noqa: S104 - compared, not bound
    return port == address.port and host in wanted
