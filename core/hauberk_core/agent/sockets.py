"""The listening sockets: one for each worker and listener, bound by the agent, which keeps a duplicate of every one.

A socket lives as long as anybody holds it. So connections, and datagrams, that wait in the queue of a worker that was killed are
served by its replacement, which is given the same socket.

TCP and UDP have ports of their own each: an address of UDP is written `udp/host:port`, as Caddy does.

SO_REUSEPORT lets the workers share a port, and would let any other process of the same user share it too, silently: two proxies
started by mistake would each get half of the connections. So the first socket is bound *without* it, which fails while anybody
listens there, and is given the option only then; there is no moment in between at which the port is free. Who wants to share
afterwards, and says so by the option, cannot be stopped, but does not do it by accident.
"""

import errno
import os
import socket
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from hauberk_core.agent.handover.inherited import Inherited
from hauberk_core.agent.handover.names import LISTENER
from hauberk_core.model.address import Address, parse_address
from hauberk_core.model.listener import Listener

# Connections that wait while a worker is replaced (some 300 ms) at 10,000 new ones a second. The kernel's somaxconn may lower it.
BACKLOG: Final = 4096
UDP_PREFIX: Final = "udp/"
# For datagrams that come while a worker is replaced or busy; the kernel's rmem_max may lower it. Envoy's own is the kernel's
# default, a fifth of this, which some hundred datagrams fill.
_RECEIVE_BYTES: Final = 1 << 20


class BindError(Exception):
    """An address cannot be listened on; the message says whose it is, why, and what to do."""


class Place(NamedTuple):
    """An address to listen on."""

    address: Address
    kind: socket.SocketKind
    """SOCK_STREAM, or SOCK_DGRAM: UDP."""


def parse_place(text: str) -> Place:
    """Read `host:port`, or `udp/host:port`. Raises: ValueError, as `parse_address`."""
    rest = text.removeprefix(UDP_PREFIX)
    return Place(parse_address(rest), socket.SOCK_STREAM if rest == text else socket.SOCK_DGRAM)


def places(listeners: Mapping[str, Listener]) -> dict[str, str]:
    """Where listeners listen, by name, in the form that `parse_place` reads."""
    return {
        name: listener.address if listener.datagrams is None else UDP_PREFIX + listener.address
        for name, listener in listeners.items()
    }


class BoundListener:
    """The sockets of one address."""

    def __init__(self, sockets: list[socket.socket], workers: int) -> None:
        self.sockets: Final = sockets
        """One for each worker, listening or (UDP) bound, not blocking; more of them if there were more workers once."""
        self._workers: Final = workers
        name = sockets[0].getsockname()
        self.address: Final = Address(name[0], name[1])
        """Where it listens, with the port that was chosen for port 0."""

    def of_worker(self, index: int) -> list[socket.socket]:
        """Those that one worker accepts from. None is left out: what waits at a socket that nobody looks at is lost."""
        return self.sockets[index :: self._workers]

    def close(self) -> None:
        """Close the agent's duplicates. What a worker still holds goes on."""
        for sock in self.sockets:
            sock.close()


class ListenerSockets:
    """All sockets of an agent. A change is prepared, and then either kept or dropped, as a whole."""

    def __init__(self, workers: int, inherited: Inherited | None = None) -> None:
        """Prepare. Args: inherited - sockets of the agent before, taken over where a listener wants their address."""
        self._workers: Final = workers
        self._inherited: Final = inherited or Inherited([])
        self._waiting: Final[dict[str, BoundListener]] = {}
        """Taken over for a configuration that was refused; perhaps the next one wants them."""
        self._by_key: dict[str, BoundListener] = {}
        self._by_name: dict[str, BoundListener] = {}

    def by_key(self) -> Mapping[str, BoundListener]:
        """What is bound, under what tells one listener's sockets from another's for as long as they live."""
        return self._by_key

    def by_name(self) -> Mapping[str, BoundListener]:
        """What is bound, under the listeners' names."""
        return self._by_name

    def has(self, addresses: Mapping[str, str]) -> bool:
        """Whether all of these are bound, so that to prepare them takes no time. Args: as those of `prepare`."""
        return all(text in self._by_key or f"{name} {text}" in self._by_key for name, text in addresses.items())

    def prepare(self, addresses: Mapping[str, str]) -> "SocketChange":
        """Bind what is missing for these listeners, by name, with their addresses as `places` writes them.

        An address that is bound already keeps its sockets, whatever its listener is called.

        Raises: BindError if one cannot be bound; nothing has changed then.
        """
        change = SocketChange(self, {}, {}, [])
        try:
            for name, text in addresses.items():
                self._add(change, name, text)
        except BaseException:
            change.drop()
            raise
        return change

    def _add(self, change: "SocketChange", name: str, text: str) -> None:
        try:
            place = parse_place(text)
        except ValueError as error:
            raise BindError(f"listener {name}: {error}") from error
        address = place.address
        # Port 0 means a port of one's own, so there the name belongs to the key.
        key = text if address.port else f"{name} {text}"
        if key in change.by_key:
            raise BindError(f"listener {name}: {text} belongs to another listener already; give each an address of its own")
        bound = self._by_key.get(key)
        if bound is None:
            bound = self._waiting.pop(key, None) or _adopt(key, place, self._workers, self._inherited)
            if bound is not None:
                change.adopted[key] = bound
        if bound is None:
            ours = any(
                held.address.port == address.port and held.sockets[0].type == place.kind
                for held in [*self._by_key.values(), *change.opened]
            )
            bound = _bind(name, text, place, self._workers, ours)
            change.opened.append(bound)
        change.by_key[key] = bound
        change.by_name[name] = bound

    def replace(self, by_key: dict[str, BoundListener], by_name: dict[str, BoundListener]) -> None:
        """Make these the sockets of the agent, and close all others."""
        kept = {id(bound) for bound in by_key.values()}
        _close([bound for bound in [*self._by_key.values(), *self._waiting.values()] if id(bound) not in kept])
        self._waiting.clear()
        self._by_key = by_key
        self._by_name = by_name

    def keep_waiting(self, adopted: dict[str, BoundListener]) -> None:
        """What was taken over for a configuration that was refused is not lost."""
        self._waiting.update(adopted)

    def close(self) -> None:
        """Close the agent's duplicates."""
        self.replace({}, {})


class SocketChange:
    """The sockets of a configuration that is not yet in force."""

    def __init__(
        self,
        owner: ListenerSockets,
        by_key: dict[str, BoundListener],
        by_name: dict[str, BoundListener],
        opened: list[BoundListener],
    ) -> None:
        self._owner: Final = owner
        self.by_key: Final = by_key
        self.by_name: Final = by_name
        self.opened: Final = opened
        """Those that the change bound anew."""
        self.adopted: Final[dict[str, BoundListener]] = {}
        """Those that it took over from the agent before, by key."""

    def keep(self) -> None:
        """The configuration is in force: close what it no longer has."""
        self._owner.replace(self.by_key, self.by_name)

    def drop(self) -> None:
        """The configuration was refused: close what was opened for it."""
        _close(self.opened)
        self._owner.keep_waiting(self.adopted)


def bind_one(name: str, text: str, kind: str = LISTENER, inherited: Inherited | None = None) -> BoundListener:
    """Bind a single socket that no workers share, or take it over.

    Args: kind - of the inherited one. Raises: BindError.
    """
    try:
        place = Place(parse_address(text), socket.SOCK_STREAM)
    except ValueError as error:
        raise BindError(f"listener {name}: {error}") from error
    adopted = None if inherited is None else _adopt(text, place, 1, inherited, kind)
    return adopted or _bind(name, text, place, 1, False)


def _adopt(key: str, place: Place, count: int, inherited: Inherited, kind: str = LISTENER) -> BoundListener | None:
    """At least `count` sockets for `key`, the inherited ones first; None if none was inherited."""
    sockets = inherited.take(kind, key, place.address, place.kind)
    if not sockets:
        return None
    of_before = len(sockets)
    while len(sockets) < count:
        first = sockets[0]
        try:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock = _open(first.family, place.kind, first.getsockname()[:2], True)
            sockets.append(sock)
            _listen(sock)
        except OSError:
            # A manager that binds sockets for others need not let them be shared by port; the workers then share one socket.
            sockets.append(sockets[len(sockets) % of_before].dup())
    return BoundListener(sockets, count)


def _close(bound: Iterable[BoundListener]) -> None:
    for listener in bound:
        listener.close()


def _bind(name: str, text: str, wanted: Place, count: int, ours: bool) -> BoundListener:
    """Bind `count` sockets. `ours`: we hold this port on another address already, so who is there need not be a stranger."""
    sockets: list[socket.socket] = []
    address, kind = wanted
    try:
        for family, place in _places(name, text, address):
            try:
                sockets.append(_open_first(family, kind, place, ours))
            except OSError as error:
                # A kernel without IPv6 still has every IPv4 address.
                if address.host or error.errno not in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}:
                    raise
                continue
            bound = (place[0], sockets[0].getsockname()[1])
            for _ in range(count - 1):
                sockets.append(_open(family, kind, bound, True))
            for sock in sockets:
                _listen(sock)
            return BoundListener(sockets, count)
        raise BindError(f"listener {name}: this machine has neither IPv6 nor IPv4 addresses to listen on")
    except OSError as error:
        _close_all(sockets)
        raise BindError(_explain(name, text, wanted, error)) from error
    except BaseException:
        _close_all(sockets)
        raise


def _close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()


def _places(name: str, text: str, address: Address) -> list[tuple[socket.AddressFamily, tuple[str, int]]]:
    """Where to try, the best first."""
    if not address.host:
        return [(socket.AF_INET6, ("::", address.port)), (socket.AF_INET, ("0.0.0.0", address.port))]  # noqa: S104 - asked for
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise BindError(
            f"listener {name}: {text}: no address is known for {address.host} ({error.strerror}); "
            f"write a numeric one, for example 127.0.0.1:{address.port}"
        ) from error
    # `localhost` has two addresses, a listener has one; people's clients all try IPv4.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, _, _, _, place = found[0]
    return [(family, (str(place[0]), address.port))]


def _listen(sock: socket.socket) -> None:
    if sock.type == socket.SOCK_STREAM:
        sock.listen(BACKLOG)


def _open_first(family: socket.AddressFamily, kind: socket.SocketKind, place: tuple[str, int], ours: bool) -> socket.socket:
    sock = _open(family, kind, place, ours)
    if not ours:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return sock


def _open(family: socket.AddressFamily, kind: socket.SocketKind, place: tuple[str, int], shared: bool) -> socket.socket:
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            # Without it a restart would have to wait for the last connections' TIME_WAIT. Of UDP it would share the port.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if place[0] == "::" else 1)
        sock.bind(place)
    except BaseException:
        sock.close()
        raise
    return sock


def _explain(name: str, text: str, place: Place, error: OSError) -> str:
    address = place.address
    start = f"listener {name}: cannot listen on {text}: "
    if error.errno == errno.EADDRINUSE:
        which = "-lunp" if place.kind == socket.SOCK_DGRAM else "-ltnp"
        show = f"`ss {which} 'sport = :{address.port}'` shows it"
        return start + f"another process does already; stop it ({show}), or choose another port"
    if error.errno == errno.EACCES:
        return start + "ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it, or choose a higher port"
    if error.errno == errno.EADDRNOTAVAIL:
        return start + f"{address.host} is no address of this machine; `ip address` shows those it has"
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return start + "no more files may be opened; raise the limit (`ulimit -n`)"
    return start + os.strerror(error.errno or 0)
