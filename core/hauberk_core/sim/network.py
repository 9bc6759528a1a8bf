"""A network in memory: who listens where, which descriptors are open, and how octets are cut into pieces."""

import enum
import errno
import random
from typing import Final

from hauberk_core.sim.datagrams import VirtualDatagrams, VirtualDatagramSocket
from hauberk_core.sim.stream import VirtualListening, VirtualStream

# As much as a pair of kernel buffers holds at least: small enough that bodies of some hundred KiB meet backpressure.
WINDOW_BYTES: Final = 64 * 1024
# As in a process: those below are its standard files.
_FIRST_DESCRIPTOR: Final = 3
_FIRST_PORT: Final = 32768

_Owner = VirtualStream | VirtualListening | VirtualDatagrams | VirtualDatagramSocket


class Fate(enum.Enum):
    """What becomes of a connect to an address where nobody listens."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    """It fails at once."""
    BLACK_HOLE = "black_hole"
    """It never comes to an end."""


class VirtualNetwork:
    """Hands out descriptors, lowest free number first as the kernel does, so that they are reused as soon as possible.

    Without a seed every transfer is whole and every connect succeeds with the loop's next round. With a seed, transfers are cut
    at random, and connects may succeed at once: always the same ones for the same seed.
    """

    def __init__(self, seed: int | None = None, window: int = WINDOW_BYTES) -> None:
        self.window: Final = window
        self.random: Final = None if seed is None else random.Random(seed)  # noqa: S311
        self._open: Final[dict[int, _Owner]] = {}
        self._bound: Final[dict[str, VirtualDatagrams | VirtualDatagramSocket]] = {}
        self._listening: Final[dict[str, VirtualListening]] = {}
        self._fates: Final[dict[str, Fate]] = {}
        self._identities: Final[dict[str, str]] = {}
        self._captures: Final[dict[str, str]] = {}
        self._next_port = _FIRST_PORT

    def identify(self, host: str, identity: str) -> None:
        """Let whoever speaks with `host` from now on know this identity of it, as if mutual TLS had proved it."""
        self._identities[host] = identity

    def identity(self, address: str) -> str:
        """The identity of the host of `host:port`; empty: it has none."""
        return self._identities.get(address.rpartition(":")[0], "")

    def listen(self, address: str) -> VirtualListening:
        """Listen at `host:port`. Raises: OSError if somebody does already."""
        if address in self._listening:
            raise OSError(errno.EADDRINUSE, f"{address} is in use")
        listening = VirtualListening(self, address)
        self._listening[address] = listening
        return listening

    def stop_listening(self, listening: VirtualListening) -> None:
        """Refuse connects to the address from now on."""
        if self._listening.get(listening.address) is listening:
            del self._listening[listening.address]

    def doom(self, address: str, fate: Fate) -> None:
        """Let connects to an address where nobody listens end so; without this they are refused."""
        self._fates[address] = fate

    def capture(self, host: str, address: str) -> None:
        """Lead every connection that `host` begins from now on to `address`, as rules of the kernel would."""
        self._captures[host] = address

    def connect(self, host: str, address: str) -> VirtualStream:
        """Begin to connect from `host` to `address`. Raises: OSError if it fails at once."""
        fate = self._fates.get(address, Fate.REFUSED)
        listening = self._listening.get(self._captures.get(host, address))
        if listening is None and fate is Fate.UNREACHABLE:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        local = f"{host}:{self._next_port}"
        self._next_port += 1
        stream = VirtualStream(self, local, address, self.window)
        stream.connecting = True
        if listening is not None:
            accepted = VirtualStream(self, listening.address, local, self.window)
            accepted.lead_from(address)
            accepted.join(stream)
            listening.arrive(accepted)
        elif fate is Fate.REFUSED:
            stream.break_off(errno.ECONNREFUSED)
        return stream

    def bind(self, address: str) -> VirtualDatagrams:
        """Receive datagrams at `host:port`. Raises: OSError if somebody does already."""
        if address in self._bound:
            raise OSError(errno.EADDRINUSE, f"{address} is in use")
        bound = VirtualDatagrams(self, address)
        self._bound[address] = bound
        return bound

    def open_datagrams(self, host: str, address: str) -> VirtualDatagramSocket:
        """A socket of `host` for datagrams to `address` and from it."""
        local = f"{host}:{self._next_port}"
        self._next_port += 1
        sock = VirtualDatagramSocket(self, local, address)
        self._bound[local] = sock
        return sock

    def is_bound(self, address: str) -> bool:
        """Whether somebody receives datagrams there."""
        return address in self._bound

    def carry(self, data: bytes, sender: str, address: str) -> bool:
        """Bring a datagram to whoever receives at `address`. Returns whether it arrived."""
        receiver = self._bound.get(address)
        return receiver is not None and receiver.arrive(data, sender)

    # For streams, sockets, listeners and pollers.

    def unbind(self, address: str) -> None:
        """Nobody receives datagrams there any more."""
        self._bound.pop(address, None)

    def add(self, owner: _Owner) -> int:
        """The lowest free descriptor, now `owner`'s."""
        descriptor = _FIRST_DESCRIPTOR
        while descriptor in self._open:
            descriptor += 1
        self._open[descriptor] = owner
        return descriptor

    def remove(self, descriptor: int) -> None:
        """The descriptor is closed; its number is free."""
        del self._open[descriptor]

    def readiness(self, descriptor: int) -> int:
        """What the descriptor is ready for. Raises: OSError if it is not open."""
        owner = self._open.get(descriptor)
        if owner is None:
            raise OSError(errno.EBADF, f"descriptor {descriptor} is not open")
        return owner.readiness()

    def descriptors(self) -> int:
        """How many are open, those of scripted peers included."""
        return len(self._open)

    def part_of(self, size: int) -> int:
        """How many of `size` octets are transferred at once, at least one."""
        if self.random is None or size <= 1 or self.random.random() < 0.5:
            return size
        return self.random.randint(1, size)

    def connects_at_once(self) -> bool:
        """Whether a connect succeeds at the first look."""
        return self.random is not None and self.random.random() < 0.5
