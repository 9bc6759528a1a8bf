"""Where a program that we started tells us how it fares: the receiving end of sd_notify(3)."""

import array
import os
import shutil
import socket
import struct
import tempfile
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import trio

# systemd takes no longer ones either.
LARGEST_MESSAGE: Final = 4096
# The kernel lets 253 pass in one message (SCM_MAX_FD).
_MOST_PASSED: Final = 253
_PREFIX: Final = "hauberk-notify-"
_SOCKET: Final = "socket"
_MOST_STALE: Final = 64
"""Looked at in one go: a start shall not wait for a folder full of them."""
_DESCRIPTOR_OCTETS: Final = array.array("i").itemsize
_CREDENTIALS: Final = struct.Struct("3i")
_RECEIVE_FLAGS: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Notification(NamedTuple):
    """One message."""

    process: int
    """Who sent it, by the kernel's word; 0 on a system that does not tell."""
    fields: dict[str, str]
    """The assignments; the last one of a name counts."""
    descriptors: list[int]
    """The receiver's from now on."""


class NotifySocket:
    """A datagram socket in a folder that only this user may enter. Use as a context manager."""

    def __init__(self) -> None:
        """Raises: OSError."""
        _remove_stale(Path(tempfile.gettempdir()))
        # A folder of the system's for short-lived things, because the path of a local socket may have 107 octets.
        self._folder: Final = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self.path: Final = str(self._folder / _SOCKET)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if hasattr(socket, "SO_PASSCRED"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            sock.bind(self.path)
        except BaseException:
            sock.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        sock.setblocking(False)
        self._socket: Final = trio.socket.from_stdlib_socket(sock)

    def __enter__(self) -> "NotifySocket":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def receive(self) -> Notification:
        """The next message that makes sense, from a process of this user.

        Cancellation: safe; no message is lost.
        """
        room = socket.CMSG_SPACE(_MOST_PASSED * _DESCRIPTOR_OCTETS) + socket.CMSG_SPACE(_CREDENTIALS.size)
        while True:
            data, ancillary, flags, _ = await self._socket.recvmsg(LARGEST_MESSAGE, room, _RECEIVE_FLAGS)
            process, user, descriptors = _read_ancillary(ancillary)
            fields = _read_fields(data)
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or user != os.getuid() or not fields:
                for descriptor in descriptors:
                    os.close(descriptor)
                continue
            return Notification(process, fields, descriptors)


def _remove_stale(parent: Path) -> None:
    """Remove the folders of those that were killed: at their sockets nobody listens any more."""
    for folder in islice(parent.glob(f"{_PREFIX}*"), _MOST_STALE):
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(str(folder / _SOCKET))
            except ConnectionRefusedError:
                shutil.rmtree(folder, ignore_errors=True)


def _read_ancillary(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int, list[int]]:
    """The sender's process and user, and the descriptors."""
    # Where the kernel does not tell, the folder has kept strangers out.
    process, user = (-1, -1) if hasattr(socket, "SO_PASSCRED") else (0, os.getuid())
    descriptors = array.array("i")
    for level, kind, octets in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_RIGHTS:
            descriptors.frombytes(octets[: len(octets) - len(octets) % _DESCRIPTOR_OCTETS])
        elif kind == getattr(socket, "SCM_CREDENTIALS", None) and len(octets) >= _CREDENTIALS.size:
            process, user, _ = _CREDENTIALS.unpack_from(octets)
    return process, user, list(descriptors)


def _read_fields(data: bytes) -> dict[str, str]:
    """The assignments of a message; empty if it is no text."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        return {}
    return {name: value for name, equals, value in (line.partition("=") for line in lines) if name and equals}
