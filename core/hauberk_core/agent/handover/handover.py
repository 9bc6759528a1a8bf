"""One agent's part in the succession: what it inherits, and what it leaves."""

import os
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Final

import trio

from hauberk_core.agent.handover.inherited import Inherited, inherit
from hauberk_core.agent.handover.names import ADMIN, LISTENER, WORKERS, DescriptorName, tail_of
from hauberk_core.agent.handover.service_manager import ServiceManager, find_manager
from hauberk_core.agent.sockets import BoundListener

# How soon a manager's end is noticed; it is rare, and nobody waits for it.
_LOOK_SECONDS: Final = 1.0


class Handover:
    """Parks this agent's descriptors with the service manager, if there is one.

    Its workers hold the reading end of a pipe, their lifeline; the agent and the manager hold the other. A worker whose agent was
    killed reads the end of the pipe when nobody is left who might take over, or when the next agent's workers are ready and
    that agent lets go of the pipe: until then it serves on.
    """

    def __init__(self, inherited: Inherited, manager: ServiceManager | None) -> None:
        self.inherited: Final = inherited
        self._manager: Final = manager
        self._parent: Final = os.getppid()
        self.lifeline, self._held_lifeline = os.pipe()
        """The reading end, for the workers."""
        self._parked: Final[dict[str, BoundListener]] = {}
        """What the manager has of ours, by name."""
        self._ready = False
        self._stopping = False

    @property
    def is_managed(self) -> bool:
        """Whether somebody keeps our sockets open when we go."""
        return self._manager is not None

    @property
    def is_succeeded(self) -> bool:
        """Whether another process could take over now."""
        return self._manager is not None and self._ready

    async def follow(self, listeners: Mapping[str, BoundListener], admin: Mapping[str, BoundListener]) -> None:
        """These sockets, by their keys, are in force, and all workers serve. Inherited ones among the others are closed.

        The first call makes this the agent in office: the workers of the ones before may go.
        """
        self.inherited.close_sockets()
        manager = self._manager
        if manager is not None and not self._stopping:
            wanted = _names(LISTENER, listeners) | _names(ADMIN, admin)
            for name in self._stale(wanted):
                self._parked.pop(name, None)
                await manager.forget(name)
            for name, (listener, descriptor) in wanted.items():
                if name not in self._parked:
                    self._parked[name] = listener
                    await manager.park(name, descriptor)
            if not self._ready:
                await manager.park(str(DescriptorName(WORKERS, 0, secrets.token_hex(8))), self._held_lifeline)
                await manager.tell("READY=1")
        self._ready = True
        self.inherited.cut_lifelines()

    def _stale(self, wanted: "dict[str, tuple[BoundListener, int]]") -> list[str]:
        """Names under which the manager has something that is not to be taken over any more."""
        stale = [name for name, listener in self._parked.items() if name not in wanted or wanted[name][0] is not listener]
        if not self._ready:
            inherited = self.inherited
            stale += [name for name in inherited.names if name not in wanted or name not in inherited.taken]
        return stale

    async def wait_abandoned(self) -> None:
        """Wait until the manager is gone, which started this process and then was its parent; for ever if there is none.

        Nobody would end what it has started, or take over from it.
        """
        if self._manager is None:
            await trio.sleep_forever()
        while os.getppid() == self._parent:  # noqa: ASYNC110 - the system tells nobody
            await trio.sleep(_LOOK_SECONDS)

    async def stopping(self) -> None:
        """This agent goes. What it has parked stays: the manager knows whether another one comes."""
        self._stopping = True
        if self._manager is not None:
            await self._manager.tell("STOPPING=1")

    def close(self) -> None:
        """Let go of everything."""
        self.inherited.close_sockets()
        self.inherited.cut_lifelines()
        os.close(self.lifeline)
        os.close(self._held_lifeline)
        if self._manager is not None:
            self._manager.close()


def take_over(environ: MutableMapping[str, str]) -> Handover:
    """This process's part in the succession, by what its environment says."""
    return Handover(inherit(environ), find_manager(environ))


def _names(kind: str, listeners: Mapping[str, BoundListener]) -> dict[str, tuple[BoundListener, int]]:
    """Every socket with the name it is parked under."""
    return {
        str(DescriptorName(kind, number, tail_of(key))): (listener, sock.fileno())
        for key, listener in listeners.items()
        for number, sock in enumerate(listener.sockets)
    }
