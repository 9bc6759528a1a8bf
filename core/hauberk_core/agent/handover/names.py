"""What parked descriptors are called: their kind, their number, and the address that a socket belongs to.

A manager takes names of at most 255 printable ASCII characters without a colon (sd_pid_notify_with_fds(3), FDNAME).
"""

import hashlib
from typing import Final, NamedTuple
from urllib.parse import quote

LISTENER: Final = "listener"
ADMIN: Final = "admin"
WORKERS: Final = "workers"

LONGEST_NAME: Final = 255
# Of a key that is too long for a name, this much stays readable; the rest is told by a digest.
_READABLE: Final = 100
_HIGHEST_NUMBER: Final = 9999


class DescriptorName(NamedTuple):
    """The parts of a name."""

    kind: str
    number: int
    """Tells the sockets of one address apart, and their order."""
    tail: str
    """The key, as `tail_of` writes it."""

    def __str__(self) -> str:
        return f"{self.kind}/{self.number}/{self.tail}"


def tail_of(key: str) -> str:
    """The end of the name of what is known by `key`, the same for the same key."""
    tail = quote(key, safe="/[] ")
    if len(tail) > LONGEST_NAME - len(f"{LISTENER}/{_HIGHEST_NUMBER}/"):
        tail = f"{tail[:_READABLE]}...{hashlib.sha256(key.encode()).hexdigest()}"
    return tail


def parse_name(name: str) -> DescriptorName | None:
    """The parts of a name; None if it is none of ours."""
    kind, _, rest = name.partition("/")
    number, _, tail = rest.partition("/")
    if kind not in {LISTENER, ADMIN, WORKERS} or not tail or not number.isascii() or not number.isdigit():
        return None
    if len(number) > len(str(_HIGHEST_NUMBER)):
        return None
    return DescriptorName(kind, int(number), tail)
