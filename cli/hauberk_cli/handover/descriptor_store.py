"""Descriptors that a program has parked, so that its successor finds them: systemd's file descriptor store."""

import os
from typing import Final

# A socket for each listener and worker; a sidecar has a listener for each service it may call. Whoever parks more is at fault.
MOST_DESCRIPTORS: Final = 4096
LONGEST_NAME: Final = 255
UNNAMED: Final = "stored"


class StoreRefusal(Exception):
    """A descriptor is not kept; the message says why."""


class DescriptorStore:
    """Open descriptors with their names, in the order in which they came. The same file is kept once."""

    def __init__(self, most: int = MOST_DESCRIPTORS) -> None:
        self._most: Final = most
        self._held: dict[tuple[int, int], tuple[str, int]] = {}

    def park(self, name: str, descriptor: int) -> None:
        """Keep `descriptor`, which is the store's from now on. One that is there already keeps its name.

        Raises: StoreRefusal; it is closed then.
        """
        status = os.fstat(descriptor)
        key = status.st_dev, status.st_ino
        if key in self._held:
            os.close(descriptor)
        elif len(self._held) >= self._most:
            os.close(descriptor)
            raise StoreRefusal(f"{self._most} descriptors are kept already, which is the most")
        elif not is_name(name):
            os.close(descriptor)
            raise StoreRefusal(f"a descriptor may not be called {name[:LONGEST_NAME]!r}")
        else:
            self._held[key] = name, descriptor

    def remove(self, name: str) -> None:
        """Close everything under `name`."""
        gone = [key for key, (held, _) in self._held.items() if held == name]
        for key in gone:
            os.close(self._held.pop(key)[1])

    def descriptors(self) -> list[tuple[str, int]]:
        """Names and descriptors, which stay the store's."""
        return list(self._held.values())

    def close(self) -> None:
        """Close everything."""
        for _, descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()


def is_name(name: str) -> bool:
    """Whether a descriptor may be called so: printable ASCII without a colon, which parts names in LISTEN_FDNAMES."""
    return 0 < len(name) <= LONGEST_NAME and name.isascii() and name.isprintable() and ":" not in name
