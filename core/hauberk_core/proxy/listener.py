"""A listening address at work: accepts what the kernel has queued, a bounded number at a time."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.net.announced import AnnouncedSecurity
from hauberk_core.net.destinations import DestinationMap
from hauberk_core.net.loop import Loop
from hauberk_core.net.poller import READ
from hauberk_core.net.server_name import ServerNames
from hauberk_core.net.transport import Listening, Security, Stream
from hauberk_core.net.wheel import Timer, TimerOwner
from hauberk_core.observe.meters import ListenerMeters
from hauberk_core.observe.record import Record
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.proxy.chain import Chain, ChainOwner
from hauberk_core.proxy.client_connection import ClientConnection, ConnectionListener
from hauberk_core.proxy.downstream import DownstreamConnection
from hauberk_core.proxy.h2_downstream import H2DownstreamConnection
from hauberk_core.proxy.tcp import TcpConnection

# Accepts of one wake. Connections that are already served come first again after this many; the kernel keeps the rest queued.
ACCEPTS_PER_WAKE: Final = 16
# Accepts before a listener closes: more than the kernel queues (its backlog), so that a flood cannot hold the closing up.
ACCEPTS_AT_CLOSE: Final = 8192
# After the process ran out of descriptors or memory: trying again at once would fail again and burn the processor, while
# connections that end meanwhile free what is missing.
EXHAUSTED_PAUSE_SECONDS: Final = 0.1


@mypyc_attr(allow_interpreted_subclasses=True)
class ListenerRuntime(ConnectionListener):
    """Accepts connections and starts serving them with the listener's chain."""

    def __init__(self, name: str, loop: Loop, listening: Listening, meters: ListenerMeters, owner: ChainOwner) -> None:
        self.name: Final = name
        self.listening: Final = listening
        self.meters: Final = meters
        self.chains: list[Chain] = []
        self.default_chain: Chain | None = None
        """The chain of a client that asks for no name."""
        self._names: ServerNames = ServerNames([])
        self._by_name = False
        self.security: Security | None = None
        self._announced: AnnouncedSecurity | None = None
        """Of connections that proxies in front pass on."""
        self.connections: Final[dict[ClientConnection, bool]] = {}
        """The open connections of this listener, in the order of their arrival."""
        self._owner: Final = owner
        self._pressure: Final = owner.pressure
        self._most: int = 0
        self._loop: Final = loop
        self._descriptor: Final[int] = listening.fileno()
        self._timer: Final = Timer(_Resume(self))
        self._open = False
        self._closed = False
        self._destinations: DestinationMap | None = None
        """By where captured connections were going; None: connections are not captured here."""
        self._passes_octets = False
        self._held: list[ChainFilters] = []
        """Filters that the last connections of a closed listener may still need."""

    def configure(
        self,
        chains: list[Chain],
        security: Security | None,
        captured: bool = False,
        names: ServerNames | None = None,
        trusted: tuple[str, ...] = (),
        most: int = 0,
    ) -> None:
        """Serve by these chains from now on.

        Args: security - of all connections; captured - each chain's own counts, and where connections were going chooses one;
            names - of the chains, where whoever asks for another name is not served; None: the first chain serves them;
            trusted - addresses and ranges of proxies that say whose connections they pass on; most - connections at a time, 0: as
            many as the worker takes.

        Open connections follow with their next request, as far as they can: limits and codec are those they began with, and one
        whose transport is not what is now asked for ends, unless the new security keeps it. So does one of HTTP where there is no
        chain for it any more.
        """
        before = self.chains
        self.chains = chains
        self.security = security
        self._most = most
        self._announced = AnnouncedSecurity(trusted, security) if trusted else None
        self._by_name = names is not None
        self._names = names or ServerNames([chain.config.server_names for chain in chains])
        self.default_chain = chains[self._names.choose("")] if chains else None
        self._passes_octets = any([chain.passes_octets for chain in chains])  # noqa: C419 - compiled code has no generators to spare
        if not captured:
            self._destinations = None
        elif before != chains or self._destinations is None:
            configs = [chain.config for chain in chains]
            self._destinations = DestinationMap([(config.destinations, config.destination_ports) for config in configs])
        if before != chains:
            for connection in list(self.connections):
                if connection.chain not in chains:
                    self._move(connection)

    def _move(self, connection: ClientConnection) -> None:
        stream = connection.stream
        chain = self.chain_of(connection)
        security = self.security if self._destinations is None or chain is None else chain.security
        if chain is None:
            connection.stay_behind()
            return
        if chain.config.transport != connection.chain.config.transport and (security is None or not security.keeps(stream)):
            connection.drain()
        connection.follow(chain)

    def open(self) -> None:
        """Begin to accept."""
        if not self._open and not self._closed:
            self._open = True
            self._loop.register(self._descriptor, self, READ)

    def close(self) -> None:
        """Accept what is queued, because the last one to close a listening socket resets its queue, and then stop."""
        if self._closed:
            return
        for _ in range(ACCEPTS_AT_CLOSE):
            if not self._accept():
                break
        self._closed = True
        self._open = False
        if self.connections:
            # They may send another request before they go, when the configuration that the filters belong to is gone.
            for chain in self.chains:
                if chain.filters is not None:
                    chain.filters.hold()
                    self._held.append(chain.filters)
        self._loop.wheel.drop(self._timer)
        self._loop.release(self._descriptor, self.listening)

    def ready(self, events: int) -> None:
        for _ in range(ACCEPTS_PER_WAKE):
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Accept one connection. Returns whether there may be another."""
        chain = self.default_chain
        if chain is None or not self._open:
            return False
        try:
            stream = self.listening.accept()
        except OSError:
            self.meters.accept_failed()
            self._loop.poller.modify(self._descriptor, 0)
            self._loop.wheel.arm(self._timer, self._loop.now + EXHAUSTED_PAUSE_SECONDS)
            return False
        if stream is None:
            return False
        surplus = self._pressure.surplus(len(self.connections), self._most)
        if surplus and not self._may_explain(chain):
            self._turn_away(stream, surplus)
            return True
        if self._destinations is not None:
            self._start_captured(stream, self._destinations, surplus)
            return True
        host = _host_of(stream.peer_address())
        announced = self._announced
        if announced is not None and announced.trusts(host):
            stream = announced.wrap(stream, "")
        elif self.security is not None:
            stream = self.security.wrap(stream, "")
        self._start(stream, chain, self._passes_octets, host, "", 0, surplus)
        return True

    def _may_explain(self, chain: Chain) -> bool:
        """Whether a connection that is one too many can be told so, at no more cost than closing it."""
        if self._passes_octets or self.security is not None or chain.security is not None:
            return False
        return self._pressure.may_explain(len(self.connections), self._most)

    def _turn_away(self, stream: Stream, why: str) -> None:
        record = Record()
        record.start = self._loop.clock.wall()
        record.downstream_local = stream.local_address()
        record.downstream_remote = stream.peer_address()
        record.reason = Reason.OVERLOADED
        record.details = why
        self._pressure.turned_away()
        self._owner.report_passage(record)
        stream.reset_on_close()
        stream.close()

    def _start_captured(self, stream: Stream, destinations: DestinationMap, surplus: str) -> None:
        destination, port = stream.original_destination()
        chosen = destinations.choose(destination, port) if destination else -1
        if chosen < 0 or port == self.listening.port():
            # It was going to this very listener, where passing it on would lead it back again, or nowhere that is served.
            self.meters.misled()
            stream.reset_on_close()
            stream.close()
            return
        chain = self.chains[chosen]
        host = _host_of(stream.peer_address())
        if chain.security is not None:
            stream = chain.security.wrap(stream, "")
        self._start(stream, chain, chain.passes_octets, host, destination, port, surplus)

    def _start(self, stream: Stream, chain: Chain, passes: bool, host: str, destination: str, port: int, surplus: str) -> None:
        connection: ClientConnection
        if passes:
            connection = TcpConnection(self._loop, stream, chain, host, self, destination, port)
        else:
            connection = DownstreamConnection(self._loop, stream, chain, host, self, destination, port)
        self.connections[connection] = True
        self._pressure.connection_opened()
        if surplus:
            connection.refusal = surplus
            self._pressure.turned_away()
        connection.open()
        if surplus:
            connection.drain()

    def speaks_http(self, connection: ClientConnection, early: bytes, ended: bool) -> None:
        self.connections.pop(connection, None)
        successor = DownstreamConnection(
            self._loop,
            connection.stream,
            connection.chain,
            connection.peer_host,
            self,
            connection.destination_host,
            connection.destination_port,
        )
        self.connections[successor] = True
        successor.kept_filters = connection.kept_filters
        # Known before it reads: what was read may be a whole request, or turn it into one of HTTP/2.
        successor.draining = connection.draining
        successor.go_on(early, ended)
        if successor.draining:
            successor.drain()

    def speaks_http2(self, connection: ClientConnection, early: bytes) -> None:
        self.connections.pop(connection, None)
        successor = H2DownstreamConnection(
            self._loop,
            connection.stream,
            connection.chain,
            connection.peer_host,
            self,
            connection.destination_host,
            connection.destination_port,
        )
        successor.is_counted = connection.is_counted
        successor.refusal = connection.refusal
        self.connections[successor] = True
        successor.kept_filters = connection.kept_filters
        successor.go_on(early, False)
        if successor.refusal or connection.draining:
            successor.drain()

    def give_up(self, error: Exception) -> None:
        # One connection could not be set up; the listener goes on.
        self.meters.accept_failed()

    def connection_opened(self, connection: ClientConnection) -> None:
        connection.is_counted = True
        if self._announced is not None:
            connection.peer_host = _host_of(connection.stream.peer_address())
        self.meters.connection_opened()
        if connection.stream.was_excused():
            self.meters.excused()

    def connection_closed(self, connection: ClientConnection) -> None:
        self.connections.pop(connection, None)
        connection.forget_filters()
        self._pressure.connection_closed()
        if connection.is_counted:
            self.meters.connection_closed()
        if self._held and not self.connections:
            held = self._held
            self._held = []
            for filters in held:
                filters.release()

    def handshake_failed(self) -> None:
        self.meters.handshake_failed()

    def resume(self) -> None:
        """Accept again after a pause."""
        if self._open:
            self._loop.poller.modify(self._descriptor, READ)

    def chain_of(self, connection: ClientConnection) -> Chain | None:
        if self._destinations is None:
            return self._chain_for(connection.stream.server_name())
        chosen = self._destinations.choose(connection.destination_host, connection.destination_port)
        return None if chosen < 0 else self.chains[chosen]

    def _chain_for(self, server_name: str) -> Chain | None:
        chosen = self._names.find(server_name) if self._by_name else self._names.choose(server_name)
        return self.chains[chosen] if 0 <= chosen < len(self.chains) else None


class _Resume(TimerOwner):
    def __init__(self, listener: ListenerRuntime) -> None:
        self._listener: Final = listener

    def timed_out(self, timer: Timer) -> None:
        self._listener.resume()


def _host_of(address: str) -> str:
    """The host of `host:port`, without the brackets of IPv6."""
    host = address[: address.rfind(":")]
    return host[1:-1] if host.startswith("[") else host
