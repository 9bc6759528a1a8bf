"""Level-triggered readiness of virtual descriptors."""

import errno
from typing import Final

from hauberk_core.net.poller import ERROR, HANGUP, Poller
from hauberk_core.sim.network import VirtualNetwork


class VirtualPoller(Poller):
    """Looks at every registered descriptor at each poll; the order is that of registration, or shuffled where there is a seed."""

    def __init__(self, network: VirtualNetwork) -> None:
        self._network: Final = network
        self._interests: Final[dict[int, int]] = {}

    def fileno(self) -> int:
        # Nobody sleeps in a simulation.
        return -1

    def register(self, descriptor: int, interest: int) -> None:
        if descriptor in self._interests:
            raise OSError(errno.EEXIST, f"descriptor {descriptor} is registered already")
        self._network.readiness(descriptor)
        self._interests[descriptor] = interest

    def modify(self, descriptor: int, interest: int) -> None:
        if descriptor not in self._interests:
            raise OSError(errno.ENOENT, f"descriptor {descriptor} is not registered")
        self._interests[descriptor] = interest

    def unregister(self, descriptor: int) -> None:
        if self._interests.pop(descriptor, None) is None:
            raise OSError(errno.ENOENT, f"descriptor {descriptor} is not registered")

    def poll(self) -> list[tuple[int, int]]:
        """What is ready now. Raises: OSError if a registered descriptor was closed, which the loop's rules forbid."""
        ready: list[tuple[int, int]] = []
        for descriptor, interest in self._interests.items():
            events = self._network.readiness(descriptor) & (interest | ERROR | HANGUP)
            if events:
                ready.append((descriptor, events))
        if self._network.random is not None:
            self._network.random.shuffle(ready)
        return ready

    def close(self) -> None:
        self._interests.clear()
