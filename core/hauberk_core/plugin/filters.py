"""What a plugin's data half is made of: base classes, of which it overrides the methods that it needs.

A method that a class does not override costs nothing: it is left out when the chain is put together. The host refuses objects of
any other class when it builds the chain. Every method runs inside the proxy's loop and must neither wait nor compute for long;
only those of `AsyncFilter` may wait.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.model.reason import Reason
from hauberk_core.observe.record import Record
from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.reply import Reply
from hauberk_core.plugin.wish import Wish
from hauberk_core.upstream.cluster import UpstreamCluster
from hauberk_core.upstream.endpoint import UpstreamEndpoint


@mypyc_attr(allow_interpreted_subclasses=True)
class SyncFilter:
    """Looks at requests and responses as they pass, in the loop."""

    def request(self, exchange: Exchange) -> Reply | Wish | None:
        """A request's head. Headers are changed in place; a Reply ends the exchange here, a Wish has it wait."""
        raise NotImplementedError

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        """Octets of the request's body. Returns what goes on in their place, or a Reply, which ends the exchange here.

        Called for each chunk as it comes, and once more with `b""` and `last` at the end; never for a request without a body.
        """
        raise NotImplementedError

    def response(self, exchange: Exchange) -> Reply | Wish | None:
        """The head of the endpoint's final response. A Reply takes its place, a Wish has it wait."""
        raise NotImplementedError

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """Octets of the response's body, as `request_body`, without a Reply: the response has begun."""
        raise NotImplementedError

    def close(self) -> None:
        """No configuration uses the filter any more, and the last exchange that did is over. Called once."""


@mypyc_attr(allow_interpreted_subclasses=True)
class AsyncFilter:
    """The same with waiting: each call is a trio task beside the loop.

    The exchange waits meanwhile and its client is read no further; everybody else goes on. A call that takes longer than the
    configured timeout has failed. Cancellation: when the client goes; let it pass.
    """

    async def request(self, exchange: Exchange) -> Reply | Wish | None:
        """As `SyncFilter.request`."""
        raise NotImplementedError

    async def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes | Reply:
        """As `SyncFilter.request_body`."""
        raise NotImplementedError

    async def response(self, exchange: Exchange) -> Reply | Wish | None:
        """As `SyncFilter.response`."""
        raise NotImplementedError

    async def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """As `SyncFilter.response_body`."""
        raise NotImplementedError

    def close(self) -> None:
        """As `SyncFilter.close`: it does not wait."""


class Backend:
    """One of the weighted backends of a route."""

    __slots__ = ("_upstream", "cluster", "share")

    def __init__(self, cluster: str, share: float) -> None:
        self.cluster: Final = cluster
        """Its name in the configuration; empty: there is no such backend, and its share is answered with 500."""
        self.share: Final = share
        """Its part of the route's requests by weight, at most 1; 0: only a session that began earlier belongs there."""
        self._upstream: UpstreamCluster | None = None

    def is_available(self) -> bool:
        """Whether a request sent there has any prospect: it has an endpoint that may be asked."""
        return self._upstream is not None and self._upstream.is_available()

    def endpoints(self) -> list[UpstreamEndpoint]:
        """Where it can be reached now. The same list object for as long as nothing about it has changed; not to be changed."""
        return [] if self._upstream is None else self._upstream.endpoints()

    def bind(self, upstream: UpstreamCluster | None) -> None:
        """The proxy's side: what its cluster is at work."""
        self._upstream = upstream


@mypyc_attr(allow_interpreted_subclasses=True)
class Picker:
    """Chooses among a route's backends in place of the dice, for example so that a user stays with one version."""

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        """One of `backends`; None leaves it to the next picker and, behind the last, to the weights.

        Args: exchange - its `decision` is what the weights say; its `preferred` may be set to one of the chosen backend's
            endpoints. backends - all of the route's, one at least, those without a share too.
        A picker that fails sends to the backend with the largest share, the first of equals.
        """
        raise NotImplementedError

    def instead(
        self, exchange: Exchange, backends: tuple[Backend, ...], refused: tuple[Backend, ...], reason: Reason
    ) -> Backend | None:
        """Another one of `backends`, where that which was chosen took nothing of the request; None: the refusal is the answer.

        Args: refused - the one that was chosen, and behind it those that were then named here in vain. reason - why the last of
            them could not have the request, for example NO_ENDPOINT or CONNECT_FAILED.
        """
        raise NotImplementedError

    def close(self) -> None:
        """As `SyncFilter.close`."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Observer:
    """Hears of every finished exchange of a listener, also of those that the proxy answered itself."""

    def finished(self, record: Record) -> None:
        """One exchange is over. The record is reused for nothing else and may be kept.

        An observer that raises is logged once and then hears no more.
        """
        raise NotImplementedError

    def close(self) -> None:
        """As `SyncFilter.close`."""
