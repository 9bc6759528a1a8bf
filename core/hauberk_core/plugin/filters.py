"""What a plugin's data half is made of: base classes, of which it overrides the methods that it needs.

A method that a class does not override costs nothing: it is left out when the chain is put together. The host refuses objects of
any other class when it builds the chain. Every method runs inside the proxy's loop and must neither wait nor compute for long;
only those of `AsyncFilter` may wait.
"""

from typing import Final

from mypy_extensions import mypyc_attr

from hauberk_core.observe.record import Record
from hauberk_core.plugin.exchange import Exchange
from hauberk_core.plugin.reply import Reply


@mypyc_attr(allow_interpreted_subclasses=True)
class SyncFilter:
    """Looks at requests and responses as they pass, in the loop."""

    def request(self, exchange: Exchange) -> Reply | None:
        """A request's head. Headers are changed in place; a Reply ends the exchange here."""
        raise NotImplementedError

    def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """Octets of the request's body. Returns what goes on in their place.

        Called for each chunk as it comes, and once more with `b""` and `last` at the end; never for a request without a body.
        """
        raise NotImplementedError

    def response(self, exchange: Exchange) -> Reply | None:
        """The head of the endpoint's final response. A Reply takes its place."""
        raise NotImplementedError

    def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """Octets of the response's body, as `request_body`."""
        raise NotImplementedError

    def close(self) -> None:
        """No configuration uses the filter any more, and the last exchange that did is over. Called once."""


@mypyc_attr(allow_interpreted_subclasses=True)
class AsyncFilter:
    """The same with waiting: each call is a trio task beside the loop.

    The exchange waits meanwhile and its client is read no further; everybody else goes on. A call that takes longer than the
    configured timeout has failed. Cancellation: when the client goes; let it pass.
    """

    async def request(self, exchange: Exchange) -> Reply | None:
        """As `SyncFilter.request`."""
        raise NotImplementedError

    async def request_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """As `SyncFilter.request_body`."""
        raise NotImplementedError

    async def response(self, exchange: Exchange) -> Reply | None:
        """As `SyncFilter.response`."""
        raise NotImplementedError

    async def response_body(self, exchange: Exchange, chunk: bytes, last: bool) -> bytes:
        """As `SyncFilter.response_body`."""
        raise NotImplementedError

    def close(self) -> None:
        """As `SyncFilter.close`: it does not wait."""


class Backend:
    """One of the weighted backends of a route."""

    __slots__ = ("cluster", "share")

    def __init__(self, cluster: str, share: float) -> None:
        self.cluster: Final = cluster
        self.share: Final = share
        """Its part of the route's requests by weight, above 0 and at most 1."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Picker:
    """Chooses among a route's backends in place of the dice, for example so that a user stays with one version."""

    def pick(self, exchange: Exchange, backends: tuple[Backend, ...]) -> Backend | None:
        """One of `backends`, which all have a share and are two at least; None leaves it to the weights.

        A picker that fails sends to the backend with the largest share, the first of equals.
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
