"""What the bench asks of a load generator."""

import abc
import dataclasses

from bench.site import Listener


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What a generator saw, over the whole of its run."""

    p50_seconds: float
    p99_seconds: float
    errors: int
    """Requests without a 2xx or 3xx answer, and failed connections."""
    late_p99_seconds: float = 0.0
    """How late the generator came round to requests, for want of CPU (99 % less late); 0 for closed loops, which have no plan."""


class Generator(abc.ABC):
    """Makes requests for a given time."""

    @abc.abstractmethod
    def command(self, listener: Listener, port: int, seconds: float) -> list[str]:
        """The command that loads `port` on loopback for `seconds`."""

    @abc.abstractmethod
    def read(self, output: str) -> LoadReport:
        """Understand what the command printed. Raises: BenchError if it cannot be understood."""
