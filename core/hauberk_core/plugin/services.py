"""What the proxy offers to plugins: nothing here is global, and everything has a bound."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from mypy_extensions import mypyc_attr

from hauberk_core.observe.shared_cells import SharedRecord

State = TypeVar("State")


class HttpAnswer:
    """What an HTTP service answered."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status: Final = status
        self.headers: Final = headers
        """Names in lower case."""
        self.body: Final = body


class HttpFailed(Exception):
    """There was no whole answer: connecting failed, the time was up, a bound was exceeded, or it was no HTTP."""


@mypyc_attr(allow_interpreted_subclasses=True)
class HttpClient:
    """Asks HTTP services on behalf of asynchronous filters."""

    async def fetch(
        self,
        method: str,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        timeout: float = 2.0,  # noqa: ASYNC109 - one word says what a scope around each call would
    ) -> HttpAnswer:
        """Send one request and read the whole answer. Redirects are not followed.

        Args: url - `http://host[:port]/path`; timeout - seconds for all of it.
        Raises: HttpFailed; ValueError for a request that cannot be sent.
        Cancellation: closes the connection.
        """
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Counter:
    """A number that only grows: `hauberk_plugin_count_total{plugin="...", name="..."}`."""

    def add(self, number: int = 1) -> None:
        """Count."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Histogram:
    """A distribution: `hauberk_plugin_value{plugin="...", name="..."}`, with bounds from 0.5 to 3,600,000 as Istio has them."""

    def observe(self, value: int) -> None:
        """Note a value that is not negative."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class PluginLog:
    """The worker's log under the plugin's name, at a bounded rate: what is too much is counted and left out."""

    def info(self, text: str) -> None:
        """What a person may want to know."""
        raise NotImplementedError

    def warning(self, text: str) -> None:
        """What a person should look at."""
        raise NotImplementedError

    def error(self, text: str) -> None:
        """What is broken."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Services:
    """Given to a plugin's factories, one for each plugin and worker."""

    def now(self) -> float:
        """Seconds of a clock that never goes back."""
        raise NotImplementedError

    def wall(self) -> float:
        """Seconds since 1970."""
        raise NotImplementedError

    def random(self) -> float:
        """A number in [0, 1), for decisions; not for secrets."""
        raise NotImplementedError

    def entropy(self, size: int) -> bytes:
        """Octets that nobody can guess, for identifiers and secrets."""
        raise NotImplementedError

    def counter(self, name: str) -> Counter:
        """The plugin's counter of this name. Beyond 100 names all others share the name `other`."""
        raise NotImplementedError

    def histogram(self, name: str) -> Histogram:
        """The plugin's histogram of this name; bounded as counters are."""
        raise NotImplementedError

    def state(self, key: str, make: Callable[[], State]) -> State:
        """What the plugin keeps under `key` in this worker, made by `make` the first time: it survives every snapshot.

        Raises: ValueError beyond 1,000 keys.
        """
        raise NotImplementedError

    def shared(self, key: str, kept: bool = False) -> SharedRecord:
        """A small record that all workers of this proxy see under `key` of this plugin, for what must hold for the whole proxy.

        It is used until `release`, and counts against a bound that all plugins share, 8,192 records: give back what nobody needs.
        Args: kept - what was in it when nobody used it any more is to be found there again, for example by the worker after this
            one; it is not, once another key has taken its place.
        Where there is no room, the record is this worker's alone, and the log says so. To be called when a configuration is put
        together or endpoints change, not for a request.
        """
        raise NotImplementedError

    def log(self) -> PluginLog:
        """The plugin's log."""
        raise NotImplementedError

    def http(self) -> HttpClient:
        """The client for asynchronous filters."""
        raise NotImplementedError

    def export(self, kind: str, data: bytes) -> bool:
        """Hand octets to the agent, which exports what its kind is known to it, for example spans.

        Returns: False if they were dropped, because the queue is full or nobody exports this kind; dropped ones are counted.
        """
        raise NotImplementedError
