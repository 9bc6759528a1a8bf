"""Tells whoever started this process how it fares, and parks descriptors there: sd_notify(3)."""

import array
import socket
from collections.abc import MutableMapping
from typing import Final

import trio

from hauberk_core.agent.logs import LOG

# A manager that takes nothing for so long is not worth waiting for; what it is told then only helps the next start.
_SEND_SECONDS: Final = 5.0
_TROUBLED_SECONDS: Final = 0.05


class ServiceManager:
    """The manager's socket. Telling it something never fails: a proxy serves whether or not somebody minds it."""

    def __init__(self, address: str) -> None:
        """Prepare. Args: address - as in NOTIFY_SOCKET: a path, or `@` and a name of Linux' own."""
        self._address: Final = "\0" + address[1:] if address.startswith("@") else address
        self._socket: trio.socket.SocketType | None = None
        self._troubled = False

    async def tell(self, *assignments: str) -> None:
        """Send `NAME=value` assignments in one message."""
        await self._send("\n".join(assignments), [])

    async def park(self, name: str, descriptor: int) -> None:
        """Leave a duplicate under `name`; one that is there already stays as it is."""
        await self._send(f"FDSTORE=1\nFDNAME={name}", [descriptor])

    async def forget(self, name: str) -> None:
        """Have everything under `name` closed."""
        await self._send(f"FDSTOREREMOVE=1\nFDNAME={name}", [])

    async def _send(self, text: str, descriptors: list[int]) -> None:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            with trio.fail_after(_SEND_SECONDS if not self._troubled else _TROUBLED_SECONDS):
                if self._socket is None:
                    # Connected, because else the kernel calls a socket writable whose peer has a full queue.
                    self._socket = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                    await self._socket.connect(self._address)
                await self._socket.sendmsg([text.encode()], ancillary)
            self._troubled = False
        except (OSError, trio.TooSlowError) as error:
            self.close()
            if not self._troubled:
                self._troubled = True
                LOG.warning("the service manager cannot be told anything (%s); a replacement may not find our sockets", error)

    def close(self) -> None:
        """Let go of the socket; telling something more makes another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def find_manager(environ: MutableMapping[str, str]) -> ServiceManager | None:
    """Who started this process and wants to be told, if anybody; its traces are removed from `environ`."""
    address = environ.pop("NOTIFY_SOCKET", "")
    if not address:
        return None
    if address[0] not in "/@":
        LOG.warning("NOTIFY_SOCKET is %r, which is no local socket; nothing is told there", address)
        return None
    return ServiceManager(address)
