"""How guards reach endpoints by themselves, beside the requests: the seam that health checks use.

A cluster gives each of its guards a `Prober`, which connects as the cluster's requests do, with the same security.
"""

from typing import Final, Literal

from mypy_extensions import mypyc_attr

from hauberk_core.upstream.endpoint import UpstreamEndpoint


class Question:
    """What an endpoint is asked."""

    __slots__ = ("authority", "fields", "http2", "kind", "method", "path", "service", "statuses")

    def __init__(self, kind: Literal["tcp", "http", "grpc"]) -> None:
        """Args: kind - `tcp`: whether it can be connected to; `http`: one request; `grpc`: grpc.health.v1.Health/Check."""
        self.kind: Final = kind
        self.method: str = "GET"
        self.path: str = "/"
        """With its query."""
        self.authority: str = ""
        """Empty: the endpoint's address."""
        self.fields: list[tuple[str, str]] = []
        self.statuses: list[tuple[int, int]] = [(200, 299)]
        """First and last of each range that passes."""
        self.service: str = ""
        """What gRPC is asked about; empty: the server as a whole."""
        self.http2: bool = kind == "grpc"
        """Whether HTTP/2 is spoken, with prior knowledge."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ProbeListener:
    """Whoever asked."""

    def probed(self, fault: str) -> None:
        """The answer is there. Args: fault - why the endpoint did not pass, for a person; empty: it did."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Waker:
    """Whoever set an alarm."""

    def woken(self) -> None:
        """The time has come."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Alarm:
    """One deadline of a guard."""

    def set(self, at: float) -> None:
        """Wake at this time, in the prober's seconds, instead of any other."""
        raise NotImplementedError

    def drop(self) -> None:
        """Wake nobody, never again."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Prober:
    """Reaches the endpoints of one cluster."""

    def now(self) -> float:
        """Seconds of a clock that never goes back."""
        raise NotImplementedError

    def alarm(self, waker: Waker) -> Alarm:
        """A new alarm."""
        raise NotImplementedError

    def probe(self, endpoint: UpstreamEndpoint, question: Question, seconds: float, listener: ProbeListener) -> None:
        """Ask once, on a connection of its own.

        Args: seconds - for all of it, the handshake included; listener - hears the answer, later or within this call.
        """
        raise NotImplementedError
