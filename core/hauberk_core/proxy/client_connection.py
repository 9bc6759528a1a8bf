"""What all connections of clients have in common, whatever they speak, and what they need of the listener that accepted them."""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.net.connection import Connection
from hauberk_core.net.loop import Handler, Loop
from hauberk_core.net.transport import Stream
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.proxy.chain import Chain
from hauberk_core.proxy.client_certificate import element_of

# For a client between two requests while room is short: a busy one sends its next within a round trip.
TIGHT_IDLE_SECONDS: Final = 1.0
# For a client that is between two requests when its connection is to end: likewise.
DRAIN_IDLE_SECONDS: Final = 0.5
# Before its first it has a request on the way, or it would not have connected. Lost on the way, that is sent again after a second
# (RFC 6298 section 2.1).
DRAIN_FIRST_SECONDS: Final = 2.0


@mypyc_attr(allow_interpreted_subclasses=True)
class ConnectionListener(Handler):
    """What a client's connection needs of the listener that accepted it."""

    def chain_of(self, connection: "ClientConnection") -> Chain | None:
        """The chain that serves a connection, by where it was going or the server name that its client asked for."""
        raise NotImplementedError

    def connection_opened(self, connection: "ClientConnection") -> None:
        """The connection stands, its TLS handshake included, and what it speaks is known."""
        raise NotImplementedError

    def connection_closed(self, connection: "ClientConnection") -> None:
        """A connection that was accepted is closed."""
        raise NotImplementedError

    def handshake_failed(self) -> None:
        """A TLS handshake failed or took too long."""
        raise NotImplementedError

    def speaks_http(self, connection: "ClientConnection", early: bytes, ended: bool) -> None:
        """A connection, whose stream is let go of, turns out to speak HTTP/1.1: serve it as such.

        Args: early - what was read of it; ended - nothing more comes.
        """
        raise NotImplementedError

    def speaks_http2(self, connection: "ClientConnection", early: bytes) -> None:
        """A connection, whose stream is let go of, turns out to speak HTTP/2. Args: early - what was read of it."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class ClientConnection(Connection):
    """A connection that a listener accepted."""

    def __init__(
        self,
        loop: Loop,
        stream: Stream,
        chain: Chain,
        peer_host: str,
        listener: ConnectionListener,
        destination_host: str = "",
        destination_port: int = 0,
    ) -> None:
        super().__init__(loop, stream)
        self.listener: Final = listener
        self.peer_host: str = peer_host
        """Whose connection it is, as far as is known."""
        self.chain: Chain = chain
        self.destination_host: Final = destination_host
        """Where a captured connection was going; empty: it was not captured."""
        self.destination_port: Final = destination_port
        self.refusal: str = ""
        """Why its requests are not served, where it is one too many."""
        self.draining = False
        """Whether it ends as soon as nothing is lost by it."""
        self.kept_filters: ChainFilters | None = None
        """Those of its chain, if that is not its listener's any more."""
        self._certificate: str | None = None
        self.is_counted = False
        """Whether the listener has heard that it stands."""

    def exchanges(self) -> int:
        """How many are under way on it."""
        raise NotImplementedError

    def tighten(self) -> None:
        """Room is getting short: end soon if nobody uses it."""
        raise NotImplementedError

    def drain(self) -> None:
        """End as soon as nothing is lost by it."""
        raise NotImplementedError

    def follow(self, chain: Chain) -> None:
        """Be served by another chain from the next request on."""
        if chain.serves_http:
            self.chain = chain
            self.forget_filters()
        else:
            self.stay_behind()

    def stay_behind(self) -> None:
        """The listener has no chain for it any more: end by the one that it has, of which everything is kept until then."""
        filters = self.chain.filters
        if filters is not None and self.kept_filters is None:
            # Their configuration is about to let go of them.
            filters.hold()
            self.kept_filters = filters
        self.drain()

    def forget_filters(self) -> None:
        """It needs no filters but those of the configuration."""
        filters = self.kept_filters
        if filters is not None:
            self.kept_filters = None
            filters.release()

    def idle_seconds(self) -> float:
        """How long it may be unused; 0: for ever."""
        idle = self.chain.idle_timeout
        if self.chain.owner.pressure.tight and (idle <= 0 or idle > TIGHT_IDLE_SECONDS):
            return TIGHT_IDLE_SECONDS
        return idle

    def certificate(self) -> str:
        """The client's certificate as endpoints are told of it; empty: it has proved none."""
        known = self._certificate
        if known is None:
            known = element_of(self.stream)
            self._certificate = known
        return known

    def local_address(self) -> str:
        """`host:port` that the client connected to, for logs."""
        host = self.destination_host
        if not host:
            return self.stream.local_address()
        return f"[{host}]:{self.destination_port}" if ":" in host else f"{host}:{self.destination_port}"
