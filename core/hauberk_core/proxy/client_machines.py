"""Which implementation of HTTP speaks to the endpoints of a cluster."""

from typing import Final

from hauberk_core.http.h1_client import H1Client
from hauberk_core.http.h2.client import H2Client
from hauberk_core.http.h2.machine import MultiplexedMachine
from hauberk_core.http.machine import ClientMachine
from hauberk_core.model.cluster import Cluster
from hauberk_core.model.listener import HttpLimits
from hauberk_core.proxy.other_codecs import OtherCodecs


class ClientMachines:
    """Makes machines for the connections of one cluster: ours, unless its configuration asks for others."""

    def __init__(self, config: Cluster, others: OtherCodecs) -> None:
        self._http1: Final[OtherCodecs | None] = others if config.codec == "h11" else None
        self._http2: Final[OtherCodecs | None] = others if config.http2_codec == "h2" else None
        # Responses are held to the same bounds as requests; a trusted endpoint has no reason to send larger heads.
        self._limits: Final = HttpLimits()

    def new(self) -> ClientMachine:
        """One of HTTP/1.1, for a new connection."""
        return H1Client(self._limits) if self._http1 is None else self._http1.client(self._limits)

    def new_multiplexed(self) -> MultiplexedMachine:
        """One of HTTP/2, for a new connection."""
        return H2Client(self._limits) if self._http2 is None else self._http2.multiplexed_client(self._limits)
