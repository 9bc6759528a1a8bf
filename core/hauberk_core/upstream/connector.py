"""How the connections of one cluster are made, and which machines speak on them."""

from collections.abc import Callable
from typing import Final

from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.machine import ClientMachine
from hauberk_core.net.announcing import AnnouncingStream
from hauberk_core.net.loop import Loop
from hauberk_core.net.transport import Security, Stream, Transport
from hauberk_core.upstream.endpoint import UpstreamEndpoint


class Connector:
    """The transport, its security, and the codecs. One for each cluster."""

    def __init__(
        self,
        loop: Loop,
        transport: Transport,
        new_machine: Callable[[], ClientMachine],
        new_multiplexed_machine: Callable[[], MultiplexedMachine],
    ) -> None:
        self.loop: Final = loop
        self.new_machine: Final = new_machine
        self.new_multiplexed_machine: Final = new_multiplexed_machine
        self._transport: Final = transport
        self._own: Security | None = None
        self._shared: Security | None = None

    def secure(self, own: Security | None, shared: Security | None) -> None:
        """Make connections with these from now on. Open ones go on, so that others must have the same `pool_key`.

        Args: own - for those that serve one request at a time, and for octets that are not HTTP; shared - for those that several
            requests are to share: another protocol is asked for.
        """
        self._own = own
        self._shared = shared

    def stream(
        self, endpoint: UpstreamEndpoint, is_shared: bool, keep_alive: tuple[int, int, int] | None = None, header: bytes = b""
    ) -> Stream:
        """Begin to connect. Raises: OSError if that failed at once.

        Args: is_shared - HTTP/2 is, or may be, spoken on it; keep_alive - as `ClusterSettings` has it; header - what the
            connection begins with, before TLS.
        """
        stream = self._transport.connect(endpoint.host, endpoint.port, endpoint.source)
        if keep_alive is not None:
            stream.keep_alive(keep_alive[0], keep_alive[1], keep_alive[2])
        security = self._own if self._shared is None or not is_shared else self._shared
        if header:
            return AnnouncingStream(stream, header, security, endpoint.name)
        return stream if security is None else security.wrap(stream, endpoint.name)
