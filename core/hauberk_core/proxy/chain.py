"""A listener's filter chain at work: what its connections are served with. Replaced as a whole when its configuration changes."""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.http.h1_server import H1Server
from hauberk_core.http.machine import ServerMachine
from hauberk_core.model.listener import FilterChain, HttpLimits
from hauberk_core.observe.meters import ClusterMeters
from hauberk_core.observe.record import Record
from hauberk_core.observe.request_id import RequestIds
from hauberk_core.plugin.chain import ChainFilters
from hauberk_core.plugin.waiting import Waiting
from hauberk_core.route.compiled import CompiledTable
from hauberk_core.route.dice import Dice
from hauberk_core.upstream.cluster import UpstreamCluster


class Target:
    """A cluster that routes may name, and where its exchanges are counted."""

    def __init__(self, cluster: UpstreamCluster, meters: ClusterMeters) -> None:
        self.cluster: Final = cluster
        self.meters: Final = meters


class Chain:
    """The settings of one filter chain, ready for the hot path."""

    def __init__(
        self,
        owner: "ChainOwner",
        config: FilterChain,
        table: CompiledTable,
        dice: Dice,
        scheme: str,
        port: int,
        other_machine: Callable[[str, HttpLimits], ServerMachine] | None,
    ) -> None:
        timeouts = config.timeouts
        self.owner: Final = owner
        self.config: Final = config
        self.table: CompiledTable = table
        self.filters: ChainFilters | None = None
        """What plugins do with its exchanges, with the table of the same configuration; None: nothing."""
        self.dice: Final = dice
        self.scheme: Final = scheme
        self.port: Final = port
        self.head_timeout: Final = timeouts.head.seconds
        self.idle_timeout: Final = timeouts.idle.seconds
        self.stall_timeout: Final = timeouts.stall.seconds
        self.handshake_timeout: Final = timeouts.handshake.seconds
        self._limits: Final = config.limits
        self._other_machine: Final = other_machine

    def new_machine(self) -> ServerMachine:
        """A server machine for a new connection."""
        if self._other_machine is not None:
            return self._other_machine(self.scheme, self._limits)
        return H1Server(self.scheme, self._limits)


@mypyc_attr(allow_interpreted_subclasses=True)
class ChainOwner:
    """What a chain's connections need of the proxy around them."""

    def __init__(self, unrouted: ClusterMeters, request_ids: RequestIds, waiting: Waiting) -> None:
        self.unrouted: Final = unrouted
        """Where exchanges that reach no cluster are counted."""
        self.request_ids: Final = request_ids
        self.waiting: Final = waiting
        """Where asynchronous filters run."""

    def target(self, cluster: str) -> Target | None:
        """The cluster of this name, if there is one now."""
        raise NotImplementedError

    def http_date(self) -> str:
        """The value of a Date field."""
        raise NotImplementedError

    def report(self, record: Record, meters: ClusterMeters) -> None:
        """Count and log a finished exchange."""
        raise NotImplementedError
